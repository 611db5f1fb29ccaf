"""Cameras on the network die, hang and come back; what is shown is what they sent, and nothing else."""

from __future__ import annotations

import http.server
import itertools
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgevision_runtime.cameras import kind_of, open_camera
from edgevision_runtime.cameras.backoff import Backoff
from edgevision_runtime.cameras.events import CameraEvent, StateChange
from edgevision_runtime.cameras.options import CameraOptions
from edgevision_runtime.cameras.stream_time import StreamTime
from edgevision_runtime.errors import SourceLost, UsageError
from tests.edgevision_runtime.camera_watch import MJPEG_SERVER, Server, Viewer


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(*arguments: str) -> Server:
        servers.append(Server(sys.executable, MJPEG_SERVER, *arguments))
        return servers[-1]

    yield start
    for server in servers:
        server.kill()


def waits_told(events: list[CameraEvent]) -> list[float]:
    return [float(event.reason.rsplit(" ", 2)[-2]) for event in events
            if isinstance(event, StateChange) and event.state == "backing off"]  # fmt: skip


def test_a_camera_killed_three_times_is_found_again_each_time_within_the_law(serve: Callable[..., Server]) -> None:
    server = serve()
    viewer = Viewer(server.url)
    viewer.wait_for_frames(5)

    for _ in range(3):
        server.kill()
        viewer.wait_for_state("backing off")
        time.sleep(0.6)
        server.start()
        viewer.wait_for_frames(5, within_s=Backoff().ceiling_s(5) + 5)
    viewer.close()

    assert viewer.strange == []
    assert len(viewer.gaps) == 3
    for gap in viewer.gaps:
        assert not [frame for frame in viewer.frames if gap.started_s < frame.captured_s < (gap.ended_s or 0)]
    for number, wait_s in enumerate(waits_told(viewer.events), 1):  # never steady in between: one row of failures
        assert Backoff().floor_s(number) - 0.06 <= wait_s <= Backoff().ceiling_s(number) + 0.06  # told with one decimal
    assert "secret" not in str(viewer.events) + viewer.frames[0].source
    assert "abc" not in str(viewer.events) + viewer.frames[0].source


def test_a_camera_that_hangs_is_left_and_found_again_when_it_lives(serve: Callable[..., Server]) -> None:
    server = serve()
    viewer = Viewer(server.url)
    viewer.wait_for_frames(5)

    server.hang()
    stalled_s = viewer.wait_for_state("stalled")
    lost_s = viewer.wait_for_state("backing off")
    server.process.send_signal(signal.SIGCONT)
    viewer.wait_for_frames(5, within_s=20)
    viewer.close()

    assert 1.5 < stalled_s < 4  # told after 2 s of silence
    assert stalled_s + lost_s < 8  # left after 6 s; the socket itself gives up at 3 s
    assert viewer.strange == []
    assert len(viewer.gaps) == 1


def test_half_a_picture_is_never_shown(serve: Callable[..., Server]) -> None:
    server = serve("--frames", "6", "--cut")
    viewer = Viewer(server.url)

    viewer.wait_for(lambda: len(viewer.gaps) >= 1, within_s=15)
    viewer.close()

    assert viewer.strange == []
    assert len(viewer.frames) >= 6


def test_parts_without_a_stated_length_are_read_too(serve: Callable[..., Server]) -> None:
    viewer = Viewer(serve("--no-length").url)

    viewer.wait_for_frames(10)
    viewer.close()

    assert viewer.strange == []


def test_a_model_that_needs_less_gets_pictures_decoded_at_a_part_of_their_size(serve: Callable[..., Server]) -> None:
    with open_camera(serve().url, options=CameraOptions(needed_size=(70, 50))) as camera:
        (frame,) = itertools.islice(camera, 1)

    assert frame.image.shape == (60, 80, 3)  # a quarter of 320x240; an eighth would be 40x30


def test_a_camera_that_is_not_there_is_tried_until_giving_up() -> None:
    events: list[CameraEvent] = []
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://anna:secret@127.0.0.1:{probe.getsockname()[1]}/"

    camera = open_camera(url, options=CameraOptions(give_up_after_s=1.5, on_event=events.append))
    with camera, pytest.raises(SourceLost, match=r"given up.*refused") as caught:
        list(camera)

    assert "secret" not in str(caught.value)
    assert [event for event in events if isinstance(event, StateChange) and event.state == "backing off"]


def test_a_wrong_password_is_said_to_be_one() -> None:
    class Refuses(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(401, "Unauthorized")

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refuses) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        camera = open_camera(f"http://127.0.0.1:{server.server_port}/", options=CameraOptions(give_up_after_s=1.0))
        with camera, pytest.raises(SourceLost, match="401"):
            list(camera)
        server.shutdown()


def test_a_video_over_http_goes_through_ffmpeg(tmp_path: Path) -> None:
    writer = cv2.VideoWriter(str(tmp_path / "clip.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 10, (64, 48))
    for _ in range(5):
        writer.write(np.full((48, 64, 3), 128, np.uint8))
    writer.release()

    class Files(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(tmp_path))  # type: ignore[arg-type]

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with open_camera(f"http://127.0.0.1:{server.server_port}/clip.mp4") as camera:
            (frame,) = itertools.islice(camera, 1)
        server.shutdown()

    assert frame.image.shape == (48, 64, 3)


def test_a_source_without_a_host_is_refused_and_its_password_not_repeated() -> None:
    assert [kind_of(f"{scheme}://x") for scheme in ("rtsp", "rtsps", "http", "https")] == ["network"] * 4
    with pytest.raises(UsageError, match="names no camera") as caught:
        open_camera("rtsp://anna:secret@/1")
    assert "secret" not in str(caught.value)


def test_the_time_of_capture_sees_a_queue_that_grows() -> None:
    stream = StreamTime()

    prompt = [100 + n / 10 - stream.captured_s(100 + n / 10, n / 10) for n in range(50)]
    late = [105 + n / 5 - stream.captured_s(105 + n / 5, 5 + n / 10) for n in range(50)]  # decoding takes twice as long

    assert prompt == pytest.approx([0.0] * 50, abs=1e-9)
    assert late == pytest.approx([n / 10 for n in range(50)], abs=1e-9)


def test_the_time_of_capture_follows_a_clock_that_runs_otherwise_and_a_new_time_base() -> None:
    stream = StreamTime()

    ages = [second - stream.captured_s(second, second * (1 - 50e-6)) for second in range(86400)]
    after_jump_s = stream.captured_s(86401.0, 3.0)

    assert max(ages) < 0.035  # 50 ppm of the eleven minutes that the minimum reaches back
    assert after_jump_s == 86401.0
