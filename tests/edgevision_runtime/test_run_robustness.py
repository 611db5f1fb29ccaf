"""Cameras are killed, hang and vanish under `run`: it finds them again, makes nothing up, stays prompt and lean."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest

from edgevision_runtime.bundle import Bundle
from edgevision_runtime.cameras.backoff import Backoff
from tests.edgevision_runtime.camera_watch import MJPEG_SERVER, RTSP_SERVER, Server
from tests.edgevision_runtime.counting_model import counting_bundle, write_numbered_pictures
from tests.edgevision_runtime.watched_run import WatchedRun

# from sending a picture to its result: 1 ms (HTTP) or 52 ms (RTSP) as a rule; after a silence of 2 s nothing that is
# older is shown, so 2 s and a loaded machine
OLDEST_S = 2.5
GROWTH_MB = 12.0  # of the resident set over all rounds after the first; allocators breathe
STEADY_S = Backoff().steady_after_s
USER, PASSWORD = "anna", "secret"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return counting_bundle(tmp_path_factory.mktemp("counting") / "counting.evb")


class NumberedServer:
    """A camera on the network whose pictures have numbers; each start is another generation of them."""

    def __init__(self, python: str, script: Path, arguments: Callable[[int, Path], list[str]], log: Path) -> None:
        self.log = log
        self._arguments = arguments
        self.generation = 1
        self.server = Server(python, script, *arguments(1, log))

    def restart(self) -> None:
        self.server.kill()
        self.generation += 1
        self.server.arguments = tuple(self._arguments(self.generation, self.log))
        self.server.start()

    def sent(self) -> dict[int, float]:
        """When each number was sent, time.monotonic."""
        lines = [line.split() for line in self.log.read_text().splitlines()]
        return {int(number): float(when) for number, when in lines}


@pytest.fixture
def http_camera(tmp_path: Path) -> Iterator[NumberedServer]:
    def arguments(generation: int, log: Path) -> list[str]:
        return ["--generation", str(generation), "--log", str(log)]

    camera = NumberedServer(sys.executable, MJPEG_SERVER, arguments, tmp_path / "sent.txt")
    yield camera
    camera.server.kill()


@pytest.fixture
def rtsp_camera(tmp_path: Path) -> Iterator[NumberedServer]:
    def arguments(generation: int, log: Path) -> list[str]:
        return [USER, PASSWORD, str(generation), str(log)]

    for python in ("/usr/bin/python3", shutil.which("python3") or ""):
        if Path(python).is_file() and not subprocess.run([python, RTSP_SERVER, "check"], check=False).returncode:
            break
    else:
        pytest.skip("GStreamer's RTSP server is not here: see test_camera_rtsp.py")
    camera = NumberedServer(python, RTSP_SERVER, arguments, tmp_path / "sent.txt")
    yield camera
    camera.server.kill()


def url_of(camera: NumberedServer) -> str:
    is_rtsp = RTSP_SERVER.name in camera.server.command[1]
    return f"rtsp://{USER}:{PASSWORD}@127.0.0.1:{camera.server.port}/cam" if is_rtsp else camera.server.url


def one_round(run: WatchedRun, camera: NumberedServer) -> None:
    """Killed and restarted; hung and killed and restarted."""
    camera.server.kill()
    run.wait_for_state("backing off", within_s=15)
    camera.restart()
    run.wait_for_results(10, within_s=60)  # waits of up to 30 s when no connection was ever steady
    camera.server.hang()
    run.wait_for_state("stalled", within_s=15)
    run.wait_for_state("backing off", within_s=15)
    camera.restart()
    run.wait_for_results(10, within_s=60)


def check(run: WatchedRun, camera: NumberedServer) -> None:
    """What holds whatever happened."""
    numbers, sent = run.numbers(), camera.sent()
    assert None not in numbers  # no grey, torn or mixed picture was ever answered
    assert set(numbers) <= set(sent)
    known = [number for number in numbers if number is not None]
    assert all(before < after for before, after in pairwise(known))  # none twice, none late
    answered_s = [line["captured_s"] + line["age_ms"] / 1e3 for line in run.results]
    assert max(when_s - sent[number] for when_s, number in zip(answered_s, known, strict=True)) < OLDEST_S
    assert max(line["age_ms"] for line in run.results) < OLDEST_S * 1e3
    check_waits(run)
    assert PASSWORD not in run.said + str(run.results) + str(run.events)


def check_waits(run: WatchedRun) -> None:
    """Every wait keeps the law, and the next attempt comes when it was announced."""
    law, failures, streamed_s = Backoff(), 0, 0.0
    changes = [event for event in run.events if event["event"] == "camera"]
    for change, after in pairwise(changes):
        apart_s = (datetime.fromisoformat(after["time"]) - datetime.fromisoformat(change["time"])).total_seconds()
        if change["name"] == "streaming":
            streamed_s = apart_s
        elif change["name"] == "backing off" and after["name"] == "connecting":
            wait_s = float(change["reason"].rsplit(" ", 2)[-2])
            allowed = {1, failures + 1} if streamed_s >= STEADY_S else {failures + 1}  # silence is in it, too
            fitting = [
                n for n in sorted(allowed) if law.floor_s(n) - 0.06 <= wait_s <= law.ceiling_s(n) + 0.06
            ]  # one decimal
            assert fitting, f"failure {failures + 1} was followed by a wait of {wait_s} s"
            failures, streamed_s = fitting[0], 0.0
            assert wait_s - 0.1 <= apart_s < wait_s + 2.0
    assert failures > 0


def prove(run: WatchedRun, camera: NumberedServer, rounds: int) -> None:
    run.wait_for_results(10, within_s=30)
    one_round(run, camera)
    before_mb = run.resident_mb()
    for _ in range(rounds - 1):
        one_round(run, camera)
    after_mb = run.resident_mb()
    run.end()

    check(run, camera)
    gaps = [event["phase"] for event in run.events if event["event"] == "gap"]
    assert gaps == ["began", "ended"] * (2 * rounds)
    assert after_mb - before_mb < GROWTH_MB
    assert f"gaps {2 * rounds}" in run.said


def test_a_camera_over_http_that_is_killed_and_hangs_is_found_again(
    bundle: Bundle, http_camera: NumberedServer, tmp_path: Path
) -> None:
    with WatchedRun(tmp_path, bundle.path, [url_of(http_camera)]) as run:
        prove(run, http_camera, rounds=1)


def test_a_camera_over_rtsp_that_is_killed_and_hangs_is_found_again(
    bundle: Bundle, rtsp_camera: NumberedServer, tmp_path: Path
) -> None:
    with WatchedRun(tmp_path, bundle.path, [url_of(rtsp_camera)]) as run:
        prove(run, rtsp_camera, rounds=1)


@pytest.mark.slow
def test_three_rounds_over_http(bundle: Bundle, http_camera: NumberedServer, tmp_path: Path) -> None:
    with WatchedRun(tmp_path, bundle.path, [url_of(http_camera)]) as run:
        prove(run, http_camera, rounds=3)


@pytest.mark.slow
def test_three_rounds_over_rtsp_with_what_ffmpeg_does_by_itself(
    bundle: Bundle, rtsp_camera: NumberedServer, tmp_path: Path
) -> None:
    with WatchedRun(tmp_path, bundle.path, [url_of(rtsp_camera)], quick_ffmpeg=False) as run:
        prove(run, rtsp_camera, rounds=3)


@pytest.fixture(scope="module")
def numbered_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two hundred numbered pictures, 0 to 199."""
    return write_numbered_pictures(tmp_path_factory.mktemp("numbered"), 200)


@pytest.mark.parametrize(
    ("rounds", "vanishes"),
    [(3, "300ms@1/4"), pytest.param(10, "1s@11/13", marks=pytest.mark.slow)],  # never steady, and steady each time
)
def test_a_device_that_vanishes_and_comes_back_is_found_again(
    bundle: Bundle, numbered_folder: Path, tmp_path: Path, rounds: int, vanishes: str
) -> None:
    source = f"fake://{numbered_folder}?fps=20&jitter=10ms&corrupt=0.05&disconnect={vanishes}&clock=real&seed=3"

    with WatchedRun(tmp_path, bundle.path, [source]) as run:
        run.wait_for(lambda: run.states().count("streaming") >= 2, within_s=40)
        before_mb = run.resident_mb()
        run.wait_for(lambda: run.states().count("streaming") >= rounds + 1, within_s=40 + rounds * 20)
        after_mb = run.resident_mb()
        run.end()

    numbers = run.numbers()
    assert None not in numbers
    captured_s = [line["captured_s"] for line in run.results]
    played = [round((when_s - captured_s[0]) * 20) for when_s in captured_s]  # pictures since the first result
    first = numbers[0] or 0
    assert numbers == [(first + count) % 200 for count in played]
    assert all(before < after for before, after in pairwise(played))
    assert max(line["age_ms"] for line in run.results) < OLDEST_S * 1e3
    kept_mb = 64 * 320 * 240 * 3 / 2**20  # pictures that the fake camera keeps, itself
    assert after_mb - before_mb < GROWTH_MB + kept_mb
    check_waits(run)
    assert "damaged " in run.said
