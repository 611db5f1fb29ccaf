"""Read, edit and write .tflite files through the schema that LiteRT ships. Nothing here runs a model.

`write` keeps every buffer inside the flatbuffer: ai-edge-quantizer puts large ones behind it, which runtimes before
TensorFlow 2.15 cannot read.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Sequence
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from edgevision_runtime.errors import ModelError

TYPE_NAMES: dict[int, str] = {
    value: name.lower() for name, value in vars(schema.TensorType).items() if isinstance(value, int)
}
FLOAT32, INT8, UINT8 = schema.TensorType.FLOAT32, schema.TensorType.INT8, schema.TensorType.UINT8
INT16, FLOAT16 = schema.TensorType.INT16, schema.TensorType.FLOAT16
IO_TYPES = {"float32": FLOAT32, "int8": INT8, "uint8": UINT8}
_OPERATOR_NAMES: dict[int, str] = {
    value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)
}


def is_tflite(data: bytes) -> bool:
    """Whether the bytes carry the identifier of a TensorFlow Lite file."""
    return data[4:8] == b"TFL3"


def read(data: bytes) -> Any:
    """The model as a tree of the schema's mutable objects.

    Raises:
        ModelError: not a .tflite file, a truncated one, or one with more than one graph or input.
    """
    if not is_tflite(data):
        raise ModelError("not a TensorFlow Lite file", expected="bytes 4..8 to be TFL3")
    try:
        model = flatbuffer_utils.read_model_from_bytearray(data)
        _check_references(model)
    except (struct.error, IndexError, ValueError, TypeError, AttributeError, KeyError) as error:  # a torn flatbuffer
        raise ModelError(f"the .tflite file is broken ({error})", expected="a whole flatbuffer") from error
    if not model.subgraphs or len(model.subgraphs[0].inputs) != 1:
        raise ModelError("the .tflite file does not have exactly one input", expected="one image input")
    return model


def _check_references(model: Any) -> None:
    """Raise IndexError or KeyError when an operator refers to a code or a tensor that is not there."""
    for graph in model.subgraphs or []:
        used = [*graph.inputs, *graph.outputs]
        for operator in graph.operators:
            operator_name(model, operator)
            used += [*operator.inputs, *operator.outputs]
        if any(index >= len(graph.tensors) or index < -1 for index in used):
            raise IndexError("an operator refers to a tensor that is not there")
        for tensor in graph.tensors:
            TYPE_NAMES[tensor.type], model.buffers[tensor.buffer]


def write(model: Any) -> bytes:
    """The bytes of a model tree; the same tree gives the same bytes.

    Equal arrays are stored once: the zero points of per-channel weights and biases, all 0 and eight bytes each, are a
    tenth of an int8 MobileNet otherwise. Weights are aligned to 16 bytes, as the schema asks for.
    """
    for buffer in model.buffers:  # the flatbuffers library packs arrays at once and bytes one by one
        if buffer.data is not None and not isinstance(buffer.data, np.ndarray):
            buffer.data = np.frombuffer(bytes(buffer.data), np.uint8)
    for tensor in (tensor for graph in model.subgraphs for tensor in graph.tensors):
        if tensor.quantization is not None:
            for field, dtype in (("scale", np.float32), ("zeroPoint", np.int64)):
                values = getattr(tensor.quantization, field)
                setattr(tensor.quantization, field, None if values is None else np.asarray(values, dtype))
    builder = _SharingBuilder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


class _SharingBuilder(flatbuffers.Builder):  # type: ignore[misc]
    """Writes each array once, and byte arrays (weights) aligned to 16 bytes."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self._written: dict[tuple[str, bytes], int] = {}

    def CreateNumpyVector(self, x: Any) -> int:  # noqa: N802 - the name in flatbuffers
        """The offset of the array `x`."""
        key = (x.dtype.str, x.tobytes())
        if key not in self._written:
            if x.dtype == np.uint8:
                self.Prep(16, x.size)  # so that the first element, behind the length, stands on a multiple of 16
            self._written[key] = super().CreateNumpyVector(x)
        return self._written[key]


def operator_name(model: Any, operator: Any) -> str:
    """`CONV_2D`; for a custom operator `CUSTOM:its name`."""
    code = model.operatorCodes[operator.opcodeIndex]
    name = _OPERATOR_NAMES[flatbuffer_utils.get_builtin_code_from_operator_code(code)]
    return f"CUSTOM:{_text(code.customCode)}" if name == "CUSTOM" else name


def tensor_name(tensor: Any) -> str:
    """The name as text."""
    return _text(tensor.name)


def activations(model: Any) -> list[int]:
    """The float32 tensors of the main graph that an operator computes, and the input, in order."""
    graph = model.subgraphs[0]
    computed = [index for operator in graph.operators for index in operator.outputs]
    return [i for i in dict.fromkeys([*graph.inputs, *computed]) if graph.tensors[i].type == FLOAT32]


def normalized(data: bytes) -> bytes:
    """The same model as ai-edge-quantizer and calibration need it.

    Tensor names occur once, and operators are named by `builtin_code`: files from before TensorFlow 2.4 have only the
    deprecated field, and ai-edge-quantizer would take each operator for ADD.
    """
    model = read(data)
    for code in model.operatorCodes:
        code.builtinCode = flatbuffer_utils.get_builtin_code_from_operator_code(code)
    graph = model.subgraphs[0]
    counts = Counter(tensor_name(tensor) for tensor in graph.tensors)
    for index, tensor in enumerate(graph.tensors):
        if not tensor_name(tensor) or counts[tensor_name(tensor)] > 1:
            tensor.name = f"{tensor_name(tensor) or 'tensor'}#{index}".encode()
    return write(model)


def with_wide_weights(data: bytes) -> bytes:
    """The same model with float16 weights as float32: the numbers that a runtime widens them to when it loads them."""
    model = read(data)
    graph = model.subgraphs[0]
    kept = []
    for operator in graph.operators:
        source = graph.tensors[operator.inputs[0]] if operator_name(model, operator) == "DEQUANTIZE" else None
        halves = None if source is None or source.type != FLOAT16 else model.buffers[source.buffer].data
        if halves is None:
            kept.append(operator)
            continue
        wide = schema.BufferT()
        wide.data = np.frombuffer(bytes(halves), "<f2").astype("<f4").view(np.uint8)
        graph.tensors[operator.outputs[0]].buffer = len(model.buffers)
        model.buffers.append(wide)
    if len(kept) == len(graph.operators):
        return data
    graph.operators = kept
    _drop_unused(model)
    return write(model)


def _drop_unused(model: Any) -> None:
    """Remove the tensors of the main graph that nothing refers to, and the data that only they held."""
    graph = model.subgraphs[0]
    lists = [graph.inputs, graph.outputs, *(part for o in graph.operators for part in (o.inputs, o.outputs))]
    used = sorted({int(index) for indices in lists for index in indices if index >= 0})
    place = {index: position for position, index in enumerate(used)} | {-1: -1}
    graph.inputs, graph.outputs = [place[i] for i in graph.inputs], [place[i] for i in graph.outputs]
    for operator in graph.operators:
        operator.inputs, operator.outputs = [place[i] for i in operator.inputs], [place[i] for i in operator.outputs]
    for signature in model.signatureDefs or []:
        for end in (*(signature.inputs or []), *(signature.outputs or [])):
            end.tensorIndex = place[end.tensorIndex]
    graph.tensors = [graph.tensors[index] for index in used]
    held = {tensor.buffer for tensor in graph.tensors} | {entry.buffer for entry in model.metadata or []}
    for index, buffer in enumerate(model.buffers):
        if index not in held:
            buffer.data = None


def with_all_outputs(data: bytes) -> tuple[bytes, list[int]]:
    """The same model with every activation as an output, and their tensor indices."""
    model = read(data)
    indices = activations(model)
    inputs = set(model.subgraphs[0].inputs)
    model.subgraphs[0].outputs = [index for index in indices if index not in inputs]
    model.signatureDefs = []
    return write(model), list(model.subgraphs[0].outputs)


def with_io_names(data: bytes, input_name: str, output_names: Sequence[str]) -> bytes:
    """The same model with these names for its input and outputs, and a signature that says so."""
    model = read(data)
    graph = model.subgraphs[0]
    if len(set(graph.outputs)) != len(output_names):
        raise ModelError(
            f"the .tflite file has {len(graph.outputs)} outputs", expected=f"{len(output_names)} different ones"
        )
    for index, name in zip([*graph.inputs, *graph.outputs], [input_name, *output_names], strict=True):
        for position, tensor in enumerate(graph.tensors):
            if position != index and tensor_name(tensor) == name:
                tensor.name = f"{name}#{position}".encode()
        graph.tensors[index].name = name.encode()
    _sign(model)
    return write(model)


def with_fixed_shape(data: bytes, shape: tuple[int, ...]) -> bytes:
    """A model of dynamic shape with a fixed one; the runtime computes the shapes behind the input."""
    model = read(data)
    graph = model.subgraphs[0]
    if list(graph.tensors[graph.inputs[0]].shape) != list(shape):
        raise ModelError(
            f"the .tflite file is laid out for {list(graph.tensors[graph.inputs[0]].shape)}", expected=f"{shape}"
        )
    for tensor in graph.tensors:
        tensor.shapeSignature = None
    return write(model)


def _sign(model: Any) -> None:
    """Give the model the one signature `serving_default`, with its tensors' names."""
    graph = model.subgraphs[0]
    signature = schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = b"serving_default", 0
    signature.inputs = [_tensor_map(graph, index) for index in graph.inputs]
    signature.outputs = [_tensor_map(graph, index) for index in graph.outputs]
    model.signatureDefs = [signature]


def _tensor_map(graph: Any, index: int) -> Any:
    entry = schema.TensorMapT()
    entry.name, entry.tensorIndex = graph.tensors[index].name, index
    return entry


def with_io_dtype(data: bytes, dtype: str) -> bytes:
    """An int8 model whose input and outputs are float32, int8 or uint8, by QUANTIZE and DEQUANTIZE at the edges."""
    model = read(data)
    graph = model.subgraphs[0]
    wanted = IO_TYPES[dtype]
    for position, index in enumerate(graph.inputs):
        if graph.tensors[index].type in (INT8, INT16) and wanted != graph.tensors[index].type:
            outer = _edge_tensor(graph, index, wanted)
            graph.operators.insert(0, _edge_operator(model, outer, index))
            graph.inputs[position] = outer
    for position, index in enumerate(graph.outputs):
        if graph.tensors[index].type in (INT8, INT16) and wanted != graph.tensors[index].type:
            outer = _edge_tensor(graph, index, wanted)
            graph.operators.append(_edge_operator(model, index, outer))
            graph.outputs[position] = outer
    _sign(model)
    return write(model)


def _edge_tensor(graph: Any, index: int, wanted: int) -> int:
    """Add a tensor like `index` of another type to the graph; the outer one takes over the name."""
    inner = graph.tensors[index]
    outer = schema.TensorT()
    outer.name, outer.shape, outer.shapeSignature = inner.name, inner.shape, inner.shapeSignature
    outer.type, outer.buffer, outer.hasRank = wanted, 0, inner.hasRank
    if wanted == UINT8:
        outer.quantization = schema.QuantizationParametersT()
        outer.quantization.scale = list(inner.quantization.scale)
        outer.quantization.zeroPoint = [int(inner.quantization.zeroPoint[0]) + 128]
    inner.name = (tensor_name(inner) + "_int8").encode()
    graph.tensors.append(outer)
    return len(graph.tensors) - 1


def _edge_operator(model: Any, source: int, target: int) -> Any:
    graph = model.subgraphs[0]
    operator = schema.OperatorT()
    to_float = graph.tensors[target].type == FLOAT32
    code = schema.BuiltinOperator.DEQUANTIZE if to_float else schema.BuiltinOperator.QUANTIZE
    operator.opcodeIndex = _operator_code(model, code, version=2 if to_float else 1)
    operator.inputs, operator.outputs = [source], [target]
    return operator


def _operator_code(model: Any, builtin: int, version: int) -> int:
    for index, code in enumerate(model.operatorCodes):
        if flatbuffer_utils.get_builtin_code_from_operator_code(code) == builtin and code.version == version:
            return index
    code = schema.OperatorCodeT()
    code.builtinCode, code.deprecatedBuiltinCode, code.version = builtin, min(builtin, 127), version
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


def constant(model: Any, index: int) -> Any:
    """The bytes of a constant tensor as uint8, or None for a computed one."""
    data = model.buffers[model.subgraphs[0].tensors[index].buffer].data
    return None if data is None or len(data) == 0 else np.frombuffer(bytes(data), np.uint8)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
