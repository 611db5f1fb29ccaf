"""How alike two pictures are: by perceptual hash, and by the cosine of embeddings that tell single pictures apart.

The embedding of clusters keeps the few directions in which groups differ. To tell single pictures apart all directions
count: features are z-scored, rotated to their principal directions and divided by the spread along each, to which the
mean spread is added (ridge), so that directions of mere noise are not blown up. The map is learned from one picture of
each group that the hash takes for the same: of a still camera's frames it would otherwise learn that noise is what
tells pictures apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from edgevision.data.duplicates import MAX_DISTANCE, MIN_CORRELATION, correlations, hash_thumbnails
from edgevision.discovery.whitening import LEAST_DEVIATION, normalized

if TYPE_CHECKING:
    from edgevision.data.duplicates import Hashes, Thumbnails
    from edgevision.discovery.whitening import Vectors

Positions = npt.NDArray[np.int64]

FEWEST_TO_LEARN = 8  # pictures that differ; of fewer no directions can be learned, and the hash decides alone
MOST_TO_LEARN = 4000  # pictures, evenly taken, that the map is learned from
MOST_DIRECTIONS = 1024  # the strongest; fewer find fewer copies, more take longer on sets of ten thousands


@dataclass(frozen=True, eq=False)
class Likeness:
    """What is compared of the pictures, row by row."""

    thumbnails: Thumbnails
    hashes: Hashes
    vectors: Vectors | None  # (n, k), rows of length 1; None: the hash decides alone

    @classmethod
    def by_hash(cls, thumbnails: Thumbnails) -> Likeness:
        """Of thumbnails, uint8 (n, 32, 32)."""
        return cls(thumbnails, hash_thumbnails(thumbnails), None)

    def same_by_hash(self, rows: Positions, columns: Positions) -> npt.NDArray[np.float32]:
        """Correlation of the thumbnails, float32 (rows, columns), where hash and correlation say "the same"; else 0."""
        near = np.bitwise_count(self.hashes[rows, None] ^ self.hashes[None, columns]) <= MAX_DISTANCE
        found = np.zeros(near.shape, np.float32)
        row, column = np.nonzero(near)
        if len(row):
            values = correlations(self.thumbnails[rows[row]], self.thumbnails[columns[column]])
            found[row, column] = np.where(values >= MIN_CORRELATION, values, 0)
        return found

    def cosines(self, rows: Positions, columns: Positions) -> npt.NDArray[np.float32]:
        """Cosines of the embeddings, float32 (rows, columns). There must be embeddings."""
        assert self.vectors is not None
        return np.asarray(self.vectors[rows] @ self.vectors[columns].T, np.float32)


def tell_apart(features: Vectors, examples: Positions) -> Vectors | None:
    """Features (n, d) to vectors of length 1 that tell single pictures apart; None where too few examples differ."""
    if len(examples) < FEWEST_TO_LEARN:
        return None
    if len(examples) > MOST_TO_LEARN:
        examples = examples[np.linspace(0, len(examples) - 1, MOST_TO_LEARN).astype(int)]
    known = features[examples].astype(np.float64)
    mean, deviation = known.mean(axis=0), known.std(axis=0)
    lives = deviation > LEAST_DEVIATION
    if not lives.any():
        return None
    directions, spread = _principal((known[:, lives] - mean[lives]) / deviation[lives])
    kernel = (directions / np.sqrt(spread + spread.mean())) / deviation[lives, None]
    return normalized((features[:, lives] - mean[lives].astype(np.float32)) @ kernel.astype(np.float32))


def _principal(scores: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(directions (d, k), variance along each (k,)) of centred scores (n, d), by the smaller of its Gram matrices."""
    count, dimension = scores.shape
    if count >= dimension:
        variance, directions = np.linalg.eigh(scores.T @ scores / count)
    else:
        variance, weights = np.linalg.eigh(scores @ scores.T / count)
        directions = scores.T @ weights / np.sqrt(np.maximum(variance, 1e-300) * count)
    first = max(0, len(variance) - MOST_DIRECTIONS)  # eigh gives the weakest first
    counts = variance[first:] > LEAST_DEVIATION * variance[-1]
    return directions[:, first:][:, counts], variance[first:][counts]
