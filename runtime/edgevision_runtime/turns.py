"""The frames that wait for inference: one place for each camera, served in turn.

A place holds the newest frame and counts the ones that a newer one replaced; or, where nothing may be lost, the camera
waits until it is taken. Cameras are served round robin, so that a fast one takes nothing from a slow one, and a camera
has at most one frame in service at a time, so that its answers come in order.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from edgevision_runtime.types import Frame

STOP_CHECK_S = 0.2  # how often a wait for a frame looks whether it should end


@dataclass
class Place:
    """Where one camera's frame waits."""

    waits_for_taker: bool  # the camera waits instead of replacing a frame
    frame: Frame | None = None
    dropped: int = 0  # frames that a newer one replaced before anyone took them
    due_s: float = 0.0  # no frame is handed out before (time.monotonic)
    is_in_service: bool = False
    is_closed: bool = False


class Turns:
    """Hands out waiting frames; any number of cameras put, any number of workers take."""

    def __init__(self, places: list[Place]) -> None:
        self._places = places
        self._changed = threading.Condition()
        self._next = 0  # whose turn it is

    def put(self, index: int, frame: Frame) -> bool:
        """Put a frame into a place, or wait until it is free; False once the place is closed."""
        place = self._places[index]
        with self._changed:
            while place.waits_for_taker and place.frame is not None and not place.is_closed:
                self._changed.wait()
            if place.is_closed:
                return False
            place.dropped += place.frame is not None
            place.frame = frame
            self._changed.notify_all()
            return True

    def take(self, stop: threading.Event, not_before_s: float = 0.0) -> tuple[int, Frame] | None:
        """Wait for a frame whose turn it is; None once every place is closed and empty, or `stop` is set.

        The frame is chosen no earlier than `not_before_s` (time.monotonic), so that it is the newest then. Whoever took
        it calls `done`.
        """
        with self._changed:
            while not stop.is_set():
                now_s = time.monotonic()
                if now_s >= not_before_s and (index := self._whose_turn(now_s)) is not None:
                    return index, self._hand_out(index)
                if all(place.is_closed and place.frame is None for place in self._places):
                    return None
                self._changed.wait(self._patience_s(now_s, not_before_s))
            return None

    def done(self, index: int, due_s: float = 0.0) -> None:
        """The frame taken from this place is dealt with; its next one is handed out no earlier than `due_s`."""
        with self._changed:
            self._places[index].is_in_service = False
            self._places[index].due_s = due_s
            self._changed.notify_all()

    def close(self, index: int) -> None:
        """No more frames will come from this camera."""
        with self._changed:
            self._places[index].is_closed = True
            self._changed.notify_all()

    def close_all(self) -> None:
        """No more frames will come, or be taken."""
        for index in range(len(self._places)):
            self.close(index)

    def _whose_turn(self, now_s: float) -> int | None:
        count = len(self._places)
        for index in ((self._next + step) % count for step in range(count)):
            place = self._places[index]
            if place.frame is not None and not place.is_in_service and now_s >= place.due_s:
                return index
        return None

    def _hand_out(self, index: int) -> Frame:
        place = self._places[index]
        frame, place.frame, place.is_in_service = place.frame, None, True
        assert frame is not None
        self._next = (index + 1) % len(self._places)
        self._changed.notify_all()
        return frame

    def _patience_s(self, now_s: float, not_before_s: float) -> float:
        """How long to wait for a change: until somebody is due, but never long."""
        dues = [max(place.due_s, not_before_s) for place in self._places if place.frame is not None]
        return min([STOP_CHECK_S, *(due - now_s for due in dues if due > now_s)])
