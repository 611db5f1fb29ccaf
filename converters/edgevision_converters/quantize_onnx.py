"""Smaller .onnx files from a float .onnx, by onnxruntime's quantizer and our own calibration.

int8 is QDQ with uint8 activations and int8 weights, per channel: the form onnxruntime's kernels on x86 and ARM fuse,
and the one TensorRT reads. Inputs and outputs stay float32.
"""

from __future__ import annotations

import copy
import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from edgevision_converters import onnx_graph
from edgevision_converters.plan import Progress, Samples
from edgevision_converters.ranges import Ranges, batches, check_finite
from edgevision_runtime.errors import ModelError

if TYPE_CHECKING:
    from edgevision_runtime.types import Tensor

_FLOAT_ONLY = ("Cast", "Constant", "Shape", "Identity")
_GENERATED_BY = "onnx.quant.pre_process"


def prepare(data: bytes) -> bytes:
    """The same network with batch norms folded into convolutions and shapes inferred, as quantization needs it.

    Raises:
        ModelError: onnxruntime cannot load it.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        options.optimized_model_filepath = str(path)
        _session(data, options)
        model = onnx.load(str(path))
    if model.opset_import[0].version < 13:  # per-channel QuantizeLinear
        model = onnx.version_converter.convert_version(model, 13)
    return bytes(onnx.shape_inference.infer_shapes(model).SerializeToString(deterministic=True))


def onnx_ranges(data: bytes, samples: Samples, on_progress: Progress | None = None) -> Ranges:
    """The range of every float activation of a prepared float .onnx over the samples.

    Raises:
        DataError: no sample, or an activation that is not finite.
    """
    model = onnx_graph.read(data)
    types = onnx_graph.infer_types(model)
    computed = [name for node in model.graph.node for name in node.output if name]
    names = [name for name in computed if types.get(name) == onnx.TensorProto.FLOAT]
    outputs = {value.name for value in model.graph.output}
    model.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in names if name not in outputs)
    session = _session(model.SerializeToString())
    input_name = onnx_graph.inputs(model)[0].name
    lowest, highest = np.full(len(names), np.inf, np.float32), np.full(len(names), -np.inf, np.float32)
    low, high = np.inf, -np.inf
    for batch in batches(samples, on_progress, "calibrate onnx"):
        low, high = min(low, float(batch.min())), max(high, float(batch.max()))
        for position, values in enumerate(session.run(names, {input_name: batch})):
            lowest[position] = min(lowest[position], values.min())
            highest[position] = max(highest[position], values.max())
    ranges: Ranges = {input_name: (low, high)}
    ranges |= {name: (float(a), float(b)) for name, a, b in zip(names, lowest, highest, strict=True)}
    check_finite(ranges)
    return ranges


def to_int8(data: bytes, ranges: Ranges) -> bytes:
    """int8 QDQ of a prepared float .onnx.

    Raises:
        ModelError: onnxruntime's quantizer cannot take the model.
    """
    from onnxruntime.quantization import CalibrationMethod, QuantType
    from onnxruntime.quantization.calibrate import TensorsData
    from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

    model = onnx_graph.read(data)
    kinds = sorted({node.op_type for node in model.graph.node} - set(_FLOAT_ONLY))
    pairs = {name: (np.float32(min(low, 0)), np.float32(max(high, 0))) for name, (low, high) in ranges.items()}
    for node in model.graph.node:
        if node.op_type in ("Softmax", "Sigmoid"):
            pairs[node.output[0]] = (np.float32(0), np.float32(1))
    with _quiet():
        quantizer = QDQQuantizer(
            model,
            per_channel=True,
            reduce_range=False,
            weight_qType=QuantType.QInt8,
            activation_qType=QuantType.QUInt8,
            tensors_range=TensorsData(CalibrationMethod.MinMax, pairs),
            nodes_to_quantize=[],
            nodes_to_exclude=[],
            op_types_to_quantize=kinds,
            extra_options={"ForceQuantizeNoInputCheck": True},
        )
        try:
            quantizer.quantize_model()
        except (ValueError, KeyError, RuntimeError, TypeError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise ModelError(f"onnxruntime cannot quantize this model: {reason}") from error
    return _finish(quantizer.model.model)


def to_dynamic(data: bytes) -> bytes:
    """int8 weights; activations are quantized while it runs."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with _quiet(), tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "dynamic.onnx"
        quantize_dynamic(onnx_graph.read(data), str(path), weight_type=QuantType.QUInt8)
        return _finish(onnx.load(str(path)))


def to_float16(data: bytes) -> bytes:
    """float16 weights and activations; inputs and outputs stay float32."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    with _quiet():
        model = convert_float_to_float16(copy.deepcopy(onnx_graph.read(data)), keep_io_types=True)
    return _finish(model)


def run(data: bytes, sample: Tensor) -> tuple[Tensor, ...]:
    """The float32 outputs for one sample, without batch axes."""
    session = _session(data)
    outputs = session.run(None, {session.get_inputs()[0].name: np.asarray(sample, np.float32)[None]})
    return tuple(output[0] for output in outputs)


def _finish(model: Any) -> bytes:
    del model.metadata_props[:]
    return onnx_graph.canonical(model)


def _session(data: bytes, options: Any = None) -> Any:
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as states

    options = options or onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = 1, 1, 3
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except (states.Fail, states.InvalidArgument, states.InvalidGraph, states.InvalidProtobuf, states.NotImplemented,
            states.RuntimeException) as error:  # fmt: skip
        raise ModelError(f"onnxruntime refuses the model: {str(error).splitlines()[0]}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the quantizer's advice to the root logger off the terminal."""
    previous = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(previous)
