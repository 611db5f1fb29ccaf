from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgevision_converters.inspect import describe
from edgevision_converters.plan import Conversion
from edgevision_converters.sources import open_source
from edgevision_runtime.errors import ModelError
from tests.converters import networks
from tests.converters.conftest import KINDS, content


@pytest.mark.parametrize("kind", KINDS)
def test_a_source_is_recognised_by_its_content_whatever_its_name(
    kind: str, source_path: Callable[[str], Path], tmp_path: Path
) -> None:
    path = source_path(kind)
    disguised = tmp_path / "thing.bin"
    disguised.symlink_to(path, target_is_directory=path.is_dir())

    source = open_source(disguised)

    assert source.input_shape[1:] == networks.SHAPE
    assert source.precision == "float32"
    assert float(np.sum(source.predict(networks.pictures(1)[0])[0])) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "saved_model"])
def test_a_truncated_file_is_one_line(kind: str, source_path: Callable[[str], Path], tmp_path: Path) -> None:
    whole = source_path(kind).read_bytes()
    path = tmp_path / kind

    for share in (0.1, 0.5, 0.9):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(ModelError) as refused:
            open_source(path)
        assert str(path) in str(refused.value)
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("empty.h5", b"", "an empty file"),
        ("notes.txt", b"hello", "no model that edgevision knows"),
        ("fake.onnx", b"hello", "not ONNX"),
        ("fake.keras", b"hello", "broken or truncated"),
        ("fake.tflite", b"\x1c\x00\x00\x00TFL3" + bytes(40), "broken|refuses|input"),
    ],
)
def test_what_is_no_model_is_named(name: str, data: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)

    with pytest.raises(ModelError, match=says):
        open_source(tmp_path / name)


def test_weights_without_a_model_say_how_to_save(tmp_path: Path) -> None:
    from edgevision_converters.tensorflow_setup import keras

    networks.classifier(keras).save_weights(tmp_path / "only.weights.h5")

    with pytest.raises(ModelError, match=r"weights only.*model\.save\(\)"):
        open_source(tmp_path / "only.weights.h5")


@pytest.mark.parametrize(("shape", "dtype"), [((None, 8, 8, 3), "uint8"), (None, "float32")])
def test_a_saved_model_of_another_signature_is_one_line(
    shape: tuple[int | None, ...] | None, dtype: str, tmp_path: Path
) -> None:
    from edgevision_converters.tensorflow_setup import tf

    module = tf.Module()
    call = tf.function(lambda image: tf.cast(image, tf.float32), input_signature=[tf.TensorSpec(shape, dtype)])
    tf.saved_model.save(module, str(tmp_path / "net"), signatures=call)

    with pytest.raises(ModelError, match=rf"takes {dtype} of .*; expected float32 of a known number of axes"):
        open_source(tmp_path / "net")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"nothing\.onnx: no such file"):
        open_source(tmp_path / "nothing.onnx")


def test_an_onnx_file_with_two_inputs_is_refused(tmp_path: Path, all_targets: Conversion) -> None:
    import onnx

    model = onnx.ModelProto.FromString(content(all_targets, "float32.onnx"))
    model.graph.input.append(onnx.helper.make_tensor_value_info("second", onnx.TensorProto.FLOAT, [1]))
    (tmp_path / "two.onnx").write_bytes(model.SerializeToString())

    with pytest.raises(ModelError, match="has 2 inputs; expected one image input"):
        open_source(tmp_path / "two.onnx")


@pytest.mark.parametrize("kind", ["float.tflite", "float.onnx"])
def test_a_file_with_flipped_bytes_is_described_or_refused(kind: str, source_path: Callable[[str], Path]) -> None:
    # described only: LiteRT and HDF5 are native code, which a hostile file may bring down
    whole, random = source_path(kind).read_bytes(), np.random.default_rng(5)
    refused = 0

    for _ in range(200):
        mutated = bytearray(whole)
        for position in random.integers(0, min(len(whole), 3000), 3):
            mutated[position] = random.integers(0, 256)
        with contextlib.suppress(ModelError):
            describe(bytes(mutated))
            continue
        refused += 1

    assert 0 < refused < 200


def test_an_onnx_operator_without_an_output_is_a_broken_file(source_path: Callable[[str], Path]) -> None:
    import onnx

    model = onnx.load(str(source_path("float.onnx")))
    del model.graph.node[0].output[:]

    with pytest.raises(ModelError, match="has no output"):
        describe(model.SerializeToString())
