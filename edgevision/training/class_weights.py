"""How much each class counts in the loss."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgevision.training.metrics import IGNORED
from edgevision_runtime.errors import UsageError

if TYPE_CHECKING:
    from edgevision.data.dataset import Dataset


def class_weights(choice: str, dataset: Dataset) -> tuple[float, ...] | None:
    """The weights for `balanced`, `none` (None) or a JSON file, from the training split of `dataset`.

    Raises:
        UsageError: the file cannot be read, or names a label that is none.
    """
    if choice == "none":
        return None
    if choice == "balanced":
        return balanced_weights(_counts(dataset))
    return read_weights(Path(choice), dataset.labels)


def balanced_weights(counts: Sequence[float]) -> tuple[float, ...]:
    """Every class weighs the same in sum, and the mean weight of a sample is one: total / (classes * count).

    Of samples that weigh otherwise than 1, `counts` are the sums of their weights.
    """
    total = sum(counts)
    return tuple(total / (len(counts) * count) if count else 0.0 for count in counts)


def read_weights(path: Path, labels: Sequence[str]) -> tuple[float, ...]:
    """Read a JSON object of label to number; a label that is not in it weighs 1.

    Raises:
        UsageError: the file cannot be read, or names a label that is none.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"class weights {path}: {error}", expected="balanced | none | a JSON file") from error
    if not isinstance(document, dict) or not all(_is_weight(value) for value in document.values()):
        raise UsageError(f"class weights {path}", expected='an object of label to number, such as {"yellow": 5}')
    if unknown := sorted(set(document) - set(labels)):
        raise UsageError(f"class weights {path}: no label is called {unknown[0]!r}", expected=" | ".join(labels))
    weights = tuple(float(document.get(label, 1.0)) for label in labels)
    if not any(weights):
        raise UsageError(f"class weights {path}: every class weighs 0", expected="at least one above 0")
    return weights


def _counts(dataset: Dataset) -> list[float]:
    """What the training pictures of each class weigh, or the pixels of each class in the training masks."""
    counts = np.zeros(max(IGNORED + 1, len(dataset.labels)))
    for sample in dataset.of_split("train"):
        if sample.label is not None:
            counts[sample.label] += sample.weight
        else:
            pixels = np.bincount(sample.read_mask(dataset.labels).ravel(), minlength=IGNORED + 1)
            counts[: IGNORED + 1] += sample.weight * pixels
    return [float(count) for count in counts[: len(dataset.labels)]]


def _is_weight(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e6
