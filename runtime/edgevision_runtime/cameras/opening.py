"""A queue before a library that opens one camera at a time, first come first served.

OpenCV opens FFmpeg's streams under one lock, which keeps no order: an attempt that waits in it can be neither called
back nor told from one whose camera says nothing. Here an attempt knows when its turn comes, and may leave before.
"""

from __future__ import annotations

import threading
from collections import deque

from edgevision_runtime.cameras.feed import LinkLost


class OpeningQueue:
    """Whoever stands in it; the first one is opening."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.places: deque[Place] = deque()  # guarded by `changed`


class Place:
    """One attempt's place in a queue, a context manager to be entered once: from the end of the queue to the turn.

    Raises (when entered):
        LinkLost: it was left before its turn came.
    """

    def __init__(self, queue: OpeningQueue) -> None:
        self.is_waiting = False
        self._queue = queue
        self._has_left = False

    def __enter__(self) -> None:
        queue = self._queue
        with queue.changed:
            queue.places.append(self)
            self.is_waiting = True
            queue.changed.wait_for(lambda: self._has_left or queue.places[0] is self)
            self.is_waiting = False
            has_left = self._has_left
        if has_left:
            self.__exit__()
            raise LinkLost("closed before its turn to be opened")

    def __exit__(self, *exc: object) -> None:
        with self._queue.changed:
            self._queue.places.remove(self)
            self._queue.changed.notify_all()

    def leave(self) -> None:
        """Want no turn any more; one that has begun goes on. Returns at once."""
        with self._queue.changed:
            self._has_left = True
            self._queue.changed.notify_all()
