from __future__ import annotations

import io
import json
import zipfile

import numpy as np

from edgevision_converters import flatbuffer
from edgevision_converters.metadata import with_onnx_metadata, with_tflite_metadata
from edgevision_converters.plan import Conversion, ModelFacts
from edgevision_runtime.engines import open_engine
from tests.converters import networks
from tests.converters.conftest import FACTS, content


def test_labels_and_contract_lie_as_a_zip_behind_the_model(all_targets: Conversion) -> None:
    with zipfile.ZipFile(io.BytesIO(content(all_targets, "int8.tflite"))) as archive:
        assert archive.read("labels.txt") == b"red\namber\ngreen\n"
        assert json.loads(archive.read("preprocess.json")) == FACTS.preprocess
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}


def test_the_metadata_flatbuffer_reads_back(all_targets: Conversion) -> None:
    facts = ModelFacts(name="lights", labels=("a", "b", "c"), preprocess=FACTS.preprocess, mean=(127.5,), std=(64.0,))
    root = _root(with_tflite_metadata(content(all_targets, "float32.tflite"), facts))

    # field numbers of tflite-support's metadata_schema.fbs, read with flatbuffers' own table walker
    assert root.string(0) == "lights"
    assert root.string(7) == "1.0.0"
    image = root.vector(3)[0].vector(2)[0]
    assert image.string(0) == "image"
    content_table = image.table(3)
    assert content_table.uint8(0) == 2  # ImageProperties
    assert content_table.table(1).uint8(0) == 1  # RGB
    size = content_table.table(1).table(1)
    assert (size.uint32(0), size.uint32(1)) == (networks.WIDTH, networks.HEIGHT)
    unit = image.vector(4)[0]
    assert unit.uint8(0) == 1  # NormalizationOptions
    assert (unit.table(1).floats(0), unit.table(1).floats(1)) == ([127.5], [64.0])
    labels = root.vector(3)[0].vector(3)[0].vector(6)[0]
    assert (labels.string(0), labels.uint8(2)) == ("labels.txt", 2)  # TENSOR_AXIS_LABELS


def test_metadata_changes_no_output_and_is_the_same_each_time(all_targets: Conversion) -> None:
    with_facts = content(all_targets, "float32.tflite")
    bare = flatbuffer.read(with_facts)
    bare.metadata = []
    picture = networks.pictures(1)[0]

    again = with_tflite_metadata(flatbuffer.write(bare), FACTS)

    assert again == with_tflite_metadata(flatbuffer.write(bare), FACTS)
    with open_engine("litert", with_facts) as one, open_engine("litert", again) as other:
        np.testing.assert_array_equal(one.infer(picture)[0], other.infer(picture)[0])


def test_writing_metadata_twice_does_not_pile_it_up(all_targets: Conversion) -> None:
    once = with_tflite_metadata(content(all_targets, "float32.tflite"), FACTS)

    assert len(with_tflite_metadata(once, FACTS)) == len(once)


def test_onnx_carries_labels_task_size_and_contract(all_targets: Conversion) -> None:
    import onnx

    model = onnx.ModelProto.FromString(with_onnx_metadata(content(all_targets, "float32.onnx"), FACTS))

    properties = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(properties["names"]) == {"0": "red", "1": "amber", "2": "green"}
    assert properties["task"] == "classify"
    assert json.loads(properties["imgsz"]) == [networks.HEIGHT, networks.WIDTH]
    assert json.loads(properties["edgevision.preprocess"]) == FACTS.preprocess


class _Table:
    """A flatbuffer table, read by field number."""

    def __init__(self, table: object) -> None:
        self._table = table

    def _at(self, field: int) -> int:
        offset = self._table.Offset(4 + 2 * field)  # type: ignore[attr-defined]
        assert offset, f"field {field} is missing"
        return int(offset + self._table.Pos)  # type: ignore[attr-defined]

    def string(self, field: int) -> str:
        return bytes(self._table.String(self._at(field))).decode()  # type: ignore[attr-defined]

    def uint8(self, field: int) -> int:
        return self._table.Bytes[self._at(field)]  # type: ignore[attr-defined, no-any-return]

    def uint32(self, field: int) -> int:
        return int.from_bytes(self._table.Bytes[self._at(field) : self._at(field) + 4], "little")  # type: ignore[attr-defined]

    def table(self, field: int) -> _Table:
        from flatbuffers.table import Table

        return _Table(Table(self._table.Bytes, self._table.Indirect(self._at(field))))  # type: ignore[attr-defined]

    def _elements(self, field: int) -> range:
        offset = self._at(field) - self._table.Pos  # type: ignore[attr-defined]
        start = self._table.Vector(offset)  # type: ignore[attr-defined]
        return range(start, start + 4 * self._table.VectorLen(offset), 4)  # type: ignore[attr-defined]

    def vector(self, field: int) -> list[_Table]:
        from flatbuffers.table import Table

        table = self._table
        return [_Table(Table(table.Bytes, table.Indirect(place))) for place in self._elements(field)]  # type: ignore[attr-defined]

    def floats(self, field: int) -> list[float]:
        data = self._table.Bytes  # type: ignore[attr-defined]
        return [float(np.frombuffer(data[place : place + 4], "<f4")[0]) for place in self._elements(field)]


def _root(data: bytes) -> _Table:
    import flatbuffers.encode
    from flatbuffers import packer
    from flatbuffers.table import Table

    model = flatbuffer.read(data)
    entry = next(entry for entry in model.metadata if entry.name == b"TFLITE_METADATA")
    tables = bytearray(bytes(model.buffers[entry.buffer].data))
    assert tables[4:8] == b"M001"
    return _Table(Table(tables, flatbuffers.encode.Get(packer.uoffset, tables, 0)))
