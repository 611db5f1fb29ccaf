"""Defects that were found in other projects, and that nobody shall find here: one section for each.

1  an image tool sorts a tensor's axes to find height and width, reshapes, and casts instead of quantizing
3  an example builds a new interpreter for every frame
6  a robot's driver does not handle int8 inputs and outputs
7  a converter's softmax sums to 23.4 (ours refuses to write such a file: tests/converters/test_agreement.py)
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from edgevision_runtime.bundle import Bundle
from edgevision_runtime.cli import edgevision_runtime
from edgevision_runtime.contract import Preprocess
from edgevision_runtime.engines import engines_for, open_engine
from edgevision_runtime.errors import ModelError
from edgevision_runtime.fast_answer import PreparedOutput
from edgevision_runtime.fast_path import PreparedInput
from edgevision_runtime.operations import Color, Layout, Normalize, Resize
from edgevision_runtime.postprocess import Postprocess
from edgevision_runtime.types import Tensor
from tests.edgevision_runtime import networks, pattern_networks

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
