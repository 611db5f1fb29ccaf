"""The stages behind `prune` and `quantize`, from run to run."""

import json

import keras as keras3
import numpy as np
import pytest

from edgevision.compression.prune import PrunePlan, prune
from edgevision.compression.pruning import Pruning
from edgevision.compression.quantize import QuantizePlan, quantize
from edgevision.compression.shrunk import Target
from edgevision.compression.sparsity import layer_sparsities
from edgevision.compression.subject import Origin, open_subject
from edgevision.compression.tuning import ShrinkHooks, Tuning
from edgevision.packing.source_model import Statement
from edgevision.runs import RunDirectory
from edgevision.training.load import load_model
from edgevision.training.plan import DataPlan, NetworkPlan, TrainPlan
from edgevision.training.train import train
from edgevision.training.unfinished import Target as TrainTarget
from edgevision_runtime.errors import ModelError, UsageError
from tests.edgevision.training.shapes import write_classes, write_squares

TUNING = Tuning(epochs=2, learning_rate=1e-3, batch=8)
STATED = Statement(
    task="classify", labels=("bright", "dark"), resize="squash", size=(8, 8), color="rgb", mean=(0.0,), std=(1.0,),
    activation="none",
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("shrink")


@pytest.fixture(scope="module")
def classes(folder):
    return write_classes(folder / "classes")


@pytest.fixture(scope="module")
def trained(folder, classes):
    network = NetworkPlan("cnn", width=0.25, image_size=(8, 8))
    plan = TrainPlan(DataPlan(str(classes), augment="none"), network, epochs=6, batch=8, learning_rate=0.01)
    return train(plan, TrainTarget(folder / "trained")).run


@pytest.fixture(scope="module")
def pruned(folder, trained):
    lines = []
    hooks = ShrinkHooks(log=lines.append, command="edgevision prune …")
    return prune(PrunePlan(Origin(trained.path), Pruning(0.5), TUNING), Target(folder / "pruned"), hooks), lines


@pytest.fixture(scope="module")
def both(folder, pruned):
    lines = []
    plan = QuantizePlan(Origin(pruned[0].run.path), TUNING)
    return quantize(plan, Target(folder / "both"), ShrinkHooks(log=lines.append)), lines


def test_pruning_leaves_a_whole_run_with_the_zeros_and_the_parent_s_splits(pruned, trained):
    run = RunDirectory.open(pruned[0].run.path)

    assert {path.name for path in run.path.iterdir()} == {
        "model.keras", "spec.json", "run.json", "metrics.json", "history.csv", "splits.csv", "report.html",
    }  # fmt: skip
    assert run.stage == "pruned"
    assert run.record["parent"] == str(trained.path)
    assert run.splits_path.read_bytes() == trained.splits_path.read_bytes()
    assert run.spec == trained.spec
    for layer in layer_sparsities(load_model(run)):
        assert layer.share == pytest.approx(0.5, abs=0.005), layer


def test_what_pruning_gained_is_measured_and_no_speed_is_promised(pruned):
    measured = pruned[0].run.metrics()["compression"]

    assert measured["sparsity"]["of_kernels"] == pytest.approx(0.5, abs=0.005)
    assert set(measured["layer_sparsity"]) == {"conv1", "conv2", "conv3", "conv4", "head_logits"}
    sizes = measured["size"]["float .tflite"]
    assert sizes["after"]["gzip_bytes"] < sizes["before"]["gzip_bytes"]
    assert measured["latency_ms"]["before"] > 0
    assert measured["latency_ms"]["is_faster"] == ("as fast" in measured["conclusion"])
    assert measured["metric"]["split"] == "test"
    assert "accuracy on the test split" in measured["conclusion"]
    assert "Zeros per layer" in pruned[0].run.path.joinpath("report.html").read_text(encoding="utf-8")


def test_quantizing_a_pruned_run_keeps_its_zeros_and_says_so(both, pruned):
    result, lines = both
    before = layer_sparsities(load_model(pruned[0].run))

    after = {layer.layer: layer.zeros for layer in layer_sparsities(load_model(result.run))}

    assert after == {layer.layer: layer.zeros for layer in before}
    assert any("50% of the weights are zero and stay zero" in line for line in lines)
    assert result.run.stage == "quantized"
    measured = result.run.metrics()["compression"]
    # int8 rounds the probabilities to 1/256 and may be one step off where a sum lies between two
    assert measured["int8_largest_difference"] <= 2 / 256


def test_a_quantized_run_can_be_neither_pruned_nor_quantized_again(both, folder):
    origin = Origin(both[0].run.path)

    with pytest.raises(UsageError, match="prune first, then quantize"):
        prune(PrunePlan(origin, Pruning(), TUNING), Target(folder / "never"))
    with pytest.raises(UsageError, match="already"):
        quantize(QuantizePlan(origin, TUNING), Target(folder / "never"))
    assert not (folder / "never").exists()


def test_what_is_there_is_not_overwritten(trained, pruned):
    with pytest.raises(UsageError, match="--force"):
        prune(PrunePlan(Origin(trained.path), Pruning(), TUNING), Target(pruned[0].run.path))


def test_a_segmenter_is_quantized_too(folder):
    network = NetworkPlan("unet_tiny", width=0.25, image_size=(16, 16))
    plan = TrainPlan(DataPlan(str(write_squares(folder / "squares")), augment="none"), network, epochs=2, batch=8)
    run = train(plan, TrainTarget(folder / "segmenter")).run

    result = quantize(QuantizePlan(Origin(run.path), TUNING), Target(folder / "segmenter8"))

    assert result.run.metrics()["compression"]["metric"]["name"] == "mean IoU"


def keras3_file(path):
    layers = keras3.layers
    keras3.utils.set_random_seed(0)
    model = keras3.Sequential(
        [
            keras3.Input((8, 8, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(8, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2, activation="softmax"),
        ],
        name="foreign",
    )
    model.save(path)
    return path


def test_a_keras_3_file_with_a_stated_contract_is_pruned(folder, classes):
    source = keras3_file(folder / "foreign.keras")
    lines = []

    result = prune(
        PrunePlan(Origin(source, STATED, str(classes)), Pruning(0.5), TUNING),
        Target(folder / "foreign"),
        ShrinkHooks(log=lines.append),
    )

    assert [layer.share for layer in layer_sparsities(load_model(result.run))] == pytest.approx([0.5, 0.5], abs=0.005)
    assert any("Rebuilt from Keras 3" in line for line in lines)
    assert result.run.record["data"]["source"] == str(classes)


@pytest.mark.parametrize("ending", ["layer", "activation"])
def test_a_foreign_segmenter_learns_on_logits(folder, ending):
    layers = keras3.layers
    image = keras3.Input((16, 16, 3))
    x = layers.Conv2D(4, 3, padding="same", activation="relu")(layers.Rescaling(1 / 255)(image))
    x = layers.Conv2D(2, 1)(x) if ending == "layer" else layers.Conv2D(2, 1, activation="softmax")(x)
    model = keras3.Model(image, layers.Softmax()(x) if ending == "layer" else x)
    model.save(folder / f"{ending}.keras")
    data = write_squares(folder / f"squares-{ending}")
    (data / "images" / "notes.txt").write_text("no picture", encoding="utf-8")
    stated = Statement(
        task="segment",
        labels=("ground", "square"),
        resize="squash",
        size=(16, 16),
        color="rgb",
        mean=(0.0,),
        std=(1.0,),
    )

    subject = open_subject(Origin(folder / f"{ending}.keras", stated, str(data)))

    pictures = np.random.default_rng(0).uniform(0, 255, (4, 16, 16, 3)).astype(np.float32)
    logits, probabilities = subject.model.predict(pictures, verbose=0), model.predict(pictures, verbose=0)
    shares = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    assert np.allclose(shares, probabilities, atol=1e-6)  # float32, the same sums
    assert np.abs(logits.sum(axis=-1) - 1).max() > 0.01
    assert any("softmax" in note for note in subject.notes)
    assert any("notes.txt is no image" in note for note in subject.notes)
    assert subject.is_foreign


def test_a_child_does_not_need_the_file_of_class_weights(folder, classes):
    file = folder / "weights.json"
    file.write_text('{"dark": 3}', encoding="utf-8")
    network = NetworkPlan("cnn", width=0.25, image_size=(8, 8))
    plan = TrainPlan(DataPlan(str(classes)), network, epochs=1, batch=8, class_weights=str(file))
    run = train(plan, TrainTarget(folder / "weighted")).run
    file.unlink()

    child = prune(PrunePlan(Origin(run.path), Pruning(), TUNING), Target(folder / "weighted-pruned")).run

    assert child.record["arguments"]["class_weight_values"] == [1.0, 3.0]


def test_a_foreign_model_must_state_its_contract_and_its_data(folder, classes):
    source = keras3_file(folder / "unstated.keras")

    with pytest.raises(UsageError, match="--labels"):
        prune(PrunePlan(Origin(source, Statement(), str(classes)), Pruning(), TUNING), Target(folder / "never"))
    with pytest.raises(UsageError, match="--data"):
        prune(PrunePlan(Origin(source, STATED), Pruning(), TUNING), Target(folder / "never"))


def test_a_foreign_model_whose_output_does_not_fit_the_labels_is_refused(folder, classes):
    source = keras3_file(folder / "fewer.keras")
    stated = Statement(**{**STATED.__dict__, "labels": ("bright", "dark", "dusk")})

    with pytest.raises(ModelError, match="last axis of 3 labels"):
        prune(PrunePlan(Origin(source, stated, str(classes)), Pruning(), TUNING), Target(folder / "never"))


def test_the_same_seed_gives_the_same_weights(folder, trained):
    weights = []
    for name in ("one", "two"):
        plan = PrunePlan(Origin(trained.path), Pruning(0.5), Tuning(1, 1e-3, 8, seed=4))
        run = prune(plan, Target(folder / name)).run
        weights.append(load_model(run).get_weights())

    assert all(np.array_equal(first, second) for first, second in zip(*weights, strict=True))


def test_a_run_remembers_what_its_child_needs(pruned):
    arguments = json.loads((pruned[0].run.path / "run.json").read_text())["arguments"]

    assert arguments["batch"] == 8
    assert arguments["sparsity"] == 0.5
    assert arguments["class_weights"] == "balanced"
