"""Networks that show what arrived in them: the mean of each quarter of the picture, per channel, in every input form.

A picture that is scrambled, turned, mirrored, cast instead of quantized, or in another colour order gives other means.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

HEIGHT, WIDTH = 12, 16
# what the quarters hold, as RGB: upper left, upper right, lower left, lower right; no two channels or quarters alike
QUARTERS = np.array([[[200, 10, 90], [30, 250, 120]], [[70, 150, 0], [255, 40, 180]]], np.uint8)


def frame() -> np.ndarray:
    """The quarters as a camera delivers them, BGR, three times as high and four times as wide as the input."""
    return np.repeat(np.repeat(QUARTERS[..., ::-1], HEIGHT * 3 // 2, axis=0), WIDTH * 4 // 2, axis=1)


def means_tflite(layout: str, dtype: str, low: float, high: float) -> bytes:
    """The means as .tflite with inputs and outputs of `dtype`, quantized for real numbers in low..high."""
    from edgevision.tensorflow_setup import keras, tf

    shape = (3, HEIGHT, WIDTH) if layout == "NCHW" else (HEIGHT, WIDTH, 3)
    layers = [keras.layers.InputLayer(shape, batch_size=1)]
    layers += [keras.layers.Permute((2, 3, 1))] if layout == "NCHW" else []
    layers += [keras.layers.AveragePooling2D((HEIGHT // 2, WIDTH // 2)), keras.layers.Flatten()]
    converter = tf.lite.TFLiteConverter.from_keras_model(keras.Sequential(layers))
    if dtype != "float32":

        def samples() -> Iterator[list[Any]]:
            for value in (low, high):
                yield [np.full((1, *shape), value, np.float32)]

        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = samples
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = getattr(tf, dtype)
    return bytes(converter.convert())


def means_onnx(layout: str, dtype: str) -> bytes:
    """The means as .onnx, whose inputs of 8 bits have no scale: a cast makes real numbers of them."""
    shape = [1, 3, HEIGHT, WIDTH] if layout == "NCHW" else [1, HEIGHT, WIDTH, 3]
    kinds = {"float32": TensorProto.FLOAT, "uint8": TensorProto.UINT8, "int8": TensorProto.INT8}
    planes = "planes" if layout == "NHWC" else "real"
    nodes = [helper.make_node("Cast", ["image"], ["real"], to=TensorProto.FLOAT)]
    nodes += [helper.make_node("Transpose", ["real"], ["planes"], perm=[0, 3, 1, 2])] if layout == "NHWC" else []
    kernel = [HEIGHT // 2, WIDTH // 2]
    nodes += [
        helper.make_node("AveragePool", [planes], ["pooled"], kernel_shape=kernel, strides=kernel),
        helper.make_node("Transpose", ["pooled"], ["channels_last"], perm=[0, 2, 3, 1]),
        helper.make_node("Reshape", ["channels_last", "flat"], ["means"]),
    ]
    graph = helper.make_graph(
        nodes,
        "means",
        [helper.make_tensor_value_info("image", kinds[dtype], shape)],
        [helper.make_tensor_value_info("means", TensorProto.FLOAT, [1, 12])],
        [numpy_helper.from_array(np.array([1, 12]), "flat")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    return bytes(model.SerializeToString())


def softmax_tflite(is_int8: bool) -> bytes:
    """Softmax over the mean of each channel, float or with int8 inside and at its edges."""
    from edgevision.tensorflow_setup import keras, tf

    layers = [
        keras.layers.InputLayer((HEIGHT, WIDTH, 3), batch_size=1),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Rescaling(6 / 255),
        keras.layers.Softmax(),
    ]
    converter = tf.lite.TFLiteConverter.from_keras_model(keras.Sequential(layers))
    if is_int8:

        def samples() -> Iterator[list[Any]]:
            for value in (0, 255):
                yield [np.full((1, HEIGHT, WIDTH, 3), value, np.float32)]

        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = samples
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    return bytes(converter.convert())
