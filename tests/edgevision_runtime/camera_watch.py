"""What tests of cameras on the network share: a server that can be killed and hung, and a viewer that doubts."""

from __future__ import annotations

import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from edgevision_runtime.cameras import open_camera
from edgevision_runtime.cameras.events import CameraEvent, Gap
from edgevision_runtime.cameras.options import CameraOptions
from edgevision_runtime.types import Frame

MJPEG_SERVER = Path(__file__).parent / "mjpeg_server.py"
RTSP_SERVER = Path(__file__).parent / "rtsp_server.py"


def server_level(frame: Frame) -> str:
    """Empty for a picture that mjpeg_server.py makes (grey, all of one level of 20, 40, … 240), else what is odd."""
    grey = frame.image[..., 0].astype(int)
    is_level = abs((grey.mean() + 10) % 20 - 10) <= 3  # JPEG and H.264 are off by 1 or 2
    return "" if np.ptp(grey) <= 4 and is_level and grey.mean() > 16 else f"{frame.index}: {grey.min()} to {grey.max()}"


class Server:
    """A camera in a process of its own, which can be killed, stopped and started again on its port."""

    def __init__(self, python: str, script: Path, *arguments: str) -> None:
        self.command = [python, str(script)]
        self.arguments = arguments
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.start()

    @property
    def url(self) -> str:
        return f"http://anna:secret@127.0.0.1:{self.port}/stream?token=abc"

    def start(self) -> None:
        command = [*self.command, str(self.port), *self.arguments]
        # a session of its own: when a shell above ends, the kernel wakes what it finds stopped in orphaned ones
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
        assert self.process.stdout is not None
        assert self.process.stdout.readline()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def wake(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def hang(self) -> None:
        self.process.send_signal(signal.SIGSTOP)


class Viewer:
    """Watches a camera in a thread and asserts that each frame is one that the server makes."""

    def __init__(self, url: str, **options: float) -> None:
        self.events: list[CameraEvent] = []
        self.frames: list[Frame] = []
        self.strange: list[str] = []
        self.camera = open_camera(url, options=CameraOptions(on_event=self.events.append, **options))  # type: ignore[arg-type]
        self.thread = threading.Thread(target=self._watch)
        self.thread.start()

    def _watch(self) -> None:
        for frame in self.camera:
            if oddity := server_level(frame):
                self.strange.append(oddity)
            self.frames.append(frame)

    def wait_for(self, condition: Callable[[], bool], within_s: float) -> float:
        """Seconds until the condition held; fails when it did not in time."""
        started_s = time.monotonic()
        while not condition():
            assert time.monotonic() - started_s < within_s, f"not within {within_s} s; {self.events}"
            time.sleep(0.01)
        return time.monotonic() - started_s

    def wait_for_frames(self, count: int, within_s: float = 10.0) -> float:
        before = len(self.frames)
        return self.wait_for(lambda: len(self.frames) >= before + count, within_s)

    def wait_for_state(self, state: str, within_s: float = 10.0) -> float:
        return self.wait_for(lambda: self.camera.state == state, within_s)  # type: ignore[attr-defined]

    @property
    def gaps(self) -> list[Gap]:
        return [event for event in self.events if isinstance(event, Gap) and event.is_over]

    def close(self) -> None:
        started_s = time.monotonic()
        self.camera.stop()
        self.thread.join(timeout=5)
        assert not self.thread.is_alive()
        assert time.monotonic() - started_s < 2.0
