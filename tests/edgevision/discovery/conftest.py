"""Pictures and a network that the tests of learning without labels share; each is made once."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

DIGITS = 300


@pytest.fixture(scope="session")
def digits_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 handwritten digits of 8 × 8, a folder for each of the ten."""
    from sklearn.datasets import load_digits

    root = tmp_path_factory.mktemp("digits")
    digits = load_digits()
    for number in range(DIGITS):
        folder = root / str(digits.target[number])
        folder.mkdir(exist_ok=True)
        picture = np.rint(digits.images[number] * (255 / 16)).astype(np.uint8)
        cv2.imwrite(str(folder / f"{number:04d}.png"), picture)
    return root


@pytest.fixture(scope="session")
def digits_run(digits_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny network that learned from them without labels."""
    from edgevision.discovery.pretraining.plan import PretrainPlan
    from edgevision.discovery.pretraining.pretrain import pretrain
    from edgevision.training.unfinished import Target

    plan = PretrainPlan(
        str(digits_folder), architecture="cnn_dense", width=0.5, image_size=(16, 16), color="gray", epochs=6, batch=100
    )
    path = tmp_path_factory.mktemp("runs") / "ssl"
    pretrain(plan, Target(path))
    return path
