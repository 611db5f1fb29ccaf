"""A backbone gives the same features for the same pictures, and its fingerprint says when it would not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgevision.discovery.backbones import fingerprint_of, open_backbone
from edgevision.training.plan import DataPlan, NetworkPlan, TrainPlan
from edgevision.training.train import train
from edgevision.training.unfinished import Target
from edgevision_runtime.contract import Preprocess
from edgevision_runtime.errors import UsageError
from edgevision_runtime.operations import Color, Resize


def stripes(period: int, is_upright: bool) -> np.ndarray:
    wave = (np.arange(96) // period % 2 * 255).astype(np.uint8)
    image = np.tile(wave, (96, 1))
    return np.repeat((image if is_upright else image.T)[..., None], 3, axis=2)


@pytest.mark.parametrize("name", ["hog", "pixels"])
def test_backbones_without_network_are_deterministic_and_tell_directions_apart(name: str) -> None:
    backbone = open_backbone(name)
    pictures = [stripes(8, True), stripes(8, True), stripes(8, False)]

    features = backbone.features(pictures)

    assert features.dtype == np.float32
    assert (features[0] == features[1]).all()
    assert np.linalg.norm(features[0] - features[2]) > 0.3 * np.linalg.norm(features[0])


def test_the_fingerprint_changes_with_a_weight_and_with_the_contract() -> None:
    contract = Preprocess((Resize((8, 8), "squash", "bilinear"), Color("rgb")))
    other = Preprocess((Resize((8, 8), "squash", "bilinear"), Color("bgr")))
    weights = [np.ones((2, 2), np.float32)]
    changed = [np.array([[1, 1], [1, 1 + 2**-20]], np.float32)]

    prints = {
        fingerprint_of("net", contract, weights),
        fingerprint_of("net", other, weights),
        fingerprint_of("net", contract, changed),
    }

    assert len(prints) == 3
    assert fingerprint_of("another title", contract, weights) in prints


def test_a_backbone_that_is_none_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean mobilenet_v2-imagenet"):
        open_backbone("mobilenet_v2-imagnet")


def test_only_what_learned_without_labels_is_whitened(digits_run: Path, digits_folder: Path, tmp_path: Path) -> None:
    plan = TrainPlan(DataPlan(str(digits_folder)), NetworkPlan("cnn_dense", 0.5, (16, 16)), color="gray", epochs=1)
    train(plan, Target(tmp_path / "labelled"))

    assert open_backbone(str(digits_run)).weighing == "equal"
    assert open_backbone(str(tmp_path / "labelled")).weighing == "own"
    assert open_backbone("pixels").weighing == "untouched"
