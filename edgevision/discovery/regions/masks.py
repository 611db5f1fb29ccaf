"""The data set that names of superpixels make: images/, masks/, classes.txt, and who says what of each.

A mask is a PNG of class numbers; 255 marks what no name was given to, what was rejected, and what was left open, which
training and judging pass over. provenance.csv has a row for each picture, regions.csv one for each superpixel,
report.html shows some.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt

from edgevision.csv_file import write_csv
from edgevision.data.classes_file import write_classes
from edgevision.data.images import IGNORE
from edgevision.data.provenance import COLUMNS, PROVENANCE
from edgevision.discovery.frames import FrameItem
from edgevision.discovery.naming.dataset import (
    Applied,
    ApplyPlan,
    OnProgress,
    check_data_place,
    free_stem,
    link,
    weights,
    write_frame,
)
from edgevision.discovery.naming.named_clusters import NamedClusters
from edgevision.discovery.naming.propagate import ABSTAINED, CLUSTER, NO_LABEL, PERSON, Propagation
from edgevision.discovery.regions.coloured import NAMED, named_page, named_picture, spread
from edgevision.discovery.regions.region_set import RegionSet
from edgevision.discovery.regions.superpixels import at_size
from edgevision.reports.html import Page, Picture, Table, write_html
from edgevision.reports.wording import percent
from edgevision_runtime.atomic import atomic_folder
from edgevision_runtime.errors import UsageError

if TYPE_CHECKING:
    from edgevision_runtime.types import Image

BACKGROUND = "background"  # the class of that name, if any, is class 0
REGIONS = "regions.csv"
REPORT = "report.html"
REGION_COLUMNS = ("source", "region", "label", "by", "margin", "pixels")
Rows = list[list[str]]


@dataclass(frozen=True, eq=False)
class MaskClasses:
    """What each superpixel becomes in a mask."""

    labels: tuple[str, ...]  # position = class
    values: npt.NDArray[np.uint8]  # (superpixels,): the class, or IGNORE
    weights: npt.NDArray[np.float64]  # (superpixels,): how much each counts; 0 where it is ignored

    @classmethod
    def of(cls, found: Propagation) -> MaskClasses:
        """From names of superpixels.

        Raises:
            UsageError: a name is left without any.
        """
        labels = tuple(sorted(found.labels, key=lambda label: (label.casefold() != BACKGROUND, label)))
        values = np.full(len(found.by), IGNORE, np.uint8)
        for one, by in enumerate(found.by):
            if by in (PERSON, CLUSTER):
                values[one] = labels.index(found.labels[found.label[one]])
        if missing := [label for number, label in enumerate(labels) if not (values == number).any()]:
            raise UsageError(
                f"no region is called {missing[0]!r} any more: all were left out",
                expected="at least one of each name",
                hint="take one back, or rename the cluster",
            )
        return cls(labels, values, np.where(values == IGNORE, 0, weights(found)))


def apply_masks(named: NamedClusters, plan: ApplyPlan, on_progress: OnProgress = lambda done, total: None) -> Applied:
    """Write the data set, whole or not at all. Pictures of which nothing has a name are not in it.

    Raises:
        UsageError: fewer than two names, or a place that cannot be written.
        DataError: the pictures are not there any more.
    """
    check_data_place(plan.output, force=plan.force)
    found = named.propagate(plan.abstain)
    classes = MaskClasses.of(found)
    regions = named.regions()
    with atomic_folder(plan.output) as folder:
        (folder / "images").mkdir()
        (folder / "masks").mkdir()
        write_classes(folder, classes.labels)
        writer = _MaskWriter(folder, regions, classes, found)
        writer.write(on_progress)
        write_csv(folder / PROVENANCE, COLUMNS, writer.picture_rows)
        write_csv(folder / REGIONS, REGION_COLUMNS, writer.region_rows)
        write_html(folder / REPORT, writer.page(plan.output.name))
    return Applied(found, regions.pictures.unreadable, writer.metrics())


class _MaskWriter:
    """Writes pictures with their masks, and gathers the rows that say who says what."""

    def __init__(self, folder: Path, regions: RegionSet, classes: MaskClasses, found: Propagation) -> None:
        self._folder, self._regions, self._classes, self._found = folder, regions, classes, found
        self._pixels = np.zeros(len(classes.labels), np.int64)
        self._ignored = 0
        self._shown: list[Picture] = []
        self.picture_rows: Rows = []
        self.region_rows: Rows = []

    def write(self, on_progress: OnProgress) -> None:
        """Go once through the pictures."""
        taken: set[str] = set()
        total = len(self._regions.pictures.items)
        shown = spread(total, NAMED)
        for done, (item, image) in enumerate(self._regions.pictures.images(), start=1):
            labels = at_size(self._regions.maps.labels(item.name), *image.shape[:2])
            number = self._regions.maps.numbers[item.name]
            mine = slice(*self._regions.maps.firsts[number : number + 2].tolist())
            mask = self._classes.values[mine][labels]
            pixels = np.bincount(labels.ravel(), minlength=mine.stop - mine.start)
            place = ""
            if (mask != IGNORE).any():
                stem = free_stem(replace(item, name=item.name.removeprefix("images/")), taken)
                place = self._write_picture(stem, item, image)
                _write_mask(self._folder / "masks" / f"{stem}.png", mask)
                self._count(mask)
                if done - 1 in shown:
                    self._shown.append(named_picture(image, mask, item.name))
            self.picture_rows.append(self._picture_row(place, item.name, mine, pixels))
            self.region_rows += self._region_rows(item.name, mine, pixels)
            on_progress(done, total)

    def metrics(self) -> dict[str, Any]:
        """Of the pictures and of their pixels."""
        known = int(self._pixels.sum())
        return {
            "images": sum(bool(row[0]) for row in self.picture_rows),
            "pixels": dict(zip(self._classes.labels, self._pixels.tolist(), strict=True)),
            "pixels_left_open": self._ignored / max(1, known + self._ignored),
        }

    def page(self, title: str) -> Page:
        """To look at what was made."""
        whole = max(1, int(self._pixels.sum()) + self._ignored)
        rows = []
        for label, pixels in zip(self._classes.labels, self._pixels.tolist(), strict=True):
            place = self._found.labels.index(label)
            counts = [f"{self._found.count(by, place):,}" for by in (PERSON, CLUSTER, ABSTAINED)]
            rows.append([label, *counts, percent(pixels / whole)])
        rows.append(["left open", "", "", "", percent(self._ignored / whole)])
        headers = ("Name", "By a person", "By its cluster", "Abstained", "Pixels")
        return named_page(title, self._classes.labels, self._shown, Table(headers, rows, (1, 2, 3, 4)))

    def _write_picture(self, stem: str, item: FrameItem, image: Image) -> str:
        """Link or copy the file, or write the frame of a video; returns where."""
        if item.frame is not None:
            return write_frame(image, self._folder, f"images/{stem}")
        link(item.path, self._folder / "images" / f"{stem}{item.path.suffix}")
        return f"images/{stem}{item.path.suffix}"

    def _count(self, mask: npt.NDArray[np.uint8]) -> None:
        counts = np.bincount(mask.ravel(), minlength=IGNORE + 1)
        self._pixels += counts[: len(self._pixels)]
        self._ignored += int(counts[IGNORE])

    def _picture_row(self, place: str, name: str, mine: slice, pixels: npt.NDArray[np.int64]) -> list[str]:
        """Names in it; a person's if all of it is; margin and weight are means over its pixels with a name."""
        counts = pixels * (self._classes.values[mine] != IGNORE)
        if not place:
            return ["", "", ABSTAINED, "", "0", name]
        labels = ";".join(self._classes.labels[value] for value in np.unique(self._classes.values[mine][counts > 0]))
        by = {self._found.by[mine.start + one] for one in np.flatnonzero(counts)}
        margin = float(np.average(np.nan_to_num(self._found.margin[mine]), weights=counts))
        weight = float(np.average(self._classes.weights[mine], weights=counts))
        return [place, labels, PERSON if by == {PERSON} else CLUSTER, f"{margin:.6f}", f"{weight:.4g}", name]

    def _region_rows(self, name: str, mine: slice, pixels: npt.NDArray[np.int64]) -> Iterator[list[str]]:
        found = self._found
        for number, (one, count) in enumerate(zip(range(mine.start, mine.stop), pixels.tolist(), strict=True)):
            label = "" if found.label[one] == NO_LABEL else found.labels[found.label[one]]
            margin = "" if np.isnan(found.margin[one]) else f"{found.margin[one]:.6f}"
            yield [name, str(number), label, found.by[one], margin, str(count)]


def _write_mask(path: Path, mask: npt.NDArray[np.uint8]) -> None:
    path.write_bytes(cv2.imencode(".png", mask)[1].tobytes())
