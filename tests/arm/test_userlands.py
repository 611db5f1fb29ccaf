"""A bundle packed on x86-64 proves itself on every board's system and engine, and answers there as it does here."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgevision.demo import DemoResult
from tests.arm import prepare_frames
from tests.arm.userland import CODE, Combination, Userland, combinations

FORMATS = {"litert": "tflite", "tflite": "tflite", "onnx": "onnx"}
STEP = 1 / 255  # of an 8-bit output whose range is 0 to 1, as that of a softmax
# The largest difference seen between x86-64 and emulated ARM, on one network trained for it: the tolerances of a golden
# vector are wider. tflite-runtime computes int8 with other kernels than LiteRT, on every processor.
SEEN = {
    ("litert", "int8"): 0.0,
    ("litert", "float32"): 1e-6,
    ("onnx", "int8"): 2 * STEP,
    ("onnx", "float32"): 1e-6,
    ("tflite", "int8"): 6 * STEP,
    ("tflite", "float32"): 1e-6,
}
COMBINATIONS = combinations()
SYSTEMS = {combination.system.name: combination for combination in COMBINATIONS}
Open = Callable[[Combination], Userland]

pytestmark = pytest.mark.arm


@pytest.mark.parametrize("combination", COMBINATIONS, ids=str)
def test_golden_vectors_hold(opened: Open, walked: DemoResult, combination: Combination) -> None:
    done = opened(combination).run(combination.core, "selftest", walked.bundle, "--format", "json")

    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout)
    engine = combination.pin.name
    assert result["contract_failures"] == []  # the input tensors have the recorded hash
    assert {proof["variant"] for proof in result["proofs"]} == {
        f"{precision}.{FORMATS[engine]}" for precision in ("float32", "int8")
    }
    assert [proof["engine"].split()[0] for proof in result["proofs"]] == [engine, engine]
    worst = {proof["variant"].partition(".")[0]: proof["worst_difference"] for proof in result["proofs"]}
    assert all(worst[precision] <= SEEN[engine, precision] for precision in worst), worst


def test_litert_gives_the_same_bits_on_the_numpy_and_opencv_of_bookworm(opened: Open, walked: DemoResult) -> None:
    """Raspberry Pi OS compiled its picamera2 for them: docs/boards.md."""
    pi = next(one for one in COMBINATIONS if str(one) == "bookworm-arm64-litert-cortex-a72")
    install = (pi.pin.install[0], "numpy==1.24.2", "opencv-python-headless==4.6.0.66")

    done = opened(replace(pi, pin=pi.pin._replace(install=install))).run(pi.core, "selftest", walked.bundle)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "input tensors as recorded" in done.stdout
    assert [line for line in done.stdout.splitlines() if "int8.tflite" in line and "bit for bit" in line]


@pytest.mark.parametrize("combination", COMBINATIONS, ids=str)
def test_a_run_answers_as_it_does_here(opened: Open, walked: DemoResult, combination: Combination) -> None:
    engine = combination.pin.name
    variant = f"int8.{FORMATS[engine]}"
    arguments = ["run", walked.bundle, "--source", walked.folder / "stream", "--limit", "6", "--variant", variant]

    here = subprocess.run(
        [sys.executable, "-c", CODE, *map(str, arguments)], capture_output=True, text=True, check=True
    )
    there = opened(combination).run(combination.core, *arguments)

    assert there.returncode == 0, there.stderr
    assert f"{variant} on {engine} " in there.stderr
    expected, got = _answers(here.stdout), _answers(there.stdout)
    assert [frame for frame, _, _ in got] == list(range(6))
    allowed = SEEN[engine, "int8"]
    for (_, label, score), (_, other_label, other_score) in zip(expected, got, strict=True):
        assert other_score == pytest.approx(score, abs=allowed)
        assert label == other_label or score < 0.5 + allowed  # a tie may fall either way


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_module_can_be_imported(opened: Open, system: str) -> None:
    code = (
        "import importlib, pkgutil, edgevision_runtime as package\n"
        "for module in pkgutil.walk_packages(package.__path__, 'edgevision_runtime.'):\n"
        "    importlib.import_module(module.name)"
    )

    done = opened(SYSTEMS[system]).run(SYSTEMS[system].core, code=code)

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_bundle_is_described_the_same(opened: Open, walked: DemoResult, system: str) -> None:
    arguments = ["info", str(walked.bundle), "--format", "json"]

    here = subprocess.run([sys.executable, "-c", CODE, *arguments], capture_output=True, text=True, check=True)
    there = opened(SYSTEMS[system]).run(SYSTEMS[system].core, *arguments)

    assert there.returncode == 0, there.stderr
    assert there.stdout == here.stdout


@pytest.mark.parametrize("system", SYSTEMS)
def test_contracts_make_the_same_bits(opened: Open, system: str, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    code = Path(prepare_frames.__file__).read_text()

    subprocess.run([sys.executable, "-c", code, str(here)], check=True)
    done = opened(SYSTEMS[system]).run(SYSTEMS[system].core, there, code=code)

    assert done.returncode == 0, done.stderr
    names = sorted(path.name for path in here.iterdir())
    assert len(names) == (len(prepare_frames.STABLE) + len(prepare_frames.ONE_STEP)) * len(prepare_frames.SIZES)
    steps = {name: _difference(np.load(here / name), np.load(there / name)) for name in names}
    unstable = {name: steps[name] for name in names if name.partition("-")[0] in prepare_frames.ONE_STEP}
    assert {name: step for name, step in steps.items() if step and name not in unstable} == {}
    assert max(unstable.values()) <= 1, unstable


def _answers(lines: str) -> list[tuple[int, str, float]]:
    documents = [json.loads(line) for line in lines.splitlines()]
    return [(answer["frame"], answer["label"], answer["score"]) for answer in documents if "frame" in answer]


def _difference(one: np.ndarray, other: np.ndarray) -> float:
    assert (one.dtype, one.shape) == (other.dtype, other.shape)
    return float(np.abs(one.astype(np.float64) - other.astype(np.float64)).max())
