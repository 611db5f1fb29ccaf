"""The share of each class in polygons of the frame, counted on the model's small mask.

A polygon is given on the frame, and the contract may crop, stretch or pad: a pixel of the mask is in a zone when the
place on the frame that its centre shows is. Which pixels those are is worked out once for each size of mask and frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from edgevision_runtime.errors import UsageError
from edgevision_runtime.opencv import opencv

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgevision_runtime.contract import Axis, Placement, Preprocess
    from edgevision_runtime.types import Image, Segmentation, Tensor
    from edgevision_runtime.watching.settings import Zone

SAMPLES = 200  # along each axis, to tell how much of a zone the model sees
WHOLE = 0.98  # of a zone: what is missing is the sampling's and the crop's rounding


class ZoneCounter:
    """Counts the classes in zones of one camera's masks. For one thread."""

    def __init__(self, zones: Sequence[Zone], preprocess: Preprocess, classes: int) -> None:
        self._zones, self._preprocess, self._classes = zones, preprocess, classes
        self._shapes: tuple[tuple[int, ...], tuple[int, ...]] | None = None
        self._plans: dict[str, _Plan] = {}
        self.unseen: dict[str, UsageError] = {}  # zones without a pixel of the mask: they have no shares
        self.partly_seen: dict[str, float] = {}  # zones of which the model sees only this share

    def fit(self, answer: Segmentation, frame_shape: tuple[int, ...]) -> bool:
        """Work out which pixels the zones are made of; False when nothing has changed since the last call."""
        shapes = answer.mask.shape, frame_shape[:2]
        if shapes == self._shapes:
            return False
        self._shapes, self._plans, self.unseen, self.partly_seen = shapes, {}, {}, {}
        placement = self._preprocess.placement(*frame_shape[:2])
        for zone in self._zones:
            seen = seen_share(zone, placement, frame_shape)
            plan = _plan(zone, answer, placement, frame_shape)
            if plan is None:
                self.unseen[zone.name] = _nothing_seen(zone, seen, answer.mask.shape)
            else:
                self._plans[zone.name] = plan
                if seen < WHOLE:
                    self.partly_seen[zone.name] = seen
        return True

    def shares(self, answer: Segmentation, zone: str | None) -> Tensor | None:
        """The share of each class, float (classes,), in a zone or in what the model saw of the frame.

        None for a zone in `unseen`. `fit` comes first.
        """
        if zone is None:
            return count_shares(answer.mask[answer.window], None, self._classes)
        plan = self._plans.get(zone)
        return None if plan is None else count_shares(answer.mask[plan.box], plan.inside, self._classes)


class _Plan(NamedTuple):
    """Which pixels of a mask are in a zone."""

    box: tuple[slice, slice]
    inside: Image  # uint8 of the box's shape: 255 where the zone is


def count_shares(mask: Image, inside: Image | None, classes: int) -> Tensor:
    """The share of each class, float (classes,), in a mask, or where `inside` is not 0."""
    counts = opencv().calcHist([mask], [0], inside, [classes], [0, classes]).ravel().astype(np.float64)
    return counts / (mask.size if inside is None else opencv().countNonZero(inside))  # type: ignore[no-any-return]


def contains(zone: Zone, x: Tensor, y: Tensor) -> Tensor:
    """Whether the points of the grid x (columns,) by y (rows,) lie in a zone: bool (rows, columns), by even and odd."""
    is_inside = np.zeros((len(y), len(x)), np.bool_)
    for (x0, y0), (x1, y1) in zip(zone.corners, (*zone.corners[1:], zone.corners[0])):
        if y0 == y1:
            continue
        is_level = (y >= min(y0, y1)) & (y < max(y0, y1))
        is_inside ^= is_level[:, None] & (x[None] < (x0 + (y - y0) * ((x1 - x0) / (y1 - y0)))[:, None])
    return is_inside


def seen_share(zone: Zone, placement: Placement, frame_shape: tuple[int, ...]) -> float:
    """How much of a zone lies in what the model sees of a frame, 0..1."""
    (left, top), (right, bottom) = np.min(zone.corners, axis=0), np.max(zone.corners, axis=0)
    steps = (np.arange(SAMPLES) + 0.5) / SAMPLES
    x, y = left + steps * (right - left), top + steps * (bottom - top)
    is_inside = contains(zone, x, y)
    rows, columns = _is_seen(placement.rows, y * frame_shape[0]), _is_seen(placement.columns, x * frame_shape[1])
    return float((is_inside & rows[:, None] & columns[None]).sum()) / max(1, int(is_inside.sum()))


def _is_seen(axis: Axis, positions: Tensor) -> Tensor:
    at = positions * axis.scale + axis.offset
    return (at >= axis.low) & (at < (axis.size if axis.high is None else axis.high))


def _plan(zone: Zone, answer: Segmentation, placement: Placement, frame_shape: tuple[int, ...]) -> _Plan | None:
    y = _positions(placement.rows, answer.mask.shape[0]) / frame_shape[0]
    x = _positions(placement.columns, answer.mask.shape[1]) / frame_shape[1]
    is_shown = np.zeros(answer.mask.shape, np.bool_)
    is_shown[answer.window] = True
    inside = contains(zone, x, y) & is_shown
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if len(rows) == 0:
        return None
    box = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
    return _Plan(box, np.ascontiguousarray(inside[box], np.uint8) * np.uint8(255))


def _positions(axis: Axis, mask_size: int) -> Tensor:
    """Where on the frame's axis, in its pixels, the centres of a mask's pixels lie."""
    at = (np.arange(mask_size) + 0.5) * (axis.size / mask_size)
    return (at - axis.offset) / axis.scale


def _nothing_seen(zone: Zone, seen: float, mask_shape: tuple[int, ...]) -> UsageError:
    if seen == 0:
        what = f"zone {zone.name!r} lies outside of what the model sees of the frame"
        return UsageError(what, expected="a polygon in the part that the contract's crop leaves")
    size = f"{mask_shape[1]}×{mask_shape[0]}"
    return UsageError(f"zone {zone.name!r} is smaller than a pixel of the model's {size} mask", expected="a larger one")
