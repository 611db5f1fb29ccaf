"""An `.onnx` file: packed as it is, and quantized from float. There is no way from ONNX to TensorFlow Lite here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgevision_converters import onnx_graph
from edgevision_converters.inspect import describe_onnx
from edgevision_converters.sources import Shape
from edgevision_runtime.engines import open_engine
from edgevision_runtime.errors import ModelError

if TYPE_CHECKING:
    from edgevision_runtime.types import Tensor


class OnnxSource:
    """An .onnx file with one input."""

    kind = "ONNX file"
    format = "onnx"
    is_quantization_aware = False

    def __init__(self, path: Path) -> None:
        self._data = path.read_bytes()
        try:
            description = describe_onnx(self._data)
            self._engine = open_engine("onnx", self._data)
        except ModelError as error:
            raise ModelError(f"{path}: {error.what}", expected=error.expected, hint=error.hint) from error
        except UnicodeDecodeError as error:  # onnxruntime repeats a broken name in its message
            raise ModelError(f"{path}: the ONNX file is broken ({error})", expected="a whole .onnx file") from error
        self.precision = description.actual_precision
        self.input_shape: Shape = tuple(None if size < 0 else size for size in description.inputs[0].shape)

    def predict(self, sample: Tensor) -> tuple[Tensor, ...]:
        """The float outputs for one sample, no batch axes; float32."""
        return self._engine.infer(sample)

    def to_tflite(self, shape: Shape) -> bytes:
        """There is no way: `targets.refusal` says so before anyone asks."""
        raise ModelError("an ONNX file cannot become TensorFlow Lite here", expected="--to onnx")

    def to_int8_tflite(self, shape: Shape) -> bytes:
        """An ONNX file does not become TensorFlow Lite."""
        return self.to_tflite(shape)

    def to_onnx(self, shape: Shape) -> bytes | None:
        """The file as it is, its shape fixed when it was dynamic."""
        if shape[0] is None and self.input_shape[0] is not None:
            raise ModelError("the .onnx file has a fixed batch", hint="convert with --batch 1")
        if None in self.input_shape and None not in shape:
            return onnx_graph.with_fixed_shape(self._data, tuple(int(size or 1) for size in shape))
        return self._data
