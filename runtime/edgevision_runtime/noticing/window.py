"""How far a window of frames, taken together, is from a site's reference: five statistics, the same for fit and watch.

embedding   T² = n (m - μ)ᵀ Σ⁻¹ (m - μ) of the mean embedding m of n frames (Hotelling 1931)
occupancy   χ² of how many frames are nearest to each of a few centroids
luma, contrast, sharpness   difference of the mean to the site's; the latter two of logarithms
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgevision_runtime.noticing.reference import STATISTICS

if TYPE_CHECKING:
    from edgevision_runtime.noticing.reference import DriftReference
    from edgevision_runtime.types import Tensor


def measure_window(vectors: Tensor, pictures: Tensor, reference: DriftReference) -> Tensor:
    """The statistics of a window, float64 (5,), as STATISTICS; those of the picture are signed.

    `vectors` is float32 (n, k), `pictures` float64 (n, 3) of `measure_picture`.
    """
    count = len(vectors)
    away = vectors.mean(axis=0, dtype=np.float64) - reference.mean
    t_squared = count * float(away @ reference.precision @ away)
    nearest = (vectors @ reference.centroids.T).argmax(axis=1)
    expected = count * reference.shares
    occupied = np.bincount(nearest, minlength=len(expected))
    chi_squared = float(((occupied - expected) ** 2 / expected).sum())
    return np.array([t_squared, chi_squared, *(pictures.mean(axis=0) - reference.picture)])


class Window:
    """Gathers frames until there are enough. For one thread."""

    def __init__(self, reference: DriftReference) -> None:
        self._vectors = np.empty((reference.window, len(reference.mean)), np.float32)
        self._pictures = np.empty((reference.window, 3))
        self._count = 0
        self._reference = reference

    def add(self, vector: Tensor, picture: tuple[float, float, float]) -> Tensor | None:
        """Take a frame; the statistics, and an empty window, when it was the last one."""
        self._vectors[self._count], self._pictures[self._count] = vector, picture
        self._count += 1
        if self._count < len(self._vectors):
            return None
        self._count = 0
        return measure_window(self._vectors, self._pictures, self._reference)

    def clear(self) -> None:
        """Forget the frames of the present window."""
        self._count = 0


def excesses(statistics: Tensor, reference: DriftReference, *, same_size: bool = True) -> dict[str, float]:
    """Each statistic as a multiple of its threshold, above 1: away. No sharpness of frames of another size."""
    shares = np.abs(statistics) / reference.thresholds
    return {
        name: float(share) for name, share in zip(STATISTICS, shares) if same_size or name != STATISTICS[-1]
    }  # fmt: skip
