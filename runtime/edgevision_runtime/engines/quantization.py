"""Between real numbers and the integers of a quantized tensor: real = scale * (stored - zero_point).

Rounding is half to even and saturating, as the converters round. Scale and zero point always come from the tensor.
"""

from __future__ import annotations

import numpy as np

from edgevision_runtime.errors import ModelError
from edgevision_runtime.types import Tensor, TensorSpec


class InputQuantizer:
    """Turns what the contract makes (uint8 or float32) into what an input tensor stores."""

    def __init__(self, spec: TensorSpec) -> None:
        self.spec = spec
        self.shape = spec.shape[1:]
        self.table = quantize(np.arange(256, dtype=np.float32), spec)  # what each uint8 step becomes

    def __call__(self, tensor: Tensor) -> Tensor:
        """The stored form of one sample, with the batch axis.

        Raises:
            ModelError: a shape or a dtype that the model does not take.
        """
        self.check_shape(tuple(tensor.shape))
        if tensor.dtype == np.uint8:
            return self.table[tensor][None]
        if tensor.dtype != np.float32:
            raise ModelError(f"input {self.spec.name!r} was given {tensor.dtype}", expected="uint8 or float32")
        return quantize(tensor, self.spec)[None]

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Raise ModelError for a shape, without batch axis, that the model does not take."""
        fits = len(shape) == len(self.shape) and all(want in (-1, have) for want, have in zip(self.shape, shape))
        if not fits:
            raise ModelError(
                f"input {self.spec.name!r} was given {shape}",
                expected=f"{self.shape}",
                hint="the contract's resize, colour or layout does not match this model",
            )


def quantize(real: Tensor, spec: TensorSpec) -> Tensor:
    """Real numbers to what the tensor stores; a tensor without a scale stores them as they are."""
    dtype = np.dtype(spec.dtype)
    if spec.scale is None:
        if np.issubdtype(dtype, np.integer):
            limits = np.iinfo(dtype)
            return np.clip(np.rint(real), limits.min, limits.max).astype(dtype)
        return real.astype(dtype)
    limits = np.iinfo(dtype)
    stored = np.rint(real / np.float32(spec.scale)) + np.float32(spec.zero_point or 0)
    return np.clip(stored, limits.min, limits.max).astype(dtype)


def dequantize(stored: Tensor, spec: TensorSpec) -> Tensor:
    """What a tensor stores to float32."""
    if spec.scale is None:
        return stored.astype(np.float32)
    return (stored.astype(np.float32) - np.float32(spec.zero_point or 0)) * np.float32(spec.scale)
