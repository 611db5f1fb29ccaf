"""A training's metrics as the few rows that a person reads first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgevision.training.evaluate import Evaluation

COLUMNS = {"classify": ("precision", "recall", "f1", "samples"), "segment": ("iou", "dice", "pixel_accuracy", "pixels")}


def metrics_table(evaluations: Sequence[Evaluation]) -> tuple[list[str], list[list[str]]]:
    """Headers and rows: one row a class and one for all, of the test split (of val when there is no test)."""
    judged = evaluations[-1]
    columns = COLUMNS[judged.task]
    rows = [[row["label"], *(_cell(row[name]) for name in columns)] for row in judged.metrics["per_class"]]
    means = judged.metrics["macro" if judged.task == "classify" else "mean"]
    total = judged.metrics["samples" if judged.task == "classify" else "pixels"]
    rows.append(["mean", *(_cell(means[name]) for name in columns[:-1]), str(total)])
    if judged.task == "classify":
        rows.append(["accuracy", _cell(judged.metrics["accuracy"]), "", "", str(total)])
    return [f"{judged.split} split", *(name.replace("_", " ") for name in columns)], rows


def _cell(value: float | int | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.4f}"
