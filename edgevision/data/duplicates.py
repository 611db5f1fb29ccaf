"""Find pictures that stand on two sides of a split and are nearly the same, by perceptual hash."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from edgevision.data.dataset import Dataset, Sample

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from edgevision_runtime.types import Image

    Hashes = npt.NDArray[np.uint64]

MAX_DISTANCE = 4  # bits of 64
ROWS_AT_ONCE = 512  # of the distance table: 512 × 60,000 × 8 bytes = 246 MB at most


class NearDuplicate(NamedTuple):
    """Two pictures of different splits and how many of 64 bits set their hashes apart."""

    first: Sample
    second: Sample
    distance: int


def near_duplicates(dataset: Dataset, max_distance: int = MAX_DISTANCE) -> list[NearDuplicate]:
    """Pairs across train, val and test whose hashes differ in at most `max_distance` bits, nearest first."""
    import numpy as np

    samples = [sample for sample in dataset.samples if sample.split is not None]
    hashes = hash_all(samples)
    splits = np.array([("train", "val", "test").index(sample.split or "") for sample in samples])
    pairs = []
    for low in (0, 1):  # each split against the ones after it
        mine, others = np.flatnonzero(splits == low), np.flatnonzero(splits > low)
        for start in range(0, len(mine), ROWS_AT_ONCE):
            rows = mine[start : start + ROWS_AT_ONCE]
            distances = np.bitwise_count(hashes[rows, None] ^ hashes[None, others])
            for row, column in np.argwhere(distances <= max_distance):
                pair = NearDuplicate(samples[rows[row]], samples[others[column]], int(distances[row, column]))
                pairs.append(pair)
    return sorted(pairs, key=lambda pair: (pair.distance, dataset.relative(pair.first), dataset.relative(pair.second)))


def hash_all(samples: Sequence[Sample]) -> Hashes:
    """The hash of each sample's picture, uint64 (samples,)."""
    import numpy as np

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = pool.map(lambda sample: perceptual_hash(sample.read_image()), samples)
        return np.fromiter(found, np.uint64, len(samples))


def perceptual_hash(image: Image) -> int:
    """64 bits: which of the 8×8 lowest DCT frequencies of the 32×32 gray picture exceed their median (Zauner 2010)."""
    import cv2
    import numpy as np

    gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    small = cv2.resize(gray, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32)
    frequencies = cv2.dct(small)[:8, :8].ravel()
    bits = frequencies > np.median(frequencies[1:])  # the mean brightness is no part of the median
    return int.from_bytes(np.packbits(bits).tobytes(), "big")
