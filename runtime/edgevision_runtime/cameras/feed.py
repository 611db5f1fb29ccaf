"""Where frames come in: a thread that may hang inside a library's read() and can be left behind there."""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, Protocol

from edgevision_runtime.cameras.granted import Granted
from edgevision_runtime.errors import EdgeVisionError
from edgevision_runtime.types import Image

if TYPE_CHECKING:
    from edgevision_runtime.cameras.opening import Place

LONGEST_HANG_S = 15.0  # of a library call, by the timeouts that the links set

_running: set[ThreadFeed] = set()  # captures that are at work or hang
_running_changed = threading.Condition()


class LinkLost(Exception):
    """The connection to a camera cannot be made or is gone; the text says why, credentials removed."""


class SourceEnded(Exception):
    """The source has an end, and this is it."""


class Captured(NamedTuple):
    """A picture that a camera delivered."""

    image: Image
    captured_s: float  # on the camera's clock


class Link(Protocol):
    """One connection to a camera, used by one thread; its calls may block for as long as the library likes."""

    granted: Granted | None  # what the camera agreed to, from the first frame on, when that is known
    damaged: int  # pictures that arrived damaged and were refused

    def read(self) -> Captured:
        """Wait for the next frame. Raises LinkLost when there is none, SourceEnded when there will be none."""
        ...

    def close(self) -> None:
        """Give the camera back."""
        ...


class Feed(Protocol):
    """Frames of one connection, with a wait that ends in time whatever the camera does."""

    missed: int  # frames that a newer one replaced before anyone took them

    @property
    def damaged(self) -> int:
        """Pictures that arrived damaged and were refused."""
        ...

    @property
    def granted(self) -> Granted | None:
        """What the camera agreed to, from the first frame on, when that is known."""
        ...

    @property
    def is_queued(self) -> bool:
        """Whether it waits until others are opened; that time is not its camera's."""
        ...

    @property
    def is_running(self) -> bool:
        """Whether anything still holds the connection, as a hanging read() does after `abandon`."""
        ...

    def take(self, timeout_s: float) -> Captured | None:
        """The newest frame nobody has taken; None when none comes in time. Raises what the link raised."""
        ...

    def abandon(self) -> None:
        """Be done with it: returns at once, even while the library hangs."""
        ...


class ThreadFeed:
    """Reads a link in a thread of its own into a place for one frame.

    Why a thread and not a process: OpenCV lets go of the interpreter lock while it waits, and a second interpreter with
    OpenCV costs some 50 MB per camera. What hangs is left behind and ends by itself at the library's own timeout.
    """

    def __init__(self, open_link: Callable[[], Link], *, name: str = "camera", place: Place | None = None) -> None:
        self.missed = 0
        self._place = place  # where `open_link` waits for its turn
        self._open_link = open_link
        self._link: Link | None = None
        self._changed = threading.Condition()
        self._newest: Captured | None = None
        self._failure: Exception | None = None
        self._is_abandoned = False
        self._is_over = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        with _running_changed:
            _running.add(self)
        self._thread.start()

    @property
    def damaged(self) -> int:
        """See `Feed`."""
        return self._link.damaged if self._link is not None else 0

    @property
    def granted(self) -> Granted | None:
        """See `Feed`."""
        return self._link.granted if self._link is not None else None

    @property
    def is_queued(self) -> bool:
        """See `Feed`."""
        return self._place is not None and self._place.is_waiting

    @property
    def is_running(self) -> bool:
        """See `Feed`."""
        return self._thread.is_alive()

    def take(self, timeout_s: float) -> Captured | None:
        """See `Feed`. A frame that came before the failure is handed out before it."""
        with self._changed:
            self._changed.wait_for(lambda: self._newest is not None or self._is_over, timeout_s)
            captured, self._newest = self._newest, None
            if captured is None and self._is_over:
                raise self._failure or LinkLost("the capture thread died")
            return captured

    def abandon(self) -> None:
        """See `Feed`. The thread closes the link itself as soon as the library lets it go."""
        with self._changed:
            self._is_abandoned = True
            self._failure = None  # its traceback holds pictures and sockets, and this feed, which holds it: a circle
        if self._place is not None:
            self._place.leave()

    def _run(self) -> None:
        try:
            link = self._link = self._open_link()
            try:
                while not self._is_abandoned:
                    self._put(link.read())
            finally:
                link.close()
        except (LinkLost, SourceEnded, EdgeVisionError) as failure:
            with self._changed:
                self._failure = None if self._is_abandoned else failure
        finally:  # also for a fault of ours: threading shows its traceback, and the camera goes on to reconnect
            with self._changed:
                self._is_over = True
                self._changed.notify_all()
            with _running_changed:
                _running.discard(self)
                _running_changed.notify_all()

    def _put(self, captured: Captured) -> None:
        with self._changed:
            self.missed += self._newest is not None
            self._newest = captured
            self._changed.notify_all()


def end_captures(within_s: float) -> bool:
    """Abandon every capture and wait until all threads are out of their libraries; False when one still hangs then.

    A process that ends while a thread is inside OpenCV is aborted ("FATAL: exception not rethrown"): Python unwinds the
    thread, OpenCV's C++ does not let it. So either wait, as happens at the end of every process, or, when there is no
    time for that, flush everything and call `os._exit`.
    """
    deadline_s = time.monotonic() + within_s
    with _running_changed:
        for feed in _running:
            feed.abandon()
        while _running and (left_s := deadline_s - time.monotonic()) > 0:
            _running_changed.wait(left_s)
        return not _running


atexit.register(end_captures, LONGEST_HANG_S)
