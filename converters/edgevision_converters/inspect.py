"""What a model file really holds: tensors, operators with versions, and the precision that its operators compute in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgevision_runtime.errors import ModelError
from edgevision_runtime.types import Operator, TensorSpec

MIXED = "mixed"  # integer and float operators in one file


@dataclass(frozen=True)
class Description:
    """The facts of one model file."""

    format: str  # tflite | onnx
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    operators: tuple[Operator, ...]  # each kind once, by name
    operator_counts: dict[str, int]
    tensor_types: dict[str, int]  # dtype: how many tensors
    actual_precision: str  # float32 | float16 | int8 | dynamic | int16x8 | mixed
    float_operators: tuple[str, ...]  # what computes in float, as "CONV_2D 'name'", in order


def describe(model: bytes | Path) -> Description:
    """The facts of a .tflite or .onnx file.

    Raises:
        ModelError: neither of the two, or broken.
    """
    from edgevision_converters.flatbuffer import is_tflite

    data = model if isinstance(model, bytes) else model.read_bytes()
    return describe_tflite(data) if is_tflite(data) else describe_onnx(data)


def require_precision(description: Description, precision: str) -> None:
    """Raise ModelError, naming the operators, when a file is not what it is about to be called."""
    actual = description.actual_precision
    if actual == precision:
        return
    culprits = ""
    if precision in ("int8", "int16x8"):
        kinds = Counter(operator.split(" ", 1)[0] for operator in description.float_operators)
        culprits = ", computed in float: " + ", ".join(f"{name} × {count}" for name, count in kinds.most_common(6))
    raise ModelError(
        f"the {description.format} file is {actual}{culprits}",
        expected=precision,
        hint="replace these operators in the model, or make it with --precision float32,float16" if culprits else "",
    )


def describe_tflite(data: bytes) -> Description:
    """The facts of a .tflite file.

    Raises:
        ModelError: not a whole .tflite file.
    """
    from edgevision_converters import flatbuffer

    model = flatbuffer.read(data)
    graph = model.subgraphs[0]
    names = [flatbuffer.operator_name(model, operator) for operator in graph.operators]
    versions = {
        name: max(
            model.operatorCodes[o.opcodeIndex].version for o, n in zip(graph.operators, names, strict=True) if n == name
        )
        for name in names
    }
    floats = _float_operators(model, names)
    return Description(
        format="tflite",
        inputs=tuple(_tflite_spec(graph.tensors[index]) for index in graph.inputs),
        outputs=tuple(_tflite_spec(graph.tensors[index]) for index in graph.outputs),
        operators=tuple(Operator(name, version) for name, version in sorted(versions.items())),
        operator_counts=dict(sorted(Counter(names).items())),
        tensor_types=dict(sorted(Counter(flatbuffer.TYPE_NAMES[t.type] for t in graph.tensors).items())),
        actual_precision=_tflite_precision(model, names, floats),
        float_operators=tuple(
            f"{names[i]} {flatbuffer.tensor_name(graph.tensors[graph.operators[i].outputs[0]])!r}" for i in floats
        ),
    )


def _float_operators(model: Any, names: Sequence[str]) -> list[int]:
    """The positions of the operators that compute in float; QUANTIZE and DEQUANTIZE only convert."""
    graph = model.subgraphs[0]
    return [
        position
        for position, operator in enumerate(graph.operators)
        if names[position] not in ("QUANTIZE", "DEQUANTIZE")
        and any(_type_name(graph, index) in ("float32", "float16") for index in [*operator.inputs, *operator.outputs])
    ]


def _tflite_precision(model: Any, names: Sequence[str], floats: list[int]) -> str:
    graph = model.subgraphs[0]
    integers = {
        _type_name(graph, index)
        for position, operator in enumerate(graph.operators)
        if position not in floats and names[position] not in ("QUANTIZE", "DEQUANTIZE")
        for index in operator.outputs
        if graph.tensors[index].quantization is not None and graph.tensors[index].quantization.scale is not None
    }
    if not floats:
        if integers == {"int16"}:
            return "int16x8"
        return "int8" if integers and integers <= {"int8", "uint8"} else MIXED
    if integers & {"int8", "uint8", "int16"}:
        return MIXED
    weights = {_type_name(graph, index) for position in floats for index in graph.operators[position].inputs}
    if "int8" in weights:
        return "dynamic"
    widened = {
        _type_name(graph, operator.inputs[0])
        for name, operator in zip(names, graph.operators, strict=True)
        if name == "DEQUANTIZE"
    }
    if "float16" in weights | widened:
        return "float16"
    return MIXED if widened & {"int8", "uint8"} else "float32"


def _type_name(graph: Any, index: int) -> str:
    from edgevision_converters.flatbuffer import TYPE_NAMES

    return "" if index < 0 else TYPE_NAMES[graph.tensors[index].type]


def _tflite_spec(tensor: Any) -> TensorSpec:
    from edgevision_converters.flatbuffer import TYPE_NAMES, tensor_name

    quantization = tensor.quantization
    has_scale = quantization is not None and quantization.scale is not None and len(quantization.scale) == 1
    shape = tensor.shapeSignature if tensor.shapeSignature is not None else tensor.shape
    return TensorSpec(
        name=tensor_name(tensor),
        shape=tuple(int(size) for size in (shape if shape is not None else ())),
        dtype=TYPE_NAMES[tensor.type],
        scale=float(quantization.scale[0]) if has_scale else None,
        zero_point=int(quantization.zeroPoint[0]) if has_scale else None,
    )


def describe_onnx(data: bytes) -> Description:
    """The facts of an .onnx file.

    Raises:
        ModelError: not a whole .onnx file.
    """
    from edgevision_converters import onnx_graph

    model = onnx_graph.read(data)
    census = onnx_graph.Census(model)
    return Description(
        format="onnx",
        inputs=onnx_graph.input_specs(model),
        outputs=onnx_graph.output_specs(model),
        operators=census.operators,
        operator_counts=census.counts,
        tensor_types=census.tensor_types,
        actual_precision=census.precision,
        float_operators=census.float_operators,
    )
