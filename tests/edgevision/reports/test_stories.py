import numpy as np
import pytest

from edgevision.data.dataset import open_dataset
from edgevision.fidelity.gate import VerifyPlan
from edgevision.fidelity.images import open_images
from edgevision.fidelity.verify import verify
from edgevision.reports import stories
from edgevision.reports.training_report import write_training_report
from edgevision.reports.verify_report import write_verify_report
from edgevision.training.evaluate import Evaluation
from edgevision.training.metrics import confusion_matrix, evaluate_classification, evaluate_segmentation
from edgevision_runtime.contract import Preprocess
from edgevision_runtime.operations import Color, Resize
from edgevision_runtime.postprocess import Postprocess
from edgevision_runtime.types import ModelSpec

RECORD = {
    "command": "edgevision train colours",
    "stage": "trained",
    "parent": None,
    "seed": 3,
    "architecture": {"name": "cnn", "width": 0.5, "weights": None},
    "data": {"source": "colours"},
}


@pytest.fixture
def run_folder(tmp_path):
    folder = tmp_path / "colours"
    folder.mkdir()
    rows = ["epoch,loss,val_loss,metric,val_metric,learning_rate,seconds", "1,1.5,1.6,0.4,0.3,0.001,2.0"]
    (folder / "history.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture
def evaluation(colour_folder, colour_spec):
    """Everything right but the first two: one unsure, one sure of the wrong answer."""
    samples = open_dataset(str(colour_folder)).samples
    labels = np.array([sample.label for sample in samples])
    scores = np.full((len(samples), 3), 0.1, np.float32)
    scores[np.arange(len(samples)), labels] = 0.8
    wrong = (labels[:2] + 1) % 3
    scores[0] = np.where(np.arange(3) == wrong[0], 0.4, 0.3)
    scores[1] = np.where(np.arange(3) == wrong[1], 0.9, 0.05)
    quality = scores[np.arange(len(samples)), labels]
    metrics = evaluate_classification(scores, labels, colour_spec.labels)
    return Evaluation(
        "classify", colour_spec.labels, "test", samples, labels, scores.argmax(1), scores, quality, metrics
    )


def test_the_worst_mistakes_come_first_and_say_what_was_true_and_what_was_said(evaluation):
    shown = stories.mistakes(evaluation)

    labels, truth = evaluation.labels, evaluation.truth
    assert len(shown) == 2
    assert shown[0].caption == (
        f"true: {labels[truth[1]]} (5.0 %)\nsaid: {labels[(truth[1] + 1) % 3]} (90.0 %)\n"
        f"{evaluation.samples[1].image.name}"
    )


def test_a_training_is_told_from_its_folder_its_record_and_its_evaluation(run_folder, evaluation, colour_spec):
    story = stories.training_story(run_folder, colour_spec, RECORD, evaluation)
    write_training_report(run_folder / "report.html", story)

    text = (run_folder / "report.html").read_text()
    assert story.history == {"loss": [1.5], "val_loss": [1.6], "macro F1": [0.4], "val_macro F1": [0.3]}
    assert story.facts["Architecture"] == "cnn, width 0.5"
    assert story.facts["Contract"] == "resize → color"
    assert "83.3 %" in text  # accuracy: 10 of 12
    assert "Worst mistakes" in text


def test_a_mask_is_shown_over_the_picture_that_the_model_saw(tmp_path):
    spec = ModelSpec(
        "segment", ("background", "thing"), Preprocess((Resize((8, 8), "fit_shortest", "nearest"), Color("rgb"))),
        Postprocess("segment"),
    )  # fmt: skip
    frame = np.zeros((16, 48, 3), np.uint8)
    frame[:, 16:32] = (255, 0, 0)  # the middle third, which fit_shortest keeps: blue in BGR

    seen = stories.as_seen(spec, frame)

    assert seen.shape == (8, 8, 3)
    assert (seen == (255, 0, 0)).all()


def test_the_worst_masks_are_told_with_their_iou(colour_folder, tmp_path):
    samples = open_dataset(str(colour_folder)).samples[:2]
    contract = Preprocess((Resize((8, 8), "squash", "bilinear"), Color("rgb")))
    spec = ModelSpec("segment", ("background", "thing"), contract, Postprocess("segment"))
    truth = np.zeros((2, 8, 8), np.uint8)
    truth[:, :4] = 1
    said = truth.copy()
    said[1, :4] = 0  # the second is missed whole
    metrics = evaluate_segmentation(confusion_matrix(truth, said, 2), spec.labels)
    quality = np.array([1.0, 0.25], np.float32)
    empty = np.zeros((2, 0), np.float32)
    judged = Evaluation("segment", spec.labels, "test", samples, truth, said, empty, quality, metrics)

    story = stories.training_story(tmp_path, spec, RECORD, judged)
    write_training_report(tmp_path / "report.html", story)

    assert story.masks[0].caption == f"{samples[1].image.name}, mean IoU 25.0 %"
    assert "Mean IoU" in (tmp_path / "report.html").read_text()


def test_a_verification_is_told_with_its_verdict_and_every_variant(colour_bundle, colour_folder, tmp_path):
    images = open_images(str(colour_folder))
    found = verify(colour_bundle, images, VerifyPlan(max_drop=0.5, min_agreement=0.5))

    story = stories.verify_story(found, "colour.evb", commands="edgevision pack colour.evb")
    write_verify_report(tmp_path / "verify.html", story)

    text = (tmp_path / "verify.html").read_text()
    assert story.status == found.status
    assert [variant.name for variant in story.variants] == [result.variant for result in found.results]
    assert all(result.variant in text for result in found.results)
    assert "edgevision pack colour.evb" in text
    assert story.conclusion in text.replace("<code>", "`").replace("</code>", "`")
