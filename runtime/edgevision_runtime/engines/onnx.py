"""ONNX Runtime (`onnxruntime`): for .onnx, on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edgevision_runtime.engines import PLAIN
from edgevision_runtime.engines.quantization import InputQuantizer, dequantize
from edgevision_runtime.errors import MissingDependency, ModelError
from edgevision_runtime.types import Answer, Tensor, TensorSpec

PROVIDER = "CPUExecutionProvider"
DTYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(uint8)": "uint8",
    "tensor(int8)": "int8",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
}


class OnnxEngine:
    """A model in an ONNX Runtime session, built once."""

    name = "onnx"

    def __init__(self, content: bytes, *, version: str, threads: int, kernels: str = PROVIDER) -> None:
        try:
            import onnxruntime
            from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors
        except ImportError as error:
            raise MissingDependency(f"onnxruntime {version} cannot be imported ({error})") from error
        self.version, self.kernels = version, kernels
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        if kernels == PLAIN:
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        try:
            self._session = onnxruntime.InferenceSession(content, options, providers=[PROVIDER])
        except (
            ort_errors.Fail,
            ort_errors.InvalidArgument,
            ort_errors.InvalidGraph,
            ort_errors.InvalidProtobuf,
            ort_errors.NotImplemented,
            ort_errors.RuntimeException,
        ) as error:
            raise ModelError(f"onnxruntime {version} refuses the model: {str(error).splitlines()[0]}") from error
        inputs = self._session.get_inputs()
        if len(inputs) != 1:
            raise ModelError(f"the model has {len(inputs)} inputs", expected="one")
        self.input = _tensor_spec(inputs[0])
        self.outputs = tuple(_tensor_spec(output) for output in self._session.get_outputs())
        self._output_names = [spec.name for spec in self.outputs]
        self._quantize = InputQuantizer(self.input)

    def infer(self, tensor: Tensor) -> tuple[Tensor, ...]:
        """One sample of the contract in, float32 outputs out; no batch axis on either side."""
        return self.infer_stored(self._quantize(tensor), self._dequantize)

    def infer_stored(self, stored: Tensor, read: Callable[[tuple[Tensor, ...]], Answer]) -> Answer:
        """One sample as it is stored, with batch axis, to what `read` makes of the stored outputs."""
        outputs = self._session.run(self._output_names, {self.input.name: stored})
        return read(tuple(output[0] for output in outputs))

    def _dequantize(self, stored: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return tuple(dequantize(values, spec) for values, spec in zip(stored, self.outputs))

    def close(self) -> None:
        """Free the session."""
        self._session = None

    def __enter__(self) -> OnnxEngine:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _tensor_spec(detail: Any) -> TensorSpec:
    if detail.type not in DTYPES:
        raise ModelError(f"tensor {detail.name!r} is {detail.type}", expected=" | ".join(DTYPES))
    shape = tuple(size if isinstance(size, int) else -1 for size in detail.shape)
    return TensorSpec(name=detail.name, shape=shape, dtype=DTYPES[detail.type])
