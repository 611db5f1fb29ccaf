import numpy as np
import pytest

from edgevision.training.confusion_metric import ConfusionMetric
from edgevision.training.fit_plan import FitPlan
from edgevision.training.metrics import confusion_matrix, evaluate_classification, evaluate_segmentation


def test_it_says_the_macro_f1_of_all_batches_together():
    generator = np.random.default_rng(0)
    truth, scores = generator.integers(0, 3, 40), generator.random((40, 3)).astype(np.float32)
    metric = ConfusionMetric(FitPlan(task="classify", classes=3, epochs=1))

    metric.update_state(truth[:10], scores[:10])
    metric.update_state(truth[10:], scores[10:])

    expected = evaluate_classification(scores, truth, ("a", "b", "c"))["macro"]["f1"]
    assert float(metric.result()) == pytest.approx(expected, abs=1e-6)  # float32


def test_it_says_the_mean_iou_without_ignored_pixels_and_absent_classes():
    truth = np.array([[[0, 0], [1, 255]]], np.uint8)
    predicted = np.array([[[0, 1], [1, 0]]])
    metric = ConfusionMetric(FitPlan(task="segment", classes=3, epochs=1))

    metric.update_state(truth, np.eye(3, dtype=np.float32)[predicted])

    expected = evaluate_segmentation(confusion_matrix(truth, predicted, 3), ("a", "b", "c"))["mean"]["iou"]
    assert expected == 0.5
    assert float(metric.result()) == pytest.approx(expected, abs=1e-6)


def test_reset_forgets():
    metric = ConfusionMetric(FitPlan(task="classify", classes=2, epochs=1))
    metric.update_state(np.array([0]), np.array([[1.0, 0.0]]))

    metric.reset_state()

    assert float(metric.result()) == 0.0
