"""A bundle that was packed on x86-64 proves itself on aarch64 and answers the same there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from edgevision.demo import DemoResult
from tests.arm.userland import CORES, Userland, missing_tools, open_userland

RUNTIME = Path(__file__).parents[2] / "runtime"

pytestmark = pytest.mark.arm


@pytest.fixture(scope="session")
def userland() -> Userland:
    missing = missing_tools()
    if missing:
        pytest.skip(f"needs {' and '.join(missing)}: apt-get install {' '.join(missing)}")
    return open_userland()


@pytest.mark.parametrize("core", list(CORES))
def test_golden_vectors_hold_on_aarch64(userland: Userland, walked: DemoResult, core: str) -> None:
    done = userland.run(core, RUNTIME, "selftest", walked.bundle)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 golden frames, input tensors as recorded" in done.stdout
    verdicts = {line.split()[1]: line for line in done.stdout.splitlines()[1:]}
    assert "bit for bit" in verdicts["int8.tflite"]
    assert set(verdicts) == {"float32.tflite", "int8.tflite", "float32.onnx", "int8.onnx"}


def test_int8_answers_are_the_same_to_the_last_digit(userland: Userland, walked: DemoResult) -> None:
    arguments = ["run", str(walked.bundle), "--source", str(walked.folder / "stream"), "--limit", "8", "--quiet"]
    code = "from edgevision_runtime.cli import main; main()"

    here = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    there = userland.run("cortex-a72", RUNTIME, *arguments)

    def answers(lines: str) -> list[tuple[int, str, float]]:
        documents = [json.loads(line) for line in lines.splitlines()]
        return [(document["frame"], document["label"], document["score"]) for document in documents]

    assert there.returncode == 0, there.stderr
    assert len(answers(here.stdout)) == 8
    assert answers(there.stdout) == answers(here.stdout)
