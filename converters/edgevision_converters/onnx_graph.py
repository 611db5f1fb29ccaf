"""Read, edit and judge .onnx files. Nothing here runs a model."""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from typing import Any

import numpy as np
import onnx

from edgevision_converters.inspect import MIXED
from edgevision_runtime.errors import ModelError
from edgevision_runtime.types import Operator, TensorSpec

_FLOATS = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE)
_CONVERT = ("QuantizeLinear", "DequantizeLinear", "Cast", "Constant", "Identity")
_RUNTIME_QUANTIZED = ("DynamicQuantizeLinear", "ConvInteger", "MatMulInteger")
_PARAMETERS = ("Clip", "Resize", "Upsample", "Pad")  # operators whose further float inputs are parameters, not weights


def read(data: bytes) -> Any:
    """The model.

    Raises:
        ModelError: not an .onnx file, or one without exactly one input.
    """
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        model = onnx.ModelProto.FromString(data)
        _check_text(model.graph)
    except (DecodeError, UnicodeDecodeError) as error:
        raise ModelError("the file is not ONNX, or it is truncated", expected="a whole .onnx file") from error
    if not model.graph.node or not model.opset_import:
        raise ModelError("the file holds no ONNX graph", expected="a whole .onnx file")
    if idle := [node.op_type for node in model.graph.node if not node.output]:
        raise ModelError(f"the ONNX operator {idle[0]!r} has no output", expected="a whole .onnx file")
    if any(tensor.external_data for tensor in model.graph.initializer):
        raise ModelError("the ONNX file keeps its weights in another file", expected="weights inside")
    if len(inputs(model)) != 1:
        raise ModelError(f"the ONNX file has {len(inputs(model))} inputs", expected="one image input")
    return model


def _check_text(graph: Any) -> None:
    """Raise UnicodeDecodeError when a name is not text; protobuf hands such names out as bytes."""
    names = [text for node in graph.node for text in (node.op_type, node.domain, node.name, *node.input, *node.output)]
    names += [value.name for value in (*graph.initializer, *graph.input, *graph.output)]
    for name in names:
        if isinstance(name, bytes):
            name.decode()


def inputs(model: Any) -> list[Any]:
    """The graph's inputs that are not weights."""
    weights = {tensor.name for tensor in model.graph.initializer}
    return [value for value in model.graph.input if value.name not in weights]


def input_specs(model: Any) -> tuple[TensorSpec, ...]:
    """What the graph's inputs are."""
    return tuple(_spec(value) for value in inputs(model))


def output_specs(model: Any) -> tuple[TensorSpec, ...]:
    """What the graph's outputs are."""
    return tuple(_spec(value) for value in model.graph.output)


def with_fixed_shape(data: bytes, shape: tuple[int, ...]) -> bytes:
    """A model of dynamic input shape with a fixed one; outputs follow by shape inference."""
    model = read(data)
    for dimension, size in zip(inputs(model)[0].type.tensor_type.shape.dim, shape, strict=True):
        dimension.dim_value = size
    del model.graph.value_info[:]
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")
    return bytes(onnx.shape_inference.infer_shapes(model).SerializeToString(deterministic=True))


def infer_types(model: Any) -> dict[str, int]:
    """The element type of every tensor that shape inference can name."""
    known = onnx.shape_inference.infer_shapes(model)
    values = [*known.graph.value_info, *known.graph.input, *known.graph.output]
    types = {value.name: value.type.tensor_type.elem_type for value in values}
    return types | {tensor.name: tensor.data_type for tensor in model.graph.initializer}


class Census:
    """What the operators of an ONNX graph compute in.

    In QDQ form an operator is int8 when everything it computes from comes out of DequantizeLinear and everything it
    computes goes into QuantizeLinear: the runtime fuses the three.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._nodes = list(model.graph.node)
        self._types = infer_types(model)
        self._producer = {name: node.op_type for node in self._nodes for name in node.output}
        self._consumers: dict[str, list[str]] = {}
        for node in self._nodes:
            for name in node.input:
                self._consumers.setdefault(name, []).append(node.op_type)
        self._outputs = {value.name for value in model.graph.output}

    @cached_property
    def counts(self) -> dict[str, int]:
        """How often each operator occurs."""
        return dict(sorted(Counter(_full_name(node) for node in self._nodes).items()))

    @cached_property
    def operators(self) -> tuple[Operator, ...]:
        """Each kind of operator with the opset version that defines it."""
        domains = {entry.domain or "": entry.version for entry in self._model.opset_import}
        kinds = {(_full_name(node), node.op_type, node.domain) for node in self._nodes}
        return tuple(Operator(full, _since(kind, domain, domains)) for full, kind, domain in sorted(kinds))

    @cached_property
    def tensor_types(self) -> dict[str, int]:
        """How many tensors there are of each type."""
        names = Counter(_dtype_name(kind) for kind in self._types.values() if kind)
        return dict(sorted(names.items()))

    @cached_property
    def float_operators(self) -> tuple[str, ...]:
        """What computes in float, as "Conv 'name'", in order."""
        return tuple(f"{node.op_type} {node.name or node.output[0]!r}" for node in self._nodes if self._is_float(node))

    @cached_property
    def precision(self) -> str:
        """float32 | float16 | int8 | dynamic | mixed."""
        kinds = {node.op_type for node in self._nodes}
        if kinds & set(_RUNTIME_QUANTIZED):
            return "dynamic"
        if not self.float_operators:
            return "int8"
        if "QuantizeLinear" in kinds or any(kind.startswith("QLinear") for kind in kinds):
            return MIXED
        weights = {tensor.data_type for tensor in self._model.graph.initializer}
        return "float16" if onnx.TensorProto.FLOAT16 in weights else "float32"

    def _is_float(self, node: Any) -> bool:
        if node.op_type in _CONVERT or node.op_type.startswith("QLinear"):
            return False
        computes = [name for name in node.output if name and self._is_float_tensor(name)]
        from_float = [
            name
            for position, name in enumerate(node.input)
            if name
            and self._is_float_tensor(name)
            and not (position > 0 and node.op_type in _PARAMETERS)
            and self._producer.get(name) != "DequantizeLinear"
        ]
        to_float = [
            name
            for name in computes
            if name in self._outputs or any(kind != "QuantizeLinear" for kind in self._consumers.get(name, []))
        ]
        return bool(to_float or from_float)

    def _is_float_tensor(self, name: str) -> bool:
        return self._types.get(name, onnx.TensorProto.FLOAT) in _FLOATS


def canonical(model: Any) -> bytes:
    """The bytes of a model, free of what differs from run to run: counters in names, producer notes, doc strings."""
    graph = model.graph
    graph.ClearField("doc_string")
    model.ClearField("doc_string")
    graph.name = "model"
    if any(attribute.HasField("g") for node in graph.node for attribute in node.attribute):
        return bytes(model.SerializeToString(deterministic=True))  # inner graphs refer to outer names
    kept = {value.name for value in [*graph.input, *graph.output]}
    renamed: dict[str, str] = {}
    taken = set(kept)
    for node in graph.node:
        node.ClearField("doc_string")
        for name in node.output:
            renamed[name] = name if name in kept or not name else _free_name(name, taken)
    for node in graph.node:  # weights in the order in which operators use them
        for name in node.input:
            if name and name not in renamed and name not in kept:
                renamed[name] = _free_name(name, taken)
    for position, node in enumerate(graph.node):
        node.name = f"{node.op_type}_{position}"
        node.input[:] = [renamed.get(name, name) for name in node.input]
        node.output[:] = [renamed.get(name, name) for name in node.output]
    for tensor in graph.initializer:
        tensor.name = renamed.get(tensor.name, tensor.name)
        tensor.ClearField("doc_string")
    weights = sorted(graph.initializer, key=lambda tensor: tensor.name)
    del graph.initializer[:]
    graph.initializer.extend(weights)
    del graph.value_info[:]
    return bytes(model.SerializeToString(deterministic=True))


def _free_name(name: str, taken: set[str]) -> str:
    """The name without tf2onnx's counters, made unique by order of appearance."""
    import re

    stem = re.sub(r"__\d+(?=$|[:_])", "", name) or "tensor"
    candidate, count = stem, 1
    while candidate in taken:
        count += 1
        candidate = f"{stem}.{count}"
    taken.add(candidate)
    return candidate


def _full_name(node: Any) -> str:
    return f"{node.domain}::{node.op_type}" if node.domain not in ("", "ai.onnx") else str(node.op_type)


def _since(kind: str, domain: str, domains: dict[str, int]) -> int:
    version = domains.get("" if domain == "ai.onnx" else domain, 1)
    try:
        return int(onnx.defs.get_schema(kind, version, domain).since_version)
    except (onnx.defs.SchemaError, TypeError):  # an unknown operator, or a version that is no opset
        return int(version)


def _dtype_name(kind: int) -> str:
    try:
        return str(np.dtype(onnx.helper.tensor_dtype_to_np_dtype(kind)).name)
    except KeyError:
        raise ModelError(f"the ONNX file has a tensor of type {kind}", expected="a type that ONNX knows") from None


def _spec(value: Any) -> TensorSpec:
    dimensions = value.type.tensor_type.shape.dim
    shape = tuple(d.dim_value if d.HasField("dim_value") else -1 for d in dimensions)
    return TensorSpec(name=value.name, shape=shape, dtype=_dtype_name(value.type.tensor_type.elem_type))
