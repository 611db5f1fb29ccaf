"""Float .tflite from a TensorFlow function, with its variables frozen into constants.

A Keras model goes through its traced function: the way through a SavedModel that
`TFLiteConverter.from_keras_model` takes gives the same operators and takes ten times as long.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

from edgevision_converters import flatbuffer
from edgevision_converters.tensorflow_setup import tf
from edgevision_runtime.errors import ModelError


def trace(call: Callable[[Any], Any], shape: Sequence[int | None]) -> Any:
    """The concrete function of `call` for one float32 input; its outputs are a flat list.

    Raises:
        ModelError: the network does not take an input of this shape.
    """
    function = tf.function(lambda image: tf.nest.flatten(call(image)), autograph=False)
    try:
        return function.get_concrete_function(tf.TensorSpec(shape, tf.float32, name="image"))
    except (ValueError, TypeError, tf.errors.InvalidArgumentError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(f"the model does not take an input of shape {tuple(shape)}: {reason}") from error


def export(function: Any, output_names: Sequence[str], *, learned_int8: bool = False) -> bytes:
    """The .tflite of a concrete function; `learned_int8` quantizes by its fake-quantization nodes, int8 I/O.

    Raises:
        ModelError: names the operators that TensorFlow Lite does not have.
    """
    from tensorflow.lite.python.convert import ConverterError

    converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
    if learned_int8:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.inference_input_type = converter.inference_output_type = tf.int8
        converter._experimental_disable_per_channel_quantization_for_dense_layers = True  # operator version 4
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it misses input statistics that fake quantization gives
            data = bytes(converter.convert())
    except ConverterError as error:
        raise ModelError(
            f"TensorFlow Lite cannot take the model: {_reason(str(error))}",
            expected="built-in operators only",
            hint="replace the layers that make them",
        ) from error
    return flatbuffer.with_io_names(data, "image", output_names)


def _reason(message: str) -> str:
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    telling = [line for line in lines if "ops:" in line or "error:" in line or "not supported" in line]
    return (telling or lines or ["unknown reason"])[0][:300]
