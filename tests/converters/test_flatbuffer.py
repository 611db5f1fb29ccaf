"""Written .tflite files are small, aligned as the schema asks, and the same every time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from edgevision.training.architectures import ArchitectureOptions, build
from edgevision_converters import flatbuffer
from edgevision_converters.convert import convert
from edgevision_converters.plan import ConvertPlan


@pytest.fixture(scope="module")
def mobilenet(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """MobileNetV2 with three classes: the smaller the head, the more its quantization parameters weigh."""
    path: Path = tmp_path_factory.mktemp("mobilenet") / "model.keras"
    build("mobilenet_v2", ArchitectureOptions((32, 32, 3), 3)).save(path)
    samples = [np.random.default_rng(seed).integers(0, 256, (32, 32, 3), dtype=np.uint8) for seed in range(2)]
    plan = ConvertPlan(("tflite",), ("float32", "int8"), "int8", 1, (0.0, 255.0))
    return {model.variant.name: model.data for model in convert(path, plan, samples).models}


def test_an_int8_mobilenet_is_at_most_three_tenths_of_its_float(mobilenet: dict[str, bytes]) -> None:
    assert len(mobilenet["int8.tflite"]) <= 0.30 * len(mobilenet["float32.tflite"])


@pytest.mark.parametrize("name", ["float32.tflite", "int8.tflite"])
def test_weights_stand_on_multiples_of_sixteen_bytes(mobilenet: dict[str, bytes], name: str) -> None:
    model = schema.Model.GetRootAs(mobilenet[name], 0)
    buffers = [model.Buffers(i) for i in range(model.BuffersLength())]

    offsets = [buffer._tab.Vector(buffer._tab.Offset(4)) for buffer in buffers if buffer.DataLength()]

    assert offsets
    assert all(offset % 16 == 0 for offset in offsets)


def test_equal_arrays_are_stored_once_and_read_back_equal(mobilenet: dict[str, bytes]) -> None:
    model = flatbuffer.read(mobilenet["int8.tflite"])
    tensors = [t for t in model.subgraphs[0].tensors if t.quantization and t.quantization.zeroPoint is not None]
    zero_points = [np.asarray(tensor.quantization.zeroPoint, np.int64) for tensor in tensors]

    written = flatbuffer.write(model)
    again = flatbuffer.read(written)

    assert len(written) < len(mobilenet["int8.tflite"]) + 64  # nothing grew
    assert sum(z.nbytes for z in zero_points) > 200_000  # what would be there twice and more
    read_back = [t for t in again.subgraphs[0].tensors if t.quantization and t.quantization.zeroPoint is not None]
    assert all(
        np.array_equal(before, tensor.quantization.zeroPoint)
        for before, tensor in zip(zero_points, read_back, strict=True)
    )
