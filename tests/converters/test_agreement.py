from __future__ import annotations

import numpy as np
import pytest

from edgevision_converters import agreement
from edgevision_runtime.errors import ModelError


def outputs(*values: list[float]) -> list[tuple[np.ndarray]]:
    return [(np.array(value, np.float32),) for value in values]


def test_the_largest_difference_is_a_share_of_the_largest_output() -> None:
    reference = outputs([0.0, 10.0], [5.0, 2.0])
    converted = outputs([0.0, 10.5], [5.0, 2.0])

    difference = agreement.compare(reference, converted)

    assert difference == agreement.Difference(largest=0.5, share=0.05, by_output=(0.5,))


def test_float_rounding_of_outputs_that_hardly_differ_is_no_disagreement() -> None:
    difference = agreement.compare(outputs([0.25, 0.25000003]), outputs([0.25000003, 0.25]))

    agreement.require("float32.tflite", difference, agreement.FLOAT32_TOLERANCE)


def test_a_converted_model_that_differs_is_refused_with_both_numbers() -> None:
    difference = agreement.compare(outputs([0.0, 1.0]), outputs([0.25, 1.0]))

    with pytest.raises(ModelError, match=r"float32\.onnx differs from the source model by 0\.25 .*at most 0\.0001"):
        agreement.require("float32.onnx", difference, agreement.FLOAT32_TOLERANCE)


def test_outputs_that_are_not_numbers_are_refused() -> None:
    with pytest.raises(ModelError, match="not finite"):
        agreement.compare(outputs([0.0, 1.0]), outputs([np.nan, 1.0]))


def test_outputs_of_another_shape_are_refused() -> None:
    with pytest.raises(ModelError, match=r"is \(2,\); expected \(3,\)"):
        agreement.compare(outputs([0.0, 1.0, 2.0]), outputs([0.0, 1.0]))


def test_a_softmax_that_does_not_sum_to_one_is_refused() -> None:
    agreement.require_probabilities("int8.tflite", outputs([0.5, 0.49609375]), step=1 / 256)  # one step short

    with pytest.raises(ModelError, match=r"sums to 23\.4"):
        agreement.require_probabilities("float32.tflite", outputs([20.4, 3.0]), step=0.0)


def test_probes_are_spread_over_the_samples() -> None:
    samples = [np.array(index) for index in range(64)]

    assert [int(sample) for sample in agreement.pick(samples)] == list(range(0, 64, 4))
    assert len(agreement.pick(samples[:3])) == 3
