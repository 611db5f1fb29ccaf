"""The N pictures that cover the rest best: each next one is the farthest from all that were taken (greedy k-center).

Gonzalez 1985: the farthest that any picture is left from a taken one is at most twice what the best choice of N allows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgevision.discovery.curation.findings import Finding
from edgevision.discovery.curation.likeness import Positions
from edgevision.discovery.whitening import normalized

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgevision.discovery.whitening import Vectors


def choose_diverse(
    features: Vectors, rows: Positions, names: Sequence[str], count: int
) -> tuple[Positions, list[Finding]]:
    """(the `count` positions of `rows` that are taken, in the order of taking; a finding for each other one).

    It begins with the most typical picture; equal distances are decided by the order of `rows`: the same on every run.
    """
    if count >= len(rows):
        return rows, []
    vectors = normalized(features[rows])
    chosen = int(np.argmax(vectors @ vectors.mean(axis=0)))
    taken = [chosen]
    likeness, nearest = vectors @ vectors[chosen], np.full(len(rows), chosen)
    while len(taken) < count:
        likeness[taken[-1]] = np.inf  # never taken twice
        chosen = int(np.argmin(likeness))
        to_chosen = vectors @ vectors[chosen]
        nearest = np.where(to_chosen > likeness, chosen, nearest)
        likeness = np.maximum(likeness, to_chosen)
        taken.append(chosen)
    rest = np.setdiff1d(np.arange(len(rows)), taken)
    limit = float(likeness[rest].min())
    left = [
        Finding(names[rows[row]], "surplus", float(likeness[row]), limit, names[rows[nearest[row]]]) for row in rest
    ]
    return rows[taken], left
