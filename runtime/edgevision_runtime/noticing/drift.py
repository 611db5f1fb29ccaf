"""Windows of frames that stay away from a site's reference begin an event; ones that are back end it.

A window is judged when it is full. It takes two in a row to begin or end a drift: what only passes by is none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from edgevision_runtime.messages import BEGAN, ENDED, HAPPENED, Event, Result
from edgevision_runtime.noticing.picture import measure_picture
from edgevision_runtime.noticing.reference import (
    COLOUR,
    CONTRAST,
    EMBEDDING,
    LAYOUT,
    LUMA,
    OCCUPANCY,
    SHARPNESS,
    STATISTICS,
)
from edgevision_runtime.noticing.window import Window, excesses

if TYPE_CHECKING:
    from edgevision_runtime.noticing.reference import DriftReference
    from edgevision_runtime.types import Frame, Tensor

IN_A_ROW = 2  # windows that begin or end a drift
ON_TIME = 0.9  # of the time between two frames: they come not quite regularly
SAID = {
    EMBEDDING: "the network sees another scene",
    OCCUPANCY: "the scenes come in another mixture",
    COLOUR: "the colours of the pictures are others",
    LAYOUT: "light and dark lie elsewhere in the pictures: was the camera moved or covered?",
}
BACK, END_OF_RUN, OTHER_MODEL = "back to the reference", "end of run", "other model"


class Alarm:
    """Two windows in a row, from their excesses."""

    def __init__(self) -> None:
        self.name = ""  # of the statistic that was furthest away when the drift began; empty: there is none
        self.windows = 0  # of the drift that lasts
        self.peak = 0.0
        self._in_a_row = 0  # that say another thing than `name`

    def step(self, excess: Mapping[str, float]) -> str | None:
        """BEGAN or ENDED when the next window's multiples of the thresholds begin or end a drift."""
        most = max(excess, key=lambda name: excess[name])
        is_away, is_on = excess[most] > 1, bool(self.name)
        self.windows, self.peak = self.windows + 1, max(self.peak, excess[most])
        self._in_a_row = self._in_a_row + 1 if is_away != is_on else 0
        if not is_on and not is_away:
            self.windows, self.peak = 0, 0.0
        if self._in_a_row < IN_A_ROW:
            return None
        self._in_a_row, self.name = 0, "" if is_on else most
        return ENDED if is_on else BEGAN


class DriftMonitor:
    """Watches one camera's answers of one model. One thread at a time."""

    def __init__(self, reference_of: Callable[[Result], DriftReference | None], *, is_paced: bool = True) -> None:
        """`reference_of` gives that of the model that answered; `is_paced`: captures tell how much time lies between.

        Where they do not, as with pictures of a folder, each frame counts.
        """
        self._reference_of, self._is_paced = reference_of, is_paced
        self._spec: object = None
        self._watched: _Watched | None = None

    def observe(self, result: Result) -> list[Event]:
        """The events that this answer brings."""
        events: list[Event] = []
        if result.spec is not self._spec:
            events = self._end(OTHER_MODEL, result.captured_at)
            self._spec, reference = result.spec, self._reference_of(result)
            is_fitting = reference is not None and reference.space == result.space
            self._watched = _Watched(reference, result.camera) if reference is not None and is_fitting else None
        return events if self._watched is None else events + self._watched.see(result, is_paced=self._is_paced)

    def still(self, frame: Frame, captured_at: float) -> list[Event]:
        """A frame that was not answered has no embedding."""
        return []

    def unanswered(self, frame: Frame, captured_at: float) -> list[Event]:
        """Nor has this one."""
        return []

    def settle(self, at: float) -> list[Event]:
        """End what lasts, at the end of a run; `at` is the wall clock's time of it."""
        return self._end(END_OF_RUN, at)

    def _end(self, reason: str, at: float) -> list[Event]:
        return [] if self._watched is None else self._watched.end(reason, at)


class _Watched:
    """One camera held against one reference."""

    def __init__(self, reference: DriftReference, camera: str) -> None:
        self._reference, self._camera = reference, camera
        self._window, self._alarm = Window(reference), Alarm()
        self._taken_s = -math.inf
        self._began_at = 0.0
        self._size: tuple[int, int] | None = None  # of the frames, once it was told that it is another one

    def see(self, result: Result, *, is_paced: bool) -> list[Event]:
        elapsed_s = result.frame.captured_s - self._taken_s
        if elapsed_s < 0:  # the camera's clock was set anew
            self._window.clear()
        elif is_paced and elapsed_s < ON_TIME * (self._reference.every_s or 0.0):
            return []
        vector = result.prediction.embedding
        if vector is None:
            return []
        self._taken_s = result.frame.captured_s
        statistics = self._window.add(vector, lambda: measure_picture(result.frame.image))
        return [] if statistics is None else self._judge(statistics, result)

    def end(self, reason: str, at: float) -> list[Event]:
        return self._told_end(self._alarm.name, reason, at) if self._alarm.name else []

    def _judge(self, statistics: Tensor, result: Result) -> list[Event]:
        height, width = result.frame.image.shape[:2]
        events = self._told_size((width, height), result.captured_at)
        excess = excesses(statistics, self._reference, same_size=self._size is None)
        before = self._alarm.name
        change = self._alarm.step(excess)
        if change == BEGAN:
            self._began_at, name = result.captured_at, self._alarm.name
            away = sorted((which for which in excess if excess[which] > 1), key=lambda which: -excess[which])
            detail = {
                "times_threshold": round(excess[name], 2),
                "statistics": {which: round(share, 2) for which, share in excess.items()},
                "window": self._reference.window,
                "reason": "; ".join(in_words(which, float(statistics[STATISTICS.index(which)])) for which in away),
            }
            events.append(Event("drift", name, BEGAN, self._camera, result.captured_at, detail, result))
        elif change == ENDED:
            events += self._told_end(before, BACK, result.captured_at)
        return events

    def _told_end(self, name: str, reason: str, at: float) -> list[Event]:
        detail: dict[str, Any] = {
            "reason": reason,
            "duration_s": round(at - self._began_at, 3),
            "windows": self._alarm.windows,
            "peak": round(self._alarm.peak, 2),
        }
        self._alarm = Alarm()
        return [Event("drift", name, ENDED, self._camera, at, detail)]

    def _told_size(self, size: tuple[int, int], at: float) -> list[Event]:
        """Say once that sharpness cannot be judged, for frames of another size."""
        if size in (self._reference.frame_size, self._size):
            self._size = None if size == self._reference.frame_size else self._size
            return []
        self._size = size
        wanted, found = ("{}x{}".format(*each) for each in (self._reference.frame_size, size))
        reason = f"frames are {found}, those of the reference were {wanted}: sharpness is not judged"
        return [Event("drift", SHARPNESS, HAPPENED, self._camera, at, {"reason": reason})]


def in_words(name: str, value: float) -> str:
    """What a statistic of a window says of its pictures."""
    if name == LUMA:
        return f"the pictures are {abs(value):.0f} grey levels {'lighter' if value > 0 else 'darker'}"
    if name in (CONTRAST, SHARPNESS):
        return f"{name} is {math.exp(value):.2f} times the site's"
    return SAID[name]
