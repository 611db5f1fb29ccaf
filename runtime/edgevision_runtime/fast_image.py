"""The image half of the fast path: the contract's operations with arrays that are kept from frame to frame.

Each step makes the same bits as the operation it stands for: it calls the same OpenCV function with `dst=`, or moves
whole numbers in another order. What is cheaper, and by how much, is measured by `benchmarks/runtime.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from edgevision_runtime.opencv import opencv
from edgevision_runtime.operations import Color, Contrast, Crop, Denoise, Operation, Resize, WhiteBalance

if TYPE_CHECKING:
    from edgevision_runtime.types import Image

    Step = Callable[[Image], Image]
    Window = tuple[slice, slice]


class Scratch:
    """A uint8 array that is kept, whatever shape is asked for next; made anew only when a larger one is needed."""

    def __init__(self) -> None:
        self._memory: Any = None
        self._array: Any = None  # of the latest shape

    def of(self, shape: tuple[int, ...]) -> Image:
        """The array; its content is whatever was left in it, and the next call overwrites it."""
        if self._array is None or self._array.shape != shape:
            import numpy as np

            size = math.prod(shape)
            if self._memory is None or len(self._memory) < size:
                self._memory = np.empty(size, np.uint8)
            self._array = self._memory[:size].reshape(shape)
        return self._array  # type: ignore[no-any-return]


class Scaling:
    """Resize and colour order in one go, into an array of the caller's; either may be missing.

    Small frames take OpenCV's exact bilinear by way of four channels: its code for three does one pixel at a time.
    The arithmetic is whole numbers for each channel by itself, so the bits are the same.
    """

    def __init__(self, resize: Resize | None, color: str | None) -> None:
        cv2 = opencv()
        self.resize, self.color = resize, color or "bgr"
        self._to_color = {"rgb": cv2.COLOR_BGR2RGB, "gray": cv2.COLOR_BGR2GRAY}.get(self.color)
        self._from_wide = {"rgb": cv2.COLOR_BGRA2RGB, "gray": cv2.COLOR_BGRA2GRAY}.get(self.color, cv2.COLOR_BGRA2BGR)
        self._small, self._wide, self._small_wide = Scratch(), Scratch(), Scratch()
        self._plan: _Plan | None = None

    def shape(self, image: Image) -> tuple[int, int, int]:
        """Of what it makes of this image."""
        height, width = self.resize.size if self.resize else image.shape[:2]
        return height, width, 1 if self.color == "gray" else image.shape[2]

    def __call__(self, image: Image, out: Image) -> None:
        """Write what the operations make of `image` into `out`, uint8 of `shape(image)`."""
        if self.resize is None:
            self._recolor(image, out)
            return
        cv2 = opencv()
        if self._plan is None or self._plan.shape != image.shape:
            self._plan = _plan(self.resize, image.shape)
        plan = self._plan
        window, target = image[plan.source], out[plan.target]
        size, kernel = target.shape[1::-1], plan.kernel
        for band in plan.bands:
            out[band] = self.resize.pad or 0
        if plan.is_wide:
            wide = self._wide.of((*window.shape[:2], 4))
            small = self._small_wide.of((*target.shape[:2], 4))
            cv2.cvtColor(window, cv2.COLOR_BGR2BGRA, dst=wide)
            cv2.resize(wide, size, dst=small, interpolation=kernel)
            cv2.cvtColor(small, self._from_wide, dst=_flat(target))
        elif self._to_color is None:
            cv2.resize(_flat(window), size, dst=_flat(target), interpolation=kernel)
        else:
            small = self._small.of((*target.shape[:2], 3))
            cv2.resize(window, size, dst=small, interpolation=kernel)
            cv2.cvtColor(small, self._to_color, dst=_flat(target))

    def _recolor(self, image: Image, out: Image) -> None:
        if self._to_color is None:
            out[...] = image
        else:
            opencv().cvtColor(image, self._to_color, dst=_flat(out))


class _Plan(NamedTuple):
    """A resize for one shape of image."""

    shape: tuple[int, ...]
    source: Window
    target: Window
    bands: tuple[Window, ...]  # that letterbox pads
    kernel: int
    is_wide: bool


def _plan(resize: Resize, shape: tuple[int, ...]) -> _Plan:
    read, written = resize.windows(*shape[:2])
    top, left, height, width = written
    bottom, right = top + height, left + width
    everything = slice(None)
    bands = (
        (slice(0, top), everything),
        (slice(bottom, None), everything),
        (slice(top, bottom), slice(0, left)),
        (slice(top, bottom), slice(right, None)),
    )
    rows_read = min(read[2], 2 * height)  # two for each row that is written
    # widening costs 0.12 ns a pixel read, four channels save 0.65 ns a pixel of those rows once scaled (measured)
    is_wide = resize.kernel == "bilinear" and shape[2] == 3 and read[2] * read[3] <= 4 * rows_read * width
    return _Plan(
        shape=shape,
        source=(slice(read[0], read[0] + read[2]), slice(read[1], read[1] + read[3])),
        target=(slice(top, bottom), slice(left, right)),
        bands=bands if (height, width) != resize.size else (),
        kernel=resize.interpolation,
        is_wide=is_wide,
    )


def compile_step(operation: Operation) -> tuple[Step, str]:
    """One operation as a step that keeps its arrays, and what to say of it; `as written` when it has no such form."""
    if type(operation) not in _FAST:
        return operation.apply, f"{operation.name}: as written, no fast form"
    return _FAST[type(operation)](operation), f"{operation.name}: arrays kept"


def _scaling(resize: Resize | None, color: str | None) -> Step:
    scaling, kept = Scaling(resize, color), Scratch()

    def step(image: Image) -> Image:
        out = kept.of(scaling.shape(image))
        scaling(image, out)
        return out

    return step


def _white_balance(operation: WhiteBalance) -> Step:
    import numpy as np

    cv2, kept = opencv(), Scratch()

    def step(image: Image) -> Image:
        sums = np.array(cv2.sumElems(image)[: image.shape[2]], np.float64)  # of whole numbers below 2**53: exact
        return cv2.LUT(image, operation.table(sums)[:, None], dst=kept.of(image.shape))  # type: ignore[no-any-return]

    return step


def _denoise(operation: Denoise) -> Step:
    cv2, kept = opencv(), Scratch()

    def median(image: Image) -> Image:
        return cv2.medianBlur(image, operation.size, dst=kept.of(image.shape))  # type: ignore[no-any-return]

    def nlmeans(image: Image) -> Image:
        strength, out = operation.strength, kept.of(image.shape)
        return cv2.fastNlMeansDenoisingColored(image, out, strength, strength, 7, 21)  # type: ignore[no-any-return]

    return median if operation.method == "median" else nlmeans


def _contrast(operation: Contrast) -> Step:
    cv2 = opencv()
    equalizer = cv2.createCLAHE(clipLimit=float(operation.clip_limit), tileGridSize=(operation.tiles, operation.tiles))
    kept, luma, equalized = Scratch(), Scratch(), Scratch()

    def step(image: Image) -> Image:
        luma_chroma = cv2.cvtColor(image, cv2.COLOR_BGR2YCrCb, dst=kept.of(image.shape))
        cv2.extractChannel(luma_chroma, 0, dst=luma.of(image.shape[:2]))
        equalizer.apply(luma.of(image.shape[:2]), dst=equalized.of(image.shape[:2]))
        cv2.insertChannel(equalized.of(image.shape[:2]), luma_chroma, 0)
        return cv2.cvtColor(luma_chroma, cv2.COLOR_YCrCb2BGR, dst=luma_chroma)  # type: ignore[no-any-return]

    return step


def _flat(image: Image) -> Image:
    """What OpenCV takes for one channel: no third axis."""
    return image[..., 0] if image.shape[2] == 1 else image


_FAST: dict[type[Operation], Callable[[Any], Step]] = {
    WhiteBalance: _white_balance,
    Denoise: _denoise,
    Contrast: _contrast,
    Crop: lambda operation: operation.apply,
    Resize: lambda operation: _scaling(operation, None),
    Color: lambda operation: _scaling(None, operation.to),
}
