"""The shapes a data set may have on disk, and the check of every file in it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from edgevision.data.classes_file import CLASSES
from edgevision.data.dataset import UNLABELLED, Dataset, OnProgress, Sample, Skipped, name_some
from edgevision.data.images import (
    IGNORE,
    IMAGE_SUFFIXES,
    MASK_SUFFIXES,
    ColouredMask,
    check_image,
    read_image,
    read_mask_values,
)
from edgevision_runtime.errors import DataError

if TYPE_CHECKING:
    from edgevision_runtime.types import Tensor

SPLIT_FOLDERS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
EXPECTED = "CLASS/*.jpg, or images/ + masks/ + classes.txt, or train/ val/ test/ with either inside"

Finding = TypeVar("Finding")


@dataclass(frozen=True)
class Job:
    """What every reader of a layout needs."""

    root: Path
    group_by: str | None
    on_progress: OnProgress


def read(root: Path, task: str | None, group_by: str | None, on_progress: OnProgress) -> Dataset:
    """Recognize the layout, read it, check it.

    Raises:
        DataError: see `open_dataset`.
    """
    job = Job(root, group_by, on_progress)
    parts = _split_parts(root)
    if any((part / "images").is_dir() for part in parts) and any((part / "masks").is_dir() for part in parts):
        found, reader = "segment", _read_masks
    elif (root / "masks").is_dir() or ((root / "images").is_dir() and len(_folders(root)) == 1):
        missing = "images" if (root / "masks").is_dir() else "masks"
        raise DataError(f"{root} has no folder {missing}/", expected=EXPECTED)
    elif _folders(root):
        found, reader = "classify", _read_classes
    else:
        found, reader = UNLABELLED, _read_flat
    if task is not None and task != found:
        raise DataError(
            f"{root} is a data set to {found}" if found != UNLABELLED else f"{root} has no labels",
            expected=f"one to {task}: " + EXPECTED,
        )
    return reader(job, parts)


def _split_parts(root: Path) -> dict[Path, str | None]:
    """The folders that hold samples, each with the split that its name gives; the root alone when it has no splits."""
    folders = _folders(root)
    names = {folder.name for folder in folders}
    is_split = "train" in names and names <= set(SPLIT_FOLDERS) and any(_folders(folder) for folder in folders)
    return {folder: SPLIT_FOLDERS[folder.name] for folder in folders} if is_split else {root: None}


def _read_classes(job: Job, parts: dict[Path, str | None]) -> Dataset:
    """A folder per class; order by classes.txt when there is one, else by name."""
    labels = _labels(job.root) or tuple(sorted({folder.name for part in parts for folder in _folders(part)}))
    samples, skipped = [], []
    for part, split in parts.items():
        for folder in _folders(part):
            if folder.name not in labels:
                raise DataError(f"folder {folder} is not in classes.txt", expected=", ".join(labels))
            index = labels.index(folder.name)
            for file in _files(folder):
                if file.suffix.lower() in IMAGE_SUFFIXES:
                    samples.append(Sample(file, label=index, split=split, stratum=index))
                else:
                    skipped.append(Skipped(file, f"{file.name} is no image (by its name)"))
    readable, unreadable = _check_all(samples, job)
    for index, label in enumerate(labels):
        if not any(sample.label == index and sample.split in (None, "train") for sample in readable):
            where = "training images" if None not in parts.values() else "images"
            raise DataError(
                f"class {label!r} of {job.root} has no {where} that can be read",
                expected="at least one",
                hint="add some, or remove the folder" + _unread(unreadable),
            )
    return _dataset("classify", labels, readable, skipped + unreadable, job)


def _read_flat(job: Job, parts: dict[Path, str | None]) -> Dataset:
    """Images without labels."""
    samples = [Sample(file) for file in _files(job.root) if file.suffix.lower() in IMAGE_SUFFIXES]
    if not samples:
        raise DataError(f"{job.root} holds no images", expected=EXPECTED)
    readable, unreadable = _check_all(samples, job)
    return _dataset(UNLABELLED, (), readable, unreadable, job)


def _read_masks(job: Job, parts: dict[Path, str | None]) -> Dataset:
    """images/ and masks/ with equal stems, and classes.txt."""
    labels = _labels(job.root)
    if labels is None:
        raise DataError(
            f"{job.root} has no classes.txt", expected="one class a line; line 1 is class 0, the background"
        )
    if not 2 <= len(labels) <= IGNORE:
        raise DataError(
            f"{job.root / 'classes.txt'} names {len(labels)} classes",
            expected=f"2 to {IGNORE}",
            hint="the background is a class too",
        )
    pairs: list[Sample] = []
    skipped: list[Skipped] = []
    for part, split in parts.items():
        found, left_out = _pairs(part, split)
        pairs += found
        skipped += left_out
    checked, unreadable = _each(pairs, _look_at_pair, job.on_progress)
    samples = _with_classes(checked, labels, job)
    return _dataset("segment", labels, samples, skipped + unreadable, job)


def _pairs(part: Path, split: str | None) -> tuple[list[Sample], list[Skipped]]:
    images, not_images = _by_stem(part / "images", IMAGE_SUFFIXES)
    masks, not_masks = _by_stem(part / "masks", MASK_SUFFIXES)
    if lonely := [masks[stem] for stem in masks.keys() - images.keys()]:
        raise DataError(
            f"{len(lonely)} masks in {part} have no image: {name_some(file.name for file in lonely)}",
            expected="images/NAME.jpg for each masks/NAME.png",
        )
    if lonely := [images[stem] for stem in images.keys() - masks.keys()]:
        raise DataError(
            f"{len(lonely)} images in {part} have no mask: {name_some(file.name for file in lonely)}",
            expected="masks/NAME.png for each images/NAME.jpg",
        )
    samples = [Sample(images[stem], mask=masks[stem], split=split) for stem in sorted(images)]
    return samples, [Skipped(file, f"{file.name} is no image (by its name)") for file in not_images + not_masks]


def _by_stem(folder: Path, suffixes: frozenset[str]) -> tuple[dict[str, Path], list[Path]]:
    """Files by their path below `folder` without suffix, and the files of other kinds."""
    found: dict[str, Path] = {}
    others: list[Path] = []
    for file in _files(folder):
        if file.suffix.lower() not in suffixes:
            others.append(file)
            continue
        stem = file.relative_to(folder).with_suffix("").as_posix()
        if stem in found:
            raise DataError(f"{file.name} and {found[stem].name} in {folder} share a name", expected="one file a name")
        found[stem] = file
    return found, others


def _look_at_pair(sample: Sample) -> Tensor:
    """Which of the 256 values the mask holds, bool (256,)."""
    import numpy as np

    assert sample.mask is not None
    values = read_mask_values(sample.mask)
    height, width = read_image(sample.image).shape[:2]
    if values.shape != (height, width):
        raise DataError(f"mask {sample.mask.name} is {values.shape[1]}×{values.shape[0]}, its image {width}×{height}")
    return np.bincount(values.ravel(), minlength=256) > 0


def _with_classes(checked: Sequence[tuple[Sample, Tensor]], labels: tuple[str, ...], job: Job) -> list[Sample]:
    """Settle how the masks are written, check their classes, and give each sample the rarest class it shows."""
    import dataclasses

    import numpy as np

    if not checked:
        raise DataError(f"{job.root} holds no image with a mask that can be read", expected=EXPECTED)
    present = np.stack([values for _, values in checked])  # (samples, 256)
    union = set(np.flatnonzero(present.any(axis=0)).tolist())
    encoding = "binary" if len(labels) == 2 and IGNORE in union and union <= {0, IGNORE} else "index"
    if encoding == "binary":
        present = present[:, [0, IGNORE]]
    else:
        _check_classes(checked, union, labels)
        present = present[:, : len(labels)]
    masks_with = present.sum(axis=0)
    if empty := [label for label, count in zip(labels, masks_with, strict=True) if count == 0]:
        raise DataError(
            f"no mask in {job.root} shows class {name_some(map(repr, empty))}",
            expected="each class of classes.txt in at least one mask",
            hint="remove it from classes.txt, or add masks",
        )
    rarity = np.where(present, masks_with, np.iinfo(np.int64).max)
    strata = rarity.argmin(axis=1)
    return [
        dataclasses.replace(sample, mask_encoding=encoding, stratum=int(stratum))
        for (sample, _), stratum in zip(checked, strata, strict=True)
    ]


def _check_classes(checked: Sequence[tuple[Sample, Tensor]], union: set[int], labels: tuple[str, ...]) -> None:
    beyond = sorted(value for value in union if len(labels) <= value != IGNORE)
    if not beyond:
        return
    sample = next(sample for sample, values in checked if values[beyond].any())
    assert sample.mask is not None
    raise DataError(
        f"mask {sample.mask.name} holds class {beyond[0]}, which classes.txt does not name",
        expected=f"0..{len(labels) - 1} ({name_some(labels)}) or 255 for ignore; with two classes 0 and 255",
    )


def _check_all(samples: list[Sample], job: Job) -> tuple[list[Sample], list[Skipped]]:
    readable, unreadable = _each(samples, lambda sample: check_image(sample.image), job.on_progress)
    return [sample for sample, _ in readable], unreadable


def _each(
    samples: Sequence[Sample], look: Callable[[Sample], Finding], on_progress: OnProgress
) -> tuple[list[tuple[Sample, Finding]], list[Skipped]]:
    """Look at every sample on all cores; a DataError becomes a skip with its reason; a coloured mask is raised."""

    def attempt(sample: Sample) -> Finding | DataError:
        try:
            return look(sample)
        except ColouredMask:
            raise
        except DataError as error:
            return error

    done: list[tuple[Sample, Finding]] = []
    skipped: list[Skipped] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for count, (sample, finding) in enumerate(zip(samples, pool.map(attempt, samples), strict=True), start=1):
            if isinstance(finding, DataError):
                skipped.append(Skipped(sample.image, str(finding)))
            else:
                done.append((sample, finding))
            on_progress(count, len(samples))
    return done, skipped


def _dataset(task: str, labels: tuple[str, ...], samples: list[Sample], skipped: list[Skipped], job: Job) -> Dataset:
    if not samples:
        raise DataError(f"{job.root} holds no image that can be read" + _unread(skipped))
    ordered = sorted(samples, key=lambda sample: sample.image.relative_to(job.root).as_posix())
    left_out = sorted(skipped, key=lambda entry: entry.path.as_posix())
    return Dataset(task, labels, tuple(ordered), tuple(left_out), job.root, job.group_by)


def _unread(skipped: Iterable[Skipped]) -> str:
    reasons = [entry.reason for entry in skipped]
    return f" ({name_some(reasons)})" if reasons else ""


def _labels(root: Path) -> tuple[str, ...] | None:
    """The lines of classes.txt; None when there is none."""
    file = root / CLASSES
    if not file.is_file():
        return None
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{file} is not UTF-8 text", expected="one class a line") from error
    labels = tuple(line.strip() for line in lines if line.strip())
    if twice := {label for label in labels if labels.count(label) > 1}:
        raise DataError(f"{file} names {name_some(map(repr, twice))} twice", expected="each class once")
    return labels


def _folders(root: Path) -> list[Path]:
    """Its folders by name, without hidden ones and macOS litter."""
    return sorted(entry for entry in root.iterdir() if entry.is_dir() and not _is_litter(entry.name))


def _files(folder: Path) -> list[Path]:
    """The files below it by name, without hidden ones."""
    if not folder.is_dir():
        return []
    below = (file for file in folder.rglob("*") if file.is_file())
    return sorted(f for f in below if not any(_is_litter(part) for part in f.relative_to(folder).parts))


def _is_litter(name: str) -> bool:
    return name.startswith(".") or name in ("__MACOSX", "Thumbs.db", "desktop.ini")
