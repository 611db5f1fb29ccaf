"""What a trained model is worth, as numbers: from scores or pixel counts to the dictionaries in metrics.json.

Rows of a confusion matrix are the truth, columns what was predicted. A value that cannot be computed (the recall of a
class without samples) is None, and a mean leaves it out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

IGNORED = 255  # a pixel of a mask that nobody labelled, or that is padding

Counts = npt.NDArray[np.int64]


def confusion_matrix(truth: npt.NDArray[Any], predicted: npt.NDArray[Any], classes: int) -> Counts:
    """Count pairs of class indices of any equal shape into int64 (classes, classes); truth 255 is ignored."""
    truth, predicted = truth.reshape(-1).astype(np.int64), predicted.reshape(-1).astype(np.int64)
    kept = truth != IGNORED
    pairs = truth[kept] * classes + predicted[kept]
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def evaluate_classification(
    scores: npt.NDArray[np.floating[Any]], labels: npt.NDArray[np.integer[Any]], names: Sequence[str]
) -> dict[str, Any]:
    """Judge scores (N, classes) against true class indices (N,).

    The class with the highest score is predicted; the lowest index among equals.
    """
    return classification_metrics(confusion_matrix(labels, scores.argmax(axis=1), len(names)), names)


def classification_metrics(confusion: Counts, names: Sequence[str]) -> dict[str, Any]:
    """Accuracy, precision, recall and F1 per class and as plain means over classes, from counts (classes, classes)."""
    per_class = [_class_scores(confusion, index, name) for index, name in enumerate(names)]
    return {
        "samples": int(confusion.sum()),
        "accuracy": _ratio(int(np.trace(confusion)), int(confusion.sum())),
        "macro": {key: _mean([row[key] for row in per_class]) for key in ("precision", "recall", "f1")},
        "per_class": per_class,
        "confusion": confusion.tolist(),
    }


def evaluate_segmentation(confusion: Counts, names: Sequence[str]) -> dict[str, Any]:
    """IoU, Dice and pixel accuracy per class and as plain means over classes, from pixel counts (classes, classes)."""
    per_class: list[dict[str, Any]] = []
    for index, name in enumerate(names):
        hit, missed, wrong = _hit_missed_wrong(confusion, index)
        per_class.append(
            {
                "label": name,
                "iou": _ratio(hit, hit + missed + wrong),
                "dice": _ratio(2 * hit, 2 * hit + missed + wrong),
                "pixel_accuracy": _ratio(hit, hit + missed),
                "pixels": hit + missed,
            }
        )
    return {
        "pixels": int(confusion.sum()),
        "pixel_accuracy": _ratio(int(np.trace(confusion)), int(confusion.sum())),
        "mean": {key: _mean([row[key] for row in per_class]) for key in ("iou", "dice", "pixel_accuracy")},
        "per_class": per_class,
        "confusion": confusion.tolist(),
    }


def _class_scores(confusion: Counts, index: int, name: str) -> dict[str, Any]:
    hit, missed, wrong = _hit_missed_wrong(confusion, index)
    occurs = hit + missed + wrong > 0
    return {
        "label": name,
        "precision": (_ratio(hit, hit + wrong) or 0.0) if occurs else None,  # never predicted: 0
        "recall": _ratio(hit, hit + missed),
        "f1": _ratio(2 * hit, 2 * hit + missed + wrong),
        "samples": hit + missed,
    }


def _hit_missed_wrong(confusion: Counts, index: int) -> tuple[int, int, int]:
    """True positives, false negatives and false positives of one class."""
    hit = int(confusion[index, index])
    return hit, int(confusion[index].sum()) - hit, int(confusion[:, index].sum()) - hit


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
