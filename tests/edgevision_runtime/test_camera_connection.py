"""A camera that goes away is waited for within the law, and nothing is shown meanwhile that it did not deliver."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgevision_runtime.cameras.backoff import Backoff
from edgevision_runtime.cameras.clock import VirtualClock
from edgevision_runtime.cameras.connection import ConnectedCamera, ConnectionPolicy, ConnectionSetup
from edgevision_runtime.cameras.events import CameraEvent, Gap, StateChange
from edgevision_runtime.cameras.feed import Captured, LinkLost, SourceEnded, ThreadFeed
from edgevision_runtime.errors import MissingDependency, SourceLost

IMAGE = np.zeros((2, 2, 3), np.uint8)


class Scripted:
    """One connection after the other: each a list of waits in seconds before a frame, then lost, or silent for ever."""

    def __init__(self, connections: Sequence[tuple[Sequence[float], bool]], clock: VirtualClock) -> None:
        self.connections = iter(connections)
        self.clock = clock
        self.captured: list[float] = []
        self.opened: list[float] = []
        self.missed = self.damaged = 0
        self.granted = None
        self.is_running = self.is_queued = False

    def open(self) -> Scripted:
        self.opened.append(self.clock.monotonic())
        waits, self.falls_silent = next(self.connections, (None, False))
        if waits is None:
            raise SourceEnded("the script is over")
        self.due = [self.opened[-1] + sum(waits[: n + 1]) for n in range(len(waits))]
        return self

    def take(self, timeout_s: float) -> Captured | None:
        now = self.clock.monotonic()
        if not self.due and not self.falls_silent:
            raise LinkLost("rtsp://user:secret@cam/1 is gone")
        if not self.due or self.due[0] > now + timeout_s:
            self.clock.sleep(timeout_s)
            return None
        self.clock.sleep(max(0.0, self.due[0] - now))
        self.captured.append(self.due[0])
        return Captured(IMAGE, self.due.pop(0))

    def abandon(self) -> None:
        pass


def live(script: Scripted, policy: ConnectionPolicy, events: list[CameraEvent], seed: int = 0) -> ConnectedCamera:
    setup = ConnectionSetup(policy, script.clock, events.append, seed)
    return ConnectedCamera("rtsp://user:secret@cam/1?token=abc", script.open, setup)


def apart(times: list[float]) -> list[float]:
    return [round(after - before, 1) for before, after in itertools.pairwise(times)]


connections = st.lists(
    st.tuples(st.lists(st.floats(0.01, 12.0), max_size=8), st.booleans()), min_size=1, max_size=12
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(connections, st.integers(0, 99))
def test_whatever_a_camera_does_every_frame_is_its_own_and_every_gap_lies_between_two_of_them(
    script_of: list[tuple[list[float], bool]], seed: int
) -> None:
    script = Scripted(script_of, VirtualClock())
    events: list[CameraEvent] = []
    policy = ConnectionPolicy()

    frames = [frame.captured_s for frame in live(script, policy, events, seed)]

    assert frames == script.captured
    gaps = [event for event in events if isinstance(event, Gap)]
    for opened, closed in itertools.zip_longest(gaps[::2], gaps[1::2]):
        assert not opened.is_over
        assert closed is None or (closed.is_over and closed.started_s == opened.started_s)
        end_s = (closed and closed.ended_s) or float("inf")
        assert not [when for when in frames if opened.started_s < when < end_s]
    for before_s, after_s in itertools.pairwise(frames):  # nothing long goes untold
        if after_s - before_s > policy.stalled_after_s + 0.41:  # two looks of 0.2 s
            assert any(gap.started_s == before_s for gap in gaps)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 20), st.integers(0, 10**6))
def test_waits_between_attempts_keep_the_law(failures: int, seed: int) -> None:
    script = Scripted([((), False)] * failures, VirtualClock())
    backoff = Backoff()

    list(live(script, ConnectionPolicy(), [], seed))

    waits = [after - before for before, after in itertools.pairwise(script.opened)]
    assert len(waits) == failures
    for number, wait_s in enumerate(waits, 1):
        assert backoff.floor_s(number) - 1e-9 <= wait_s <= backoff.ceiling_s(number) + 1e-9


def test_the_law_in_numbers() -> None:
    backoff = Backoff()

    assert [backoff.ceiling_s(n) for n in (1, 2, 3, 4, 5, 6, 7, 8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert backoff.ceiling_s(10**9) == 30  # after weeks
    assert backoff.floor_s(3) == 1.0
    assert len({backoff.draw_s(5, random.Random(seed)) for seed in range(50)}) == 50  # cameras do not come back at once
    with pytest.raises(ValueError, match="first_s <= longest_s"):
        Backoff(first_s=60)


def test_a_camera_that_gives_one_frame_and_dies_is_not_hammered_but_a_steady_one_is_back_soon() -> None:
    flapping = Scripted([([0.1], False)] * 8, VirtualClock())
    steady = Scripted([([1.0] * 12, False)] * 8, VirtualClock())

    list(live(flapping, ConnectionPolicy(backoff=Backoff(jitter=0)), []))
    list(live(steady, ConnectionPolicy(backoff=Backoff(jitter=0)), []))

    assert [round(b - a, 1) for a, b in itertools.pairwise(flapping.opened)] == [
        0.6,
        1.1,
        2.1,
        4.1,
        8.1,
        16.1,
        30.1,
        30.1,
    ]
    assert [round(b - a, 1) for a, b in itertools.pairwise(steady.opened)] == [12.5] * 8


def test_silence_is_told_after_two_seconds_and_ends_the_connection_after_six() -> None:
    script = Scripted([([0.5], True), ([0.5], False)], VirtualClock())
    events: list[CameraEvent] = []

    list(live(script, ConnectionPolicy(backoff=Backoff(jitter=0)), events))

    told = [(event.state, round(event.at_s, 1)) for event in events if isinstance(event, StateChange)]
    assert told[:6] == [
        ("connecting", 0.0), ("streaming", 0.5), ("stalled", 2.5), ("backing off", 6.5), ("connecting", 7.0),
        ("streaming", 7.5),
    ]  # fmt: skip
    (gap,) = [event for event in events if isinstance(event, Gap) and event.is_over]
    assert gap.started_s == 0.5
    assert gap.ended_s == pytest.approx(7.5)
    assert gap.duration_s == pytest.approx(7.0)


def test_no_credential_is_in_a_frame_an_event_or_an_error() -> None:
    script = Scripted([([0.1], False), ([], False)], VirtualClock())
    events: list[CameraEvent] = []
    told: list[str] = []

    with pytest.raises(SourceLost) as caught:
        told.extend(frame.source for frame in live(script, ConnectionPolicy(give_up_after_s=1.0), events))

    for text in (*told, *map(str, events), str(caught.value), repr(caught.value)):
        assert "secret" not in text
        assert "abc" not in text
    assert caught.value.exit_code == 5


def test_a_source_that_must_open_is_lost_at_the_first_failure() -> None:
    script = Scripted([([], False), ([0.1], False)], VirtualClock())

    with pytest.raises(SourceLost, match=r"cannot be opened: .* is gone"):
        list(live(script, ConnectionPolicy(must_open=True), []))


class HangingLink:
    """Delivers two frames and hangs, as OpenCV does on an RTSP server that stopped."""

    granted = None
    damaged = 0

    def __init__(self, released: threading.Event) -> None:
        self.count = 0
        self.released = released

    def read(self) -> Captured:
        self.count += 1
        if self.count > 2:
            self.released.wait()
            raise LinkLost("let go")
        return Captured(IMAGE, time.monotonic())

    def close(self) -> None:
        pass


def test_a_read_that_hangs_is_left_behind_and_the_next_connection_streams() -> None:
    released = threading.Event()
    policy = ConnectionPolicy(stalled_after_s=0.2, lost_after_s=0.4, backoff=Backoff(first_s=0.1))
    camera = ConnectedCamera("x", lambda: ThreadFeed(lambda: HangingLink(released)), ConnectionSetup(policy))
    started_s = time.monotonic()

    with camera:
        frames = list(itertools.islice(camera, 3))
    took_s = time.monotonic() - started_s
    released.set()

    assert len(frames) == 3
    assert camera.reconnects >= 1
    assert took_s < 5.0  # 0.4 s of silence, looked at every 0.2 s, and 0.1 s of waiting; the rest is a busy machine


def test_when_captures_keep_hanging_no_more_than_three_are_left_behind() -> None:
    released = threading.Event()
    opened = []

    def open_link() -> HangingLink:
        opened.append(1)
        return HangingLink(released)

    policy = ConnectionPolicy(stalled_after_s=0.1, lost_after_s=0.1, give_up_after_s=3.0,
                              backoff=Backoff(first_s=0.05, longest_s=0.1))  # fmt: skip
    events: list[CameraEvent] = []
    camera = ConnectedCamera("x", lambda: ThreadFeed(open_link), ConnectionSetup(policy, on_event=events.append))

    with pytest.raises(SourceLost, match="3 earlier captures still hang"):
        list(camera)
    released.set()

    assert len(opened) == 3
    assert camera.reconnects == 2  # the attempts that were made; those that were not are told by their reason
    changes = [event for event in events if isinstance(event, StateChange)]
    assert [change.state for change in changes].count("connecting") == 3
    assert "3 earlier captures still hang" in changes[-2].reason  # before "ended"


def test_what_is_missing_is_told_at_once_and_not_waited_for() -> None:
    def open_link() -> HangingLink:
        raise MissingDependency("no such library")

    camera = ConnectedCamera("x", lambda: ThreadFeed(open_link))

    with pytest.raises(MissingDependency):
        list(camera)


def test_a_camera_that_waits_stops_when_told_from_another_thread() -> None:
    def open_link() -> HangingLink:
        raise LinkLost("down")

    camera = ConnectedCamera(
        "x", lambda: ThreadFeed(open_link), ConnectionSetup(ConnectionPolicy(backoff=Backoff(20.0)))
    )
    thread = threading.Thread(target=lambda: list(camera))
    thread.start()
    time.sleep(0.3)

    camera.stop()
    thread.join(timeout=2.0)

    assert not thread.is_alive()
    assert camera.state == "ended"


def test_a_frame_nobody_took_is_replaced_by_the_newest_and_counted() -> None:
    class Numbers(HangingLink):
        def read(self) -> Captured:
            self.count += 1
            if self.count > 5:
                raise SourceEnded("enough")
            return Captured(np.full((1, 1, 3), self.count, np.uint8), float(self.count))

    feed = ThreadFeed(lambda: Numbers(threading.Event()))
    while feed.is_running:
        time.sleep(0.01)

    captured = feed.take(1.0)

    assert captured is not None
    assert (captured.captured_s, feed.missed) == (5.0, 4)
    with pytest.raises(SourceEnded):
        feed.take(1.0)


class LateLink(HangingLink):
    """Delivers two frames, hangs, and gives the one that it had held back, as FFmpeg does when a read times out."""

    def read(self) -> Captured:
        self.count += 1
        if self.count == 3:
            held_back = Captured(IMAGE, time.monotonic())
            self.released.wait()
            return held_back
        return Captured(IMAGE, time.monotonic())


def test_a_frame_from_before_the_silence_does_not_end_it() -> None:
    released = threading.Event()
    events: list[CameraEvent] = []

    def listen(event: CameraEvent) -> None:
        events.append(event)
        if isinstance(event, StateChange) and event.state == "stalled":
            threading.Timer(0.2, released.set).start()

    policy = ConnectionPolicy(stalled_after_s=0.5, lost_after_s=30.0)
    link = LateLink(released)
    camera = ConnectedCamera("cam", lambda: ThreadFeed(lambda: link), ConnectionSetup(policy, on_event=listen))

    frames = []
    for frame in camera:
        frames.append(frame)
        if released.is_set():
            break
    camera.stop()

    (begun, over) = [event for event in events if isinstance(event, Gap)]
    before, after = frames[-2:]
    assert (begun.started_s, over.ended_s) == (before.captured_s, after.captured_s)
    assert after.captured_s - before.captured_s >= 0.5
    assert camera.missed >= 1
