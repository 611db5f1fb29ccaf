"""A `run` in a process of its own, watched while cameras come and go: what it says, what it holds, how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.edgevision_runtime.counting_model import number_of_result

RUNTIME = [sys.executable, "-c", "from edgevision_runtime.cli import main; main()"]


class WatchedRun:
    """Starts it, and ends it when left; `results` and `events` grow while it runs."""

    def __init__(
        self, folder: Path, bundle: Path, sources: Sequence[str], *flags: str, quick_ffmpeg: bool = True
    ) -> None:
        self.results: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self._out, self._err = folder / "out.jsonl", folder / "err.txt"
        self._read = 0
        command = [*RUNTIME, "run", str(bundle), *(part for source in sources for part in ("--source", source)), *flags]
        environment = dict(os.environ)
        if quick_ffmpeg:  # as docs/cameras.md says: opens a stream in half a second instead of three
            environment["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = (
                "rtsp_transport;tcp|fflags;nobuffer|analyzeduration;200000|probesize;50000"
            )
        with self._out.open("w") as out, self._err.open("w") as err:
            self.process = subprocess.Popen(command, stdout=out, stderr=err, env=environment)

    def __enter__(self) -> WatchedRun:
        return self

    def __exit__(self, *exc: object) -> None:
        self.process.kill()
        self.process.wait()

    @property
    def said(self) -> str:
        return self._err.read_text()

    def look(self) -> None:
        """Take in what it has written since."""
        with self._out.open("rb") as file:
            file.seek(self._read)
            lines = file.read().split(b"\n")
        for line in lines[:-1]:
            document = json.loads(line)
            (self.events if "event" in document else self.results).append(document)
            self._read += len(line) + 1

    def wait_for(self, condition: Callable[[], bool], within_s: float) -> None:
        """Fails when it does not hold in time, or the run ends before."""
        deadline_s = time.monotonic() + within_s
        while True:
            ended = self.process.poll() is not None
            self.look()
            if condition():
                return
            assert not ended, self.said
            assert time.monotonic() < deadline_s, f"not within {within_s} s: {self.events[-6:]}\n{self.said[-2000:]}"
            time.sleep(0.05)

    def wait_for_results(self, count: int, within_s: float) -> None:
        """From each camera that has been seen or is awaited now."""
        self.look()
        before = len(self.results)
        self.wait_for(lambda: len(self.results) >= before + count, within_s)

    def wait_for_state(self, state: str, within_s: float) -> None:
        """Until the next time that a camera enters it, or at once when it is in it."""
        self.wait_for(lambda: self.states()[-1:] == [state], within_s)

    def states(self) -> list[str]:
        return [event["name"] for event in self.events if event["event"] == "camera"]

    def numbers(self) -> list[int | None]:
        """Of the pictures that the results were made of."""
        return [number_of_result(result) for result in self.results]

    def resident_mb(self) -> float:
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def end(self, within_s: float = 10.0) -> float:
        """SIGTERM; seconds until it was gone."""
        started_s = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(within_s)
        self.look()
        return time.monotonic() - started_s
