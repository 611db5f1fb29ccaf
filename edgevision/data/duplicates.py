"""Find pictures that stand on two sides of a split and are nearly the same.

A perceptual hash finds the candidates; a pair counts when its thumbnails correlate too. The hash alone takes X-rays of
different people for copies of each other; with the correlation those pairs go and frames of one traffic light stay.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from edgevision.data.dataset import SPLITS, Dataset, Sample

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from edgevision_runtime.types import Image

    Hashes = npt.NDArray[np.uint64]
    Thumbnails = npt.NDArray[np.uint8]
    Positions = npt.NDArray[np.int64]

MAX_DISTANCE = 4  # bits of 64
MIN_CORRELATION = 0.95  # recompressed, resized or brightened copies reach 0.99; different X-rays stay below 0.95
MOST_PAIRS = 10_000  # enough to know that a split leaks
SIDE = 32  # pixels of a thumbnail
ROWS_AT_ONCE = 512  # of the table of distances: 512 × 60,000 × 8 bytes = 246 MB at most
PAIRS_AT_ONCE = 16_384  # of thumbnails: 2 × 16,384 × 1,024 × 4 bytes = 134 MB


class NearDuplicate(NamedTuple):
    """Two pictures of different splits and how many of 64 bits set their hashes apart."""

    first: Sample
    second: Sample
    distance: int


def near_duplicates(dataset: Dataset, max_distance: int = MAX_DISTANCE) -> list[NearDuplicate]:
    """Pairs across train, val and test that look the same, nearest first; the first 10,000 found, when there are more.

    A pair's hashes differ in at most `max_distance` of 64 bits and its gray thumbnails correlate by at least 0.95.
    """
    samples = [sample for sample in dataset.samples if sample.split is not None]
    thumbnails = make_thumbnails(samples)
    hashes = hash_thumbnails(thumbnails)
    found: list[NearDuplicate] = []
    for first, second in _candidates(hashes, samples, max_distance):
        if len(found) >= MOST_PAIRS:
            break
        alike = correlations(thumbnails[first], thumbnails[second]) >= MIN_CORRELATION
        for a, b in zip(first[alike].tolist(), second[alike].tolist(), strict=True):
            found.append(NearDuplicate(samples[a], samples[b], (int(hashes[a]) ^ int(hashes[b])).bit_count()))
    found.sort(key=lambda pair: (pair.distance, dataset.relative(pair.first), dataset.relative(pair.second)))
    return found[:MOST_PAIRS]


def make_thumbnails(samples: Sequence[Sample]) -> Thumbnails:
    """The pictures in gray, 32×32, uint8 (samples, 32, 32)."""
    import numpy as np

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        thumbnails = list(pool.map(lambda sample: thumbnail(sample.read_image()), samples))
    return np.stack(thumbnails) if thumbnails else np.zeros((0, SIDE, SIDE), np.uint8)


def thumbnail(image: Image) -> Image:
    """A BGR picture in gray, uint8 (32, 32)."""
    import cv2

    return cv2.resize(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), (SIDE, SIDE), interpolation=cv2.INTER_AREA)  # type: ignore[no-any-return]


def hash_thumbnails(thumbnails: Thumbnails) -> Hashes:
    """64 bits each: which of the 8×8 lowest DCT frequencies exceed their median (pHash, Zauner 2010)."""
    import cv2
    import numpy as np

    frequencies = np.array([cv2.dct(gray.astype(np.float32))[:8, :8].ravel() for gray in thumbnails], np.float32)
    if not len(frequencies):
        return np.zeros(0, np.uint64)
    bits = frequencies > np.median(frequencies[:, 1:], axis=1, keepdims=True)  # without the mean brightness
    return np.packbits(bits, axis=1).view(">u8")[:, 0].astype(np.uint64)


def _candidates(hashes: Hashes, samples: Sequence[Sample], max_distance: int) -> Iterator[tuple[Positions, Positions]]:
    """Positions of pairs of different splits whose hashes are close, some thousands at a time."""
    import numpy as np

    splits = np.array([SPLITS.index(sample.split or "") for sample in samples], np.int64)
    for low in (0, 1):  # each split against the ones after it
        mine, others = np.flatnonzero(splits == low), np.flatnonzero(splits > low)
        for start in range(0, len(mine), ROWS_AT_ONCE):
            rows = mine[start : start + ROWS_AT_ONCE]
            near = np.bitwise_count(hashes[rows, None] ^ hashes[None, others]) <= max_distance
            row, column = np.nonzero(near)
            for part in range(0, len(row), PAIRS_AT_ONCE):
                chosen = slice(part, part + PAIRS_AT_ONCE)
                yield rows[row[chosen]], others[column[chosen]]


def correlations(first: Thumbnails, second: Thumbnails) -> npt.NDArray[np.float32]:
    """Pearson's r of each pair of thumbnails, uint8 (pairs, 32, 32): float32 (pairs,); 0 where one is of one colour."""
    import numpy as np

    def centred(thumbnails: Thumbnails) -> npt.NDArray[np.float32]:
        flat = thumbnails.reshape(len(thumbnails), -1).astype(np.float32)
        flat -= flat.mean(axis=1, keepdims=True)
        norm = np.linalg.norm(flat, axis=1, keepdims=True)
        flat /= np.maximum(norm, np.float32(1e-6))
        return flat

    correlations: npt.NDArray[np.float32] = np.einsum("ij,ij->i", centred(first), centred(second))
    return correlations
