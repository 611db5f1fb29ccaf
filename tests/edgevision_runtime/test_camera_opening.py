"""Cameras that say nothing hold up the others only for their turns, and nobody is blamed for waiting for a turn."""

from __future__ import annotations

import contextlib
import itertools
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edgevision_runtime.cameras import network
from edgevision_runtime.cameras.connection import ConnectedCamera, ConnectionPolicy, ConnectionSetup
from edgevision_runtime.cameras.events import CameraEvent, StateChange
from edgevision_runtime.cameras.feed import Captured, LinkLost, ThreadFeed
from edgevision_runtime.cameras.opening import OpeningQueue, Place
from tests.edgevision_runtime.camera_watch import RTSP_SERVER, Server, Viewer

SYSTEM_PYTHON = "/usr/bin/python3"
OPEN_TIMEOUT_S = 2.0  # instead of 5; the healthy camera takes a quarter of it
QUICK_FFMPEG = "rtsp_transport;tcp|fflags;nobuffer|analyzeduration;200000|probesize;50000"


class Pictures:
    """A link that always has a picture."""

    granted = None
    damaged = 0

    def read(self) -> Captured:
        time.sleep(0.01)
        return Captured(np.zeros((2, 2, 3), np.uint8), time.monotonic())

    def close(self) -> None:
        pass


@contextlib.contextmanager
def silent_cameras(count: int) -> Iterator[list[str]]:
    """Each takes connections and never says anything."""
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(socket.socket()) for _ in range(count)]
        for listener in listeners:
            listener.bind(("127.0.0.1", 0))
            listener.listen(8)
        yield [f"rtsp://127.0.0.1:{listener.getsockname()[1]}/cam" for listener in listeners]


def wait_until_queued(place: Place) -> None:
    deadline_s = time.monotonic() + 10
    while not place.is_waiting:
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def test_who_came_first_is_opened_first_one_at_a_time_and_a_failure_passes_the_turn_on() -> None:
    queue = OpeningQueue()
    places = [Place(queue) for _ in range(4)]
    opened: list[str] = []

    def open_in_turn(number: int) -> None:
        with contextlib.suppress(LinkLost), places[number]:
            opened.append(f"begins {number}")
            time.sleep(0.02)
            opened.append(f"ends {number}")
            raise LinkLost("no answer")

    with Place(queue):
        threads = [threading.Thread(target=open_in_turn, args=(number,)) for number in range(4)]
        for thread, place in zip(threads, places, strict=True):
            thread.start()
            wait_until_queued(place)
        places[1].leave()
        threads[1].join(timeout=10)  # while the first one still opens
        is_gone = not threads[1].is_alive()
    for thread in threads:
        thread.join(timeout=10)

    assert is_gone
    assert opened == ["begins 0", "ends 0", "begins 2", "ends 2", "begins 3", "ends 3"]


def test_who_left_before_asking_gets_no_turn() -> None:
    queue = OpeningQueue()
    place = Place(queue)

    place.leave()

    with pytest.raises(LinkLost, match="before its turn"), place:
        pytest.fail("it was opened")
    with Place(queue):
        pass  # and the queue goes on


def test_a_wait_for_the_turn_is_no_failed_attempt() -> None:
    queue, places = OpeningQueue(), []
    events: list[CameraEvent] = []

    def open_feed() -> ThreadFeed:
        place = Place(queue)
        places.append(place)

        def open_link() -> Pictures:
            with place:
                return Pictures()

        return ThreadFeed(open_link, place=place)

    policy = ConnectionPolicy(connect_within_s=0.5)
    camera = ConnectedCamera("x", open_feed, ConnectionSetup(policy, on_event=events.append))
    frames = []
    viewer = threading.Thread(target=lambda: frames.extend(itertools.islice(camera, 3)))
    with Place(queue):
        viewer.start()
        viewer.join(timeout=1.5)  # three times what an attempt may take
        waiting = (camera.state, [place.is_waiting for place in places])
    viewer.join(timeout=10)

    assert waiting == ("connecting", [True])
    assert len(frames) == 3
    assert camera.reconnects == 0
    states = [event.state for event in events if isinstance(event, StateChange)]
    assert states[:2] == ["connecting", "streaming"]


def test_a_camera_closed_while_it_waits_for_its_turn_is_gone_at_once() -> None:
    def captures() -> int:
        return sum(thread.name == "network camera" for thread in threading.enumerate())

    with silent_cameras(3) as urls:
        others = captures()  # of earlier tests, in a library still
        viewers = [Viewer(url) for url in urls]
        viewers[0].wait_for(lambda: captures() == others + 3, within_s=5)

        for viewer in viewers:
            viewer.close()
        viewers[0].wait_for(lambda: captures() <= others + 1, within_s=4)  # the one being opened takes 5 s


def test_three_silent_cameras_hold_up_a_healthy_one_for_a_turn_each(monkeypatch: pytest.MonkeyPatch) -> None:
    if (
        not Path(SYSTEM_PYTHON).is_file()
        or subprocess.run([SYSTEM_PYTHON, RTSP_SERVER, "check"], check=False).returncode
    ):
        pytest.skip("GStreamer's RTSP server is not here: see test_camera_rtsp.py")
    monkeypatch.setattr(network, "OPEN_TIMEOUT_S", OPEN_TIMEOUT_S)
    monkeypatch.setenv("OPENCV_FFMPEG_CAPTURE_OPTIONS", QUICK_FFMPEG)
    server = Server(SYSTEM_PYTHON, RTSP_SERVER)

    with silent_cameras(3) as urls:
        silent = [Viewer(url) for url in urls]
        healthy = Viewer(f"rtsp://127.0.0.1:{server.port}/cam")
        took_s = healthy.wait_for_frames(1, within_s=30)
        for viewer in (healthy, *silent):
            viewer.close()
    server.kill()

    assert took_s < (len(urls) + 2) * OPEN_TIMEOUT_S
    assert healthy.camera.reconnects == 0  # type: ignore[attr-defined]
    assert not any(viewer.frames for viewer in silent)
