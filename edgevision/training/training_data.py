"""Open, divide and look over the data of a training, and say what a person should know before it starts."""

from __future__ import annotations

import hashlib

from edgevision.data.dataset import UNLABELLED, Dataset, name_some, open_dataset
from edgevision.data.duplicates import NearDuplicate, near_duplicates
from edgevision.data.packages import FetchOptions
from edgevision.data.provenance import describe_provenance
from edgevision.data.splits import split
from edgevision.training.hooks import TrainHooks
from edgevision.training.plan import TrainPlan
from edgevision_runtime.errors import DataError

SPLITS = ("train", "val", "test")


def open_training_data(plan: TrainPlan, hooks: TrainHooks) -> Dataset:
    """The data set, split; what was skipped, how it was grouped and what is missing is said.

    Raises:
        DataError: it cannot be had or read, has no labels, or leaves nothing to train or validate on.
    """
    source = plan.data.source
    fetching = FetchOptions(log=hooks.log)
    dataset = open_dataset(source, plan.task, lambda done, total: hooks.on_images("checking", done, total), fetching)
    if dataset.task == UNLABELLED:
        raise DataError(f"{source} has no labels to learn from", expected="a folder per class, or masks")
    if len(dataset.labels) < 2:
        raise DataError(f"{source} has one class, {dataset.labels[0]!r}", expected="a folder for each of two or more")
    dataset = split(dataset, plan.data.split_plan(plan.seed))
    counts = split_counts(dataset)
    if not counts["val"]:
        raise DataError(f"{source}: no images are left to validate on", expected="a share for val in --split")
    hooks.log(
        f"{source}: to {dataset.task}, {len(dataset.labels)} classes, "
        + ", ".join(f"{count} {name}" for name, count in counts.items())
    )
    _say_groups(plan, dataset, hooks)
    for line in describe_provenance(dataset):
        hooks.log(line)
    for skipped in dataset.skipped:
        hooks.warn(f"skipped {skipped.reason}")
    _say_thin_classes(dataset, hooks)
    return dataset


def split_counts(dataset: Dataset) -> dict[str, int]:
    """Images of train, val and test."""
    return {name: sum(sample.split == name for sample in dataset.samples) for name in SPLITS}


def fingerprint(dataset: Dataset) -> str:
    """Changes when an image comes, goes, weighs otherwise, or stands in another split or class."""
    lines = [
        f"{dataset.relative(sample)},{sample.label},{sample.split}"
        + (f",{sample.weight}" if sample.weight != 1 else "")
        for sample in dataset.samples
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def find_duplicates(dataset: Dataset, hooks: TrainHooks) -> list[NearDuplicate]:
    """Near-duplicates across splits, said before the training, so that one can stop it and split anew."""
    pairs = near_duplicates(dataset)
    if pairs:
        hooks.warn(describe_duplicates(dataset, pairs))
    return pairs


def describe_duplicates(dataset: Dataset, pairs: list[NearDuplicate]) -> str:
    """How many there are, and the nearest."""
    first = pairs[0]
    return (
        f"{len(pairs)} near-duplicates across splits (run.json lists the nearest), such as "
        f"{dataset.relative(first.first)} and "
        f"{dataset.relative(first.second)}; --group-by keeps what belongs together on one side"
    )


def _say_groups(plan: TrainPlan, dataset: Dataset, hooks: TrainHooks) -> None:
    groups = {sample.group for sample in dataset.samples} - {None}
    if not groups:
        return
    expression = plan.data.group_by or dataset.group_by
    whose = "" if plan.data.group_by else f", as {plan.data.source} recommends"
    hooks.log(f"grouped by {expression}{whose}: {len(groups)} groups, each on one side of the split")
    if len(groups) == len(dataset.samples):
        hooks.warn(f"--group-by {expression!r} gives every image a group of its own: it keeps nothing together")


def _say_thin_classes(dataset: Dataset, hooks: TrainHooks) -> None:
    """A class that a split lacks is not measured there."""
    if dataset.task != "classify":
        return
    for name, count in split_counts(dataset).items():
        missing = [label for label, images in dataset.counts(name).items() if not images]
        if count and missing:
            hooks.warn(f"{name} has no image of {name_some(map(repr, missing))}: too few images of it")
