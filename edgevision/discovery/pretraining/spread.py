"""Whether features still say anything: label-free learning fails by giving the same answer to every picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgevision.discovery.whitening import Vectors
from edgevision_runtime.errors import CheckFailed

LEAST_RANK = 2.0  # effective rank: a line of points tells nothing apart but more from less
LEAST_ALIVE = 0.05  # share of the features that vary at all
VARIES = 1e-4  # least standard deviation of a feature that varies, of the largest's


@dataclass(frozen=True)
class Spread:
    """How much room features take."""

    effective_rank: float  # exp of the entropy of the normalized eigenvalues (Roy and Vetterli 2007)
    alive: float  # share of features that vary, 0..1
    dimension: int

    @classmethod
    def of(cls, features: Vectors) -> Spread:
        """Measure float32 (n, d)."""
        values = features.astype(np.float64)
        deviation = values.std(axis=0)
        if deviation.max() <= 1e-9:
            return cls(1.0, 0.0, features.shape[1])
        eigenvalues = np.linalg.svd(values - values.mean(axis=0), compute_uv=False) ** 2
        shares = eigenvalues[eigenvalues > 0] / eigenvalues.sum()
        rank = float(np.exp(-(shares * np.log(shares)).sum()))
        return cls(rank, float((deviation > VARIES * deviation.max()).mean()), features.shape[1])

    def describe(self) -> str:
        """One line for people."""
        return f"effective rank {self.effective_rank:.1f} of {self.dimension}, {self.alive:.0%} of the features vary"

    def refuse_collapse(self) -> None:
        """Raises CheckFailed when the features have collapsed."""
        if self.effective_rank < LEAST_RANK or self.alive < LEAST_ALIVE:
            raise CheckFailed(
                f"the features have collapsed: {self.describe()}",
                expected=f"a rank of at least {LEAST_RANK:g}",
                hint="views that change more (--views), a lower --learning-rate, more pictures, or --method vicreg",
            )
