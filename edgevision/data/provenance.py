"""provenance.csv beside class folders: on whose word each picture has its label, and how much it weighs in the loss.

    image,label,by,margin,weight,source
    cat/tuesday__a.jpg,cat,person,1.0,1,tuesday/a.jpg
    cat/tuesday__b.jpg,cat,cluster,0.7,0.73,tuesday/b.jpg
    ,dog,abstained,-0.1,0,tuesday/c.jpg

`image` is the path below the data set's root, empty for a picture that is not in it. A picture without a row weighs 1,
one that weighs 0 is left out. `by`, `margin` and `source` are for people.
"""

from __future__ import annotations

import csv
import dataclasses
import math
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from edgevision.data.dataset import Dataset, Sample, Skipped, name_some
from edgevision_runtime.errors import DataError

PROVENANCE = "provenance.csv"
COLUMNS = ("image", "label", "by", "margin", "weight", "source")
NEEDED = ("image", "by", "weight")


class Entry(NamedTuple):
    """A row."""

    by: str  # person | cluster | abstained
    weight: float


def read_provenance(root: Path) -> dict[str, Entry] | None:
    """The rows of provenance.csv by their image; None: there is no such file.

    Raises:
        DataError: it cannot be read; says the line.
    """
    path = root / PROVENANCE
    if not path.is_file():
        return None
    expected = f"the columns {', '.join(COLUMNS)}"
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read: {error}", expected=expected) from error
    if missing := [name for name in NEEDED if name not in (reader.fieldnames or ())]:
        raise DataError(f"{path} has no column {name_some(missing)}", expected=expected)
    found: dict[str, Entry] = {}
    for number, row in enumerate(rows, start=2):
        if not row["image"]:
            continue
        if row["image"] in found:
            raise DataError(
                f"{path}, line {number}: {row['image']} stands there twice", expected="a row for each image"
            )
        found[row["image"]] = Entry(row["by"] or "", _weight(row["weight"], f"{path}, line {number}"))
    return found


def with_weights(dataset: Dataset) -> Dataset:
    """The data set with the weights of its provenance.csv, if it has one; what weighs 0 stands in `skipped`.

    Raises:
        DataError: the file cannot be read, or leaves a class without pictures.
    """
    entries = read_provenance(dataset.root)
    if entries is None:
        return dataset
    kept: list[Sample] = []
    skipped: list[Skipped] = []
    for sample in dataset.samples:
        entry = entries.get(dataset.relative(sample))
        if entry is not None and entry.weight == 0:
            skipped.append(Skipped(sample.image, f"{dataset.relative(sample)} weighs 0 in {PROVENANCE}"))
        else:
            kept.append(sample if entry is None else dataclasses.replace(sample, weight=entry.weight))
    left = {sample.label for sample in kept}
    if empty := [
        label for index, label in enumerate(dataset.labels) if dataset.task == "classify" and index not in left
    ]:
        raise DataError(f"{dataset.root / PROVENANCE} leaves class {name_some(map(repr, empty))} without pictures")
    return dataclasses.replace(dataset, samples=tuple(kept), skipped=(*dataset.skipped, *skipped))


def describe_provenance(dataset: Dataset) -> list[str]:
    """What a person should know of it before a training, a sentence each; nothing without provenance.csv."""
    entries = read_provenance(dataset.root)
    if entries is None:
        return []
    names = [dataset.relative(sample) for sample in dataset.samples]
    by = Counter(entries[name].by for name in names if name in entries)
    told = ", ".join(f"{count} by {'their ' if who == 'cluster' else 'a '}{who}" for who, count in by.most_common())
    weights = [sample.weight for sample in dataset.samples]
    lines = (
        [f"{PROVENANCE}: labels given {told}; weights in the loss {min(weights):.3g} to {max(weights):.3g}"]
        if by
        else []
    )
    if strangers := sum(name not in entries for name in names):
        lines.append(f"{strangers} pictures stand in no row of {PROVENANCE}: they weigh 1")
    if by.keys() - {"person"}:
        lines.append("figures below are judged against these labels, which are not all true")
    return lines


def _weight(text: str | None, where: str) -> float:
    try:
        weight = float(text or "")
    except ValueError as error:
        raise DataError(f"{where}: weight {text!r}", expected="a number, 0 or more") from error
    if not math.isfinite(weight) or weight < 0:
        raise DataError(f"{where}: weight {text!r}", expected="a number, 0 or more")
    return weight
