"""What runs is what was asked for, else what the board prefers, else the bundle's default; it says why."""

from __future__ import annotations

import pytest

from edgevision_runtime.bundle import Bundle
from edgevision_runtime.choice import choose
from edgevision_runtime.engines import Extras, installed_version
from edgevision_runtime.engines.delegate import Delegate
from edgevision_runtime.errors import MissingDependency, UsageError
from edgevision_runtime.profile import EnginePin, Profile, System, read_profile, this_host

without_tflite = pytest.mark.skipif(installed_version("tflite") is not None, reason="tflite-runtime is installed")
TFLITE, LITERT, ONNX, CUDA = (
    EnginePin(name, ("some-package==1",), "run") for name in ("tflite", "litert", "onnx", "onnx-cuda")
)


def board(*pins: EnginePin, **changes: str) -> Profile:
    """A board whose one system is this very machine, unless `changes` say otherwise."""
    here = this_host()
    facts = {"python": here.python, "machine": here.machine, "glibc": here.glibc, **changes}
    return read_profile("x86")._replace(name="my-board", systems=(System("My OS", engines=pins, **facts),))


def test_the_first_installed_engine_of_the_board_runs_and_the_board_is_named(colour_bundle: Bundle) -> None:
    choice = choose(colour_bundle, profile=board(ONNX, LITERT))

    assert (choice.variant.name, choice.engine) == ("float32.onnx", "onnx")
    assert choice.reason == "first engine installed here that devices/my-board.toml lists for My OS"


@without_tflite
def test_a_preferred_engine_that_is_not_installed_is_said_with_what_to_install(colour_bundle: Bundle) -> None:
    choice = choose(colour_bundle, profile=board(TFLITE, LITERT))

    assert choice.engine == "litert"
    assert choice.reason.endswith('; before it, tflite is not installed (pip install "edgevision-runtime[tflite]")')


def test_a_preferred_accelerator_that_is_not_here_is_said(colour_bundle: Bundle) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has CUDA")

    choice = choose(colour_bundle, profile=board(CUDA, ONNX))

    assert choice.engine == "onnx"
    assert "before it, onnx-cuda is not built into the onnxruntime here (CUDAExecutionProvider)" in choice.reason


def test_an_engine_that_does_not_know_an_operator_is_passed_over(colour_bundle: Bundle) -> None:
    old = LITERT._replace(refuses={"SOFTMAX": 1})

    choice = choose(colour_bundle, profile=board(old, ONNX))

    assert choice.engine == "onnx"
    assert "before it, litert does not know SOFTMAX 1 (known: below 1)" in choice.reason


def test_the_nearest_system_counts_and_is_said_to_be_the_nearest(colour_bundle: Bundle) -> None:
    choice = choose(colour_bundle, profile=board(ONNX, python="3.2"))

    assert choice.engine == "onnx"
    assert f"for My OS (the nearest to {this_host()})" in choice.reason


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        (board(ONNX, machine="riscv64"), "devices/my-board.toml knows no system like Python"),
        (board(), "devices/my-board.toml has none of them for My OS: it lists no engine"),
    ],
)
def test_a_board_that_helps_nothing_leaves_it_to_the_bundle_and_says_so(
    colour_bundle: Bundle, profile: Profile, said: str
) -> None:
    choice = choose(colour_bundle, profile=profile)

    assert choice.engine == "litert"
    assert choice.reason.startswith("the first installed engine that the bundle has a default for; ")
    assert said in choice.reason


def test_what_is_asked_for_is_run_whatever_the_board_prefers(colour_bundle: Bundle) -> None:
    choice = choose(colour_bundle, engine="litert", profile=board(ONNX))

    assert (choice.variant.name, choice.engine, choice.reason) == ("float32.tflite", "litert", "asked for")


def test_a_variant_that_is_asked_for_runs_on_the_boards_first_engine_for_it(colour_bundle: Bundle) -> None:
    choice = choose(colour_bundle, variant="float32.onnx", profile=board(LITERT, ONNX))

    assert choice.engine == "onnx"
    assert choice.reason.startswith("float32.onnx asked for; first engine installed here")
    assert "litert runs no float32.onnx" in choice.reason


def test_without_a_board_the_bundle_decides(colour_bundle: Bundle) -> None:
    assert choose(colour_bundle).reason == "the first installed engine that the bundle has a default for"
    assert choose(colour_bundle, variant="float32.onnx").engine == "onnx"


def test_a_delegate_leaves_only_engines_that_take_one(colour_bundle: Bundle) -> None:
    extras = Extras(delegate=Delegate("libdouble.so"))

    choice = choose(colour_bundle, profile=board(ONNX, LITERT), extras=extras)

    assert (choice.engine, choice.extras) == ("litert", extras)
    assert "onnx takes no delegate" in choice.reason
    with pytest.raises(UsageError, match="engine onnx takes no delegate"):
        choose(colour_bundle, engine="onnx", extras=extras)
    with pytest.raises(MissingDependency, match=r"runs float32\.onnx with the delegate libdouble\.so"):
        choose(colour_bundle, variant="float32.onnx", extras=extras)


def test_what_does_not_fit_is_refused_with_what_would(colour_bundle: Bundle) -> None:
    with pytest.raises(UsageError, match=r"litert does not run float32\.onnx; expected onnx \| onnx-cuda"):
        choose(colour_bundle, variant="float32.onnx", engine="litert")
    with pytest.raises(UsageError, match=r"int8\.onnx"):
        choose(colour_bundle, variant="int8.onnx")
    with pytest.raises(UsageError, match="did you mean litert"):
        choose(colour_bundle, engine="litrt")
