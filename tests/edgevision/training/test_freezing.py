"""What a training with a frozen backbone moves, and what it leaves as it is."""

import csv
import dataclasses

import numpy as np
import pytest

from edgevision.training.hooks import TrainHooks
from edgevision.training.plan import DataPlan, NetworkPlan, TrainPlan
from edgevision.training.train import train
from edgevision.training.unfinished import Target
from tests.edgevision.training.shapes import write_classes


@pytest.fixture(scope="module")
def classes(tmp_path_factory):
    return write_classes(tmp_path_factory.mktemp("classes") / "data")


def classify_plan(data, network, epochs=3):
    return TrainPlan(DataPlan(str(data)), network, epochs=epochs, batch=8, learning_rate=0.01)


@pytest.fixture(scope="module")
def source(classes, tmp_path_factory):
    network = NetworkPlan("cnn", width=0.25, image_size=(8, 8))
    return train(classify_plan(classes, network, epochs=8), Target(tmp_path_factory.mktemp("runs") / "lamps"))


def test_a_frozen_backbone_keeps_its_weights_and_fine_tuning_moves_them(source, classes, tmp_path):
    network = NetworkPlan("cnn", 0.25, (8, 8), weights=str(source.run.path), freeze=True)
    before = source.model.get_layer("conv2").get_weights()[0]

    frozen = train(classify_plan(classes, network), Target(tmp_path / "frozen"))
    tuned_network = NetworkPlan("cnn", 0.25, (8, 8), str(source.run.path), freeze=True, fine_tune_epochs=2)
    tuned = train(classify_plan(classes, tuned_network), Target(tmp_path / "tuned"))

    assert np.array_equal(frozen.model.get_layer("conv2").get_weights()[0], before)
    statistics = [run.model.get_layer("conv2_bn").get_weights() for run in (frozen, source)]
    assert all(np.array_equal(*pair) for pair in zip(*statistics, strict=True))  # BatchNorm only infers
    assert not np.array_equal(tuned.model.get_layer("conv2").get_weights()[0], before)
    with (tuned.run.path / "history.csv").open() as file:
        rates = [float(row["learning_rate"]) for row in csv.DictReader(file)]
    assert len(rates) == 5  # 3 of the head and 2 of everything
    assert rates[3] <= 0.001  # a tenth


def test_a_frozen_backbone_without_augmentation_computes_its_features_once(source, classes, tmp_path):
    network = NetworkPlan("cnn", 0.25, (8, 8), weights=str(source.run.path), freeze=True)
    plan = classify_plan(classes, network, epochs=12)
    images = []
    hooks = TrainHooks(on_images=lambda work, done, total: images.append(work))

    result = train(
        dataclasses.replace(plan, data=DataPlan(str(classes), augment="none")), Target(tmp_path / "run"), hooks
    )

    statistics = [run.model.get_layer("conv2_bn").get_weights() for run in (result, source)]
    assert all(np.array_equal(*pair) for pair in zip(*statistics, strict=True))
    assert images.count("preparing train") == 20
    assert result.run.metrics()["splits"]["test"]["accuracy"] == 1.0  # as of the run that it begins with
    assert len(result.run.path.joinpath("history.csv").read_text().splitlines()) == 1 + 12
