"""The labelled images that a bundle is verified on: which split of which data, with labels matched by name."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edgevision.data.dataset import UNLABELLED, Dataset, Sample, open_dataset
from edgevision.data.splits import read_splits
from edgevision.fidelity.observe import LabelledImage, Truth
from edgevision.fidelity.tally import IGNORED
from edgevision.reports.envelope import Finding
from edgevision_runtime.errors import DataError, UsageError
from edgevision_runtime.types import ModelSpec

SPLITS = ("test", "val", "train", "all")


@dataclass(frozen=True)
class ImageSet:
    """Images with their truth, in the data's own order of labels."""

    task: str  # classify | segment | unlabelled
    labels: tuple[str, ...]
    samples: tuple[Sample, ...]
    source: str
    split: str  # test | val | train | all
    warnings: tuple[Finding, ...] = ()
    splits: Path | None = None  # the file that says so

    @property
    def is_labelled(self) -> bool:
        """Whether anything is known of what they show."""
        return self.task != UNLABELLED

    def truth_for(self, spec: ModelSpec) -> Truth:
        """A function from a sample to its class index or mask in the bundle's labels; labels are matched by name.

        Raises:
            DataError: another task, no image, or a label that the bundle does not know.
        """
        if not self.samples:
            raise DataError(f"{self.source} has no image in the {self.split} split")
        if not self.is_labelled:
            return _no_truth if spec.task == "classify" else _no_mask
        if self.task != spec.task:
            raise DataError(f"{self.source} is labelled to {self.task}", expected=f"data to {spec.task}")
        unknown = [label for label in self.labels if label not in spec.labels]
        if unknown:
            raise DataError(
                f"{self.source} has the label {unknown[0]!r}, which the bundle does not know",
                expected=f"labels of the bundle: {', '.join(spec.labels[:12])}{' …' if len(spec.labels) > 12 else ''}",
                hint="rename the data's class to the bundle's label",
            )
        position = [spec.labels.index(label) for label in self.labels]
        return self._class_of(position) if spec.task == "classify" else self._mask_of(position)

    def warnings_for(self, spec: ModelSpec) -> tuple[Finding, ...]:
        """What the reader should know of this evidence."""
        if not self.is_labelled:
            message = "the images have no labels: only the agreement with the reference is judged"
            return (*self.warnings, Finding("W306", message))
        unseen = [label for label in spec.labels if label not in self.labels]
        if not unseen:
            return self.warnings
        message = f"the data shows nothing of {len(unseen)} of the bundle's labels: {', '.join(unseen[:8])}"
        return (*self.warnings, Finding("W303", message))

    def fingerprint(self) -> str:
        """sha256, in hex, over every image's bytes, its mask's and its label, whatever their order."""
        digest = hashlib.sha256()
        rows = []
        for sample in self.samples:
            label = "" if sample.label is None else self.labels[sample.label]
            mask = "" if sample.mask is None else _sha256(sample.mask)
            rows.append(f"{_sha256(sample.image)} {mask} {label}\n")
        digest.update("\n".join(self.labels).encode())
        digest.update("".join(sorted(rows)).encode())
        return digest.hexdigest()

    def _class_of(self, position: list[int]) -> Truth:
        def truth(sample: Any) -> int:
            label: int | None = sample.label
            if label is None:
                raise DataError(f"{sample.image} has no label", expected="a folder per class")
            return position[label]

        return truth

    def _mask_of(self, position: list[int]) -> Truth:
        table = np.full(256, IGNORED, np.uint8)
        table[: len(position)] = position

        def truth(sample: Any) -> Any:
            return table[sample.read_mask(self.labels)]

        return truth


def open_images(source: str, *, split: str | None = None, splits: Path | None = None) -> ImageSet:
    """Open labelled data and keep one split of it: by default `test` where there are splits, else everything.

    Raises:
        UsageError: a split was asked for and the data has none.
        DataError: data that cannot be read.
    """
    dataset = open_dataset(source)
    if splits is not None:
        dataset = read_splits(splits, dataset)
    has_splits = any(sample.split is not None for sample in dataset.samples)
    if split not in (None, "all") and not has_splits:
        raise UsageError(
            f"{source} has no split {split!r}", hint="name the file that training wrote: --splits runs/NAME/splits.csv"
        )
    chosen = split or ("test" if has_splits else "all")
    return replace(_keep(dataset, source, chosen), splits=splits)


def _keep(dataset: Dataset, source: str, split: str) -> ImageSet:
    kept = tuple(sample for sample in dataset.samples if split in ("all", sample.split))
    findings = []
    if dataset.skipped:
        first = f"{dataset.skipped[0].path.name}: {dataset.skipped[0].reason}"
        findings.append(Finding("W304", f"{len(dataset.skipped)} files of the data are left out, the first is {first}"))
    if split in ("all", "train"):
        findings.append(
            Finding(
                "W305",
                f"{len(kept)} images of the split {split!r}: a model that was trained on them looks better than it is",
                "give --splits runs/NAME/splits.csv and --split test",
            )
        )
    return ImageSet(dataset.task, dataset.labels, kept, str(source), split, tuple(findings))


def _no_truth(sample: LabelledImage) -> int:
    return -1


def _no_mask(sample: LabelledImage) -> Any:
    return np.full(sample.read_image().shape[:2], IGNORED, np.uint8)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
