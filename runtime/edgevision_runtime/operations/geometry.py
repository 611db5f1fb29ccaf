"""Operations that move pixels: crop and resize; a mask moves with its picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from edgevision_runtime.errors import ContractError
from edgevision_runtime.opencv import opencv
from edgevision_runtime.operations.base import Operation, is_box, is_size

if TYPE_CHECKING:
    from edgevision_runtime.types import Image

    AxisMap = tuple[float, float, int]  # scale, offset, new size


@dataclass(frozen=True)
class Crop(Operation):
    """Keep the `size` (height, width) pixels around the centre, or the `box` (left, top, right, bottom) as shares."""

    name: ClassVar[str] = "crop"
    mode: str
    size: tuple[int, int] | None = None
    box: tuple[float, float, float, float] | None = None

    def __post_init__(self) -> None:
        self.must("mode", self.mode in ("center", "roi"), "center | roi")
        if self.mode == "center":
            self.must("size", is_size(self.size), "[height, width] in pixels")
            self.must("box", self.box is None, "nothing: a centre crop has a size")
        else:
            self.must("box", is_box(self.box), "[left, top, right, bottom] with 0 ≤ left < right ≤ 1, top < bottom")
            self.must("size", self.size is None, "nothing: a region has a box")

    def _window(self, height: int, width: int) -> tuple[int, int, int, int]:
        """(top, left, height, width) in pixels of an image of (height, width)."""
        if self.size is not None:
            if self.size[0] > height or self.size[1] > width:
                raise ContractError(
                    f"crop: the image is {height}×{width}", expected=f"at least {self.size[0]}×{self.size[1]}"
                )
            return (height - self.size[0]) // 2, (width - self.size[1]) // 2, *self.size
        assert self.box is not None
        left, top = int(self.box[0] * width), int(self.box[1] * height)
        right, bottom = round(self.box[2] * width), round(self.box[3] * height)
        return top, left, max(1, bottom - top), max(1, right - left)

    def axes(self, height: int, width: int) -> tuple[AxisMap, AxisMap]:
        """How rows and columns move."""
        top, left, new_height, new_width = self._window(height, width)
        return (1.0, -float(top), new_height), (1.0, -float(left), new_width)

    def apply(self, image: Image) -> Image:
        """A view of the image."""
        top, left, height, width = self._window(*image.shape[:2])
        return image[top : top + height, left : left + width]

    def apply_mask(self, mask: Image, fill: int) -> Image:
        """As the image."""
        return self.apply(mask)


@dataclass(frozen=True)
class Resize(Operation):
    """Bring an image to `size` (height, width).

    squash: both axes on their own. fit_shortest: the largest centred window of the target's aspect, then scale.
    letterbox: scale to fit whole, centred, the rest filled with `pad`.
    """

    name: ClassVar[str] = "resize"
    size: tuple[int, int]
    mode: str
    kernel: str
    pad: int | None = None

    def __post_init__(self) -> None:
        self.must("size", is_size(self.size), "[height, width] in pixels")
        self.must("mode", self.mode in ("squash", "fit_shortest", "letterbox"), "squash | fit_shortest | letterbox")
        self.must("kernel", self.kernel in ("bilinear", "area", "nearest"), "bilinear | area | nearest")
        if self.mode == "letterbox":
            self.must("pad", isinstance(self.pad, int) and 0 <= self.pad <= 255, "a whole number in 0..255")
        else:
            self.must("pad", self.pad is None, "nothing: only letterbox pads")

    @property
    def is_bit_stable(self) -> bool:  # type: ignore[override]
        """Exact bilinear and nearest are; area differs by one step."""
        return self.kernel != "area"

    @property
    def interpolation(self) -> int:
        """OpenCV's number for the kernel."""
        cv2 = opencv()
        kernels = {"bilinear": cv2.INTER_LINEAR_EXACT, "area": cv2.INTER_AREA, "nearest": cv2.INTER_NEAREST}
        return int(kernels[self.kernel])

    def windows(self, height: int, width: int) -> tuple[tuple[int, int, int, int], tuple[int, int, int, int]]:
        """The (top, left, height, width) that is read, and the one that is written."""
        target_height, target_width = self.size
        source, target = (0, 0, height, width), (0, 0, target_height, target_width)
        if self.mode == "fit_shortest":
            if height * target_width > width * target_height:  # too tall
                kept = max(1, round(width * target_height / target_width))
                source = ((height - kept) // 2, 0, kept, width)
            else:
                kept = max(1, round(height * target_width / target_height))
                source = (0, (width - kept) // 2, height, kept)
        elif self.mode == "letterbox":
            scale = min(target_height / height, target_width / width)
            fitted = max(1, round(height * scale)), max(1, round(width * scale))
            target = ((target_height - fitted[0]) // 2, (target_width - fitted[1]) // 2, *fitted)
        return source, target

    def axes(self, height: int, width: int) -> tuple[AxisMap, AxisMap]:
        """How rows and columns move."""
        source, target = self.windows(height, width)
        rows, columns = target[2] / source[2], target[3] / source[3]
        return (
            (rows, target[0] - source[0] * rows, self.size[0]),
            (columns, target[1] - source[1] * columns, self.size[1]),
        )

    def apply(self, image: Image) -> Image:
        """The image at the new size."""
        return self._resize(image, self.interpolation, self.pad)

    def apply_mask(self, mask: Image, fill: int) -> Image:
        """As the image, by nearest neighbour."""
        return self._resize(mask, opencv().INTER_NEAREST, fill)

    def _resize(self, image: Image, flag: int, pad: int | None) -> Image:
        import numpy as np

        source, target = self.windows(*image.shape[:2])
        top, left, height, width = source
        window = image[top : top + height, left : left + width]
        scaled = opencv().resize(window, (target[3], target[2]), interpolation=flag)
        if image.ndim == 3 and scaled.ndim == 2:  # OpenCV drops a single channel's axis
            scaled = scaled[..., None]
        if target[2:] == self.size:
            return scaled  # type: ignore[no-any-return]
        boxed = np.full((*self.size, *image.shape[2:]), pad, dtype=np.uint8)
        boxed[target[0] : target[0] + target[2], target[1] : target[1] + target[3]] = scaled
        return boxed
