"""The sinks: a place of its own for each, one line for a place that cannot be written, and all of them closed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from edgevision_runtime.bundle import Bundle
from edgevision_runtime.cameras import open_camera
from edgevision_runtime.errors import UsageError
from edgevision_runtime.sinks import SinkSetup, open_sinks
from tests.edgevision_runtime.loop import run_one

RUNTIME = f"{sys.executable} -c 'from edgevision_runtime.cli import main; main()'"
SETUP = SinkSetup(fps=25.0)
FULL = Path("/dev/full")


def run(bundle: Bundle, source: Path, sinks: list[str]) -> None:
    with open_camera(str(source)) as camera, open_sinks(sinks, SETUP) as opened:
        run_one(camera, bundle, opened)


@pytest.mark.parametrize(
    "sinks", [["jsonl", "null", "jsonl"], ["jsonl:a.jsonl", "jsonl:./a.jsonl"], ["video:a.mp4", "jsonl:a.mp4"]]
)
def test_two_sinks_for_one_place_are_refused_before_either_is_opened(
    sinks: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(UsageError, match="two sinks write to"), open_sinks(sinks, SETUP):
        pass

    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not FULL.is_char_device(), reason="needs /dev/full")
def test_a_full_disk_ends_the_run_and_the_other_sinks_are_finished(
    colour_bundle: Bundle, colour_folder: Path, tmp_path: Path
) -> None:
    video = tmp_path / "videos" / "out.mp4"
    video.parent.mkdir()

    with pytest.raises(UsageError, match="/dev/full cannot be written: No space left"):
        run(colour_bundle, colour_folder, [f"video:{video}", "jsonl:/dev/full"])

    assert [file.name for file in video.parent.iterdir()] == ["out.mp4"]
    assert cv2.VideoCapture(str(video)).isOpened()


def test_a_video_never_takes_the_place_of_something_that_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "out.mp4").mkdir()

    with pytest.raises(UsageError, match="not a file"), open_sinks([f"video:{tmp_path / 'out.mp4'}"], SETUP):
        pass


def test_a_video_keeps_the_pace_of_its_source(colour_bundle: Bundle, colour_folder: Path, tmp_path: Path) -> None:
    run(colour_bundle, colour_folder, [f"video:{tmp_path / 'out.mp4'}"])

    with open_camera(str(tmp_path / "out.mp4")) as camera:
        assert camera.fps == 25.0


def test_a_reader_that_goes_ends_a_run_without_an_error(
    colour_bundle: Bundle, colour_folder: Path, tmp_path: Path
) -> None:
    command = f"{RUNTIME} run {colour_bundle.path} --source {colour_folder} --fps 20"

    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command} --sink jsonl --sink jsonl:{tmp_path / 'all.jsonl'} | head -1"],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip

    assert done.returncode == 0
    assert done.stdout.count("\n") == 1
    assert "Traceback" not in done.stderr
    assert 1 <= len((tmp_path / "all.jsonl").read_text().splitlines()) < 12


def test_a_closed_stdout_is_a_usage_error(colour_bundle: Bundle, colour_folder: Path) -> None:
    command = f"{RUNTIME} run {colour_bundle.path} --source {colour_folder} >&-"

    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=30, check=False)

    assert (done.returncode, done.stderr) == (2, "error: stdout is closed; expected --sink jsonl:FILE\n")
