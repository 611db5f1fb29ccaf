"""What every model that TensorFlow can call has in common: it is traced once for a shape, predicted and exported."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision_converters import float_tflite
from edgevision_converters.sources import Shape
from edgevision_converters.tensorflow_setup import tf
from edgevision_runtime.errors import ModelError

if TYPE_CHECKING:
    from edgevision_runtime.types import Tensor


class TracedSource:
    """A model as a Python call on one float32 batch."""

    format = "keras"
    precision = "float32"
    is_quantization_aware = False

    def __init__(self, kind: str, call: Callable[[Any], Any], input_shape: Shape, output_names: list[str]) -> None:
        self.kind, self.input_shape, self.output_names = kind, input_shape, output_names
        self._trace = lru_cache(maxsize=2)(lambda shape: float_tflite.trace(call, shape))

    def predict(self, sample: Tensor) -> tuple[Tensor, ...]:
        """The float outputs for one sample, no batch axes; float32."""
        function = self._trace((1, *sample.shape))
        outputs = function(tf.constant(np.asarray(sample, np.float32)[None]))
        return tuple(np.asarray(output)[0].astype(np.float32) for output in outputs)

    def to_tflite(self, shape: Shape) -> bytes:
        """A float32 .tflite with that input shape."""
        return float_tflite.export(self._trace(shape), self.output_names)

    def to_int8_tflite(self, shape: Shape) -> bytes:
        """There are no learned ranges."""
        raise ModelError(f"{self.kind} has not learned quantization ranges", hint="run edgevision quantize first")

    def to_onnx(self, shape: Shape) -> bytes | None:
        """Made from the .tflite."""
        return None
