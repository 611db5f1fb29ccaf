"""What stays of a camera that is lost and found again: memory, threads and descriptors of a process, time after time.

    python -m soak_figures.reopening WAY [--times 300] [--frames 3]     from benchmarks/

One camera of ours reconnects again and again, with hardly a wait between: a stream of Motion JPEG (http) or of H.264
(rtsp, by GStreamer's server) is cut after some frames, or hangs; or no attempt succeeds, because nobody listens
(refused), somebody listens and says nothing (silent), or the password is wrong (denied). `video` opens a file, reads
some frames and closes it. Prints one JSON document: what there was after how many times.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from edgevision_runtime.cameras import open_camera
from edgevision_runtime.cameras.backoff import Backoff
from edgevision_runtime.cameras.connection import ConnectedCamera, ConnectionPolicy
from edgevision_runtime.cameras.events import BACKING_OFF, CameraEvent, StateChange
from edgevision_runtime.cameras.options import CameraOptions
from edgevision_runtime.opencv import opencv

HERE = Path(__file__).parent
SERVERS = HERE.parents[1] / "tests" / "edgevision_runtime"
SLOW = ("rtsp-hang", "rtsp-silent", "http-hang", "http-silent")  # 3 to 7 s each time
STREAMS = ("http-cut", "http-hang", "rtsp-cut", "rtsp-hang")
ATTEMPTS = ("http-refused", "http-denied", "http-silent", "rtsp-refused", "rtsp-silent")
WAYS = ("video", *STREAMS, *ATTEMPTS)
LOOKS = 30
QUICK_FFMPEG = "rtsp_transport;tcp|fflags;nobuffer|analyzeduration;200000|probesize;50000"
SYSTEM_PYTHON = "/usr/bin/python3"  # GStreamer's Python packages are Debian's


class Sample(NamedTuple):
    """What the process has."""

    times: int
    anonymous_kb: int
    threads: int
    descriptors: int


class Samples(list[Sample]):
    """Some thirty of them, evenly over all the times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.step = max(1, times // LOOKS)

    def look(self, times: int) -> None:
        """Look, when it is time."""
        if times % self.step == 0:
            rollup = Path("/proc/self/smaps_rollup").read_text(encoding="ascii")
            status = Path("/proc/self/status").read_text(encoding="utf-8")
            self.append(
                Sample(
                    times,
                    int(rollup.split("Anonymous:")[1].split()[0]),
                    int(status.split("Threads:")[1].split()[0]),
                    len(list(Path("/proc/self/fd").iterdir())),
                )
            )


class HastyOptions(CameraOptions):
    """A camera's wishes, with hardly a wait after a failure."""

    def connection_policy(self, *, must_open: bool) -> ConnectionPolicy:
        """See `CameraOptions`."""
        return replace(super().connection_policy(must_open=must_open), backoff=Backoff(0.01, 0.01))


def main() -> None:
    """Measure and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("way", choices=WAYS, metavar="WAY", help=" ".join(WAYS))
    parser.add_argument("--times", type=int, default=300)
    parser.add_argument("--frames", type=int, default=3, help="of each connection")
    options = parser.parse_args()
    os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", QUICK_FFMPEG)
    opencv().setNumThreads(1)  # as quiet as in a run
    samples = Samples(options.times)
    with ExitStack() as stack:
        if options.way == "video":
            reopen(stack.enter_context(made_video()), options.times, options.frames, samples)
        else:
            lose_and_find(*stack.enter_context(bad_camera(options.way)), options.times, options.frames, samples)
    print(json.dumps({"way": options.way, "samples": samples}))


def lose_and_find(url: str, line: subprocess.Popen[bytes] | None, times: int, frames: int, samples: Samples) -> None:
    """One camera over many connections, each of which fails after some frames, or by itself."""
    lost = received = 0

    def listen(event: CameraEvent) -> None:
        nonlocal lost, received
        if isinstance(event, StateChange) and event.state == BACKING_OFF:
            lost, received = lost + 1, 0
            samples.look(lost)
            if lost == times:
                camera.stop()

    camera = open_camera(url, options=HastyOptions(on_event=listen))
    assert isinstance(camera, ConnectedCamera)
    with camera:
        for _ in camera:
            received += 1
            if received == frames and line is not None:
                line.send_signal(signal.SIGUSR1)


def reopen(video: Path, times: int, frames: int, samples: Samples) -> None:
    """One camera after the other."""
    for time in range(1, times + 1):
        with open_camera(str(video), options=CameraOptions(is_fast=True)) as camera:
            list(itertools.islice(camera, frames))
        samples.look(time)


@contextmanager
def bad_camera(way: str) -> Iterator[tuple[str, subprocess.Popen[bytes] | None]]:
    """(its URL, the line to it, which fails at SIGUSR1)."""
    scheme, _, fault = way.partition("-")
    port, camera_port = free_port(), free_port()
    url = f"{scheme}://anna:secret@127.0.0.1:{port}/cam"
    if fault == "refused":
        yield url, None
        return
    commands = [[sys.executable, HERE / "bad_line.py", port, fault]]
    if way in STREAMS:
        python = SYSTEM_PYTHON if scheme == "rtsp" else sys.executable
        script = SERVERS / ("rtsp_server.py" if scheme == "rtsp" else "mjpeg_server.py")
        account = ["anna", "secret"] if scheme == "rtsp" else []
        commands = [[python, script, camera_port, *account], [*commands[0], camera_port]]
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for command in commands:
            processes.append(subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE))
            if not (processes[-1].stdout and processes[-1].stdout.readline()):
                raise SystemExit(f"{command[1]} does not start; what it needs stands at its top")
        yield url, processes[-1]
    finally:
        for process in processes:
            process.kill()
            process.communicate()


@contextmanager
def made_video() -> Iterator[Path]:
    """Two seconds of noise, 640x480."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "video.mp4"
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 30, (640, 480))
        chance = np.random.default_rng(1)
        for _ in range(60):
            writer.write(cv2.resize(chance.integers(0, 256, (24, 32, 3), dtype=np.uint8), (640, 480)))
        writer.release()
        yield path


def free_port() -> int:
    """Of this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
