"""How far a window of frames, taken together, is from a site's reference: seven statistics, the same for fit and watch.

embedding   T² = n (m - μ)ᵀ Σ⁻¹ (m - μ) of the mean embedding m of n frames (Hotelling 1931)
occupancy   χ² of how many frames are nearest to each of a few centroids
luma, contrast, sharpness   difference of the mean to the site's; the latter two of logarithms
colour      distance of the mean logarithms of blue and of red over green to the site's
layout      root mean square over the cells of a grid, of how much lighter or darker each is than at the site
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from edgevision_runtime.noticing.picture import MEASURED, describe_pictures
from edgevision_runtime.noticing.reference import SHARPNESS, STATISTICS

if TYPE_CHECKING:
    from edgevision_runtime.noticing.reference import DriftReference
    from edgevision_runtime.types import Tensor

PICTURE_EVERY = 8  # frames of a window: the light of those between is the same


def measure_window(vectors: Tensor, pictures: Tensor, reference: DriftReference) -> Tensor:
    """The statistics of a window, float64 (7,), as STATISTICS; luma, contrast and sharpness are signed.

    `vectors` is float32 (n, k), `pictures` float64 (m, 51) of `measure_picture`, of each eighth frame.
    """
    count = len(vectors)
    away = vectors.mean(axis=0, dtype=np.float64) - reference.mean
    t_squared = count * float(away @ reference.precision @ away)
    nearest = (vectors @ reference.centroids.T).argmax(axis=1)
    expected = count * reference.shares
    occupied = np.bincount(nearest, minlength=len(expected))
    chi_squared = float(((occupied - expected) ** 2 / expected).sum())
    differences = describe_pictures(pictures).mean(axis=0) - reference.picture
    colour, layout = float(np.linalg.norm(differences[3:5])), math.sqrt(float((differences[5:] ** 2).mean()))
    return np.array([t_squared, chi_squared, *differences[:3], colour, layout])


class Window:
    """Gathers frames until there are enough. For one thread."""

    def __init__(self, reference: DriftReference) -> None:
        self._vectors = np.empty((reference.window, len(reference.mean)), np.float32)
        self._pictures = np.empty((-(-reference.window // PICTURE_EVERY), MEASURED))
        self._count = 0
        self._reference = reference

    def add(self, vector: Tensor, measure: Callable[[], Tensor]) -> Tensor | None:
        """Take a frame, measured when it is its turn; the statistics, and an empty window, when it was the last."""
        self._vectors[self._count] = vector
        if self._count % PICTURE_EVERY == 0:
            self._pictures[self._count // PICTURE_EVERY] = measure()
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
        name: float(share) for name, share in zip(STATISTICS, shares) if same_size or name != SHARPNESS
    }  # fmt: skip
