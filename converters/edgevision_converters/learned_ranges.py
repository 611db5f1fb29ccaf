"""The ranges that a quantization-aware model has learned, read from its int8 .tflite and laid onto its .onnx."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgevision_converters import flatbuffer, onnx_graph

if TYPE_CHECKING:
    from edgevision_converters.ranges import Ranges

_CONVERSIONS = ("QUANTIZE", "DEQUANTIZE")
_ACTIVATIONS = ("Clip", "Relu")  # separate nodes in ONNX, fused into the kernel in TensorFlow Lite


def of_tflite(int8: bytes, float32: bytes) -> Ranges:
    """Range of each operator's output in the int8 file, under its name in the float file.

    The two files are exports of one network: their operators stand in the same order. Empty when they do not.
    """
    quantized, plain = _outputs(int8), _outputs(float32)
    if [name for name, _ in quantized] != [name for name, _ in plain]:
        return {}
    return {
        flatbuffer.tensor_name(twin): _range(tensor)
        for (_, tensor), (_, twin) in zip(quantized, plain, strict=True)
        if tensor.type == flatbuffer.INT8
    }


def onto_onnx(learned: Ranges, calibrated: Ranges, prepared: bytes) -> Ranges:
    """The calibrated ranges of a prepared .onnx, with the learned ones where TensorFlow Lite has that tensor."""
    ranges = dict(calibrated)
    for node in onnx_graph.read(prepared).graph.node:
        for source in (*node.output, *(node.input[:1] if node.op_type in _ACTIVATIONS else ())):
            if source in learned:
                ranges[node.output[0]] = learned[source]
    return ranges


def _outputs(data: bytes) -> list[tuple[str, Any]]:
    model = flatbuffer.read(data)
    graph = model.subgraphs[0]
    named = [(flatbuffer.operator_name(model, operator), operator) for operator in graph.operators]
    return [(name, graph.tensors[o.outputs[0]]) for name, o in named if name not in _CONVERSIONS]


def _range(tensor: Any) -> tuple[float, float]:
    scale, zero_point = float(tensor.quantization.scale[0]), int(tensor.quantization.zeroPoint[0])
    return (-128 - zero_point) * scale, (127 - zero_point) * scale
