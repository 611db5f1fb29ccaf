"""Mistakes are told before any picture is read, and a right teacher changes nothing of where the network begins."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgevision.discovery.pretraining.loop import EpochLoss
from edgevision.discovery.pretraining.plan import PretrainPlan
from edgevision.discovery.pretraining.pretrain import PretrainHooks, pretrain
from edgevision.tensorflow_setup import keras
from edgevision.training.load import load_model
from edgevision.training.unfinished import Target
from edgevision_runtime.contract import Preprocess
from edgevision_runtime.errors import ModelError, UsageError
from edgevision_runtime.operations import Color, Resize

NOTHING = 1e-30  # a learning rate that leaves the last bit of every kernel as it is


@pytest.fixture
def teacher(tmp_path: Path) -> Path:
    """Somebody else's network, with its contract beside it."""
    path, contract = tmp_path / "teacher.keras", Preprocess((Resize((8, 8), "squash", "bilinear"), Color("gray")))
    keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(3)]).save(path)
    path.with_suffix(".preprocess.json").write_text(json.dumps(contract.to_json()), encoding="utf-8")
    return path


def plan(pictures: Path, teacher: object, learning_rate: float = 2e-3) -> PretrainPlan:
    return PretrainPlan(str(pictures), teacher=str(teacher), architecture="cnn_dense", width=0.25, image_size=(8, 8),
                        color="gray", epochs=1, batch=100, learning_rate=learning_rate)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "told", "kind"),
    [
        ("nowhere.keras", "no such file", ModelError),
        ("mobilenet_v2-imagnet", "did you mean mobilenet_v2-imagenet", UsageError),
        ("unstated.keras", r"unstated\.preprocess\.json", UsageError),
        ("teacher.keras", "broken or truncated", ModelError),
    ],
    ids=["no file", "no name", "no contract", "no model"],
)
def test_a_teacher_that_is_none_is_told_before_pictures_are_read(
    name: str, told: str, kind: type[Exception], digits_folder: Path, teacher: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(teacher.parent)
    teacher.write_text("no model", encoding="utf-8")
    Path("unstated.keras").touch()
    read: list[int] = []
    hooks = PretrainHooks(on_pictures=lambda work, done, total: read.append(done))

    with pytest.raises(kind, match=told):
        pretrain(plan(digits_folder, name), Target(Path("run")), hooks)

    assert read == []


@pytest.mark.parametrize(
    "operations",
    [(Resize((8, 8), "squash", "bilinear"), Color("rgb")), (Color("rgb"),)],
    ids=["of a stated size", "of the size of the picture"],
)
def test_a_contract_that_does_not_fit_its_teacher_is_told_before_pictures_are_read(
    operations: tuple[Resize | Color, ...], digits_folder: Path, teacher: Path, tmp_path: Path
) -> None:
    contract = json.dumps(Preprocess(operations).to_json())
    teacher.with_suffix(".preprocess.json").write_text(contract, encoding="utf-8")
    read: list[int] = []
    hooks = PretrainHooks(on_pictures=lambda work, done, total: read.append(done))

    with pytest.raises(ModelError, match=r"teacher\.keras makes 8 × 8 × 3, and its network takes 8 × 8 × 1"):
        pretrain(plan(digits_folder, teacher), Target(tmp_path / "run"), hooks)

    assert read == []


def test_the_picture_that_a_teacher_is_asked_about_first_is_told_once_when_it_is_broken(
    digits_folder: Path, teacher: Path, tmp_path: Path
) -> None:
    pictures = tmp_path / "pictures"
    shutil.copytree(digits_folder / "3", pictures)
    (pictures / "0.png").write_bytes(b"no picture")
    told: list[str] = []

    pretrain(plan(pictures, teacher), Target(tmp_path / "run"), PretrainHooks(warn=told.append))

    assert [line for line in told if "0.png" in line] == told
    assert len(told) == 1


@pytest.mark.parametrize(
    ("views", "told"),
    [("glyf", "did you mean glyph"), ("flip,crop=7", "0 to"), ("none", "change nothing")],
    ids=["no name", "too much", "nothing"],
)
def test_views_that_are_none_are_told_before_pictures_are_read(
    views: str, told: str, digits_folder: Path, tmp_path: Path
) -> None:
    read: list[int] = []
    hooks = PretrainHooks(on_pictures=lambda work, done, total: read.append(done))

    with pytest.raises(UsageError, match=told):
        pretrain(replace(plan(digits_folder, "pixels"), views=views), Target(tmp_path / "run"), hooks)

    assert read == []


class Stop(Exception):
    pass


def stop_after_an_epoch(stage: str, step: int, steps: int, record: EpochLoss | None) -> None:
    if record is not None:
        raise Stop


def test_an_interrupted_training_is_told_before_pictures_are_read(digits_folder: Path, tmp_path: Path) -> None:
    interrupted, target = replace(plan(digits_folder, "pixels"), epochs=2), Target(tmp_path / "run")
    with pytest.raises(Stop):
        pretrain(interrupted, target, PretrainHooks(on_step=stop_after_an_epoch))
    read: list[int] = []
    hooks = PretrainHooks(on_pictures=lambda work, done, total: read.append(done))

    with pytest.raises(UsageError, match="--resume goes on"):
        pretrain(interrupted, target, hooks)
    with pytest.raises(UsageError, match=r"another plan \(batch\)"):
        pretrain(replace(interrupted, batch=50), replace(target, resume=True), hooks)

    assert read == []
    going_on = pretrain(interrupted, replace(target, resume=True), hooks)
    assert len(going_on.histories["distill"]) == 2


def test_where_a_network_begins_hangs_on_the_seed_and_not_on_its_teacher(
    digits_folder: Path, teacher: Path, tmp_path: Path
) -> None:
    def kernels(name: str, teacher: object) -> list[np.ndarray]:
        run = pretrain(plan(digits_folder, teacher, NOTHING), Target(tmp_path / name)).run
        assert run is not None
        return [weights for weights in load_model(run).get_weights() if weights.ndim > 1]

    taught_by_pixels, taught_by_a_network = kernels("one", "pixels"), kernels("other", teacher)

    assert len(taught_by_pixels) > 2
    assert all((one == other).all() for one, other in zip(taught_by_pixels, taught_by_a_network, strict=True))
