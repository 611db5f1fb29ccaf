"""ONNX Runtime (`onnxruntime`): for .onnx, on the CPU or on the execution provider that was asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgevision_runtime.engines import PLAIN
from edgevision_runtime.engines import providers as execution
from edgevision_runtime.engines.quantization import InputQuantizer, dequantize
from edgevision_runtime.errors import MissingDependency, ModelError
from edgevision_runtime.quiet import without_native_chatter
from edgevision_runtime.types import Answer, Tensor, TensorSpec

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
    """A model in an ONNX Runtime session, built once, on the CPU."""

    name = "onnx"
    provider = execution.CPU

    def __init__(
        self, content: bytes, *, version: str, threads: int, kernels: str | None = None, cache: Path | None = None
    ) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise MissingDependency(f"onnxruntime {version} cannot be imported ({error})") from error
        self.version = version
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        if kernels == PLAIN:
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        if self.provider == execution.CPU:
            self._session = self._open(onnxruntime, content, options, None)
            self.kernels = kernels or self.provider
        else:
            execution.ask_who_computes(options, onnxruntime.InferenceSession)
            with without_native_chatter():  # the reasons are asked for below
                self._session = self._open(onnxruntime, content, options, cache)
            self.kernels = execution.who_computes(self._session, self.provider)
        inputs = self._session.get_inputs()
        if len(inputs) != 1:
            raise ModelError(f"the model has {len(inputs)} inputs", expected="one")
        self.input = _tensor_spec(inputs[0])
        self.outputs = tuple(_tensor_spec(output) for output in self._session.get_outputs())
        self._output_names = [spec.name for spec in self.outputs]
        self._quantize = InputQuantizer(self.input)
        self._memory: Any = None

    def _open(self, onnxruntime: Any, content: bytes, options: Any, cache: Path | None) -> Any:
        from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

        place = execution.cache_folder(content, self.version, cache) if self.provider == execution.TENSORRT else None
        providers = execution.session_providers(self.provider, place)
        try:  # without enable_fallback=0 it would go on, at the start and at any frame, with the CPU and a print
            return onnxruntime.InferenceSession(content, options, providers=providers, enable_fallback=0)
        except (
            ort_errors.Fail,
            ort_errors.InvalidArgument,
            ort_errors.InvalidGraph,
            ort_errors.InvalidProtobuf,
            ort_errors.NotImplemented,
            ort_errors.RuntimeException,
        ) as error:
            if execution.REFUSED_CPU in str(error):
                raise execution.left_to_the_cpu(self.provider) from error
            raise ModelError(f"onnxruntime {self.version} refuses the model: {str(error).splitlines()[0]}") from error
        except (ValueError, RuntimeError) as error:  # a provider that cannot be set up
            raise execution.not_started(self.provider, error) from error

    def infer(self, tensor: Tensor) -> tuple[Tensor, ...]:
        """One sample of the contract in, float32 outputs out; no batch axis on either side."""
        return self.infer_stored(self._quantize(tensor), self._dequantize)

    def infer_stored(self, stored: Tensor, read: Callable[[tuple[Tensor, ...]], Answer]) -> Answer:
        """One sample as it is stored, with batch axis, to what `read` makes of the stored outputs."""
        outputs = self._session.run(self._output_names, {self.input.name: stored})
        return read(tuple(output[0] for output in outputs))

    def memory(self, shape: tuple[int, ...]) -> Tensor:
        """See `Engine`."""
        if self._memory is None or self._memory.shape != shape:
            import numpy as np

            self._memory = np.empty(shape, self.input.dtype)
        return self._memory  # type: ignore[no-any-return]

    def infer_written(self, read: Callable[[tuple[Tensor, ...]], Answer]) -> Answer:
        """See `Engine`."""
        return self.infer_stored(self._memory, read)

    def _dequantize(self, stored: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return tuple(dequantize(values, spec) for values, spec in zip(stored, self.outputs))

    def close(self) -> None:
        """Free the session."""
        self._session = None

    def __enter__(self) -> OnnxEngine:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class OnnxCudaEngine(OnnxEngine):
    """The same on an NVIDIA GPU."""

    name = "onnx-cuda"
    provider = execution.CUDA


class OnnxTensorRTEngine(OnnxEngine):
    """The same on an NVIDIA GPU, compiled for it by TensorRT: minutes at the first start, then from its cache."""

    name = "onnx-tensorrt"
    provider = execution.TENSORRT


def _tensor_spec(detail: Any) -> TensorSpec:
    if detail.type not in DTYPES:
        raise ModelError(f"tensor {detail.name!r} is {detail.type}", expected=" | ".join(DTYPES))
    shape = tuple(size if isinstance(size, int) else -1 for size in detail.shape)
    return TensorSpec(name=detail.name, shape=shape, dtype=DTYPES[detail.type])
