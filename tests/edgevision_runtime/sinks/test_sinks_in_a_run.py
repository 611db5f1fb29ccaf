"""A whole run with sinks that are full, dead, slow or refused: a clear line each, and the run goes on."""

from __future__ import annotations

import fcntl
import json
import os
import re
import resource
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

import pytest

from edgevision_runtime.bundle import Bundle
from tests.edgevision_runtime.sinks.messages import eventually
from tests.edgevision_runtime.sinks.mosquitto import IS_INSTALLED, MISSING, Mosquitto, free_port
from tests.edgevision_runtime.sinks.web_server import WebServer

PROGRAM = (sys.executable, "-c", "from edgevision_runtime.cli import main; main()")


class Run:
    """`run` in a process of its own; every line that it says is remembered."""

    def __init__(self, bundle: Bundle, source: str, sinks: list[str], *more: str, full_at: int | None = None) -> None:
        flags = [part for sink in sinks for part in ("--sink", sink)]
        self.process = subprocess.Popen(
            [*PROGRAM, "run", str(bundle.path), "--source", source, *flags, *more],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            preexec_fn=None if full_at is None else lambda: _limit_files(full_at),
        )  # fmt: skip
        self.lines: list[str] = []
        self.said: list[str] = []
        for stream, kept in ((self.process.stdout, self.lines), (self.process.stderr, self.said)):
            threading.Thread(target=lambda stream=stream, kept=kept: kept.extend(iter(stream)), daemon=True).start()

    def has_said(self, text: str) -> bool:
        return any(text in line for line in list(self.said))

    def goes_on(self) -> bool:
        """Whether twenty more results come on stdout."""
        before = len(self.lines)
        return eventually(lambda: len(self.lines) > before + 20)

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=20)
        assert eventually(lambda: self.has_said(" results from ") or code)
        return code

    def answered(self) -> int:
        return next(int(match[1]) for line in self.said if (match := re.match(r"(\d+) results from", line)))


def _limit_files(size_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, resource.RLIM_INFINITY))


def lift_limit(run: Run) -> None:
    resource.prlimit(run.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def live(folder: Path, fps: int = 100) -> str:
    return f"fake://{folder}?fps={fps}&clock=real"


def test_a_disk_that_is_full_for_a_while_costs_a_live_run_nothing_else(
    colour_bundle: Bundle, colour_folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "all.jsonl"
    run = Run(colour_bundle, live(colour_folder), [f"jsonl:{file}", "jsonl"], full_at=5000)

    assert eventually(lambda: run.has_said("all.jsonl cannot be written: File too large"))
    assert run.goes_on()
    lift_limit(run)
    assert eventually(lambda: run.has_said("works again"))
    code = run.end()

    assert code == 0
    assert sum("cannot be written" in line for line in run.said) == 1
    frames = [json.loads(line)["frame"] for line in file.read_text().splitlines() if '"frame"' in line]
    assert frames == sorted(frames)
    assert len(frames) > 20


@pytest.mark.parametrize(
    ("sink", "line"),
    [
        ("jsonl:/nowhere/all.jsonl", "error: /nowhere/all.jsonl cannot be written: No such file or directory\n"),
        (
            "save:/proc/frames",
            "error: folder /proc/frames cannot be written: No such file or directory; expected a fol",
        ),
        ("mqtt://host/a/#/b", "error: broker mqtt://host/a/#/b; expected mqtt://HOST/BASE/TOPIC, or "),
        ("webhook:host", "error: webhook host; expected webhook:https://HOST/PATH"),
    ],
)
def test_a_sink_that_cannot_be_is_one_line_at_the_start_also_of_a_live_run(
    sink: str, line: str, colour_bundle: Bundle, colour_folder: Path
) -> None:
    done = subprocess.run(
        [*PROGRAM, "run", str(colour_bundle.path), "--source", live(colour_folder), "--sink", sink, "-q"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(line)
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(not IS_INSTALLED, reason=MISSING)
def test_a_broker_that_is_down_or_refuses_the_password_is_a_line_and_the_run_goes_on(
    colour_bundle: Bundle, colour_folder: Path, tmp_path: Path
) -> None:
    down = free_port()
    with Mosquitto(tmp_path, password="right") as broker:
        sinks = [f"mqtt://127.0.0.1:{down}/pole", f"mqtt://me:wrong-word@127.0.0.1:{broker.port}/pole", "jsonl"]
        run = Run(colour_bundle, live(colour_folder), sinks)

        assert eventually(lambda: run.has_said(f"broker 127.0.0.1:{down} cannot be reached: Connection refused"))
        assert eventually(lambda: run.has_said(f"broker 127.0.0.1:{broker.port} refuses the user name or password"))
        assert run.goes_on()
        code = run.end()

    assert code == 0
    assert not run.has_said("wrong-word")


def test_slow_sinks_never_slow_the_loop_and_what_they_lose_is_counted(
    colour_bundle: Bundle, colour_folder: Path, tmp_path: Path
) -> None:
    pipe, frames = tmp_path / "pipe", 1500
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)  # is there, and never reads
    with WebServer() as server:
        server.goes_on.clear()  # takes the request, and never answers
        sinks = [f"jsonl:{pipe}", f"webhook:{server.url}", f"jsonl:{tmp_path / 'all.jsonl'}"]
        run = Run(colour_bundle, live(colour_folder, 1000), sinks, "--policy", "every", "--limit", str(frames))
        assert eventually(lambda: run.has_said(f"{frames} results from"), within_s=60)
        code = run.end()
    os.close(reader)

    assert code == 0
    assert eventually(lambda: sum("messages were lost" in line for line in run.said) == 2)
    written = [line for line in (tmp_path / "all.jsonl").read_text().splitlines() if '"latency_ms"' in line]
    assert len(written) == run.answered() == frames


def test_an_end_that_is_asked_for_comes_in_spite_of_a_stdout_that_nobody_reads(
    colour_bundle: Bundle, colour_folder: Path
) -> None:
    command = [*PROGRAM, "run", str(colour_bundle.path), "--source", live(colour_folder, 500)]
    stuck = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert stuck.stderr is not None
    said = [stuck.stderr.readline()]
    assert eventually(lambda: _is_stuck(stuck))

    stuck.send_signal(signal.SIGTERM)
    code = stuck.wait(timeout=20)
    said += stuck.stderr.readlines()

    assert code == 0
    assert "jsonl: " in said[-1]
    assert "messages were lost" in said[-1]


def _is_stuck(process: subprocess.Popen[str]) -> bool:
    """Whether the pipe takes nothing more."""
    before = _waiting_bytes(process)
    time.sleep(1)  # 500 results
    return before > 50_000 and before == _waiting_bytes(process)


def _waiting_bytes(process: subprocess.Popen[str]) -> int:
    """What the process has written and nobody has read."""
    assert process.stdout is not None
    return int(struct.unpack("i", fcntl.ioctl(process.stdout, termios.FIONREAD, b"    "))[0])


def test_kill_leaves_lines_that_are_whole_but_for_the_last(
    colour_bundle: Bundle, colour_folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "all.jsonl"
    run = Run(colour_bundle, live(colour_folder, 500), [f"jsonl:{file}"])
    assert eventually(lambda: file.exists() and file.stat().st_size > 20_000)

    run.process.kill()
    run.process.wait()

    *whole, last = file.read_text().split("\n")
    assert all(json.loads(line) for line in whole)
    assert last == "" or last.startswith("{")
