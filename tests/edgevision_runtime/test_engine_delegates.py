"""A delegate that was asked for computes, or there is one clear error: never a run on the CPU that nobody asked for.

The delegate is real: `delegate_double.c`, compiled here, through the library's own way to load one.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from edgevision_runtime.engines import TAKE_DELEGATES, Extras, installed_version, open_engine
from edgevision_runtime.engines.delegate import Delegate, parse_delegate, share_of
from edgevision_runtime.errors import EdgeVisionError, MissingDependency, ModelError, UsageError
from edgevision_runtime.types import Tensor
from tests.edgevision_runtime import networks

SOURCE = Path(__file__).with_name("delegate_double.c")
IMAGE = np.full((networks.HEIGHT, networks.WIDTH, 3), (200, 40, 40), np.uint8)


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The delegate, compiled."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("there is no C compiler here")
    path = tmp_path_factory.mktemp("delegate") / "libdouble.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(path), str(SOURCE)], check=True)
    return path


@pytest.fixture(params=TAKE_DELEGATES)
def engine(request: pytest.FixtureRequest) -> str:
    name = str(request.param)
    if installed_version(name) is None:
        pytest.skip(f"engine {name} is not installed here")
    return name


def infer(engine: str, delegate: str) -> tuple[str, Tensor]:
    """What the engine calls its kernels, and the scores that it gives."""
    extras = Extras(delegate=parse_delegate(delegate))
    with open_engine(engine, networks.strongest_colour_tflite(), extras=extras) as opened:
        return opened.kernels, opened.infer(IMAGE)[0]


def test_a_delegate_computes_what_it_took_and_the_engine_says_how_much(engine: str, library: Path) -> None:
    kernels, scores = infer(engine, f"{library}?mode=take")

    assert kernels.startswith("libdouble.so for 1 of 3 operators, then ")
    assert scores.tolist() == [0.25, 0.25, 0.25]  # what the delegate writes in place of the softmax


@pytest.mark.parametrize(
    ("mode", "error", "said"),
    [
        ("idle", ModelError, "libdouble.so computes none of the model's 3 operators.*without --delegate"),
        ("fail", ModelError, "delegate libdouble.so refuses the model"),
        ("refuse", MissingDependency, "does not start: no such hardware.*hardware there"),
    ],
)
def test_a_delegate_that_does_not_compute_ends_the_start(
    engine: str, library: Path, mode: str, error: type[EdgeVisionError], said: str
) -> None:
    with pytest.raises(error, match=said):
        infer(engine, f"{library}?mode={mode}")


def test_an_option_that_the_delegate_does_not_know_is_told_in_its_words(engine: str, library: Path) -> None:
    with pytest.raises(MissingDependency, match=r"libdouble\.so\?colour=red does not start: unknown option"):
        infer(engine, f"{library}?colour=red")


def test_a_file_that_is_no_delegate_is_refused(
    engine: str, library: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    text, other = tmp_path / "text.so", tmp_path / "other.so"
    text.write_text("no library")
    other_source = tmp_path / "other.c"
    other_source.write_text("int nothing;")
    subprocess.run(["cc", "-shared", "-o", str(other), str(other_source)], check=True)

    with pytest.raises(UsageError, match=r"text\.so.*a shared library for this machine"):
        infer(engine, str(text))
    with pytest.raises(UsageError, match=r"is no TensorFlow Lite delegate; expected .*tflite_plugin_create_delegate"):
        infer(engine, str(other))
    with pytest.raises(MissingDependency, match=r"libnot-here\.so\.1 cannot be loaded.*install it"):
        infer(engine, "libnot-here.so.1")
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("text", ["", "?a=1", "lib.so?", "lib.so?a", "lib.so?=1", "lib.so?a=1&a=2"])
def test_what_cannot_be_a_delegate_is_refused_before_anything_is_loaded(text: str) -> None:
    with pytest.raises(UsageError, match=r"expected PATH\[\?key=value"):
        parse_delegate(text)


def test_a_path_where_nothing_is_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"gone\.so: no such file"):
        parse_delegate(f"{tmp_path}/gone.so?a=1")


def test_a_delegate_is_a_path_and_options() -> None:
    parsed = parse_delegate("libedgetpu.so.1?device=usb:0&log=1")

    assert parsed == Delegate("libedgetpu.so.1", (("device", "usb:0"), ("log", "1")))
    assert str(parsed) == "libedgetpu.so.1?device=usb:0&log=1"


def test_onnxruntime_takes_no_delegate() -> None:
    with pytest.raises(UsageError, match=r"engine onnx takes no delegate; expected litert \| tflite"):
        open_engine("onnx", networks.strongest_colour_onnx(), extras=Extras(delegate=Delegate("lib.so")))


def test_the_share_counts_every_operator_between_the_inputs_and_outputs_of_what_was_replaced() -> None:
    def node(index: int, name: str, inputs: list[int], outputs: list[int]) -> dict[str, object]:
        return {"index": index, "op_name": name, "inputs": inputs, "outputs": outputs}

    chain = [node(0, "CONV", [0], [1]), node(1, "RELU", [1], [2]), node(2, "CONV", [2], [3]), node(3, "MEAN", [3], [4])]

    assert share_of(Delegate("a.so"), [*chain, node(4, "DELEGATE", [1], [3])]) == "2 of 4 operators"
    assert share_of(Delegate("a.so"), [*chain, node(4, "DELEGATE", [0], [4])]) == "4 of 4 operators"


def test_a_model_for_an_edge_tpu_says_which_delegate_it_needs(engine: str) -> None:
    with pytest.raises(ModelError, match=r"unresolved custom op: edgetpu-custom-op.*--delegate libedgetpu\.so\.1"):
        open_engine(engine, networks.with_custom_softmax("edgetpu-custom-op"))
