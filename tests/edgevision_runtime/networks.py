"""Hand-made networks whose answers can be told by looking: the class is the frame's strongest colour."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from edgevision_runtime.types import Operator, TensorSpec, Variant

HEIGHT, WIDTH = 12, 16
LABELS = ("red", "green", "blue")
GAIN = 4.0


def strongest_colour_onnx(*, with_means: bool = False) -> bytes:
    """float32 (1, 12, 16, 3) of 0..255 RGB to softmax(4 * mean(x / 255)), as ONNX; maybe with those means."""
    nodes = [
        helper.make_node("Mul", ["image", "scale"], ["scaled"]),
        helper.make_node("ReduceMean", ["scaled"], ["means"], axes=[1, 2], keepdims=0),
        helper.make_node("Softmax", ["means"], ["probabilities"], axis=-1),
    ]
    graph = helper.make_graph(
        nodes,
        "strongest_colour",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, HEIGHT, WIDTH, 3])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3])
            for name in ("probabilities", "means")[: 1 + with_means]
        ],
        [numpy_helper.from_array(np.float32(GAIN / 255), "scale")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    return bytes(model.SerializeToString())


def strongest_colour_keras():
    """The same network in tf_keras."""
    from edgevision.tensorflow_setup import keras

    return keras.Sequential(
        [
            keras.layers.InputLayer((HEIGHT, WIDTH, 3), batch_size=1),
            keras.layers.Rescaling(GAIN / 255),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Softmax(),
        ]
    )


def strongest_colour_tflite() -> bytes:
    """The same network as a float .tflite."""
    from edgevision.tensorflow_setup import tf

    return bytes(tf.lite.TFLiteConverter.from_keras_model(strongest_colour_keras()).convert())


def with_custom_softmax(operator: str) -> bytes:
    """The same .tflite with a custom operator in place of the softmax, as a compiler for an accelerator leaves one."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(strongest_colour_tflite(), 0)
    for code in model.operatorCodes:
        if code.builtinCode == schema.BuiltinOperator.SOFTMAX:
            code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
            code.customCode = operator
    for step in model.subgraphs[0].operators:
        if model.operatorCodes[step.opcodeIndex].customCode:
            step.builtinOptionsType, step.builtinOptions = schema.BuiltinOptions.NONE, None
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def variant(path: str, model_format: str, input_name: str, output_name: str) -> Variant:
    """What a manifest says of one of these networks."""
    return Variant(
        path=path,
        format=model_format,
        precision="float32",
        inputs=(TensorSpec(input_name, (1, HEIGHT, WIDTH, 3), "float32"),),
        outputs=(TensorSpec(output_name, (1, 3), "float32"),),
        operators=(Operator("SOFTMAX", 1),),
    )


def frame_of(red: int, green: int, blue: int, height: int = 30, width: int = 50) -> np.ndarray:
    """A BGR frame of one colour with a little structure, so that every step of a contract has something to change."""
    generator = np.random.default_rng(red * 65536 + green * 256 + blue)
    base = np.array([blue, green, red], np.int16)
    texture = generator.integers(-40, 41, (height, width, 3))
    ramp = np.linspace(-30, 30, width)[None, :, None]
    return np.clip(base + texture + ramp, 0, 255).astype(np.uint8)
