"""A camera that may go away and come back: connecting, streaming, stalled, backing off.

                       first frame              silence              silence
        connecting ───────────────▶ streaming ─────────▶ stalled ─────────────┐
            ▲   │ failed, or no         │ ▲                 │                 │
            │   │ first frame in time   │ └─────────────────┘ a frame         │
            │   ▼                       ▼ lost                                ▼
         backing off ◀──────────────────┴─────────────────────────────────────┘

Frames are only ever what a camera delivered: while none comes there is a `Gap`, told to the listener, and nothing else.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field

from edgevision_runtime.cameras.backoff import Backoff
from edgevision_runtime.cameras.clock import REAL_CLOCK, Clock
from edgevision_runtime.cameras.events import (
    BACKING_OFF,
    CONNECTING,
    ENDED,
    STALLED,
    STREAMING,
    CameraEvent,
    Gap,
    OnEvent,
    StateChange,
    tell_nobody,
)  # fmt: skip
from edgevision_runtime.cameras.feed import Captured, Feed, LinkLost, SourceEnded
from edgevision_runtime.cameras.granted import Granted
from edgevision_runtime.errors import SourceLost
from edgevision_runtime.redact import redact
from edgevision_runtime.types import Frame

STOP_CHECK_S = 0.2  # how often a camera that waits looks whether it should stop
MOST_LEFT_BEHIND = 3  # captures that may hang at the same time before new attempts wait for them


@dataclass(frozen=True)
class ConnectionPolicy:
    """How patient a camera is."""

    connect_within_s: float = 15.0  # from an attempt's start, or its turn to be opened, to its first frame
    stalled_after_s: float = 2.0  # silence that is worth telling
    lost_after_s: float = 6.0  # silence after which the connection is given up and made anew
    give_up_after_s: float | None = None  # without any frame: SourceLost; None: never
    must_open: bool = False  # whether a first attempt that fails is the end
    backoff: Backoff = field(default_factory=Backoff)

    def __post_init__(self) -> None:
        if not 0 < self.stalled_after_s <= self.lost_after_s or self.connect_within_s <= 0:
            raise ValueError(f"{self}: needs 0 < stalled_after_s <= lost_after_s and connect_within_s > 0")


@dataclass(frozen=True)
class ConnectionSetup:
    """What a camera is given to live by."""

    policy: ConnectionPolicy = field(default_factory=ConnectionPolicy)
    clock: Clock = REAL_CLOCK
    on_event: OnEvent = tell_nobody  # called in the thread that iterates the camera
    seed: int | None = None  # of the jitter; None: another one each time


class ConnectedCamera:
    """Frames of a live source, over as many connections as it takes. A context manager; iterate it once.

    Raises (while iterated):
        SourceLost: no frame for `give_up_after_s`, or the first attempt failed and `must_open` is set.
    """

    is_live = True
    total: int | None = None
    fps: float | None = None

    def __init__(self, source: str, open_feed: Callable[[], Feed], setup: ConnectionSetup | None = None) -> None:
        setup = setup or ConnectionSetup()
        self.source = redact(source)
        self.clock = setup.clock
        self.state = CONNECTING
        self.granted: Granted | None = None  # known once frames come, if ever
        self.unreadable: list[str] = []
        self._missed = self._damaged = 0  # of connections that are over
        self._policy, self._tell = setup.policy, setup.on_event
        self._open_feed = open_feed
        self._chance = random.Random(setup.seed)
        self._stop = threading.Event()
        self._feed: Feed | None = None
        self._left_behind: list[Feed] = []
        self._gap: Gap | None = None
        self._last_frame_s = self.clock.monotonic()  # of the last frame, or the start
        self._attempt_s = self._last_frame_s
        self._streaming_since_s: float | None = None  # of this connection
        self._has_streamed = False
        self._attempts = 0
        self._failures = 0  # in a row
        self._index = 0

    @property
    def reconnects(self) -> int:
        """Attempts after the first."""
        return max(0, self._attempts - 1)

    @property
    def missed(self) -> int:
        """Frames that a newer one replaced before they were taken out of the camera, or that came seconds late."""
        return self._missed + (self._feed.missed if self._feed is not None else 0)

    @property
    def damaged(self) -> int:
        """Pictures that arrived damaged and were refused."""
        return self._damaged + (self._feed.damaged if self._feed is not None else 0)

    def stop(self) -> None:
        """Let the iteration end within `STOP_CHECK_S`; any thread may call it, more than once."""
        self._stop.set()

    def __iter__(self) -> Iterator[Frame]:
        self._last_frame_s = self.clock.monotonic()
        reason = ""
        try:
            while not self._stop.is_set():
                try:
                    reason = ""
                    yield from self._attempt()
                except LinkLost as lost:
                    reason = redact(str(lost))
                    self._back_off(reason)
        except SourceEnded as end:
            reason = redact(str(end))
        except SourceLost as lost:
            reason = redact(str(lost))
            raise
        finally:
            self._leave_feed()
            self._enter(ENDED, reason)

    def __enter__(self) -> ConnectedCamera:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()
        self._leave_feed()

    def _attempt(self) -> Generator[Frame, None, None]:
        """The frames of one connection; returns when the camera is stopped. Raises LinkLost."""
        self._attempt_s, self._streaming_since_s = self.clock.monotonic(), None
        self._left_behind = [feed for feed in self._left_behind if feed.is_running]
        if len(self._left_behind) >= MOST_LEFT_BEHIND:
            raise LinkLost(f"{len(self._left_behind)} earlier captures still hang in the library")
        self._enter(CONNECTING)
        self._attempts += 1
        self._feed = feed = self._open_feed()
        try:
            while not self._stop.is_set():
                captured = feed.take(STOP_CHECK_S)
                if captured is None or self._is_late(captured):
                    self._bear_silence()
                else:
                    yield self._arrive(captured)
        finally:
            self._leave_feed()

    def _is_late(self, captured: Captured) -> bool:
        """Whether a stalled camera gave a frame from before it stalled: a decoder's last, or what a network held back.

        It says nothing of the present, and does not end the gap.
        """
        age_s = self.clock.monotonic() - captured.captured_s
        is_late = self.state == STALLED and age_s >= self._policy.stalled_after_s
        self._missed += is_late
        return is_late

    def _arrive(self, captured: Captured) -> Frame:
        if self._streaming_since_s is None:
            self._streaming_since_s = captured.captured_s
            self.granted = self._feed.granted if self._feed is not None else None
        if self._gap is not None:
            over = Gap(self.source, self._gap.reason, self._gap.started_s, captured.captured_s)
            self._gap = None
            self._tell(over)
        self._enter(STREAMING)
        self._has_streamed = True
        self._last_frame_s = captured.captured_s
        frame = Frame(captured.image, self._index, captured.captured_s, self.source)
        self._index += 1
        return frame

    def _bear_silence(self) -> None:
        """Judge a wait in which nothing came. Raises LinkLost when it was the last one, SourceLost when too many."""
        now_s = self.clock.monotonic()
        if self._feed is not None and self._feed.is_queued:
            self._attempt_s = now_s
        elif self._streaming_since_s is None:
            waited_s = now_s - self._attempt_s
            if waited_s >= self._policy.connect_within_s:
                raise LinkLost(f"no frame within {waited_s:.1f} s of connecting")
        else:
            silence_s = now_s - self._last_frame_s
            if silence_s >= self._policy.lost_after_s:
                raise LinkLost(f"no frame for {silence_s:.1f} s")
            if silence_s >= self._policy.stalled_after_s:
                self._open_gap("stalled")
                self._enter(STALLED, f"no frame for {silence_s:.1f} s")
        self._check_patience("no frame")

    def _back_off(self, reason: str) -> None:
        """Wait before the next attempt. Raises SourceLost when there shall be none."""
        now_s = self.clock.monotonic()
        if not self._has_streamed and self._policy.must_open:
            raise SourceLost(f"{self.source} cannot be opened: {reason}")
        since_s = self._streaming_since_s
        if since_s is not None and self._last_frame_s - since_s >= self._policy.backoff.steady_after_s:
            self._failures = 0
        self._failures += 1
        self._open_gap(reason)
        delay_s = self._policy.backoff.draw_s(self._failures, self._chance)
        self._enter(BACKING_OFF, f"{reason}; next attempt in {delay_s:.1f} s")
        while not self._stop.is_set() and self.clock.monotonic() < now_s + delay_s:
            self._check_patience(reason)
            self.clock.sleep(max(0.0, min(STOP_CHECK_S, now_s + delay_s - self.clock.monotonic())))

    def _check_patience(self, reason: str) -> None:
        """Raises SourceLost when no frame came for `give_up_after_s`."""
        limit_s = self._policy.give_up_after_s
        silence_s = self.clock.monotonic() - self._last_frame_s
        if limit_s is not None and silence_s >= limit_s:
            self._open_gap(reason)
            what = f"{self.source}: no frame for {silence_s:.0f} s, given up"
            raise SourceLost(what, expected=f"one in {limit_s:g} s", hint=f"last seen: {reason}")

    def _open_gap(self, reason: str) -> None:
        if self._gap is None:
            self._gap = Gap(self.source, reason, self._last_frame_s)
            self._tell(self._gap)

    def _enter(self, state: str, reason: str = "") -> None:
        is_start = state == CONNECTING and self._index == 0 and self._failures == 0
        if is_start or state != self.state or state == BACKING_OFF:  # that again: the attempt between was not made
            self.state = state
            granted = self.granted if state == STREAMING else None
            change: CameraEvent = StateChange(self.source, state, self.clock.monotonic(), reason, granted)
            self._tell(change)

    def _leave_feed(self) -> None:
        feed, self._feed = self._feed, None
        if feed is not None:
            self._missed, self._damaged = self._missed + feed.missed, self._damaged + feed.damaged
            feed.abandon()
            self._left_behind.append(feed)
