"""Days of a camera's faults in minutes, and minutes of wall time: nothing is lost, made up or piled up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest

from edgevision_runtime.bundle import Bundle

RUNTIME = [sys.executable, "-c", "from edgevision_runtime.cli import main; main()"]
BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "soak.py"
# each ten minutes a stall that ends by itself, each 25 one that ends the connection, each hour 40 s without a camera
FAULTS = "drop=0.05&corrupt=0.01&jitter=8ms&stall=3s@100/600,10s@300/1500&disconnect=40s@1000/3600&seed=1"


class Soaked(NamedTuple):
    """What a run left behind."""

    frames: list[int]  # their numbers
    captured_s: list[float]
    gaps: list[str]  # began, ended, …
    said: str
    resident_mb: list[float]  # in the order of time, the start left out


def soak(bundle: Bundle, folder: Path, output: Path, hours: int, fps: int) -> Soaked:
    """Hours of camera time; the camera waits for the model, and so nothing has to be dropped."""
    source = f"fake://{folder}?fps={fps}&{FAULTS}&duration={hours}h"
    command = [*RUNTIME, "run", str(bundle.path), "--source", source, "--sink", f"jsonl:{output}"]
    resident_mb, page_mb = [], os.sysconf("SC_PAGE_SIZE") / 2**20
    with output.with_suffix(".txt").open("w+") as said:
        process = subprocess.Popen(command, stderr=said)
        statm = Path(f"/proc/{process.pid}/statm")
        while process.poll() is None:
            try:
                resident_mb.append(int(statm.read_text().split()[1]) * page_mb)
            except (OSError, IndexError):
                break
            time.sleep(0.25)
        assert process.wait() == 0
        said.seek(0)
        text = said.read()
    frames, captured_s, gaps = [], [], []
    with output.open() as lines:
        for document in map(json.loads, lines):
            if "event" not in document:
                frames.append(document["frame"])
                captured_s.append(document["captured_s"])
            elif document["event"] == "gap":
                gaps.append(document["phase"])
    # at its end a process gives memory back, and at its start it has none yet
    settled = [size for size in resident_mb if size > 0.7 * max(resident_mb)]
    return Soaked(frames, captured_s, gaps, text, settled)


@pytest.mark.parametrize(
    ("hours", "fps"), [(2, 5), pytest.param(24, 5, marks=pytest.mark.slow)], ids=["two hours", "a day"]
)
def test_hours_of_faults_leave_nothing_behind(
    colour_bundle: Bundle, colour_folder: Path, tmp_path: Path, hours: int, fps: int
) -> None:
    soaked = soak(colour_bundle, colour_folder, tmp_path / "out.jsonl", hours, fps)

    seconds = hours * 3600
    captured_s, gaps = soaked.captured_s, soaked.gaps
    assert soaked.frames == list(range(len(soaked.frames)))
    assert all(before < after for before, after in pairwise(captured_s))
    assert all(
        abs(when_s * fps - round(when_s * fps)) < 1e-3 for when_s in captured_s
    )  # frame n is captured at n / fps
    assert not [when_s for when_s in captured_s if 100 <= when_s % 600 < 103 or 300 <= when_s % 1500 < 310]
    assert not [when_s for when_s in captured_s if 1000 <= when_s % 3600 < 1040]
    assert len(captured_s) == pytest.approx(seconds * fps * 0.95 * 0.99 * 0.98, rel=0.02)  # dropped, damaged, silent
    assert gaps in (["began", "ended"] * (len(gaps) // 2), ["began", "ended"] * (len(gaps) // 2) + ["began"])
    assert len(gaps) // 2 >= seconds // 600  # the stalls of three seconds alone
    quarter = len(soaked.resident_mb) // 4
    assert max(soaked.resident_mb[-quarter:]) - max(soaked.resident_mb[quarter : 2 * quarter]) < 4.0
    assert "dropped 0" in soaked.said


@pytest.mark.slow
def test_minutes_of_video_hardly_move_the_resident_set(colour_bundle: Bundle, tmp_path: Path) -> None:
    writer = cv2.VideoWriter(str(tmp_path / "clip.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 30, (320, 240))
    noise = np.random.default_rng(1)
    for _ in range(90):
        writer.write(cv2.resize(noise.integers(0, 256, (24, 32, 3), dtype=np.uint8), (320, 240)))
    writer.release()
    command = [sys.executable, str(BENCHMARK), "--minutes", "4", "--warm-up", "1"]

    done = subprocess.run(
        [*command, "--bundle", str(colour_bundle.path), "--video", str(tmp_path / "clip.mp4")],
        capture_output=True, text=True, timeout=600, check=True,
    )  # fmt: skip
    found = json.loads(done.stdout)

    assert found["exit_code"] == 0
    assert found["results"]["frames"] > 4 * 60 * 30 * 0.8
    # three minutes cannot tell half a megabyte an hour (25 kB) from a page here and there: half a megabyte in all
    assert found["rss_mb"]["at_the_end"] - found["rss_mb"]["after_warm_up"] < 0.5
