from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgevision_converters.convert import check_answers, convert
from edgevision_converters.inspect import describe
from edgevision_converters.plan import Conversion, ConvertPlan, ModelFacts
from edgevision_runtime.engines import open_engine
from edgevision_runtime.errors import DataError, ModelError, UsageError
from edgevision_runtime.postprocess import Postprocess
from tests.converters import networks
from tests.converters.conftest import KINDS, content, plan

# A score of the little softmax moves by at most one output step (1/256) for rounding the output, and about as much
# again for rounding inside; the worst that was measured on 20 pictures is 0.004.
INT8_SCORE_TOLERANCE = 0.02


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_source_becomes_float_and_int8(kind: str, source_path: Callable[[str], Path]) -> None:
    made = convert(source_path(kind), plan(), networks.pictures(8))

    names = {model.variant.name for model in made.models}
    onnx = {"float32.onnx", "int8.onnx"}
    assert names == (onnx if kind == "float.onnx" else onnx | {"float32.tflite", "int8.tflite"})
    for name in names:
        # float32: 1e-4 of a score of at most 1, the tolerance of the agreement check
        limit = 1e-4 if name.startswith("float32") else INT8_SCORE_TOLERANCE
        assert made.reference_difference[name] <= limit
    for model in made.models:
        assert model.variant.inputs[0].shape == (1, *networks.SHAPE)
        assert model.variant.outputs[0].shape == (1, networks.CLASSES)
        assert model.variant.path == f"models/{model.variant.name}"
    json.dumps([made.report, made.calibration])


def test_every_target_is_what_it_is_called_and_close_to_its_source(all_targets: Conversion) -> None:
    limits = {"float32": 1e-6, "float16": 1e-3, "int8": 0.02, "dynamic": 0.02, "int16x8": 2e-3}

    for model in all_targets.models:
        assert describe(model.data).actual_precision == model.variant.precision
        assert all_targets.reference_difference[model.variant.name] <= limits[model.variant.precision]

    assert {model.variant.name for model in all_targets.models} == {
        *(f"{precision}.tflite" for precision in limits),
        *(f"{precision}.onnx" for precision in limits if precision != "int16x8"),
    }
    assert [(entry.format, entry.precision) for entry in all_targets.skipped] == [("onnx", "int16x8")]


def test_a_float16_tflite_can_become_anything(all_targets: Conversion, tmp_path: Path) -> None:
    source = tmp_path / "half.tflite"
    source.write_bytes(content(all_targets, "float16.tflite"))
    precisions = ("float32", "float16", "int8", "dynamic", "int16x8")

    made = convert(source, plan(precisions=precisions), networks.pictures(8))

    names = [model.variant.name for model in made.models]
    assert names == [*(f"{p}.tflite" for p in precisions), *(f"{p}.onnx" for p in precisions if p != "int16x8")]
    assert made.reference_difference["float32.tflite"] == 0.0  # widening is exact
    assert made.reference_difference["int8.tflite"] <= INT8_SCORE_TOLERANCE
    notes = {model.variant.name: model.notes for model in made.models}
    assert notes["float16.tflite"] == ("packed as it was",)
    assert notes["float32.tflite"] == ("weights widened from float16: no more precise than the source",)


@pytest.mark.parametrize(
    ("labels", "head", "message"),
    [
        (("a", "b"), Postprocess("classify"), "2 labels for a model that tells"),
        (networks.LABELS, Postprocess("classify", output=3), "output 3 of a model with 1"),
        (networks.LABELS, Postprocess("classify", activation="softmax"), "ends in probabilities.*--activation none"),
        (networks.LABELS, Postprocess("segment"), "is no mask"),
    ],
)
def test_what_was_stated_of_the_output_is_held_against_it(
    labels: tuple[str, ...], head: Postprocess, message: str, source_path: Callable[[str], Path]
) -> None:
    facts = ModelFacts(labels=labels, postprocess=head)

    with pytest.raises(UsageError, match=message):
        convert(source_path("float.onnx"), plan(facts=facts, formats=("onnx",)), networks.pictures(4))


def test_logits_that_were_called_probabilities_are_refused() -> None:
    logits = [(np.array([-3.0, 7.0], np.float32),), (np.array([0.5, 0.5], np.float32),)]

    with pytest.raises(UsageError, match=r"ends in -3 … 7.*--activation softmax"):
        check_answers(ModelFacts(labels=("a", "b"), postprocess=Postprocess("classify")), logits)

    check_answers(ModelFacts(labels=("a", "b"), postprocess=Postprocess("classify", activation="softmax")), logits)


def test_int8_of_a_fixed_input_range_has_scale_1_and_softmax_scale_1_256(all_targets: Conversion) -> None:
    variant = next(model.variant for model in all_targets.models if model.variant.name == "int8.tflite")

    assert (variant.inputs[0].dtype, variant.inputs[0].scale, variant.inputs[0].zero_point) == ("int8", 1.0, -128)
    assert (variant.outputs[0].scale, variant.outputs[0].zero_point) == (1 / 256, -128)


def test_onnx_int8_stores_a_fixed_input_range_exactly(all_targets: Conversion) -> None:
    import onnx

    model = onnx.ModelProto.FromString(content(all_targets, "int8.onnx"))
    weights = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    first = next(node for node in model.graph.node if node.input[0] == "image")

    assert first.op_type == "QuantizeLinear"
    assert weights[first.input[1]] == np.float32(1.0)
    assert weights[first.input[2]] == 0


def test_io_dtypes_give_the_same_scores(keras2_path: Path) -> None:
    pictures = networks.pictures(6)
    scores = {}
    for dtype in ("float32", "int8", "uint8"):
        made = convert(keras2_path, plan(formats=("tflite",), precisions=("int8",), io_dtype=dtype), pictures)
        assert made.models[0].variant.inputs[0].dtype == dtype
        assert made.models[0].variant.outputs[0].dtype == dtype
        with open_engine("litert", made.models[0].data) as engine:
            scores[dtype] = np.stack([engine.infer(picture)[0] for picture in pictures])

    # all three round the same pixels to the same steps: 0..255 at scale 1
    np.testing.assert_array_equal(scores["float32"], scores["int8"])
    np.testing.assert_array_equal(scores["uint8"], scores["int8"])


def test_a_segmenter_keeps_its_logits(tmp_path: Path) -> None:
    from edgevision_converters.tensorflow_setup import keras

    networks.segmenter(keras).save(tmp_path / "segmenter.keras")

    made = convert(tmp_path / "segmenter.keras", plan(), networks.pictures(12))

    shares = {name: entry["difference_share"] for name, entry in made.report["models"].items()}
    assert {model.variant.outputs[0].shape for model in made.models} == {(1, networks.HEIGHT, networks.WIDTH, 2)}
    assert max(shares["float32.tflite"], shares["float32.onnx"]) <= 1e-5  # float rounding over 4 layers
    assert max(shares["int8.tflite"], shares["int8.onnx"]) <= 0.05  # a few of 255 steps


def test_a_dynamic_batch_stays_dynamic_and_a_fixed_one_is_pinned(keras2_path: Path) -> None:
    dynamic = convert(keras2_path, plan(batch=None, precisions=("float32",)), networks.pictures(2))
    fixed = convert(keras2_path, plan(batch=1, precisions=("float32",)), networks.pictures(2))

    assert {model.variant.inputs[0].shape for model in dynamic.models} == {(-1, *networks.SHAPE)}
    assert {model.variant.inputs[0].shape for model in fixed.models} == {(1, *networks.SHAPE)}


def test_the_same_model_gives_the_same_bytes(keras2_path: Path, all_targets: Conversion) -> None:
    script = (
        "import sys, hashlib, pathlib\n"
        "from edgevision_converters.convert import convert\n"
        "from tests.converters import networks\n"
        "from tests.converters.conftest import plan\n"
        "made = convert(pathlib.Path(sys.argv[1]), plan(precisions=('float32', 'int8')), networks.pictures(20))\n"
        "print('\\n'.join(m.variant.name + ' ' + hashlib.sha256(m.data).hexdigest() for m in made.models))\n"
    )
    import hashlib

    environment = os.environ | {"PYTHONHASHSEED": "7"}
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script, str(keras2_path)],
        env=environment,
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )

    hashes = dict(line.split() for line in done.stdout.splitlines() if (" " in line and ".on" in line) or ".tf" in line)
    assert hashes == {
        model.variant.name: hashlib.sha256(model.data).hexdigest()
        for model in all_targets.models
        if model.variant.precision in ("float32", "int8")
    }


def test_int8_without_samples_is_refused(keras2_path: Path) -> None:
    with pytest.raises(DataError, match="no samples"):
        convert(keras2_path, plan(), [])


def test_a_contract_of_another_size_is_refused_with_both_sizes(keras2_path: Path) -> None:
    wrong = [np.zeros((16, 24, 3), np.uint8)]

    with pytest.raises(ModelError, match=r"the contract makes \(16, 24, 3\).*takes \(24, 16, 3\)"):
        convert(keras2_path, plan(), wrong)


def test_an_int8_file_is_packed_as_it_is_and_nothing_else(all_targets: Conversion, tmp_path: Path) -> None:
    path = tmp_path / "done.tflite"
    path.write_bytes(content(all_targets, "int8.tflite"))

    made = convert(path, plan(), networks.pictures(4))

    assert [model.variant.name for model in made.models] == ["int8.tflite"]
    assert made.reference_difference == {"int8.tflite": 0.0}
    assert {entry.precision for entry in made.skipped if entry.format == "tflite"} == {"float32"}
    assert "int8 already" in made.skipped[0].reason
    with pytest.raises(ModelError, match="int8 already"):
        convert(path, plan(precisions=("float16",)), networks.pictures(4))


def test_onnx_to_tflite_says_what_to_do(source_path: Callable[[str], Path]) -> None:
    with pytest.raises(ModelError, match="cannot become TensorFlow Lite here; convert the Keras model"):
        convert(source_path("float.onnx"), plan(formats=("tflite",)), networks.pictures(2))


def test_an_operator_that_ai_edge_quantizer_does_not_know_is_quantized_by_tensorflow(tmp_path: Path) -> None:
    from edgevision_converters.tensorflow_setup import keras

    keras.utils.set_random_seed(1)
    layers = [keras.layers.InputLayer(networks.SHAPE), keras.layers.Conv2D(4, 3), keras.layers.LeakyReLU()]
    keras.Sequential([*layers, keras.layers.GlobalAveragePooling2D()]).save(tmp_path / "leaky.keras")

    made = convert(tmp_path / "leaky.keras", plan(formats=("tflite",)), networks.pictures(8))

    assert "quantized by tensorflow" in made.models[1].notes
    assert describe(made.models[1].data).actual_precision == "int8"
    assert made.report["models"]["int8.tflite"]["difference_share"] <= 0.03  # a few of 255 steps


def test_an_operator_that_nobody_can_quantize_is_named(tmp_path: Path) -> None:
    from edgevision_converters.tensorflow_setup import keras

    keras.Sequential([keras.layers.InputLayer(networks.SHAPE), keras.layers.Conv2D(4, 3, activation="elu")]).save(
        tmp_path / "elu.keras"
    )

    with pytest.raises(ModelError, match="ELU × 1"):
        convert(tmp_path / "elu.keras", plan(formats=("tflite",)), networks.pictures(2))


def test_a_typo_in_a_precision_gets_a_suggestion() -> None:
    with pytest.raises(UsageError, match="did you mean int8"):
        ConvertPlan(precisions=("int9",))


def test_progress_ends_at_the_last_sample(keras2_path: Path) -> None:
    steps: list[tuple[str, int, int]] = []

    convert(
        keras2_path,
        plan(formats=("tflite",), precisions=("int8",)),
        networks.pictures(5),
        lambda label, done, total: steps.append((label, done, total)),
    )

    assert steps[0][0] == "read the model"
    assert [step for step in steps if step[0] == "calibrate"][-1] == ("calibrate", 5, 5)
