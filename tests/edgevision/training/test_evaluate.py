from pathlib import Path

import cv2
import numpy as np
import pytest

from edgevision.data.dataset import Sample
from edgevision.tensorflow_setup import keras
from edgevision.training.evaluate import evaluate
from edgevision.training.summary import metrics_table
from edgevision_runtime.contract import Preprocess
from edgevision_runtime.operations import Color, Resize
from edgevision_runtime.postprocess import Postprocess
from edgevision_runtime.types import ModelSpec

CONTRACT = Preprocess((Resize((2, 2), "squash", "nearest"), Color("gray")))


def picture(path: Path, values) -> Path:
    """A 2×2 gray picture."""
    cv2.imwrite(str(path), np.array(values, np.uint8))
    return path


@pytest.fixture
def brightness():
    """A classifier whose score of `bright` is the mean gray value over 255."""
    image = keras.Input((2, 2, 1))
    mean = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(image))
    scores = keras.layers.Concatenate()([keras.layers.Rescaling(-1.0, 1.0)(mean), mean])
    return keras.Model(image, scores)


@pytest.fixture
def threshold():
    """A segmenter whose logits are (100, gray value): class 1 above 100."""
    image = keras.Input((2, 2, 1))
    return keras.Model(image, keras.layers.Concatenate()([keras.layers.Rescaling(0.0, 100.0)(image), image]))


def test_every_picture_keeps_its_answer_and_its_score(brightness, tmp_path):
    spec = ModelSpec("classify", ("dark", "bright"), CONTRACT, Postprocess("classify"))
    greys = [(51, 0), (204, 1), (153, 0), (51, 1), (255, 1)]  # the third and the fourth are wrong
    samples = [
        Sample(picture(tmp_path / f"{n}.png", np.full((2, 2), grey)), label) for n, (grey, label) in enumerate(greys)
    ]

    found = evaluate(brightness, spec, samples, "test", batch=2)

    assert found.truth.tolist() == [0, 1, 0, 1, 1]
    assert found.predicted.tolist() == [0, 1, 1, 0, 1]
    assert found.scores[:, 1] == pytest.approx([0.2, 0.8, 0.6, 0.2, 1.0], abs=1e-6)  # float32
    assert found.quality == pytest.approx([0.8, 0.8, 0.4, 0.2, 1.0], abs=1e-6)
    assert found.worst(5) == [3, 2]
    assert found.metrics["accuracy"] == 0.6


def test_every_mask_is_judged_by_itself_and_all_together(threshold, tmp_path):
    spec = ModelSpec("segment", ("ground", "thing"), CONTRACT, Postprocess("segment"))
    half = picture(tmp_path / "half.png", [[0, 0], [200, 200]])
    right = Sample(half, mask=picture(tmp_path / "right.png", [[0, 0], [1, 1]]))
    wrong = Sample(half, mask=picture(tmp_path / "wrong.png", [[0, 0], [0, 1]]))
    unknown = Sample(half, mask=picture(tmp_path / "unknown.png", [[255, 255], [255, 255]]))

    found = evaluate(threshold, spec, [right, wrong, unknown], "val", batch=2)

    assert found.predicted[0].tolist() == [[0, 0], [1, 1]]
    # wrong: ground 2 of 3, thing 1 of 2; a mask without a labelled pixel cannot be wrong
    assert found.quality == pytest.approx([1.0, (2 / 3 + 1 / 2) / 2, 1.0], abs=1e-6)
    assert found.worst(1) == [1]
    assert found.metrics["samples"] == 3
    assert found.metrics["per_class"][1]["iou"] == pytest.approx(3 / 4)


def test_the_table_has_a_row_for_each_class_and_one_for_all(brightness, tmp_path):
    spec = ModelSpec("classify", ("dark", "bright"), CONTRACT, Postprocess("classify"))
    samples = [Sample(picture(tmp_path / "0.png", np.full((2, 2), 51)), 0)]

    headers, rows = metrics_table([evaluate(brightness, spec, samples, "test")])

    assert headers[0] == "test split"
    assert [row[0] for row in rows] == ["dark", "bright", "mean", "accuracy"]
    assert rows[1][1:] == ["-", "-", "-", "0"]  # nothing bright, nothing called bright
    assert rows[3][1] == "1.0000"
