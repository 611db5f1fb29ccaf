"""Engines take what the contract makes and quantize it with the tensor's own numbers, saturating, half to even."""

from __future__ import annotations

import numpy as np
import pytest

from edgevision_runtime.engines import ENGINES, engines_for, open_engine
from edgevision_runtime.engines.quantization import InputQuantizer, dequantize, quantize
from edgevision_runtime.errors import MissingDependency, ModelError, UsageError
from edgevision_runtime.types import TensorSpec
from tests.edgevision_runtime import networks


def int8_spec(scale: float, zero_point: int, shape: tuple[int, ...] = (1, 2, 3, 1)) -> TensorSpec:
    return TensorSpec("x", shape, "int8", scale, zero_point)


@pytest.mark.parametrize(
    ("real", "scale", "zero_point", "stored"),
    [
        (200.0, 1.0, -128, 72),  # a straight cast would make -56 of it
        (0.0, 1.0, -128, -128),
        (255.0, 1.0, -128, 127),
        (0.5, 1.0, 0, 0),  # half to even
        (1.5, 1.0, 0, 2),
        (-1e9, 1.0, 0, -128),  # saturates
        (1e9, 1.0, 0, 127),
        (0.1, 0.05, 3, 5),
    ],
)
def test_quantize_rounds_half_to_even_and_saturates(real: float, scale: float, zero_point: int, stored: int) -> None:
    assert int(quantize(np.float32([real]), int8_spec(scale, zero_point))[0]) == stored


def test_dequantize_undoes_quantize_within_half_a_step() -> None:
    spec = int8_spec(0.037, -11)
    real = np.linspace(-4, 5, 500, dtype=np.float32)

    back = dequantize(quantize(real, spec), spec)

    inside = (real > -0.037 * 117) & (real < 0.037 * 138)
    assert np.abs(back - real)[inside].max() <= 0.037 / 2 + 1e-6  # float32 rounding


def test_the_table_for_uint8_says_what_the_formula_says() -> None:
    spec = int8_spec(2 / 255, -1, (1, 16, 16, 1))
    steps = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)

    stored = InputQuantizer(spec)(steps)

    assert np.array_equal(stored[0], quantize(steps.astype(np.float32), spec))


@pytest.mark.parametrize("engine", ["litert", "onnx"])
@pytest.mark.parametrize(("colour", "answer"), [((200, 40, 40), 0), ((40, 200, 40), 1), ((40, 40, 200), 2)])
def test_both_engines_name_the_strongest_colour(engine: str, colour: tuple[int, int, int], answer: int) -> None:
    content = networks.strongest_colour_onnx() if engine == "onnx" else networks.strongest_colour_tflite()
    image = np.full((networks.HEIGHT, networks.WIDTH, 3), colour, np.uint8)
    logits = 4 * np.array(colour) / 255

    with open_engine(engine, content) as opened:
        (scores,) = opened.infer(image)

    assert int(scores.argmax()) == answer
    assert np.allclose(scores, np.exp(logits) / np.exp(logits).sum(), atol=1e-5)  # float32 softmax


@pytest.mark.parametrize("engine", ["litert", "onnx"])
def test_a_shape_that_the_model_does_not_read_is_refused_never_reshaped(engine: str) -> None:
    content = networks.strongest_colour_onnx() if engine == "onnx" else networks.strongest_colour_tflite()
    transposed = np.zeros((networks.WIDTH, networks.HEIGHT, 3), np.uint8)

    with (
        open_engine(engine, content) as opened,
        pytest.raises(ModelError, match=r"\(16, 12, 3\); expected \(12, 16, 3\)"),
    ):
        opened.infer(transposed)


def test_a_float64_tensor_is_refused() -> None:
    quantizer = InputQuantizer(TensorSpec("x", (1, 2, 2, 1), "float32"))

    with pytest.raises(ModelError, match="float64; expected uint8 or float32"):
        quantizer(np.zeros((2, 2, 1)))


@pytest.mark.parametrize("engine", ["litert", "onnx"])
@pytest.mark.parametrize("content", [b"", b"garbage", b"\0\0\0\0TFL3" + b"\0" * 100])
def test_a_file_that_is_no_model_is_one_clear_error(engine: str, content: bytes) -> None:
    with pytest.raises(ModelError):
        open_engine(engine, content)


def test_an_unknown_engine_and_a_missing_library_are_told_apart() -> None:
    with pytest.raises(UsageError, match=r"expected litert \| tflite \| onnx"):
        open_engine("tensorrt", b"")
    if "tflite" not in engines_for("tflite"):
        with pytest.raises(MissingDependency, match=r'pip install "edgevision-runtime\[tflite\]"'):
            open_engine("tflite", b"")


def test_every_engine_names_a_format_that_bundles_have() -> None:
    assert {kind.format for kind in ENGINES.values()} == {"tflite", "onnx"}


def test_a_dynamic_batch_gives_what_a_fixed_one_gives() -> None:
    from edgevision.tensorflow_setup import keras, tf

    fixed = networks.strongest_colour_keras()
    image = keras.Input((networks.HEIGHT, networks.WIDTH, 3))
    dynamic = keras.Model(image, fixed.layers[2](fixed.layers[1](fixed.layers[0](image))))
    content = bytes(tf.lite.TFLiteConverter.from_keras_model(dynamic).convert())

    with open_engine("litert", content) as engine, open_engine("litert", networks.strongest_colour_tflite()) as one:
        assert engine.input.shape == (-1, networks.HEIGHT, networks.WIDTH, 3)
        for strength in (10, 200):
            picture = np.full((networks.HEIGHT, networks.WIDTH, 3), (strength, 90, 40), np.uint8)
            assert np.array_equal(engine.infer(picture)[0], one.infer(picture)[0])
