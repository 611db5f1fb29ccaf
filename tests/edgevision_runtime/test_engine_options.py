"""The flags that say where a model is computed mean the same for every verb."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from edgevision_runtime.bench import BenchPlan, jobs
from edgevision_runtime.bundle import Bundle
from edgevision_runtime.cli import edgevision_runtime
from edgevision_runtime.engine_options import choice_of, profile_of
from edgevision_runtime.engines import Extras
from edgevision_runtime.engines.delegate import Delegate
from edgevision_runtime.errors import CheckFailed, EdgeVisionError, MissingDependency, UsageError
from edgevision_runtime.selftest import selftest
from tests.edgevision_runtime.test_engine_delegates import library  # noqa: F401  a fixture

NOTHING: dict[str, object] = {"variant": None, "engine": None, "device": None, "delegate": None, "engine_cache": None}
MY_BOARD = (Path(__file__).parents[2] / "devices" / "x86.toml").read_text()


def run(*arguments: object) -> str:
    done = CliRunner().invoke(edgevision_runtime, [str(argument) for argument in arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.stdout


@pytest.fixture
def onnx_board(tmp_path: Path) -> Path:
    """A board that prefers ONNX wherever this is."""
    path = tmp_path / "mine.toml"
    first, pins = MY_BOARD.index("[[systems.engines]]"), MY_BOARD.index('name = "onnx"')
    path.write_text(MY_BOARD[:first] + "[[systems.engines]]\n" + MY_BOARD[pins:])
    return path


def test_a_board_of_ones_own_is_taken_from_its_file(colour_bundle: Bundle, onnx_board: Path) -> None:
    choice = choice_of(colour_bundle, {**NOTHING, "device": str(onnx_board)})

    assert choice.engine == "onnx"
    assert "that devices/mine.toml lists for Debian 12" in choice.reason


def test_the_board_is_not_looked_for_when_an_engine_is_asked_for() -> None:
    assert profile_of({**NOTHING, "engine": "litert"}) is None
    assert profile_of({**NOTHING, "device": "raspberry-pi-4"}).name == "raspberry-pi-4"
    with pytest.raises(UsageError, match="did you mean raspberry-pi-4"):
        profile_of({**NOTHING, "device": "raspbery-pi-4"})


def test_selftest_for_a_board_proves_what_run_would_take(packed_bundle: Bundle, onnx_board: Path) -> None:
    shown = json.loads(run("selftest", packed_bundle.path, "--device", onnx_board, "--format", "json"))

    assert [proof["variant"] for proof in shown["proofs"]] == ["float32.onnx"]
    assert shown["proofs"][0]["engine"].startswith("onnx ")


def test_selftest_proves_the_delegate_itself(packed_bundle: Bundle, library: Path) -> None:  # noqa: F811
    with pytest.raises(CheckFailed, match="selftest failed"):
        run("selftest", packed_bundle.path, "--delegate", f"{library}?mode=take")  # writes 0.25 everywhere
    with pytest.raises(EdgeVisionError, match="computes none of the model's"):
        run("selftest", packed_bundle.path, "--delegate", f"{library}?mode=idle")


def test_selftest_asks_only_engines_that_take_a_delegate(packed_bundle: Bundle, library: Path) -> None:  # noqa: F811
    result = selftest(packed_bundle, extras=Extras(delegate=Delegate(str(library), (("mode", "take"),))))

    assert {proof.variant for proof in result.proofs} == {"float32.tflite"}
    assert result.not_run == ("float32.onnx",)


def test_selftest_of_an_accelerator_that_is_not_here_says_so(packed_bundle: Bundle) -> None:
    with pytest.raises(MissingDependency, match="CUDAExecutionProvider"):
        run("selftest", packed_bundle.path, "--engine", "onnx-cuda")


def test_bench_measures_the_delegate(colour_bundle: Bundle, library: Path) -> None:  # noqa: F811
    flags = ("--runs", 1, "--warmup", 0, "--quiet", "--format", "json", "--delegate", f"{library}?mode=take")

    shown = json.loads(run("bench", colour_bundle.path, *flags))

    rows = shown["metrics"]["measurements"]
    assert {row["engine"] for row in rows} <= {"litert", "tflite"}
    assert all(row["kernels"].startswith("libdouble.so for 1 of 3 operators") for row in rows)


def test_bench_measures_an_accelerator_only_when_it_is_named(colour_bundle: Bundle) -> None:
    assert {job.engine for job in jobs(colour_bundle, BenchPlan())} <= {"litert", "tflite", "onnx"}
    with pytest.raises(UsageError, match="engine onnx takes no delegate"):
        BenchPlan(engines=("onnx",), extras=Extras(delegate=Delegate("lib.so")))
