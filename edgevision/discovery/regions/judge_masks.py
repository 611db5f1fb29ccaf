"""How well clusters of superpixels fit masks that somebody has: for judging only, never for learning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgevision.data.dataset import Dataset, open_dataset
from edgevision.data.images import IGNORE
from edgevision.discovery.clustering.kmeans import Integers
from edgevision.discovery.regions.region_set import RegionSet
from edgevision.discovery.regions.superpixels import at_size
from edgevision_runtime.errors import DataError

Pixels = npt.NDArray[np.int64]  # (rows, labels)


@dataclass(frozen=True, eq=False)
class MaskJudgement:
    """Clusters against true masks, pixel by pixel; IoU is the intersection over the union of a class."""

    accuracy: float  # of pixels, with the best one-to-one pairing of clusters and classes (Hungarian method)
    mean_iou: float  # the same
    named_accuracy: float  # when each cluster bears the name of most of its pixels
    named_mean_iou: float
    best_accuracy: float  # when each superpixel does: no naming of these superpixels is better
    confusion: Pixels  # (clusters, labels)
    labels: tuple[str, ...]
    pictures: int  # that have a mask

    def to_json(self) -> dict[str, Any]:
        """For the report."""
        return {**vars(self), "confusion": self.confusion.tolist(), "labels": list(self.labels)}


def judge_masks(regions: RegionSet, assignment: Integers, source: str) -> MaskJudgement:
    """Hold clusters of superpixels against the masks of the data set that they were found in.

    Raises:
        DataError: it has no masks, or none of these pictures.
    """
    dataset = open_dataset(source, "segment")
    pixels = region_pixels(regions, dataset)
    pictures = len({item.path for item, one in zip(regions.items, pixels, strict=True) if one.any()})
    if not pictures:
        raise DataError(f"no picture of {source} that was clustered has a mask")
    confusion = np.zeros((int(assignment.max()) + 1, len(dataset.labels)), np.int64)
    np.add.at(confusion, assignment, pixels)
    paired = _paired(confusion)
    named = confusion.argmax(axis=1)
    return MaskJudgement(
        *scores(confusion, paired),
        *scores(confusion, named),
        best_accuracy=float(pixels.max(axis=1).sum() / pixels.sum()),
        confusion=confusion,
        labels=dataset.labels,
        pictures=pictures,
    )


def region_pixels(regions: RegionSet, dataset: Dataset) -> Pixels:
    """Of each superpixel, how many pixels of each true class it covers, int64 (superpixels, labels); 0 without mask."""
    samples = {dataset.relative(sample): sample for sample in dataset.samples}
    found = np.zeros((len(regions.items), len(dataset.labels)), np.int64)
    for picture, first in zip(regions.maps.pictures, regions.maps.firsts, strict=False):
        if picture in samples:
            mask = samples[picture].read_mask(dataset.labels)
            labels = at_size(regions.maps.labels(picture), *mask.shape)
            known = mask != IGNORE
            np.add.at(found, (first + labels[known].astype(np.int64), mask[known]), 1)
    return found


def scores(confusion: Pixels, names: Sequence[int] | Integers) -> tuple[float, float]:
    """(accuracy of pixels, mean IoU) when cluster i is called class names[i]; -1: it is called nothing, and wrong."""
    called = np.zeros((confusion.shape[1],) * 2, np.int64)
    for row, name in zip(confusion, names, strict=True):
        if name >= 0:
            called[name] += row
    hit, true = np.diag(called), confusion.sum(axis=0)
    union = true + called.sum(axis=1) - hit
    occurs = union > 0
    return float(hit.sum() / confusion.sum()), float((hit[occurs] / union[occurs]).mean())


def _paired(confusion: Pixels) -> Integers:
    from scipy.optimize import linear_sum_assignment

    names = np.full(len(confusion), -1)
    rows, columns = linear_sum_assignment(-confusion)
    names[rows] = columns
    return names
