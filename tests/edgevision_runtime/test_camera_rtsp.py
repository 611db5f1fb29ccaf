"""A real RTSP server (GStreamer's) is killed, hung and started again; skipped where it is not installed.

The quick proof of that is one of the whole run: test_run_robustness.py.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgevision_runtime.cameras import open_camera
from edgevision_runtime.cameras.events import StateChange
from edgevision_runtime.cameras.options import CameraOptions
from edgevision_runtime.errors import SourceLost
from tests.edgevision_runtime.camera_watch import RTSP_SERVER, Server, Viewer

NEEDS = (
    "apt-get install python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good "
    "gstreamer1.0-plugins-ugly gstreamer1.0-rtsp"
)
USER, PASSWORD = "anna", "secret"


@pytest.fixture(scope="module")
def system_python() -> str:
    """A Python that can run the server: Debian's, which has gi."""
    for python in ("/usr/bin/python3", shutil.which("python3") or ""):
        if Path(python).is_file():
            checked = subprocess.run([python, str(RTSP_SERVER), "check"], capture_output=True, check=False)
            if checked.returncode == 0:
                return python
    pytest.skip(f"GStreamer's RTSP server is not here: {NEEDS}")


@pytest.fixture
def server(system_python: str) -> Iterator[Server]:
    started = Server(system_python, RTSP_SERVER, USER, PASSWORD)
    yield started
    started.kill()


def url_of(server: Server, password: str = PASSWORD) -> str:
    return f"rtsp://{USER}:{password}@127.0.0.1:{server.port}/cam"


def resident_mb() -> float:
    facts = Path("/proc/self/status").read_text()
    return int(facts.split("VmRSS:")[1].split()[0]) / 1024


def cycle(server: Server, viewer: Viewer) -> None:
    """Kill and restart it, then let it hang, then kill and restart that."""
    server.kill()
    viewer.wait_for_state("backing off", within_s=10)
    server.start()
    viewer.wait_for_frames(5, within_s=40)  # waits of up to 16 s after two rounds, and 3 s of probing
    server.hang()
    viewer.wait_for_state("stalled", within_s=6)
    viewer.wait_for_state("backing off", within_s=8)
    server.kill()
    server.start()
    viewer.wait_for_frames(5, within_s=40)


def check(viewer: Viewer) -> None:
    """What holds whatever happened: nothing invented, nothing old, nothing told."""
    assert viewer.strange == []
    for gap in viewer.gaps:
        assert not [frame for frame in viewer.frames if gap.started_s < frame.captured_s < (gap.ended_s or 0)]
    assert PASSWORD not in str(viewer.events) + viewer.frames[0].source


def test_a_program_that_ends_while_a_capture_hangs_ends_by_its_own_exit_code(server: Server) -> None:
    program = f"""
import itertools, os, signal
from edgevision_runtime.cameras import open_camera
with open_camera({url_of(server)!r}) as camera:
    list(itertools.islice(camera, 5))
    os.kill({server.process.pid}, signal.SIGSTOP)
raise SystemExit(7)
"""

    ended = subprocess.run([sys.executable, "-c", program], check=False, timeout=60)

    assert ended.returncode == 7  # without waiting for the thread: -6, SIGABRT


@pytest.mark.slow
def test_three_rounds_of_it_leave_no_memory_behind(server: Server) -> None:
    viewer = Viewer(url_of(server))
    viewer.wait_for_frames(5, within_s=15)
    cycle(server, viewer)
    time.sleep(11)  # steady again, and the hanging capture has ended by itself
    viewer.frames.clear()
    before_mb = resident_mb()

    for _ in range(3):
        cycle(server, viewer)
        time.sleep(11)
        assert len(viewer.frames) > 100
        del viewer.frames[:-100]
    after_mb = resident_mb()
    viewer.close()

    check(viewer)
    assert after_mb - before_mb < 100 * 320 * 240 * 3 / 2**20 + 15  # the frames kept; allocators breathe


def test_a_wrong_password_is_given_up_and_never_told(server: Server) -> None:
    states: list[StateChange] = []
    options = CameraOptions(give_up_after_s=2.0, on_event=lambda event: states.append(event))  # type: ignore[arg-type]

    camera = open_camera(url_of(server, "wrong-secret"), options=options)
    with camera, pytest.raises(SourceLost, match="wrong password") as caught:
        list(camera)

    assert "wrong-secret" not in str(caught.value) + str(states)
