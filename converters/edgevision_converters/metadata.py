"""What a converted file says of itself, so that it works alone in Netron and in other tools.

TFLite Metadata 1.0 (the flatbuffer `TFLITE_METADATA` inside, labels and contract as a ZIP behind the model) is written
table by table after tflite-support's metadata_schema.fbs; ONNX carries the same as `metadata_props`.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

from edgevision_converters import flatbuffer, onnx_graph
from edgevision_converters.plan import ModelFacts

LABELS, CONTRACT = "labels.txt", "preprocess.json"
_BUFFER_NAME = b"TFLITE_METADATA"
_FILE_TYPES = {CONTRACT: 1, LABELS: 2}  # AssociatedFileType: DESCRIPTIONS, TENSOR_AXIS_LABELS
_IMAGE_PROPERTIES, _FEATURE_PROPERTIES, _NORMALIZATION = 2, 1, 1  # places in the unions
_COLOR_SPACES = {"rgb": 1, "gray": 2}  # the schema knows no BGR: left unknown


def with_tflite_metadata(data: bytes, facts: ModelFacts) -> bytes:
    """The .tflite with its metadata; it computes what it computed before."""
    model = flatbuffer.read(data)
    model.description = facts.name.encode()
    graph = model.subgraphs[0]
    shape = [int(size) for size in graph.tensors[graph.inputs[0]].shape]
    outputs = [flatbuffer.tensor_name(graph.tensors[index]) for index in graph.outputs]
    entry = next((e for e in model.metadata or [] if e.name == _BUFFER_NAME), None)
    if entry is None:
        entry = schema.MetadataT()
        entry.name, entry.buffer = _BUFFER_NAME, len(model.buffers)
        model.buffers.append(schema.BufferT())
        model.metadata = [*(model.metadata or []), entry]
    model.buffers[entry.buffer].data = _tables(facts, shape, outputs)
    return _with_files(flatbuffer.write(model), _files(facts))


def with_onnx_metadata(data: bytes, facts: ModelFacts) -> bytes:
    """The .onnx with its metadata_props: names, task, imgsz, edgevision.preprocess."""
    model = onnx_graph.read(data)
    shape = onnx_graph.input_specs(model)[0].shape
    properties = {"names": json.dumps(dict(enumerate(facts.labels)), ensure_ascii=False), "task": facts.task}
    properties["imgsz"] = json.dumps(_size(shape))
    if facts.preprocess is not None:
        properties["edgevision.preprocess"] = _contract(facts)
    kept = {entry.key: entry.value for entry in model.metadata_props}
    del model.metadata_props[:]
    for key, value in sorted((kept | properties).items()):
        model.metadata_props.add(key=key, value=value)
    return bytes(model.SerializeToString(deterministic=True))


def _size(shape: Sequence[int]) -> list[int]:
    """(height, width) of an NHWC or NCHW shape."""
    return list(shape[2:4] if len(shape) == 4 and shape[1] in (1, 3) and shape[3] not in (1, 3) else shape[1:3])


def _contract(facts: ModelFacts) -> str:
    return json.dumps(facts.preprocess, sort_keys=True, separators=(",", ":"))


def _files(facts: ModelFacts) -> dict[str, bytes]:
    files = {}
    if facts.labels:
        files[LABELS] = "".join(f"{label}\n" for label in facts.labels).encode()
    if facts.preprocess is not None:
        files[CONTRACT] = _contract(facts).encode()
    return files


def _with_files(data: bytes, files: dict[str, bytes]) -> bytes:
    """The model with a ZIP behind it: stored members, fixed dates, so that the same files give the same bytes."""
    if not files:
        return data
    archive = io.BytesIO(data)
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_STORED) as target:
        for name, content in sorted(files.items()):
            member = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            member.create_system = 3
            target.writestr(member, content)
    return archive.getvalue()


def _tables(facts: ModelFacts, shape: list[int], outputs: list[str]) -> bytes:
    """The root table ModelMetadata."""
    tree = _Tree()
    files = [tree.file(CONTRACT, "how a frame becomes the input")] if facts.preprocess is not None else []
    color = _color(facts)
    images = [tree.image_input(facts, color, _size(shape))]
    results = [tree.output(name, facts, has_labels=position == 0) for position, name in enumerate(outputs)]
    subgraph = tree.table({2: tree.offsets(images), 3: tree.offsets(results)})
    root = tree.table(
        {
            0: tree.text(facts.name),
            1: tree.text(f"edgevision: {facts.task}"),
            3: tree.offsets([subgraph]),
            6: tree.offsets(files) if files else None,
            7: tree.text("1.0.0"),
        }
    )
    tree.builder.Finish(root, file_identifier=b"M001")
    return bytes(tree.builder.Output())


def _color(facts: ModelFacts) -> str:
    operations: list[dict[str, Any]] = (facts.preprocess or {}).get("operations", [])
    return next((str(operation["to"]) for operation in operations if operation.get("op") == "color"), "bgr")


class _Tree:
    """Writes tables by the number of their fields; every offset must be made before the table that holds it."""

    def __init__(self) -> None:
        self.builder = flatbuffers.Builder(1024)

    def text(self, value: str) -> int:
        return int(self.builder.CreateString(value))

    def table(self, offsets: dict[int, int | None], scalars: dict[int, Callable[[int], None]] | None = None) -> int:
        scalars = scalars or {}
        self.builder.StartObject(max([*offsets, *scalars]) + 1)
        for field, offset in offsets.items():
            if offset is not None:
                self.builder.PrependUOffsetTRelativeSlot(field, offset, 0)
        for field, write in scalars.items():
            write(field)
        return int(self.builder.EndObject())

    def offsets(self, items: list[int]) -> int:
        self.builder.StartVector(4, len(items), 4)
        for item in reversed(items):
            self.builder.PrependUOffsetTRelative(item)
        return int(self.builder.EndVector())

    def floats(self, values: Sequence[float]) -> int:
        self.builder.StartVector(4, len(values), 4)
        for value in reversed(values):
            self.builder.PrependFloat32(value)
        return int(self.builder.EndVector())

    def byte(self, value: int) -> Callable[[int], None]:
        return lambda field: self.builder.PrependInt8Slot(field, value, 0)

    def unsigned(self, value: int) -> Callable[[int], None]:
        return lambda field: self.builder.PrependUint32Slot(field, value, 0)

    def union(self, value: int) -> Callable[[int], None]:
        return lambda field: self.builder.PrependUint8Slot(field, value, 0)

    def file(self, name: str, description: str) -> int:
        offsets: dict[int, int | None] = {0: self.text(name), 1: self.text(description)}
        return self.table(offsets, {2: self.byte(_FILE_TYPES[name])})

    def image_input(self, facts: ModelFacts, color: str, size: list[int]) -> int:
        """TensorMetadata of the image: colour space, size, normalization."""
        area = self.table({}, {0: self.unsigned(max(size[1], 0)), 1: self.unsigned(max(size[0], 0))})
        properties = self.table({1: area}, {0: self.byte(_COLOR_SPACES.get(color, 0))})
        content = self.table({1: properties}, {0: self.union(_IMAGE_PROPERTIES)})
        options = self.table({0: self.floats(facts.mean), 1: self.floats(facts.std)})
        unit = self.table({1: options}, {0: self.union(_NORMALIZATION)})
        return self.table(
            {
                0: self.text("image"),
                1: self.text(f"{color} image, normalized as (x - mean) / std"),
                3: content,
                4: self.offsets([unit]),
            }
        )

    def output(self, name: str, facts: ModelFacts, *, has_labels: bool) -> int:
        """TensorMetadata of an output, with the label file on the first."""
        files = [self.file(LABELS, "one label a line")] if has_labels and facts.labels else []
        properties = self.table({}, {0: lambda field: None})
        content = self.table({1: properties}, {0: self.union(_FEATURE_PROPERTIES)})
        return self.table({0: self.text(name), 3: content, 6: self.offsets(files) if files else None})
