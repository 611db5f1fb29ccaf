"""Colours a mask over its frame: where `Preprocess.place_mask` would lay it, without laying it.

Columns are spread and coloured on the few rows of the small mask; whole rows are then copied, which is as fast as
memory. Rows and columns beyond the first and the last that show a class are the frame's own.
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
        packed = [blue | green << 8 | red << 16 for blue, green, red in (palette[index] for index in classes)]
        self._packed_colours = np.array(packed, "<i4")[:, None]  # OpenCV looks these up in half the time of three bytes
        self._out, self._turned, self._turned_wide, self._wide = Scratch(), Scratch(), Scratch(), Scratch()
        self._packed, self._colours, self._plain = Scratch(), Scratch(), Scratch()
        self._placed_colours, self._placed_plain = Scratch(), Scratch()
        self._plan: _Plan | None = None

    def __call__(self, image: Image, mask: Image) -> Image:
        """A picture, uint8 (h, w, 3), of the frame with each class but the first in its colour.

        `mask` is uint8 (mask h, mask w) of class indices; pixels of the frame that the model never saw stay.
        """
        if self._plan is None or self._plan.shapes != (image.shape, mask.shape):
            self._plan = self._place(image.shape, mask.shape)
        plan, out = self._plan, self._out.of(image.shape)
        rows, columns = _marked(plan.rows, np.any(mask, axis=1)), _marked(plan.columns, np.any(mask, axis=0))
        top, bottom = plan.top + rows.start, plan.top + rows.stop
        left, right = plan.left + columns.start, plan.left + columns.stop
        if top == bottom or left == right:
            out[...] = image
            return out
        out[:top], out[bottom:] = image[:top], image[bottom:]
        out[top:bottom, :left], out[top:bottom, right:] = image[top:bottom, :left], image[top:bottom, right:]
        self._blend(image[top:bottom, left:right], mask, (rows, columns), out[top:bottom, left:right])
        return out

    def _blend(self, image: Image, mask: Image, window: tuple[slice, slice], out: Image) -> None:
        """Mix colours into the part of the frame that shows the window's rows and columns."""
        cv2, plan = opencv(), self._plan
        assert plan is not None
        rows, columns = plan.rows[window[0]], plan.columns[window[1]]
        shown = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        wide, rows = self._spread(shown, columns - columns[0]), rows - rows[0]
        packed = cv2.LUT(wide, self._packed_colours, dst=self._packed.of((*wide.shape, 4)).view(np.int32)[..., 0])
        pixels = packed.view(np.uint8).reshape(*wide.shape, 4)
        colours = cv2.cvtColor(pixels, cv2.COLOR_BGRA2BGR, dst=self._colours.of((*wide.shape, 3)))
        placed = np.take(colours, rows, axis=0, out=self._placed_colours.of(image.shape), mode="clip")
        cv2.addWeighted(image, 1 - self._opacity, placed, self._opacity, 0, dst=out)
        if not shown.all():
            plain = cv2.compare(wide, 0, cv2.CMP_EQ, dst=self._plain.of(wide.shape))
            unmarked = np.take(plain, rows, axis=0, out=self._placed_plain.of(image.shape[:2]), mode="clip")
            cv2.copyTo(image, unmarked, out)

    def _spread(self, shown: Image, columns: Tensor) -> Image:
        """The columns of a mask, as often as they are named: turned, whole rows are copied, a fifth of numpy's time."""
        cv2, (height, width) = opencv(), shown.shape
        turned = cv2.transpose(shown, dst=self._turned.of((width, height)))
        spread = np.take(turned, columns, axis=0, out=self._turned_wide.of((len(columns), height)), mode="clip")
        return cv2.transpose(spread, dst=self._wide.of((height, len(columns))))  # type: ignore[no-any-return]

    def _place(self, shape: tuple[int, ...], mask_shape: tuple[int, ...]) -> _Plan:
        placement = self._preprocess.placement(*shape[:2])
        top, rows = _seen(placement.rows, shape[0], mask_shape[0])
        left, columns = _seen(placement.columns, shape[1], mask_shape[1])
        return _Plan((shape, mask_shape), top, left, rows, columns)


class _Plan(NamedTuple):
    """Where a mask of one shape lies on a frame of one shape."""

    shapes: tuple[tuple[int, ...], tuple[int, ...]]
    top: int  # of the part of the frame that the model saw
    left: int
    rows: Tensor  # for each row of that part: its row of the mask, never falling
    columns: Tensor


def _seen(axis: Axis, size: int, mask_size: int) -> tuple[int, Tensor]:
    """The first pixel of a frame's axis that the model saw, and for each one from there on its pixel of the mask."""
    positions, is_seen = axis.to_target(size, mask_size)
    seen = np.flatnonzero(is_seen)
    return (int(seen[0]) if len(seen) else 0), positions[is_seen]


def _marked(positions: Tensor, is_marked: Tensor) -> slice:
    """Where `positions`, pixels of the mask that never fall, lie between the first marked one and the last."""
    marked = np.flatnonzero(is_marked)
    if len(marked) == 0:
        return slice(0, 0)
    first = np.searchsorted(positions, marked[0], side="left")
    return slice(int(first), int(np.searchsorted(positions, marked[-1], side="right")))
