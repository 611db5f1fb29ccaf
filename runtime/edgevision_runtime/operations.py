"""The operations a preprocessing contract is made of: one frozen class each, one row in `OPERATIONS` each.

Every operation says whether it makes the same bits on every CPU (`is_bit_stable`): nearest, exact bilinear, crop,
colour, white balance, normalize and median do (measured on x86-64 and aarch64); area, CLAHE and nlmeans may differ by
one step of 255.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from edgevision_runtime.errors import ContractError, MissingDependency

if TYPE_CHECKING:
    from types import ModuleType

    from edgevision_runtime.types import Image, Tensor

    AxisMap = tuple[float, float, int]  # scale, offset, new size


class Operation:
    """One step of a contract; a frozen dataclass whose fields are its JSON."""

    name: ClassVar[str]
    is_bit_stable: bool = True

    def apply(self, image: Any) -> Any:
        """Do it to one image (h, w, c)."""
        raise NotImplementedError

    def apply_mask(self, mask: Image, fill: int) -> Image:
        """Do it to a mask of class indices; what only changes colours leaves a mask alone."""
        return mask

    def to_json(self) -> dict[str, Any]:
        """Its name and every field that has an effect."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}  # type: ignore[arg-type]
        return {"op": self.name} | {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in fields.items()
            if value is not None
        }

    def _must(self, field: str, holds: bool, expected: str) -> None:
        if not holds:
            raise ContractError(f"{self.name}: {field} is {getattr(self, field)!r}", expected=expected)


@dataclass(frozen=True)
class WhiteBalance(Operation):
    """Gray world: scale each channel so that the channels' means are equal (Buchsbaum 1980)."""

    name: ClassVar[str] = "white_balance"
    method: str

    def __post_init__(self) -> None:
        self._must("method", self.method == "gray_world", "gray_world")

    def apply(self, image: Image) -> Image:
        """Integer sums and a table per channel, so that every CPU makes the same bits."""
        import numpy as np

        sums = image.sum(axis=(0, 1), dtype=np.int64).astype(np.float64)
        gains = np.divide(sums.mean(), sums, out=np.ones_like(sums), where=sums > 0)
        steps = np.arange(256, dtype=np.float64)[:, None] * gains[None, :]
        table = np.clip(np.rint(steps), 0, 255).astype(np.uint8)
        return np.stack([table[image[..., c], c] for c in range(image.shape[2])], axis=-1)


@dataclass(frozen=True)
class Denoise(Operation):
    """Median filter (`size` pixels, odd), or non-local means (`strength`, as h of fastNlMeansDenoisingColored)."""

    name: ClassVar[str] = "denoise"
    method: str
    size: int | None = None
    strength: float | None = None

    def __post_init__(self) -> None:
        self._must("method", self.method in ("median", "nlmeans"), "median | nlmeans")
        if self.method == "median":
            self._must("size", self.size in (3, 5, 7, 9), "3 | 5 | 7 | 9")
            self._must("strength", self.strength is None, "nothing: median has no strength")
        else:
            self._must("strength", _is_number(self.strength) and 0 < self.strength <= 100, "a number in (0, 100]")  # type: ignore[operator]
            self._must("size", self.size is None, "nothing: nlmeans has no size")

    @property
    def is_bit_stable(self) -> bool:  # type: ignore[override]
        """Median is."""
        return self.method == "median"

    def apply(self, image: Image) -> Image:
        """On the BGR frame."""
        cv2 = _cv2()
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
        self._must("method", self.method == "clahe", "clahe")
        self._must("clip_limit", _is_number(self.clip_limit) and 0 < self.clip_limit <= 100, "a number in (0, 100]")
        self._must("tiles", _is_count(self.tiles) and self.tiles <= 64, "a whole number in 1..64")

    def apply(self, image: Image) -> Image:
        """On the BGR frame."""
        cv2 = _cv2()
        luma_chroma = cv2.cvtColor(image, cv2.COLOR_BGR2YCrCb)
        equalizer = cv2.createCLAHE(clipLimit=float(self.clip_limit), tileGridSize=(self.tiles, self.tiles))
        luma_chroma[..., 0] = equalizer.apply(luma_chroma[..., 0])
        return cv2.cvtColor(luma_chroma, cv2.COLOR_YCrCb2BGR)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Crop(Operation):
    """Keep the `size` (height, width) pixels around the centre, or the `box` (left, top, right, bottom) as shares."""

    name: ClassVar[str] = "crop"
    mode: str
    size: tuple[int, int] | None = None
    box: tuple[float, float, float, float] | None = None

    def __post_init__(self) -> None:
        self._must("mode", self.mode in ("center", "roi"), "center | roi")
        if self.mode == "center":
            self._must("size", _is_size(self.size), "[height, width] in pixels")
            self._must("box", self.box is None, "nothing: a centre crop has a size")
        else:
            self._must("box", _is_box(self.box), "[left, top, right, bottom] with 0 ≤ left < right ≤ 1, top < bottom")
            self._must("size", self.size is None, "nothing: a region has a box")

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
        self._must("size", _is_size(self.size), "[height, width] in pixels")
        self._must("mode", self.mode in ("squash", "fit_shortest", "letterbox"), "squash | fit_shortest | letterbox")
        self._must("kernel", self.kernel in ("bilinear", "area", "nearest"), "bilinear | area | nearest")
        if self.mode == "letterbox":
            self._must("pad", isinstance(self.pad, int) and 0 <= self.pad <= 255, "a whole number in 0..255")
        else:
            self._must("pad", self.pad is None, "nothing: only letterbox pads")

    @property
    def is_bit_stable(self) -> bool:  # type: ignore[override]
        """Exact bilinear and nearest are; area differs by one step."""
        return self.kernel != "area"

    def _windows(self, height: int, width: int) -> tuple[tuple[int, int, int, int], tuple[int, int, int, int]]:
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
        source, target = self._windows(height, width)
        rows, columns = target[2] / source[2], target[3] / source[3]
        return (
            (rows, target[0] - source[0] * rows, self.size[0]),
            (columns, target[1] - source[1] * columns, self.size[1]),
        )

    def apply(self, image: Image) -> Image:
        """The image at the new size."""
        cv2 = _cv2()
        flag = {"bilinear": cv2.INTER_LINEAR_EXACT, "area": cv2.INTER_AREA, "nearest": cv2.INTER_NEAREST}[self.kernel]
        return self._resize(image, flag, self.pad)

    def apply_mask(self, mask: Image, fill: int) -> Image:
        """As the image, by nearest neighbour."""
        return self._resize(mask, _cv2().INTER_NEAREST, fill)

    def _resize(self, image: Image, flag: int, pad: int | None) -> Image:
        import numpy as np

        source, target = self._windows(*image.shape[:2])
        top, left, height, width = source
        window = image[top : top + height, left : left + width]
        scaled = _cv2().resize(window, (target[3], target[2]), interpolation=flag)
        if image.ndim == 3 and scaled.ndim == 2:  # OpenCV drops a single channel's axis
            scaled = scaled[..., None]
        if target[2:] == self.size:
            return scaled  # type: ignore[no-any-return]
        boxed = np.full((*self.size, *image.shape[2:]), pad, dtype=np.uint8)
        boxed[target[0] : target[0] + target[2], target[1] : target[1] + target[3]] = scaled
        return boxed


@dataclass(frozen=True)
class Color(Operation):
    """From the camera's BGR to rgb, bgr or gray (BT.601 luma; one channel)."""

    name: ClassVar[str] = "color"
    to: str

    def __post_init__(self) -> None:
        self._must("to", self.to in ("rgb", "bgr", "gray"), "rgb | bgr | gray")

    def apply(self, image: Image) -> Image:
        """(h, w, 3) to (h, w, 3) or (h, w, 1)."""
        if self.to == "bgr":
            return image
        cv2 = _cv2()
        if self.to == "gray":
            return cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)[..., None]  # type: ignore[no-any-return]
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Normalize(Operation):
    """(x * scale - mean) / std per channel, through a 256-entry float32 table computed in float64."""

    name: ClassVar[str] = "normalize"
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        self._must("scale", _is_number(self.scale) and self.scale > 0, "a number above 0")
        self._must("mean", _is_numbers(self.mean), "one or three numbers")
        self._must(
            "std", _is_numbers(self.std) and all(value > 0 for value in self.std), "one or three numbers above 0"
        )

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
        self._must("to", self.to in ("NHWC", "NCHW"), "NHWC | NCHW")

    def apply(self, image: Tensor) -> Tensor:
        """(h, w, c) stays, or becomes (c, h, w)."""
        import numpy as np

        return np.ascontiguousarray(image.transpose(2, 0, 1)) if self.to == "NCHW" else image


OPERATIONS: dict[str, type[Operation]] = {
    kind.name: kind for kind in (WhiteBalance, Denoise, Contrast, Crop, Resize, Color, Normalize, Layout)
}


def _cv2() -> ModuleType:
    try:
        import cv2
    except ImportError as error:
        raise MissingDependency(
            f"OpenCV cannot be imported ({error})", hint='pip install "edgevision-runtime[camera]"'
        ) from error
    return cv2


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e9  # a NaN is not


def _is_numbers(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) in (1, 3) and all(_is_number(item) for item in value)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_size(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and all(_is_count(item) and item <= 8192 for item in value)


def _is_box(value: Any) -> bool:
    if not (isinstance(value, tuple) and len(value) == 4 and all(_is_number(item) for item in value)):
        return False
    left, top, right, bottom = value
    return bool(0 <= left < right <= 1 and 0 <= top < bottom <= 1)
