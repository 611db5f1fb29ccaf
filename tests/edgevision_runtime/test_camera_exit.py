"""SIGTERM ends a run in two seconds, wherever its cameras are: in a library's read(), connecting, waiting, streaming.

The bound here is five, for a loaded machine; what a library would make it wait is fifteen.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgevision_runtime.bundle import Bundle
from tests.edgevision_runtime.camera_watch import MJPEG_SERVER, RTSP_SERVER, Server
from tests.edgevision_runtime.counting_model import counting_bundle
from tests.edgevision_runtime.watched_run import WatchedRun

WITHIN_S = 5.0


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return counting_bundle(tmp_path_factory.mktemp("counting") / "counting.evb")


@pytest.fixture
def http_camera() -> Iterator[Server]:
    server = Server(sys.executable, MJPEG_SERVER)
    yield server
    server.kill()


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Takes a connection and never says anything."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(8)
        yield listener.getsockname()[1]


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def check_end(run: WatchedRun) -> None:
    """It ends in time, by its own exit code, with everything written and its summary said."""
    took_s = run.end(within_s=30)
    assert took_s < WITHIN_S
    assert run.process.returncode == 0
    assert "results from" in run.said.splitlines()[-1]
    assert "Traceback" not in run.said
    assert "FATAL" not in run.said


def test_while_every_camera_is_somewhere_else(
    bundle: Bundle, http_camera: Server, silent_port: int, colour_folder: Path, tmp_path: Path
) -> None:
    hung = Server(sys.executable, MJPEG_SERVER)
    sources = [
        http_camera.url,  # streaming
        hung.url,  # in a read
        f"rtsp://127.0.0.1:{silent_port}/cam",  # being opened by FFmpeg
        f"http://127.0.0.1:{silent_port}/cam",  # waiting for the head of an answer
        f"http://127.0.0.1:{closed_port()}/cam",  # backing off
        f"fake://{colour_folder}?fps=10&stall=1h@1&clock=real",  # stalled
    ]

    with WatchedRun(tmp_path, bundle.path, sources, "--policy", "adaptive") as run:
        run.wait_for(lambda: len({line["camera"] for line in run.results}) == 3, within_s=30)
        hung.hang()
        run.wait_for(lambda: run.states().count("stalled") == 2, within_s=30)
        run.wait_for(lambda: "backing off" in run.states(), within_s=30)

        check_end(run)
    hung.kill()


def test_while_the_only_camera_hangs_in_a_read_of_ffmpeg(bundle: Bundle, tmp_path: Path) -> None:
    for python in ("/usr/bin/python3", shutil.which("python3") or ""):
        if Path(python).is_file() and not subprocess.run([python, RTSP_SERVER, "check"], check=False).returncode:
            break
    else:
        pytest.skip("GStreamer's RTSP server is not here: see test_camera_rtsp.py")
    server = Server(python, RTSP_SERVER)

    with WatchedRun(tmp_path, bundle.path, [f"rtsp://127.0.0.1:{server.port}/cam"]) as run:
        run.wait_for_results(5, within_s=30)
        server.hang()
        run.wait_for_state("stalled", within_s=15)

        check_end(run)
    server.kill()


def test_before_any_camera_has_answered(bundle: Bundle, silent_port: int, tmp_path: Path) -> None:
    sources = [f"rtsp://127.0.0.1:{silent_port}/cam", f"http://127.0.0.1:{silent_port}/"]

    with WatchedRun(tmp_path, bundle.path, sources) as run:
        run.wait_for(lambda: run.states() == ["connecting"] * 2, within_s=30)

        check_end(run)
