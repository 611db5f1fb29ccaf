"""SCAN begins with neighbours and heads that fit already, is the same for the same seed, and goes on after a kill."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from edgevision.discovery.pretraining import scan
from edgevision.discovery.pretraining.plan import PretrainPlan, scan_epochs_of
from edgevision.discovery.pretraining.pretrain import PretrainHooks, PretrainResult, pretrain
from edgevision.discovery.pretraining.scan import likeness, neighbours_of, try_heads
from edgevision.training.load import load_model
from edgevision.training.unfinished import Target
from edgevision_runtime.errors import UsageError


def blobs() -> tuple[np.ndarray, np.ndarray]:
    """Three kinds of 60 features each, of which one direction varies a thousand times as much as the others."""
    chance = np.random.default_rng(0)
    kinds = np.repeat(np.arange(3), 60)
    values = np.eye(3, 6)[kinds] * 4 + chance.normal(0, 0.3, (180, 6))
    values[:, 5] *= 1000
    return values.astype(np.float32), kinds


def color_pictures() -> np.ndarray:
    """180 pictures of noise, whose gradients say nothing."""
    return np.random.default_rng(0).integers(0, 256, (180, 8, 8, 3), np.uint8)


def test_neighbours_are_of_the_same_kind_and_never_the_picture_itself() -> None:
    values, kinds = blobs()

    neighbours = neighbours_of(likeness(values, color_pictures()), 10)

    assert neighbours.shape == (180, 10)
    assert (kinds[neighbours] == kinds[:, None]).mean() > 0.95
    assert not (neighbours == np.arange(180)[:, None]).any()


def test_equal_pictures_are_neighbours_but_none_is_its_own() -> None:
    neighbours = neighbours_of(np.ones((30, 4), np.float32), 5)

    assert neighbours.shape == (30, 5)
    assert not (neighbours == np.arange(30)[:, None]).any()


def test_few_pictures_have_as_many_neighbours_as_there_are() -> None:
    assert neighbours_of(np.eye(3, dtype=np.float32), 10).shape == (3, 2)


@pytest.mark.parametrize("at_a_time", [20_000, 64])
def test_grey_pictures_are_also_alike_by_their_gradients(at_a_time: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "AT_A_TIME", at_a_time)  # of more pictures than this the gradients are taken in parts
    digits = load_digits()
    kinds, features = digits.target[:200], np.random.default_rng(0).normal(0, 1, (200, 8)).astype(np.float32)
    grey = np.rint(digits.images[:200, ..., None] * (255 / 16)).astype(np.uint8)

    found = {
        channels: (kinds[neighbours_of(likeness(features, grey.repeat(channels, 3)), 5)] == kinds[:, None]).mean()
        for channels in (1, 3)
    }

    assert found[1] > 0.25  # 0.31 here, though the features are noise
    assert found[3] < 0.2  # chance is 0.1


def test_grey_pictures_without_any_gradient_are_compared_by_features_alone() -> None:
    values, _ = blobs()

    flat = np.full((180, 8, 8, 1), 7, np.uint8)

    assert (likeness(values, flat) == likeness(values, flat.repeat(3, 3))).all()


def test_the_best_head_tells_the_kinds_apart_and_the_seed_decides_all() -> None:
    values, kinds = blobs()
    neighbours = neighbours_of(likeness(values, color_pictures()), 6)

    first, second = (try_heads(values, neighbours, 3, seed=1) for _ in range(2))

    kernel, bias = first[0]
    found = (values @ kernel + bias).argmax(axis=1)
    assert [len(set(found[kinds == kind])) for kind in range(3)] == [1, 1, 1]
    assert len(set(found)) == 3
    assert all((a[0] == b[0]).all() and (a[1] == b[1]).all() for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize(("pictures", "epochs"), [(10_000, 11), (1_000_000, 8), (300, 400)])
def test_scan_is_short_but_sees_every_picture_several_times(pictures: int, epochs: int) -> None:
    assert scan_epochs_of(pictures, 256) == epochs


def test_scan_that_was_killed_goes_on_to_the_same_bits(digits_folder: Path, tmp_path: Path) -> None:
    def learn(name: str, *, resume: bool = False, hooks: PretrainHooks | None = None) -> PretrainResult:
        return pretrain(
            PretrainPlan(str(digits_folder / "[0-2]" / "*.png"), architecture="cnn_dense", width=0.25,
                         image_size=(8, 8), color="gray", epochs=2, scan=3, scan_epochs=3, batch=30),
            Target(tmp_path / name, resume=resume), hooks)  # fmt: skip

    def die(stage: str, step: int, steps: int, record: object) -> None:
        if stage == "scan" and step == steps - 1:
            raise KeyboardInterrupt

    straight = learn("straight")
    with pytest.raises(KeyboardInterrupt):
        learn("killed", hooks=PretrainHooks(on_step=die))
    with pytest.raises(UsageError, match="--resume goes on"):
        learn("killed")
    stages: list[str] = []
    resumed = learn("killed", resume=True, hooks=PretrainHooks(on_step=lambda stage, *_: stages.append(stage)))

    assert straight.run is not None
    assert resumed.run is not None
    assert set(stages) == {"scan"}  # VICReg was done
    assert len(stages) == len(resumed.clusters) // 30 + 1  # and two of three epochs of SCAN
    pairs = zip(load_model(straight.run).get_weights(), load_model(resumed.run).get_weights(), strict=True)
    assert all((one == other).all() for one, other in pairs)
    assert straight.scan_losses == resumed.scan_losses
    assert (straight.clusters == resumed.clusters).all()
    assert not (tmp_path / ".killed.training").exists()
