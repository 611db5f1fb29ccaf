"""A `.tflite` file: float ones can become anything, quantized ones are packed as they are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgevision_converters import flatbuffer
from edgevision_converters.inspect import describe_tflite
from edgevision_converters.sources import Shape
from edgevision_runtime.engines import open_engine
from edgevision_runtime.errors import ModelError

if TYPE_CHECKING:
    from edgevision_runtime.types import Tensor


class TFLiteSource:
    """A .tflite file with one input."""

    kind = "TensorFlow Lite file"
    format = "tflite"
    is_quantization_aware = False

    def __init__(self, path: Path) -> None:
        self._data = path.read_bytes()
        try:
            description = describe_tflite(self._data)  # first: a broken file must not reach native code
            self._engine = open_engine("litert", self._data)
        except ModelError as error:
            raise ModelError(f"{path}: {error.what}", expected=error.expected, hint=error.hint) from error
        self.precision = description.actual_precision
        self.input_shape: Shape = tuple(None if size < 0 else size for size in description.inputs[0].shape)

    def predict(self, sample: Tensor) -> tuple[Tensor, ...]:
        """The float outputs for one sample, no batch axes; float32."""
        return self._engine.infer(sample)

    def to_tflite(self, shape: Shape) -> bytes:
        """The file as it is, its shape fixed when it was dynamic."""
        if shape[0] is None and self.input_shape[0] is not None:
            raise ModelError(
                "the .tflite file has a fixed batch", hint="convert with --batch 1, or from the Keras model"
            )
        if None in self.input_shape and None not in shape:
            return flatbuffer.with_fixed_shape(self._data, tuple(int(size or 1) for size in shape))
        return self._data

    def to_int8_tflite(self, shape: Shape) -> bytes:
        """A .tflite file has no learned ranges."""
        raise ModelError("a .tflite file has no learned quantization ranges")

    def to_onnx(self, shape: Shape) -> bytes | None:
        """Made by tf2onnx."""
        return None
