from __future__ import annotations

import numpy as np
import pytest

from edgevision_converters.flatbuffer import normalized
from edgevision_converters.plan import Conversion
from edgevision_converters.quantize_onnx import onnx_ranges, prepare
from edgevision_converters.ranges import tflite_ranges
from edgevision_runtime.errors import DataError
from tests.converters import networks
from tests.converters.conftest import content


def test_ranges_equal_those_of_the_reference_kernels(all_targets: Conversion) -> None:
    data, pictures = normalized(content(all_targets, "float32.tflite")), networks.pictures(10)

    fast, reference = tflite_ranges(data, pictures), tflite_ranges(data, pictures, fast=False)

    assert list(fast) == list(reference)
    for name, (low, high) in reference.items():
        # the kernels sum in another order: float32 rounding, 1e-5 of the range
        assert fast[name] == pytest.approx((low, high), abs=1e-5 * (high - low))


def test_ranges_are_those_of_the_tensors(all_targets: Conversion) -> None:
    data = normalized(content(all_targets, "float32.tflite"))
    pictures = [np.full(networks.SHAPE, 51, np.uint8), np.full(networks.SHAPE, 204, np.uint8)]

    ranges = tflite_ranges(data, pictures)

    assert ranges["image"] == (51.0, 204.0)
    rescaled = next(pair for name, pair in ranges.items() if "rescaling" in name and "add" in name)
    assert rescaled == pytest.approx((51 / 127.5 - 1, 204 / 127.5 - 1))  # -0.6, 0.6
    assert 0 < ranges["scores"][0] < ranges["scores"][1] < 1


def test_onnx_and_tflite_find_the_same_range_for_the_same_tensor(all_targets: Conversion) -> None:
    pictures = networks.pictures(10)

    of_tflite = tflite_ranges(normalized(content(all_targets, "float32.tflite")), pictures)
    of_onnx = onnx_ranges(prepare(content(all_targets, "float32.onnx")), pictures)

    assert of_onnx["image"] == of_tflite["image"]
    assert of_onnx["scores"] == pytest.approx(of_tflite["scores"], abs=1e-5)


def test_no_sample_is_an_error(all_targets: Conversion) -> None:
    with pytest.raises(DataError, match="no calibration samples"):
        tflite_ranges(normalized(content(all_targets, "float32.tflite")), [])


def test_an_activation_that_is_not_finite_is_named(all_targets: Conversion) -> None:
    broken = np.full(networks.SHAPE, np.inf, np.float32)

    with pytest.raises(DataError, match="'image' ranges over"):
        tflite_ranges(normalized(content(all_targets, "float32.tflite")), [broken])
