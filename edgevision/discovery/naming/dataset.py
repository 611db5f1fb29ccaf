"""The data set that names make: a folder for each, and provenance.csv, which says on whose word each picture is there.

Pictures in files are hard links where the file system allows it, else copies; frames of videos become files.
"""

from __future__ import annotations

import hashlib
import math
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgevision.csv_file import write_csv
from edgevision.data.classes_file import write_classes
from edgevision.data.provenance import COLUMNS, PROVENANCE
from edgevision.discovery.frames import FrameItem, FrameSet
from edgevision.discovery.naming.named_clusters import NamedClusters
from edgevision.discovery.naming.propagate import ABSTAIN, ABSTAINED, CLUSTER, LEFT_OUT, OPEN, PERSON, Propagation
from edgevision_runtime.atomic import atomic_folder, check_place, refuse_to_overwrite
from edgevision_runtime.errors import UsageError

if TYPE_CHECKING:
    from edgevision_runtime.types import Image

LOSSLESS_PIXELS = 256 * 256  # of a video's frame, up to which it becomes a PNG; larger ones are JPEGs
JPEG_QUALITY = 95
LONGEST_NAME = 180  # bytes of a file's name
LEAST_WEIGHT = 0.5  # of a picture whose label was just kept; one whose neighbours agree weighs 1
OnProgress = Callable[[int, int], None]  # pictures done, pictures in all


@dataclass(frozen=True)
class ApplyPlan:
    """What is written where."""

    output: Path
    abstain: float = ABSTAIN  # share of the pictures that nobody saw and that are left open
    force: bool = False


@dataclass(frozen=True, eq=False)
class Applied:
    """What was written."""

    propagation: Propagation
    missing: list[str] = field(default_factory=list)  # pictures that could not be read any more, in words
    masks: dict[str, Any] | None = None  # of regions, what the masks hold

    def counts(self) -> dict[str, dict[str, int]]:
        """For each label how many pictures are there on whose word, and how many were left open."""
        found = self.propagation
        return {
            label: {by: found.count(by, position) for by in (PERSON, CLUSTER, ABSTAINED)}
            for position, label in enumerate(found.labels)
        }

    def metrics(self) -> dict[str, Any]:
        """For the report."""
        found = self.propagation
        return {
            **({} if self.masks is None else {"masks": self.masks}),
            "pictures" if self.masks is None else "regions": len(found.by),
            "by": {by: found.count(by) for by in (PERSON, CLUSTER, ABSTAINED, LEFT_OUT, OPEN)},
            "labels": self.counts(),
            "least_margin": None if math.isnan(found.least_margin) else found.least_margin,
            "missing": len(self.missing),
        }


def check_data_place(path: Path, *, force: bool) -> None:
    """Refuse early what `apply_names` would refuse late.

    Raises:
        UsageError: it exists and `force` is not given, or it is no data set of ours, or nothing can be written there.
    """
    if path.name in ("", ".."):
        raise UsageError(f"{path} is no name for a new folder", expected="such as dataset")
    refuse_to_overwrite(path, force=force)
    if path.exists() and any(path.iterdir() if path.is_dir() else [path]) and not (path / PROVENANCE).is_file():
        raise UsageError(f"{path} exists and is not a data set that names made", hint="choose another name")
    check_place(path)


def apply_names(named: NamedClusters, plan: ApplyPlan, on_progress: OnProgress = lambda done, total: None) -> Applied:
    """Write the data set, whole or not at all.

    Raises:
        UsageError: fewer than two names, or a place that cannot be written.
        DataError: the pictures are not there any more.
    """
    check_data_place(plan.output, force=plan.force)
    found = named.propagate(plan.abstain)
    frames = named.frames()
    with atomic_folder(plan.output) as folder:
        for label in found.labels:
            (folder / label).mkdir()
        write_classes(folder, found.labels)
        writer = _PictureWriter(folder, frames, found, on_progress)
        writer.write_files()
        writer.write_frames()
        write_csv(folder / PROVENANCE, COLUMNS, _rows(found, frames.items, writer.written))
    return Applied(found, [*writer.missing, *frames.unreadable])


def weights(found: Propagation) -> list[float]:
    """How much each picture counts: a person's 1, a cluster's by its margin, the others 0.

    A cluster's weight rises evenly from `LEAST_WEIGHT`, at the least margin that was kept, to 1, at the median.
    """
    kept = sorted(margin for margin, by in zip(found.margin, found.by, strict=True) if by == CLUSTER)
    median = kept[len(kept) // 2] if kept else math.nan
    span = median - found.least_margin

    def weight(margin: float, by: str) -> float:
        if by != CLUSTER:
            return float(by == PERSON)
        share = 1.0 if span <= 0 else min(1.0, (margin - found.least_margin) / span)
        return LEAST_WEIGHT + (1 - LEAST_WEIGHT) * share

    return [weight(margin, by) for margin, by in zip(found.margin, found.by, strict=True)]


def _rows(found: Propagation, items: tuple[FrameItem, ...], written: dict[int, str]) -> Iterator[list[str]]:
    for one, (item, weight) in enumerate(zip(items, weights(found), strict=True)):
        if found.by[one] == ABSTAINED or one in written:
            label, margin = found.labels[found.label[one]], f"{found.margin[one]:.6f}"
            yield [written.get(one, ""), label, found.by[one], margin, f"{weight:.4g}", item.name]


class _PictureWriter:
    """Writes the pictures that have a label; `written` says where each is, `missing` which are there no more."""

    def __init__(self, folder: Path, frames: FrameSet, found: Propagation, on_progress: OnProgress) -> None:
        self.written: dict[int, str] = {}
        self.missing: list[str] = []
        self._folder, self._frames, self._on_progress = folder, frames, on_progress
        chosen = [one for one, by in enumerate(found.by) if by in (PERSON, CLUSTER)]
        taken: set[str] = set()
        self._stems = {one: f"{found.labels[found.label[one]]}/{free_stem(frames.items[one], taken)}" for one in chosen}

    def write_files(self) -> None:
        """Link or copy pictures that are files."""
        for one, stem in self._stems.items():
            item = self._frames.items[one]
            if item.frame is not None:
                continue
            if not item.path.is_file():
                self.missing.append(f"{item.name} is not there any more")
                continue
            self._note(one, stem + item.path.suffix)
            link(item.path, self._folder / self.written[one])

    def write_frames(self) -> None:
        """Decode frames of videos, once through each."""
        positions = {
            item.name: one
            for one, item in enumerate(self._frames.items)
            if item.frame is not None and one in self._stems
        }
        items = sorted((self._frames.items[one] for one in positions.values()), key=_place)
        for item, image in self._frames.images(items):
            one = positions[item.name]
            self._note(one, write_frame(image, self._folder, self._stems[one]))

    def _note(self, one: int, place: str) -> None:
        self.written[one] = place
        self._on_progress(len(self.written), len(self._stems))


def _place(item: FrameItem) -> tuple[str, int]:
    return str(item.path), item.frame or 0


def free_stem(item: FrameItem, taken: set[str]) -> str:
    """A file's name without suffix for a path that nobody has: folders joined with two underscores, frames numbered."""
    if item.frame is None:
        stem = item.name.removesuffix(item.path.suffix)
    else:
        stem = f"{item.name.rpartition('#')[0]}__{item.frame:06d}"
    stem = stem.replace("/", "__").lstrip(".")
    if len(stem.encode()) > LONGEST_NAME:
        stem = hashlib.sha256(stem.encode()).hexdigest()[:8] + stem.encode()[-LONGEST_NAME:].decode("utf-8", "ignore")
    number, free = 1, stem
    while free.casefold() in taken:
        number += 1
        free = f"{stem}~{number}"
    taken.add(free.casefold())
    return free


def link(source: Path, target: Path) -> None:
    """A hard link, or a copy where there can be none, such as on another disk."""
    try:
        os.link(source.resolve(), target)
    except OSError:
        shutil.copyfile(source, target)


def write_frame(image: Image, folder: Path, stem: str) -> str:
    """Write a video's frame as PNG, a large one as JPEG; returns where, below `folder`."""
    import cv2

    suffix = ".png" if image.shape[0] * image.shape[1] <= LOSSLESS_PIXELS else ".jpg"
    done, data = cv2.imencode(suffix, image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    assert done, "OpenCV writes both kinds"
    (folder / (stem + suffix)).write_bytes(data.tobytes())
    return stem + suffix
