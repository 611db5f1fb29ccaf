"""Labels of pictures that somebody has: for judging only. Nothing that learns or clusters imports this."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from edgevision_runtime.errors import DataError

SPLIT_FOLDERS = frozenset({"train", "val", "valid", "validation", "test"})  # above the class folders
COLUMNS = ("name", "label")


@dataclass(frozen=True, eq=False)
class Truth:
    """What pictures truly show, as far as somebody says."""

    labels: tuple[str, ...]
    label_of: Mapping[str, int]  # name of the picture → position in the labels

    def judged(self, names: Sequence[str]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """(positions of the names that have a label, their labels), int64 (m,) each.

        Raises:
            DataError: none has one.
        """
        positions = [position for position, name in enumerate(names) if name in self.label_of]
        if not positions:
            raise DataError(
                "no picture has a true label", expected="the names that were clustered, such as " + names[0]
            )
        labels = [self.label_of[names[position]] for position in positions]
        return np.array(positions, np.int64), np.array(labels, np.int64)


def truth_of_folders(names: Sequence[str]) -> Truth:
    """The first folder of each name below train/, val/ and test/, such as cat of train/cat/7.png.

    Raises:
        DataError: there are none.
    """
    folders = [PurePosixPath(name).parts[:-1] for name in names]
    tops = {parts[0] for parts in folders if parts}
    has_splits = "train" in tops and tops <= SPLIT_FOLDERS
    inside = [parts[1:] if has_splits else parts for parts in folders]
    named = {name: parts[0] for name, parts in zip(names, inside, strict=True) if parts}
    if not named:
        raise DataError("the names have no folders to take labels from", expected="LABEL/1.png, or a CSV of labels")
    return _truth(named)


def truth_of_csv(path: Path) -> Truth:
    """From a CSV with the columns name and label.

    Raises:
        DataError: it is not that, or a name stands there twice with two labels.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read: {error}", expected="a CSV with the columns name,label") from error
    if not rows or not set(COLUMNS) <= set(rows[0]):
        found = ", ".join(rows[0]) if rows else "nothing"
        raise DataError(f"{path} holds {found}", expected="the columns name,label and a row for each picture")
    named: dict[str, str] = {}
    for number, row in enumerate(rows, start=2):
        name, label = (str(row[column] or "").strip() for column in COLUMNS)
        if name and label and named.setdefault(name, label) != label:
            raise DataError(
                f"{path}, line {number}: {name} is {named[name]} and {label}", expected="one label a picture"
            )
    return _truth(named)


def _truth(named: Mapping[str, str]) -> Truth:
    labels = tuple(sorted(set(named.values())))
    number = {label: position for position, label in enumerate(labels)}
    return Truth(labels, {name: number[label] for name, label in named.items()})
