"""Operations on colours and noise; they leave the geometry alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from edgevision_runtime.opencv import opencv
from edgevision_runtime.operations.base import Operation, is_count, is_number

if TYPE_CHECKING:
    from edgevision_runtime.types import Image, Tensor


@dataclass(frozen=True)
class WhiteBalance(Operation):
    """Gray world: scale each channel so that the channels' means are equal (Buchsbaum 1980)."""

    name: ClassVar[str] = "white_balance"
    method: str

    def __post_init__(self) -> None:
        self.must("method", self.method == "gray_world", "gray_world")

    def apply(self, image: Image) -> Image:
        """Integer sums and a table per channel, so that every CPU makes the same bits."""
        import numpy as np

        table = self.table(image.sum(axis=(0, 1), dtype=np.int64).astype(np.float64))
        return np.stack([table[image[..., c], c] for c in range(image.shape[2])], axis=-1)

    def table(self, sums: Tensor) -> Image:
        """uint8 (256, channels): what each step of each channel becomes when the channels sum up to `sums`, float64."""
        import numpy as np

        gains = np.divide(sums.mean(), sums, out=np.ones_like(sums), where=sums > 0)
        steps = np.arange(256, dtype=np.float64)[:, None] * gains[None, :]
        table: Image = np.clip(np.rint(steps), 0, 255).astype(np.uint8)
        return table


@dataclass(frozen=True)
class Denoise(Operation):
    """Median filter (`size` pixels, odd), or non-local means (`strength`, as h of fastNlMeansDenoisingColored)."""

    name: ClassVar[str] = "denoise"
    method: str
    size: int | None = None
    strength: float | None = None

    def __post_init__(self) -> None:
        self.must("method", self.method in ("median", "nlmeans"), "median | nlmeans")
        if self.method == "median":
            self.must("size", self.size in (3, 5, 7, 9), "3 | 5 | 7 | 9")
            self.must("strength", self.strength is None, "nothing: median has no strength")
        else:
            self.must("strength", is_number(self.strength) and 0 < self.strength <= 100, "a number in (0, 100]")  # type: ignore[operator]
            self.must("size", self.size is None, "nothing: nlmeans has no size")

    @property
    def is_bit_stable(self) -> bool:  # type: ignore[override]
        """Median is."""
        return self.method == "median"

    def apply(self, image: Image) -> Image:
        """On the BGR frame."""
        cv2 = opencv()
        if self.method == "median":
            return cv2.medianBlur(image, self.size)  # type: ignore[no-any-return]
        return cv2.fastNlMeansDenoisingColored(image, None, self.strength, self.strength, 7, 21)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Contrast(Operation):
    """Contrast-limited adaptive histogram equalization on luma (Y of YCrCb), `tiles` a side (Zuiderveld 1994)."""

    name: ClassVar[str] = "contrast"
    is_bit_stable = False
    method: str
    clip_limit: float
    tiles: int

    def __post_init__(self) -> None:
        self.must("method", self.method == "clahe", "clahe")
        self.must("clip_limit", is_number(self.clip_limit) and 0 < self.clip_limit <= 100, "a number in (0, 100]")
        self.must("tiles", is_count(self.tiles) and self.tiles <= 64, "a whole number in 1..64")

    def apply(self, image: Image) -> Image:
        """On the BGR frame."""
        cv2 = opencv()
        luma_chroma = cv2.cvtColor(image, cv2.COLOR_BGR2YCrCb)
        equalizer = cv2.createCLAHE(clipLimit=float(self.clip_limit), tileGridSize=(self.tiles, self.tiles))
        luma_chroma[..., 0] = equalizer.apply(luma_chroma[..., 0])
        return cv2.cvtColor(luma_chroma, cv2.COLOR_YCrCb2BGR)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Color(Operation):
    """From the camera's BGR to rgb, bgr or gray (BT.601 luma; one channel)."""

    name: ClassVar[str] = "color"
    to: str

    def __post_init__(self) -> None:
        self.must("to", self.to in ("rgb", "bgr", "gray"), "rgb | bgr | gray")

    def apply(self, image: Image) -> Image:
        """(h, w, 3) to (h, w, 3) or (h, w, 1)."""
        if self.to == "bgr":
            return image
        cv2 = opencv()
        if self.to == "gray":
            return cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)[..., None]  # type: ignore[no-any-return]
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)  # type: ignore[no-any-return]
