"""A SIGKILL during convert or pack leaves nothing that a later verb accepts."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgevision.demo import DemoResult
from edgevision_runtime.bundle import Bundle

EDGEVISION = [sys.executable, "-c", "from edgevision.cli import main; main()"]


def killed_when(command: list[str], folder: Path, *, delay_s: float) -> None:
    """Start a verb, wait until it began to write (a hidden .part appears) or `delay_s` passed, and kill it."""
    process = subprocess.Popen([*EDGEVISION, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline_s = time.monotonic() + delay_s
    while time.monotonic() < deadline_s and process.poll() is None and not list(folder.glob(".*.part")):
        time.sleep(0.0005)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=10)


def is_absent_or_whole(path: Path) -> bool:
    return not path.exists() or bool(Bundle.open(path).variants)


def pack_command(walked: DemoResult, output: Path) -> list[str]:
    folder = walked.folder
    given = ["--data", walked.recipe.data, "--splits", str(folder / "learned" / "splits.csv"), "--allow-inconclusive"]
    return ["pack", str(folder / "draft.evb"), "-o", str(output), *given, "--report", str(folder / "verify.json")]


@pytest.mark.parametrize("delay_s", [1.0, 30.0])
def test_killed_pack_leaves_no_half_bundle(walked: DemoResult, tmp_path: Path, delay_s: float) -> None:
    output = tmp_path / "release.evb"

    killed_when(pack_command(walked, output), tmp_path, delay_s=delay_s)

    assert is_absent_or_whole(output)


@pytest.mark.parametrize("delay_s", [3.0, 60.0])
def test_killed_convert_leaves_no_half_bundle(walked: DemoResult, tmp_path: Path, delay_s: float) -> None:
    output = tmp_path / "draft.evb"

    killed_when(["convert", str(walked.folder / "learned"), "-o", str(output)], tmp_path, delay_s=delay_s)

    assert is_absent_or_whole(output)


def test_what_a_kill_leaves_behind_does_not_hinder_the_next_try(walked: DemoResult, tmp_path: Path) -> None:
    output = tmp_path / "release.evb"
    killed_when(pack_command(walked, output), tmp_path, delay_s=30.0)

    again = [*EDGEVISION, *pack_command(walked, output), "--force"]
    done = subprocess.run(again, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert Bundle.open(output).version == "0.1.0"
