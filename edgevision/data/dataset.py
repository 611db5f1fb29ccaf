"""What a data set is: samples with a label or a mask each, found in a folder or by name, checked file by file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgevision.data.datasets import NAMED, fetch
from edgevision.data.images import IGNORE, read_image, read_mask_values
from edgevision.data.packages import INTO_USER_CACHE, FetchOptions
from edgevision_runtime.errors import DataError, did_you_mean

if TYPE_CHECKING:
    from edgevision_runtime.types import Image

SPLITS = ("train", "val", "test")
UNLABELLED = "unlabelled"
OnProgress = Callable[[int, int], None]  # files checked, files in all


@dataclass(frozen=True)
class Sample:
    """One picture and what is known of it."""

    image: Path
    label: int | None = None  # position in the labels; None for masks and without labels
    mask: Path | None = None
    split: str | None = None  # train | val | test; None: not split yet
    group: str | None = None  # of pictures that belong on one side of a split
    stratum: int = 0  # what a split keeps the shares of: the label, or the rarest class of the mask
    mask_encoding: str = "index"  # index: class numbers, 255 = ignore; binary: 0 and 255 are classes 0 and 1
    weight: float = 1.0  # in the loss; above 0

    def read_image(self) -> Image:
        """The picture, uint8 (h, w, 3) BGR, upright."""
        return read_image(self.image)

    def read_mask(self, labels: tuple[str, ...]) -> Image:
        """The mask as class indices, uint8 (h, w); 255 = ignore.

        Raises:
            DataError: there is none, or it holds a class that `labels` has not.
        """
        if self.mask is None:
            raise DataError(f"{self.image.name} has no mask", expected="a segmentation data set")
        values = read_mask_values(self.mask)
        if self.mask_encoding == "binary":
            values = (values > 127).astype("uint8")
        if ((values >= len(labels)) & (values != IGNORE)).any():
            raise DataError(f"mask {self.mask.name} holds classes beyond {len(labels) - 1}", expected=", ".join(labels))
        return values


@dataclass(frozen=True)
class Skipped:
    """A file that was left out, and why."""

    path: Path
    reason: str


@dataclass(frozen=True)
class Dataset:
    """Samples in the order of their relative paths, the same on every machine."""

    task: str  # classify | segment | unlabelled
    labels: tuple[str, ...]  # position = class index; () when unlabelled
    samples: tuple[Sample, ...]
    skipped: tuple[Skipped, ...]
    root: Path
    group_by: str | None = None  # what a named set recommends for --group-by

    def relative(self, sample: Sample) -> str:
        """The sample's path below the root, with forward slashes."""
        return sample.image.relative_to(self.root).as_posix()

    def of_split(self, split: str) -> tuple[Sample, ...]:
        """The samples of train, val or test.

        Raises:
            DataError: there are none.
        """
        chosen = tuple(sample for sample in self.samples if sample.split == split)
        if not chosen:
            there = sorted({sample.split for sample in self.samples if sample.split})
            raise DataError(
                f"{self.root} has no images in split {split!r}", expected=" | ".join(there) or "a split set"
            )
        return chosen

    def counts(self, split: str | None = None) -> dict[str, int]:
        """Images of each label, of one split or of all (classification)."""
        found = Counter(sample.label for sample in self.samples if split is None or sample.split == split)
        return {label: found[index] for index, label in enumerate(self.labels)}


def open_dataset(
    source: str | Path,
    task: str | None = None,
    on_progress: OnProgress | None = None,
    options: FetchOptions = INTO_USER_CACHE,
) -> Dataset:
    """Open a folder or a named set (a `str` that `NAMED` holds) and check every file of it.

    A folder is one of: CLASS/*.jpg · images/ + masks/ + classes.txt · train|val|test/ with either inside · plain images
    without labels. `task` demands classify or segment. Files that cannot be read, or whose mask has another size, are
    left out and listed in `skipped`, as is what weighs 0 in a provenance.csv (see provenance.py).

    Raises:
        DataError: no such set, an empty class, a mask without image, an image without mask, a class that is not in
            classes.txt, or a layout that is none of these.
    """
    from edgevision.data import layouts, provenance

    if not str(source).strip():
        raise DataError("no data is named", expected="a folder or a named set", hint="`.` is the current folder")
    if isinstance(source, str) and source in NAMED:
        if Path(source).exists():
            raise DataError(f"{source!r} is a named set and a folder here", expected=f"./{source} for the folder")
        root, group_by = fetch(source, options), NAMED[source].group_by
    else:
        root, group_by = Path(source), None
    if not root.is_dir():
        hint = did_you_mean(str(source), NAMED) or "`edgevision datasets` lists the named sets"
        raise DataError(f"{source} is no folder and no named set", hint=hint)
    found = layouts.read(root, task, group_by, on_progress or (lambda done, total: None))
    return provenance.with_weights(found)


def name_some(names: Iterable[str], most: int = 3) -> str:
    """`a, b, c and 4 more`."""
    names = sorted(names)
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest
