"""From features to an embedding: z-score, PCA-whitening and length 1, of which the first two are one dense layer.

Whitening gives each direction of the features the same weight, so that what varies most (thickness of strokes, light)
does not drown what tells things apart. Features that were learned without labels gain much by it. Those of a network
that learned the very labels lose: what varies most in them is what tells the classes apart. Raw pixels lose too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from edgevision_runtime.errors import DataError

Vectors = npt.NDArray[np.float32]
Weighing = Literal["equal", "own", "untouched"]  # how much principal directions weigh: alike, as they vary; none at all

DIMENSION = 32  # of embeddings, where nobody asks for another; 24 to 64 clustered alike in our measurements
LEAST_DEVIATION = 1e-6  # of a feature that says anything; below it is a dead unit


@dataclass(frozen=True, eq=False)
class Whitening:
    """An affine map, then rows of length 1."""

    kernel: Vectors  # (features, dimension)
    bias: Vectors  # (dimension,)

    @classmethod
    def fit(cls, features: Vectors, dimension: int = DIMENSION, weighing: Weighing = "equal") -> Whitening:
        """Learn the map from features, float32 (n, d): at most `dimension` outputs, fewer where they have fewer.

        With their `own` weights outputs keep how much they vary: what a student should learn of its teacher first.

        Raises:
            DataError: fewer than two pictures, features that are not finite, or the same for every picture.
        """
        if weighing == "untouched":
            return cls.none(features.shape[1])
        if len(features) < 2 or not np.isfinite(features).all():
            raise DataError(f"features of {len(features)} pictures", expected="finite ones of at least two")
        values = features.astype(np.float64)
        mean, deviation = values.mean(axis=0), values.std(axis=0)
        lives = deviation > LEAST_DEVIATION
        if not lives.any():
            raise DataError("the features are the same for every picture", hint="the backbone has collapsed")
        scores = (values[:, lives] - mean[lives]) / deviation[lives]
        directions, spread = _principal(scores, dimension)
        kernel = np.zeros((features.shape[1], len(spread)))
        gain = 1 / spread if weighing == "equal" else np.ones_like(spread)
        kernel[lives] = directions.T * gain / deviation[lives, None]
        return cls(kernel.astype(np.float32), (-(mean @ kernel)).astype(np.float32))

    @classmethod
    def none(cls, dimension: int) -> Whitening:
        """The map that changes nothing."""
        return cls(np.eye(dimension, dtype=np.float32), np.zeros(dimension, np.float32))

    def __call__(self, features: Vectors) -> Vectors:
        """Features (n, d) to an embedding (n, k) with rows of length 1."""
        return normalized(features @ self.kernel + self.bias)


def normalized(vectors: Vectors) -> Vectors:
    """Rows of length 1; a row of zeros stays one."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), dtype=np.float32)


def _principal(
    scores: npt.NDArray[np.float64], dimension: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(directions (k, d), standard deviation along each (k,)) of centred data, the largest first."""
    if len(scores) > scores.shape[1]:  # by their covariance, several times faster than by themselves
        variance, columns = np.linalg.eigh(scores.T @ scores / len(scores))
        spread, directions = np.sqrt(np.maximum(variance[::-1], 0)), columns.T[::-1]
    else:
        _, singular, directions = np.linalg.svd(scores, full_matrices=False)
        spread = singular / np.sqrt(len(scores))
    kept = min(dimension, int((spread > LEAST_DEVIATION * spread[0]).sum()))
    signs = np.sign(directions[np.arange(kept), np.abs(directions[:kept]).argmax(axis=1)])  # the same on every machine
    return directions[:kept] * signs[:, None], spread[:kept]
