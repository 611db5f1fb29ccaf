import numpy as np
import pytest

from edgevision.training.metrics import (
    classification_metrics,
    confusion_matrix,
    evaluate_classification,
    evaluate_segmentation,
)

# truth \ predicted        cat dog bird
CONFUSION = np.array([[8, 2, 0], [1, 3, 1], [0, 0, 0]], np.int64)
NAMES = ("cat", "dog", "bird")


def test_confusion_rows_are_truth_and_ignored_pixels_do_not_count():
    truth = np.array([[0, 1], [1, 255]], np.uint8)
    predicted = np.array([[0, 0], [1, 1]], np.uint8)

    confusion = confusion_matrix(truth, predicted, 2)

    assert confusion.tolist() == [[1, 0], [1, 1]]


def test_classification_numbers_are_those_worked_out_by_hand():
    metrics = classification_metrics(CONFUSION, NAMES)

    cat, dog, bird = metrics["per_class"]
    assert metrics["samples"] == 15
    assert metrics["accuracy"] == pytest.approx(11 / 15)
    assert (cat["precision"], cat["recall"], cat["samples"]) == (pytest.approx(8 / 9), 0.8, 10)
    assert cat["f1"] == pytest.approx(2 * (8 / 9) * 0.8 / (8 / 9 + 0.8))
    assert (dog["precision"], dog["recall"], dog["f1"]) == (0.6, 0.6, 0.6)
    assert metrics["macro"]["recall"] == pytest.approx(0.7)  # bird has no samples: left out
    assert (bird["precision"], bird["recall"], bird["f1"]) == (0.0, None, 0.0)  # one dog was called a bird


def test_a_class_that_is_never_predicted_has_precision_zero():
    metrics = classification_metrics(np.array([[3, 0], [1, 0]]), ("common", "rare"))

    rare = metrics["per_class"][1]
    assert (rare["precision"], rare["recall"], rare["f1"]) == (0.0, 0.0, 0.0)


def test_a_class_that_occurs_nowhere_is_undefined_and_left_out_of_the_means():
    metrics = classification_metrics(np.array([[4, 0], [0, 0]]), ("seen", "unseen"))

    assert metrics["per_class"][1] == {"label": "unseen", "precision": None, "recall": None, "f1": None, "samples": 0}
    assert metrics["macro"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0}


def test_scores_become_the_class_with_the_highest_one_and_ties_the_lowest_index():
    scores = np.array([[0.2, 0.8], [0.5, 0.5], [0.9, 0.1]], np.float32)

    metrics = evaluate_classification(scores, np.array([1, 0, 1]), ("a", "b"))

    assert metrics["confusion"] == [[1, 0], [1, 1]]


def test_segmentation_numbers_are_those_worked_out_by_hand():
    confusion = np.array([[50, 10], [5, 35]], np.int64)

    metrics = evaluate_segmentation(confusion, ("background", "lung"))

    background, lung = metrics["per_class"]
    assert background["iou"] == pytest.approx(50 / 65)
    assert lung["iou"] == pytest.approx(35 / 50)
    assert lung["dice"] == pytest.approx(70 / 85)
    assert lung["pixel_accuracy"] == pytest.approx(35 / 40)
    assert metrics["pixel_accuracy"] == pytest.approx(0.85)
    assert metrics["mean"]["iou"] == pytest.approx((50 / 65 + 35 / 50) / 2)


def test_nothing_to_judge_gives_undefined_numbers_and_no_division_by_zero():
    nothing = np.zeros((2, 2), np.int64)

    assert classification_metrics(nothing, ("a", "b"))["accuracy"] is None
    assert evaluate_segmentation(nothing, ("a", "b"))["mean"]["iou"] is None
