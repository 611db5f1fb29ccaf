"""The last steps, from a uint8 image to the tensor that the model reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from edgevision_runtime.errors import ContractError
from edgevision_runtime.operations.base import Operation, is_number, is_numbers

if TYPE_CHECKING:
    from edgevision_runtime.types import Image, Tensor


@dataclass(frozen=True)
class Normalize(Operation):
    """(x * scale - mean) / std per channel, through a 256-entry float32 table computed in float64."""

    name: ClassVar[str] = "normalize"
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        self.must("scale", is_number(self.scale) and self.scale > 0, "a number above 0")
        self.must("mean", is_numbers(self.mean), "one or three numbers")
        self.must("std", is_numbers(self.std) and all(value > 0 for value in self.std), "one or three numbers above 0")

    def table(self, channels: int) -> Tensor:
        """float32 (256, channels): what each step of each channel becomes."""
        import numpy as np

        if any(len(values) not in (1, channels) for values in (self.mean, self.std)):
            raise ContractError(
                f"normalize: {len(self.mean)} means and {len(self.std)} stds for {channels} channels",
                expected="one for all, or one a channel",
            )
        steps = np.arange(256, dtype=np.float64)[:, None] * self.scale
        table = (steps - np.asarray(self.mean, np.float64)) / np.asarray(self.std, np.float64)
        return np.broadcast_to(table, (256, channels)).astype(np.float32)

    def apply(self, image: Image) -> Tensor:
        """uint8 (h, w, c) to float32 (h, w, c)."""
        import numpy as np

        table = self.table(image.shape[2])
        return np.stack([table[:, c][image[..., c]] for c in range(image.shape[2])], axis=-1)


@dataclass(frozen=True)
class Layout(Operation):
    """Order of the axes that the model reads."""

    name: ClassVar[str] = "layout"
    to: str

    def __post_init__(self) -> None:
        self.must("to", self.to in ("NHWC", "NCHW"), "NHWC | NCHW")

    def apply(self, image: Tensor) -> Tensor:
        """(h, w, c) stays, or becomes (c, h, w)."""
        import numpy as np

        return np.ascontiguousarray(image.transpose(2, 0, 1)) if self.to == "NCHW" else image
