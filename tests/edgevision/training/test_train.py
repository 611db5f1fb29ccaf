import csv
import json

import numpy as np
import pytest

from edgevision.runs import RunDirectory
from edgevision.training.load import load_model
from edgevision.training.plan import DataPlan, NetworkPlan, TrainPlan
from edgevision.training.run_files import open_run_data
from edgevision.training.train import TrainHooks, train
from edgevision.training.unfinished import Target, UnfinishedTraining
from edgevision_runtime.errors import DataError, UsageError
from tests.edgevision.training.shapes import write_classes, write_squares


@pytest.fixture(scope="module")
def classes(tmp_path_factory):
    return write_classes(tmp_path_factory.mktemp("classes") / "data")


@pytest.fixture(scope="module")
def squares(tmp_path_factory):
    return write_squares(tmp_path_factory.mktemp("squares") / "data")


def classify_plan(data, **changes):
    network = changes.pop("network", NetworkPlan("cnn", width=0.25, image_size=(8, 8)))
    values = {"epochs": 3, "batch": 8, "learning_rate": 0.01} | changes
    return TrainPlan(DataPlan(str(data)), network, **values)


@pytest.fixture(scope="module")
def trained(classes, tmp_path_factory):
    lines = []
    output = tmp_path_factory.mktemp("runs") / "lamps"
    hooks = TrainHooks(log=lines.append, warn=lines.append, command="edgevision train …")
    return train(classify_plan(classes, epochs=8), Target(output), hooks), lines


def test_a_training_leaves_a_whole_run_and_nothing_else(trained):
    result, _ = trained

    run = RunDirectory.open(result.run.path)
    assert {path.name for path in run.path.iterdir()} == {
        "model.keras", "spec.json", "run.json", "metrics.json", "history.csv", "splits.csv", "report.html",
    }  # fmt: skip
    assert [path.name for path in run.path.parent.iterdir()] == ["lamps"]
    assert run.spec.labels == ("bright", "dark")
    assert run.spec.preprocess.dtype == "uint8"
    assert run.record["stage"] == "trained"
    assert run.record["architecture"]["name"] == "cnn"
    assert run.record["data"]["images"] == {"train": 20, "val": 4, "test": 4}
    assert (
        "Worst mistakes" in run.path.joinpath("report.html").read_text()
        or run.metrics()["splits"]["test"]["accuracy"] == 1
    )


def test_what_it_learned_and_how_is_written_down(trained):
    result, lines = trained

    with (result.run.path / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == [str(n) for n in range(1, 9)]
    assert set(rows[0]) == {"epoch", "loss", "val_loss", "metric", "val_metric", "learning_rate", "seconds"}
    metrics = result.run.metrics()
    assert metrics["splits"]["test"]["accuracy"] == 1.0  # bright and dark do not overlap
    assert set(metrics["splits"]) == {"val", "test"}
    assert any("training on the" in line for line in lines)
    assert any("class weights (balanced): bright 1, dark 1" in line for line in lines)


def test_the_saved_model_gives_the_scores_of_the_evaluation(trained):
    result, _ = trained
    evaluation = result.evaluations[-1]

    model = load_model(result.run)
    images = np.stack([result.run.spec.preprocess(s.read_image()) for s in evaluation.samples]).astype(np.float32)

    assert evaluation.split == "test"
    # one batch of another size than in the evaluation: float32 sums may be taken in another order
    assert np.allclose(model.predict(images, verbose=0), evaluation.scores, atol=1e-6)


def test_a_run_finds_its_data_again_with_the_same_splits(trained):
    result, _ = trained

    dataset = open_run_data(result.run)

    assert [s.image for s in dataset.of_split("test")] == [s.image for s in result.evaluations[-1].samples]


def test_the_same_seed_gives_the_same_bits(classes, tmp_path):
    first = train(classify_plan(classes), Target(tmp_path / "first"))
    again = train(classify_plan(classes), Target(tmp_path / "again"))
    other = train(classify_plan(classes, seed=1), Target(tmp_path / "other"))

    pairs = zip(first.model.get_weights(), again.model.get_weights(), strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs)
    assert not np.array_equal(first.model.get_weights()[0], other.model.get_weights()[0])


def test_masks_are_learned_and_judged(squares, tmp_path):
    network = NetworkPlan("unet_tiny", width=0.5, image_size=(16, 16))
    plan = TrainPlan(DataPlan(str(squares)), network, epochs=12, batch=4, learning_rate=0.01)

    result = train(plan, Target(tmp_path / "run"))

    evaluation = result.evaluations[-1]
    assert result.run.spec.task == "segment"
    assert evaluation.predicted.shape == evaluation.truth.shape == (3, 16, 16)
    assert len(evaluation.worst(2)) == 2
    assert result.run.metrics()["splits"]["test"]["mean"]["iou"] > 0.8  # brightness alone gives it away


def test_a_network_learns_in_one_channel_and_non_square_sizes(classes, tmp_path):
    plan = classify_plan(classes, epochs=1, color="gray", network=NetworkPlan("mlp", image_size=(6, 10)))

    result = train(plan, Target(tmp_path / "run"))

    assert result.model.input_shape == (None, 6, 10, 1)


def test_mixed_precision_ends_in_a_float32_model_and_says_so(classes, tmp_path):
    lines = []

    result = train(classify_plan(classes, mixed_precision=True), Target(tmp_path / "run"), TrainHooks(log=lines.append))

    assert any("float16" in line for line in lines)
    assert {layer.compute_dtype for layer in load_model(result.run).layers} == {"float32"}


def test_a_tensorboard_log_stands_in_the_run(classes, tmp_path):
    result = train(classify_plan(classes, epochs=1), Target(tmp_path / "run"), TrainHooks(tensorboard=True))

    assert list((result.run.path / "tensorboard").rglob("events.out.tfevents.*"))


class Stop(Exception):
    pass


def stop_in_epoch(number):
    def on_progress(stage, progress):
        if progress.epoch == number:
            raise Stop

    return TrainHooks(on_progress=on_progress)


def test_an_interrupted_training_must_be_resumed_or_given_up(classes, tmp_path):
    output = tmp_path / "run"
    with pytest.raises(Stop):
        train(classify_plan(classes), Target(output), stop_in_epoch(2))
    assert not output.exists()
    read = []

    with pytest.raises(UsageError, match="--resume goes on"):
        train(classify_plan(classes), Target(output), TrainHooks(on_images=lambda *told: read.append(told)))
    assert read == []
    with pytest.raises(UsageError, match="learning_rate"):
        train(classify_plan(classes, learning_rate=0.02), Target(output, resume=True))
    epochs = []
    hooks = TrainHooks(on_progress=lambda stage, progress: epochs.append(progress.epoch))
    result = train(classify_plan(classes), Target(output, resume=True), hooks)

    assert min(epochs) == 2
    assert len(result.run.path.joinpath("history.csv").read_text().splitlines()) == 4
    assert not UnfinishedTraining.of(output).path.exists()


def test_resume_refuses_images_that_have_changed(tmp_path):
    data = write_classes(tmp_path / "data")
    with pytest.raises(Stop):
        train(classify_plan(data), Target(tmp_path / "run"), stop_in_epoch(2))
    next((data / "dark").iterdir()).unlink()

    with pytest.raises(UsageError, match=r"another plan \(images\)"):
        train(classify_plan(data), Target(tmp_path / "run", resume=True))


def test_force_starts_over(classes, tmp_path):
    output = tmp_path / "run"
    with pytest.raises(Stop):
        train(classify_plan(classes), Target(output), stop_in_epoch(2))

    result = train(classify_plan(classes, learning_rate=0.02), Target(output, force=True))

    assert json.loads((result.run.path / "run.json").read_text())["arguments"]["learning_rate"] == 0.02


def test_a_run_is_not_overwritten_unless_forced(trained, classes):
    result, _ = trained

    with pytest.raises(UsageError, match="exists already"):
        train(classify_plan(classes), Target(result.run.path))


def test_a_run_finds_its_data_from_another_folder(tmp_path, monkeypatch):
    write_classes(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    run = train(classify_plan("data", epochs=1), Target(tmp_path / "run")).run
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    assert len(open_run_data(run).samples) == 28

    (tmp_path / "data").rename(tmp_path / "moved")
    with pytest.raises(DataError, match="is not there; say where it is: --data"):
        open_run_data(run)


def test_class_weights_of_a_file_are_kept_in_the_run(classes, tmp_path):
    file = tmp_path / "weights.json"
    file.write_text('{"dark": 3}', encoding="utf-8")

    run = train(classify_plan(classes, epochs=1, class_weights=str(file)), Target(tmp_path / "run")).run

    assert run.record["arguments"]["class_weight_values"] == [1.0, 3.0]


def test_one_class_is_refused_by_name(tmp_path):
    data = write_classes(tmp_path / "data")
    for file in (data / "bright").iterdir():
        file.unlink()
    (data / "bright").rmdir()

    with pytest.raises(DataError, match="has one class, 'dark'"):
        train(classify_plan(data), Target(tmp_path / "run"))


def test_groups_thin_classes_and_skipped_files_are_said(tmp_path):
    data = write_classes(tmp_path / "data")
    for file in sorted((data / "bright").iterdir())[1:]:
        file.unlink()
    (data / "dark" / "broken.jpg").write_text("no picture", encoding="utf-8")
    lines, images = [], []

    hooks = TrainHooks(
        log=lines.append, warn=lines.append, on_images=lambda work, done, total: images.append((work, done, total))
    )
    train(classify_plan(data, epochs=1), Target(tmp_path / "run"), hooks)

    assert "skipped broken.jpg is not a picture that can be read" in lines
    assert "val has no image of 'bright': too few images of it" in lines
    assert ("checking", 16, 16) in images
    assert {work for work, _, _ in images} == {"checking", "preparing train", "preparing val"}


def test_grouping_is_said(classes, tmp_path):
    lines = []
    data = DataPlan(str(classes), group_by=r"^(\d)")

    with pytest.raises(DataError, match="too few"):  # two groups cannot make three splits
        train(TrainPlan(data, epochs=1), Target(tmp_path / "run"), TrainHooks(log=lines.append))
    data = DataPlan(str(classes), group_by=r"(\d)\.")
    plan = TrainPlan(data, NetworkPlan("cnn", width=0.25, image_size=(8, 8)), epochs=1)
    train(plan, Target(tmp_path / "run"), TrainHooks(log=lines.append))

    assert r"grouped by (\d)\.: 10 groups, each on one side of the split" in lines


def test_data_without_labels_is_refused(tmp_path, classes):
    plain = tmp_path / "plain"
    plain.mkdir()
    for file in (classes / "dark").iterdir():
        (plain / file.name).write_bytes(file.read_bytes())

    with pytest.raises(DataError, match="no labels"):
        train(classify_plan(plain), Target(tmp_path / "run"))


def test_masks_cannot_be_classified(squares, tmp_path):
    with pytest.raises(UsageError, match="cnn cannot segment"):
        train(classify_plan(squares), Target(tmp_path / "run"))


def test_pictures_that_weigh_nothing_have_no_influence_and_weights_do(tmp_path):
    def trained_on(name, *rows, without=()):
        folder = write_classes(tmp_path / name / "data")
        for path in without:
            (folder / path).unlink()
        if rows:
            text = "\n".join(["image,label,by,margin,weight,source", *rows]) + "\n"
            (folder / "provenance.csv").write_text(text)
        lines = []
        hooks = TrainHooks(log=lines.append, warn=lines.append)
        result = train(classify_plan(folder, epochs=1), Target(tmp_path / name / "run"), hooks)
        return result.model.get_weights(), lines

    paths = sorted(path.name for path in write_classes(tmp_path / "seen" / "data").joinpath("dark").iterdir())
    gone = [f"dark/{name}" for name in paths[:2]]

    without, _ = trained_on("without", without=gone)
    nothing, lines = trained_on("nothing", *(f"{path},dark,cluster,0.1,0," for path in gone))
    little, told = trained_on("little", *(f"dark/{name},dark,cluster,0.1,0.1," for name in paths[2:]), without=gone)

    assert all(np.array_equal(first, second) for first, second in zip(without, nothing, strict=True))
    assert any("weighs 0 in provenance.csv" in line for line in lines)
    assert any("labels given 12 by their cluster; weights in the loss 0.1 to 1" in line for line in told)
    assert not all(np.array_equal(first, second) for first, second in zip(without, little, strict=True))
