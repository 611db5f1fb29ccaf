"""What LiteRT and tflite-runtime have in common: the TensorFlow Lite `Interpreter`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from edgevision_runtime.engines.delegate import Delegate, share_of, start_delegate
from edgevision_runtime.engines.quantization import InputQuantizer, dequantize
from edgevision_runtime.errors import ModelError
from edgevision_runtime.quiet import without_native_chatter
from edgevision_runtime.types import Answer, Tensor, TensorSpec

EDGE_TPU = "edgetpu-custom-op"  # stands in models that edgetpu_compiler made


class Delegated(NamedTuple):
    """A delegate, and the library's function that loads it."""

    delegate: Delegate
    load_delegate: Callable[..., Any]


class InterpreterEngine:
    """One model on a TensorFlow Lite interpreter, built once."""

    name: str
    kernels: str

    def __init__(
        self, make_interpreter: Callable[..., Any], content: bytes, version: str, delegated: Delegated | None = None
    ) -> None:
        self.version = version
        if content[4:8] != b"TFL3":
            raise ModelError("the model is not a TensorFlow Lite file", expected="bytes 4..8 to be TFL3")
        with without_native_chatter():
            started = [] if delegated is None else [start_delegate(*delegated)]
            who = f"{self.name} {version}" if delegated is None else f"delegate {delegated.delegate.name}"
            try:
                self._interpreter = make_interpreter(model_content=content, experimental_delegates=started)
                if delegated is not None:
                    share = share_of(delegated.delegate, self._interpreter._get_ops_details())
                    self.kernels = f"{delegated.delegate.name} for {share}, then {self.kernels}"
                self._interpreter.allocate_tensors()
            except (ValueError, RuntimeError) as error:  # what the library raises for a model it cannot take
                why = _first_line(error)
                hint = "it is compiled for an Edge TPU: --delegate libedgetpu.so.1" if EDGE_TPU in why else ""
                raise ModelError(f"{who} refuses the model: {why}", hint=hint) from error
        inputs = self._interpreter.get_input_details()
        if len(inputs) != 1:
            raise ModelError(f"the model has {len(inputs)} inputs", expected="one")
        self.input = _tensor_spec(inputs[0])
        self._input_index = inputs[0]["index"]
        self._input_view = self._interpreter.tensor(self._input_index)
        self._allocated = tuple(int(size) for size in inputs[0]["shape"])
        details = self._interpreter.get_output_details()
        self.outputs = tuple(_tensor_spec(detail) for detail in details)
        self._output_views = [self._interpreter.tensor(detail["index"]) for detail in details]
        self._quantize = InputQuantizer(self.input)

    def infer(self, tensor: Tensor) -> tuple[Tensor, ...]:
        """One sample of the contract in, dequantized outputs out; no batch axis on either side."""
        return self.infer_stored(self._quantize(tensor), self._dequantize)

    def infer_stored(self, stored: Tensor, read: Callable[[tuple[Tensor, ...]], Answer]) -> Answer:
        """One sample as it is stored, with batch axis, to what `read` makes of the stored outputs.

        The outputs are the interpreter's own memory: one that is still held stops the next call with a RuntimeError.
        """
        self._allocate(stored.shape)
        self._interpreter.set_tensor(self._input_index, stored)
        return self.infer_written(read)

    def memory(self, shape: tuple[int, ...]) -> Tensor:
        """See `Engine`: the interpreter's own; held on to, it stops `infer_written` with a RuntimeError."""
        self._allocate(shape)
        return self._input_view()  # type: ignore[no-any-return]

    def infer_written(self, read: Callable[[tuple[Tensor, ...]], Answer]) -> Answer:
        """See `Engine`."""
        self._interpreter.invoke()
        return read(tuple(view()[0] for view in self._output_views))

    def _allocate(self, shape: tuple[int, ...]) -> None:
        if shape != self._allocated:  # the first of a dynamic shape
            self._interpreter.resize_tensor_input(self._input_index, shape)
            self._interpreter.allocate_tensors()
            self._allocated = shape

    def _dequantize(self, stored: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return tuple(dequantize(values, spec) for values, spec in zip(stored, self.outputs))

    def close(self) -> None:
        """Free the interpreter."""
        self._output_views, self._input_view = [], None
        self._interpreter = None

    def __enter__(self) -> InterpreterEngine:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _tensor_spec(detail: dict[str, Any]) -> TensorSpec:
    import numpy as np

    scale, zero_point = detail["quantization"]
    shape = detail.get("shape_signature", detail["shape"])
    is_quantized = scale != 0.0
    return TensorSpec(
        name=str(detail["name"]),
        shape=tuple(int(size) for size in (shape if len(shape) else detail["shape"])),
        dtype=np.dtype(detail["dtype"]).name,
        scale=float(scale) if is_quantized else None,
        zero_point=int(zero_point) if is_quantized else None,
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
