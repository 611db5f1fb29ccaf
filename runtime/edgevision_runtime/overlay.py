"""Colours a mask over its frame: where `Preprocess.place_mask` would lay it, without laying it.

Columns are spread on the few rows of the small mask; whole rows are then copied, which is as fast as memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from edgevision_runtime.fast_image import Scratch
from edgevision_runtime.opencv import opencv

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgevision_runtime.contract import Axis, Preprocess
    from edgevision_runtime.types import Image, Tensor

OPACITY = 0.45


class Overlay:
    """Draws masks of one contract over frames. For one thread: each call overwrites what the last one returned.

    `palette` has a BGR colour for each class; beyond its end it starts again at class 1. Class 0 is left as it is.
    """

    def __init__(
        self, preprocess: Preprocess, palette: Sequence[tuple[int, int, int]], *, opacity: float = OPACITY
    ) -> None:
        classes = [0, *(1 + index % (len(palette) - 1) for index in range(255))]
        self._preprocess, self._opacity = preprocess, opacity
        self._colours = np.array([palette[index] for index in classes], np.uint8)[:, None]
        self._out, self._wide, self._wide_colours, self._wide_plain = Scratch(), Scratch(), Scratch(), Scratch()
        self._placed_colours, self._placed_plain = Scratch(), Scratch()
        self._plan: _Plan | None = None

    def __call__(self, image: Image, mask: Image) -> Image:
        """A picture, uint8 (h, w, 3), of the frame with each class but the first in its colour.

        `mask` is uint8 (mask h, mask w) of class indices; pixels of the frame that the model never saw stay.
        """
        if self._plan is None or self._plan.shapes != (image.shape, mask.shape):
            self._plan = self._place(image.shape, mask.shape)
        plan, out = self._plan, self._out.of(image.shape)
        rows, marked = _marked(plan, mask)
        if len(rows) == 0 or len(plan.columns) == 0:
            out[...] = image
            return out
        top, bottom = plan.top + marked.start, plan.top + marked.stop
        left, right = plan.left, plan.left + len(plan.columns)
        out[:top], out[bottom:] = image[:top], image[bottom:]
        out[top:bottom, :left], out[top:bottom, right:] = image[top:bottom, :left], image[top:bottom, right:]
        self._blend(image[top:bottom, left:right], mask, rows, out[top:bottom, left:right])
        return out

    def _blend(self, image: Image, mask: Image, rows: Tensor, out: Image) -> None:
        cv2, first = opencv(), int(rows[0])
        strip, rows = mask[first : rows[-1] + 1], rows - first
        height, width = len(strip), image.shape[1]
        wide = self._wide.of((height, width))
        self._spread(strip, wide)
        colours = cv2.applyColorMap(wide, self._colours, dst=self._wide_colours.of((height, width, 3)))
        plain = cv2.compare(wide, 0, cv2.CMP_EQ, dst=self._wide_plain.of((height, width)))
        placed = np.take(colours, rows, axis=0, out=self._placed_colours.of(image.shape), mode="clip")
        unmarked = np.take(plain, rows, axis=0, out=self._placed_plain.of(image.shape[:2]), mode="clip")
        cv2.addWeighted(image, 1 - self._opacity, placed, self._opacity, 0, dst=out)
        cv2.copyTo(image, unmarked, out)

    def _spread(self, strip: Image, wide: Image) -> None:
        """Columns of the mask to columns of the frame; OpenCV's nearest takes half of numpy's time."""
        plan = self._plan
        assert plan is not None
        if plan.is_nearest:
            window = strip[:, plan.columns[0] : plan.columns[-1] + 1]
            opencv().resize(window, wide.shape[::-1], dst=wide, interpolation=opencv().INTER_NEAREST_EXACT)
        else:
            np.take(strip, plan.columns, axis=1, out=wide, mode="clip")

    def _place(self, shape: tuple[int, ...], mask_shape: tuple[int, ...]) -> _Plan:
        placement = self._preprocess.placement(*shape[:2])
        top, rows = _seen(placement.rows, shape[0], mask_shape[0])
        left, columns = _seen(placement.columns, shape[1], mask_shape[1])
        return _Plan((shape, mask_shape), top, left, rows, columns, _is_nearest(columns))


class _Plan(NamedTuple):
    """Where a mask of one shape lies on a frame of one shape."""

    shapes: tuple[tuple[int, ...], tuple[int, ...]]
    top: int  # of the part of the frame that the model saw
    left: int
    rows: Tensor  # for each row of that part: its row of the mask, never falling
    columns: Tensor
    is_nearest: bool  # OpenCV's exact nearest picks these very columns


def _is_nearest(columns: Tensor) -> bool:
    """Whether a resize finds these columns: by trying it, as the two round differently for some sizes."""
    if len(columns) == 0:
        return False
    ramp = np.arange(columns[0], columns[-1] + 1, dtype=np.float32)[None]
    found = opencv().resize(ramp, (len(columns), 1), interpolation=opencv().INTER_NEAREST_EXACT)
    return bool((found[0] == columns).all())


def _seen(axis: Axis, size: int, mask_size: int) -> tuple[int, Tensor]:
    """The first pixel of a frame's axis that the model saw, and for each one from there on its pixel of the mask."""
    positions, is_seen = axis.to_target(size, mask_size)
    seen = np.flatnonzero(is_seen)
    return (int(seen[0]) if len(seen) else 0), positions[is_seen]


def _marked(plan: _Plan, mask: Image) -> tuple[Tensor, range]:
    """From the first to the last row that shows a class but the first: rows of the mask, and where in `plan.rows`."""
    marked = np.flatnonzero(mask.any(axis=1))
    if len(marked) == 0:
        return marked, range(0)
    first = int(np.searchsorted(plan.rows, marked[0], side="left"))
    last = int(np.searchsorted(plan.rows, marked[-1], side="right"))
    return plan.rows[first:last], range(first, last)
