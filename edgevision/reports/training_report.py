"""The report of a training: how it went, what the model is worth on the test split, and where it is wrong."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from edgevision.reports import plots
from edgevision.reports.html import Figure, Gallery, KeyFigure, Page, Picture, Section, Table, write_html
from edgevision.reports.pictures import Image, class_color_hex, overlay, thumbnail
from edgevision.reports.wording import percent
from edgevision_runtime.errors import ModelError

MOST_PICTURES = 12  # of mistakes, or of masks: what fits on a page


@dataclass(frozen=True, eq=False)
class MaskedImage:
    """One image of a segmentation with its true mask and the model's."""

    image: Image  # uint8 BGR (h, w, 3)
    truth: Image  # uint8 class indices, any size; 255 is ignored
    said: Image  # uint8 class indices, any size
    caption: str = ""


@dataclass(frozen=True, eq=False)
class TrainingStory:
    """What the report of a training tells."""

    name: str  # of the run
    task: str  # classify | segment
    labels: Sequence[str]
    facts: Mapping[str, str]  # architecture, image size, parameters, data, seed …: shown as they are
    history: Mapping[str, Sequence[float]]  # loss, val_loss, … per epoch; see read_history
    metrics: Mapping[str, Any]  # of the test split, as edgevision.training.metrics gives them
    split_counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # split → label → images
    notes: Sequence[str] = ()  # skipped files, near-duplicates, hardware: one sentence each
    mistakes: Sequence[Picture] = ()  # the worst first
    masks: Sequence[MaskedImage] = ()  # the worst first
    commands: str = ""


def write_training_report(path: Path, story: TrainingStory) -> None:
    """Write report.html of a run."""
    subtitle = f"Training of {story.name}: {', '.join(story.labels)}"
    opening = Section("Summary", key_figures=key_figures(story), table=_facts(story))
    closing = [Section("Next", commands=story.commands)] if story.commands else []
    write_html(path, Page(story.name, subtitle, [opening, *training_sections(story), *closing]))


def training_sections(story: TrainingStory) -> list[Section]:
    """The data, the curves, the classes and the mistakes."""
    sections = [Section("Data", "\n\n".join(story.notes), table=_split_table(story))] if story.split_counts else []
    if any(len(values) for values in story.history.values()):
        curves = Figure("Learning curves. Where validation falls behind training, pictures are being learned by heart.",
                        plots.learning_curves(story.history), is_wide=True)  # fmt: skip
        sections.append(Section("Learning", figures=[curves]))
    sections.append(Section("Quality on the test split", table=_class_table(story), figures=_quality_figures(story)))
    wrong = _mistakes(story)
    return [*sections, wrong] if wrong else sections


def key_figures(story: TrainingStory) -> list[KeyFigure]:
    """The few numbers that say how good the model is."""
    metrics = story.metrics
    if story.task == "segment":
        mean = metrics["mean"]
        named = {"Mean IoU": mean["iou"], "Mean Dice": mean["dice"], "Pixel accuracy": metrics["pixel_accuracy"]}
        return [KeyFigure(label, percent(value), "test split") for label, value in named.items()]
    macro = metrics["macro"]
    named = {"Accuracy": metrics["accuracy"], "Macro F1": macro["f1"], "Macro recall": macro["recall"]}
    tiles = [KeyFigure(label, percent(value), "test split") for label, value in named.items()]
    return [*tiles, KeyFigure("Test images", f"{metrics['samples']:,}")]


def read_history(path: Path, metric: str = "metric") -> dict[str, list[float]]:
    """The columns of history.csv, one list per quantity; `metric` is the name that its metric columns get.

    Raises:
        ModelError: it is no table of numbers.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        names = {"metric": metric, "val_metric": f"val_{metric}"}
        kept = [name for name in (rows[0] if rows else {}) if name not in ("epoch", "learning_rate", "seconds")]
        return {names.get(name, name): [float(row[name]) for row in rows] for name in kept}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ModelError(f"{path}: {error}", expected="a table of numbers, one row per epoch") from error


def _facts(story: TrainingStory) -> Table:
    return Table(("Setting", "Value"), list(story.facts.items()))


def _split_table(story: TrainingStory) -> Table:
    labels = list(dict.fromkeys(label for counts in story.split_counts.values() for label in counts))
    rows = [
        [label, *(f"{counts.get(label, 0):,}" for counts in story.split_counts.values())]
        for label in labels
    ]  # fmt: skip
    if len(labels) == 1:
        return Table(("", *story.split_counts), rows, right=range(1, len(story.split_counts) + 1))
    total = ["all", *(f"{sum(counts.values()):,}" for counts in story.split_counts.values())]
    return Table(("Class", *story.split_counts), [*rows, total], right=range(1, len(story.split_counts) + 1))


def _columns(story: TrainingStory) -> dict[str, str]:
    if story.task == "segment":
        return {"iou": "IoU", "dice": "Dice", "pixel_accuracy": "Pixel accuracy"}
    return {"precision": "Precision", "recall": "Recall", "f1": "F1"}


def _class_table(story: TrainingStory) -> Table:
    columns = _columns(story)
    amount = "pixels" if story.task == "segment" else "samples"
    rows = [
        [row["label"], *(percent(row[key]) for key in columns), f"{row[amount]:,}"]
        for row in story.metrics["per_class"]
    ]
    return Table(("Class", *columns.values(), amount.capitalize()), rows, right=range(1, len(columns) + 2))


def _quality_figures(story: TrainingStory) -> list[Figure]:
    rows = story.metrics["per_class"]
    series = {
        title: [np.nan if row[key] is None else row[key] for row in rows] for key, title in _columns(story).items()
    }
    matrix = np.asarray(story.metrics["confusion"])
    unit = "pixels" if story.task == "segment" else "images"
    return [
        Figure(f"Confusion matrix in {unit}: the truth in rows, the answer in columns, shaded by share of the row.",
               plots.confusion_matrix(matrix, story.labels)),
        Figure("Each class by itself.", plots.class_bars([row["label"] for row in rows], series)),
    ]  # fmt: skip


def _mistakes(story: TrainingStory) -> Section | None:
    if story.masks:
        caption = "The images with the lowest IoU: photograph, true mask, the model's mask."
        shown = mask_gallery(story.masks[: MOST_PICTURES // 2], story.labels, caption)
        return Section("Worst mistakes", gallery=shown)
    if story.mistakes:
        caption = "Wrong answers on the test split, the most confident first."
        return Section("Worst mistakes", gallery=Gallery(story.mistakes[:MOST_PICTURES], caption))
    return None


def mask_gallery(masks: Sequence[MaskedImage], labels: Sequence[str], caption: str) -> Gallery:
    """Three pictures in a row for each: the photograph, the true mask over it, the model's mask over it."""
    shown = []
    for masked in masks:
        shown += [
            Picture(thumbnail(masked.image), masked.caption),
            Picture(thumbnail(overlay(masked.image, masked.truth)), "truth"),
            Picture(thumbnail(overlay(masked.image, masked.said)), "model"),
        ]
    legend = [(label, class_color_hex(index)) for index, label in enumerate(labels) if index > 0]
    return Gallery(shown, caption, 3, legend)
