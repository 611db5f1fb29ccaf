"""Defects that were found in other projects, and that nobody shall find here: one section for each.

1  an image tool sorts a tensor's axes to find height and width, reshapes, and casts instead of quantizing
2  a runner waits for ever for a child process that died at its start
3  an example builds a new interpreter for every frame
4  a loader shows a black picture for each that a lost camera did not deliver, and infers it; it reconnects once
5  a camera class converts what read() gave before it looks whether it gave anything, and needs OpenCV to be imported
6  a robot's driver does not handle int8 inputs and outputs
7  a converter's softmax sums to 23.4 (ours refuses to write such a file: tests/converters/test_agreement.py)
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from edgevision_runtime import bench
from edgevision_runtime.bundle import Bundle
from edgevision_runtime.cameras.connection import ConnectedCamera, ConnectionPolicy, ConnectionSetup
from edgevision_runtime.cameras.device import DeviceCamera
from edgevision_runtime.cameras.feed import ThreadFeed
from edgevision_runtime.cameras.options import CameraOptions
from edgevision_runtime.cli import edgevision_runtime
from edgevision_runtime.contract import Preprocess
from edgevision_runtime.engines import engines_for, open_engine
from edgevision_runtime.errors import EdgeVisionError, ModelError, SourceLost
from edgevision_runtime.fast_answer import PreparedOutput
from edgevision_runtime.fast_path import PreparedInput
from edgevision_runtime.operations import Color, Layout, Normalize, Resize
from edgevision_runtime.postprocess import Postprocess
from edgevision_runtime.types import Tensor
from tests.edgevision_runtime import networks, pattern_networks
from tests.edgevision_runtime.counted_pictures import number_in
from tests.edgevision_runtime.counting_model import counting_bundle, number_of_result, write_numbered_pictures

# 1 ── A picture that is not square arrives as it is, in every layout and type ─────────────────────────────────────────

ORACLE = pattern_networks.QUARTERS.astype(np.float64).reshape(-1)  # 0..255, RGB
LAYOUTS = ("NHWC", "NCHW")
DTYPES = ("float32", "int8", "uint8")
RANGES = {"0..255": (1.0, 0.0), "0..1": (1 / 255, 0.0), "-1..1": (2 / 255, 1.0)}  # real = step * scale - mean


def contract(layout: str, scale: float = 1.0, mean: float = 0.0) -> Preprocess:
    size = (pattern_networks.HEIGHT, pattern_networks.WIDTH)
    normalize = () if (scale, mean) == (1.0, 0.0) else (Normalize(scale, (mean,), (1.0,)),)
    return Preprocess((Resize(size, "squash", "bilinear"), Color("rgb"), *normalize, Layout(layout)))


def what_the_model_saw(engine: str, content: bytes, preprocess: Preprocess) -> Tensor:
    """As `run` shows it a frame; the contract as written must show it the same."""
    picture = pattern_networks.frame()
    with open_engine(engine, content) as opened:
        prepare = PreparedInput(preprocess, opened.input)
        answer = PreparedOutput(Postprocess("classify"), opened.outputs)
        seen = opened.infer_stored(prepare(picture), answer.scores)
        assert np.array_equal(opened.infer(preprocess(picture))[0], seen)
    return seen


@pytest.mark.parametrize("reals", list(RANGES))
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_tflite_model_sees_every_quarter_where_it_is(layout: str, dtype: str, reals: str) -> None:
    scale, mean = RANGES[reals]
    content = pattern_networks.means_tflite(layout, dtype, -mean, 255 * scale - mean)

    for engine in engines_for("tflite"):
        seen = what_the_model_saw(engine, content, contract(layout, scale, mean))

        # each quarter is one colour, so its mean is that colour: float rounding, or half a step of 1/255
        allowed = 1e-4 if dtype == "float32" else 0.51
        assert np.abs((seen + mean) / scale - ORACLE).max() <= allowed


@pytest.mark.parametrize(("dtype", "mean"), [("float32", 0.0), ("uint8", 0.0), ("int8", 128.0)])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_onnx_model_sees_every_quarter_where_it_is(layout: str, dtype: str, mean: float) -> None:
    seen = what_the_model_saw("onnx", pattern_networks.means_onnx(layout, dtype), contract(layout, 1.0, mean))

    assert np.abs(seen + mean - ORACLE).max() <= 1e-4  # float rounding


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_contract_of_the_other_layout_is_refused_never_reshaped(layout: str) -> None:
    other = contract("NHWC" if layout == "NCHW" else "NCHW")

    with pytest.raises(ModelError, match="the contract's resize, colour or layout does not match this model"):
        what_the_model_saw("onnx", pattern_networks.means_onnx(layout, "float32"), other)


def test_a_pixel_of_200_is_stored_as_72_where_a_cast_would_store_minus_56() -> None:
    content = pattern_networks.means_tflite("NHWC", "int8", 0.0, 1.0)

    with open_engine("litert", content) as engine:
        stored = PreparedInput(contract("NHWC", 1 / 255), engine.input)(np.full((36, 64, 3), 200, np.uint8))

    assert set(stored.ravel().tolist()) == {72}


# 2 ── What dies at its start is an error with its own words, at once ──────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("raise SystemExit('libdnn.so.1: cannot open shared object file')", "libdnn.so.1: cannot open"),
        (
            "import os; os.kill(os.getpid(), 11)",
            "ended with code -11",
        ),  # as a library does on a CPU it was not built for
        ("pass", "said nothing"),
    ],
)
def test_a_measuring_process_that_dies_at_its_start_says_why(
    program: str, message: str, colour_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "WORKER", program)
    started_s = time.monotonic()

    with pytest.raises(EdgeVisionError, match=message):
        bench.bench(colour_bundle, bench.BenchPlan(runs=1))

    assert time.monotonic() - started_s < 20  # 2 to 3 processes of 0.1 s; a job may take minutes


def test_a_capture_that_dies_at_its_start_is_given_up_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def open_link() -> Any:
        raise RuntimeError("a fault of ours")

    shown: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", lambda arguments: shown.append(arguments.exc_value))
    policy = ConnectionPolicy(must_open=True)
    started_s = time.monotonic()

    with pytest.raises(SourceLost, match="the capture thread died"):
        list(ConnectedCamera("cam", lambda: ThreadFeed(open_link), ConnectionSetup(policy)))

    assert time.monotonic() - started_s < policy.connect_within_s / 3
    assert [str(error) for error in shown] == ["a fault of ours"]


# 3 ── An interpreter is built once in a run ───────────────────────────────────────────────────────────────────────────


def counting(base: type, built: list[object]) -> type:
    """The library's own class, that also remembers its objects."""

    class Counted(base):  # type: ignore[misc]
        def __init__(self, *arguments: Any, **named: Any) -> None:
            built.append(named.keys())
            super().__init__(*arguments, **named)

    return Counted


@pytest.mark.parametrize(
    ("engine", "module", "name"),
    [("litert", "ai_edge_litert.interpreter", "Interpreter"), ("onnx", "onnxruntime", "InferenceSession")],
)
def test_twenty_frames_are_answered_by_one_interpreter(
    engine: str, module: str, name: str, colour_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib

    library, built = importlib.import_module(module), []
    monkeypatch.setattr(library, name, counting(getattr(library, name), built))
    for number in range(20):
        cv2.imwrite(str(tmp_path / f"{number:02}.png"), networks.frame_of(200, 40, 10 * number))

    done = CliRunner().invoke(
        edgevision_runtime, ["run", str(colour_bundle.path), "--source", str(tmp_path), "--engine", engine]
    )

    assert done.exit_code == 0, done.output
    assert len([line for line in done.stdout.splitlines() if line.startswith("{")]) == 20
    assert len(built) == 1


# 4 ── A frame that no camera delivered is never inferred, and a camera that was lost comes back ───────────────────────


def test_every_answer_is_of_a_picture_that_the_camera_delivered_however_often_it_was_lost(tmp_path: Path) -> None:
    bundle = counting_bundle(tmp_path / "counting.evb")
    (tmp_path / "pictures").mkdir()
    pictures = write_numbered_pictures(tmp_path / "pictures", 100)
    faults = "fps=10&drop=0.1&corrupt=0.1&stall=3s@5/30&disconnect=8s@20/60&duration=300s"

    done = CliRunner().invoke(
        edgevision_runtime, ["run", str(bundle.path), "--source", f"fake://{pictures}?{faults}", "--quiet"]
    )

    documents = [json.loads(line) for line in done.stdout.splitlines()]
    results = [document for document in documents if "event" not in document]
    assert done.exit_code == 0, done.output
    numbers = [number_of_result(result) for result in results]
    assert numbers == [round(result["captured_s"] * 10) % 100 for result in results]  # picture n is captured at n / fps
    assert not [result for result in results if 20 < result["captured_s"] % 60 < 28]
    assert len([document for document in documents if document.get("name") == "connecting"]) > 5


def test_a_black_picture_would_have_been_noticed() -> None:
    assert number_in(set()) is None
    assert number_in(set(range(60))) is None


# 5 ── What read() gave is looked at before it is used; the runtime is imported without OpenCV ─────────────────────────


class Failing:
    """A capture whose read() fails, in the ways that are known of OpenCV."""

    def __init__(self, given: tuple[bool, Any]) -> None:
        self.given = given

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return True

    def set(self, name: int, value: float) -> bool:
        return True

    def get(self, name: int) -> float:
        return 0.0

    def read(self) -> tuple[bool, Any]:
        return self.given

    def release(self) -> None:
        pass


@pytest.mark.parametrize("given", [(False, None), (False, np.zeros((4, 4, 3), np.uint8))])
def test_a_read_that_failed_is_a_lost_camera_and_no_picture(given: tuple[bool, Any]) -> None:
    camera = DeviceCamera("0", CameraOptions(give_up_after_s=0.6), lambda device: Failing(given))

    with camera, pytest.raises(SourceLost, match="the camera stopped delivering"):
        list(camera)


def test_no_module_of_the_runtime_imports_opencv_or_an_engine() -> None:
    program = """
import importlib, pkgutil, sys
import edgevision_runtime
for module in pkgutil.walk_packages(edgevision_runtime.__path__, "edgevision_runtime."):
    importlib.import_module(module.name)
heavy = ("cv2", "ai_edge_litert", "tflite_runtime", "onnxruntime", "gi", "picamera2", "paho", "prometheus_client")
print([name for name in heavy if name in sys.modules])
"""

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout.strip() == "[]"


# 6 ── int8 at the edges of a model is read and written with the tensor's own numbers ──────────────────────────────────


def test_the_scores_of_an_int8_model_are_real_numbers_and_near_those_of_float() -> None:
    picture = np.full((pattern_networks.HEIGHT, pattern_networks.WIDTH, 3), (200, 40, 120), np.uint8)

    scores = {}
    for is_int8 in (False, True):
        with open_engine("litert", pattern_networks.softmax_tflite(is_int8)) as engine:
            assert (engine.input.dtype, engine.outputs[0].dtype) == (("int8",) * 2 if is_int8 else ("float32",) * 2)
            (scores[is_int8],) = engine.infer(picture)

    logits = np.array([200, 40, 120]) * 6 / 255
    assert np.allclose(scores[False], np.exp(logits) / np.exp(logits).sum(), atol=1e-5)  # float32 softmax
    assert scores[True].dtype == np.float32
    # a step of the logits is 6/255 and moves a probability by at most a quarter of it; a step of the output is 1/256
    assert np.abs(scores[True] - scores[False]).max() <= 6 / 255 / 4 + 1 / 256


# 7 ── Probabilities sum to 1 ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("is_int8", [False, True])
def test_the_probabilities_of_every_engine_sum_to_one(is_int8: bool) -> None:
    generator = np.random.default_rng(7)
    shape = (pattern_networks.HEIGHT, pattern_networks.WIDTH, 3)
    runs = [(name, pattern_networks.softmax_tflite(is_int8)) for name in engines_for("tflite")]
    runs += [] if is_int8 else [("onnx", networks.strongest_colour_onnx())]

    for name, content in runs:
        with open_engine(name, content) as engine:
            for _ in range(10):
                (scores,) = engine.infer(generator.integers(0, 256, shape, dtype=np.uint8))
                # each of three classes may be rounded by half a step of 1/256
                assert abs(float(scores.sum()) - 1) <= (3 * 0.5 / 256 + 1e-6 if is_int8 else 1e-5)
                assert scores.min() >= 0
