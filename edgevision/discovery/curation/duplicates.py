"""Near-duplicates: of pictures that are too alike one stays.

Pictures are taken in an order of preference; each stays if none that stays already is too much like it. What is left
out is therefore always like something that is kept, and two that are kept are never too alike.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edgevision.data.duplicates import MIN_CORRELATION
from edgevision.discovery.curation.findings import Finding
from edgevision.discovery.curation.likeness import Likeness, Positions

# Measured by benchmarks/discovery_figures/duplicates.py; docs/curate.md shows what other limits find.
HIGHEST_LIMIT = 0.5  # cosine that mildly changed copies of photographs reach
TIMES_USUAL = 4.0  # the likeness of one pair in a hundred: 1 % of photographs have a wrong partner at 2 to 4 times it
USUAL = 0.99
MOST_FOR_USUAL = 2000  # pictures: two million pairs
ROWS_AT_ONCE = 256


def find_duplicates(
    likeness: Likeness, order: Positions, names: Sequence[str], limit: float = HIGHEST_LIMIT
) -> tuple[Positions, list[Finding]]:
    """(positions that stay, in their order; a finding for each that does not) of the pictures at `order`."""
    stays: list[int] = []
    found: list[Finding] = []
    for start in range(0, len(order), ROWS_AT_ONCE):
        rows = order[start : start + ROWS_AT_ONCE]
        columns = np.concatenate([np.array(stays, np.int64), rows])
        is_kept = np.arange(len(columns)) < len(stays)
        by_hash = likeness.same_by_hash(rows, columns)
        cosines = likeness.cosines(rows, columns) if likeness.vectors is not None else np.full_like(by_hash, -1)
        rank = np.where(cosines >= limit, cosines + 2, by_hash)  # what the embedding says comes first
        first = len(stays)
        for number, row in enumerate(rows.tolist()):
            column = int(np.argmax(np.where(is_kept, rank[number], 0)))
            if rank[number, column] > 0 and is_kept[column]:
                other = names[columns[column]]
                found.append(
                    _finding(names[row], other, float(cosines[number, column]), by_hash[number, column], limit)
                )
            else:
                stays.append(row)
                is_kept[first + number] = True
    return np.array(stays, np.int64), found


def limit_for(likeness: Likeness, examples: Positions) -> float:
    """The limit where nobody asks for one: far above what different pictures of this set have by this backbone.

    `examples` are pictures that the perceptual hash takes for different ones. There must be embeddings.
    """
    if len(examples) > MOST_FOR_USUAL:
        examples = examples[np.linspace(0, len(examples) - 1, MOST_FOR_USUAL).astype(int)]
    pairs = likeness.cosines(examples, examples)[np.triu_indices(len(examples), 1)]
    return min(HIGHEST_LIMIT, TIMES_USUAL * float(np.quantile(pairs, USUAL)))


def most_alike(likeness: Likeness, count: int) -> npt.NDArray[np.float32]:
    """Cosine to the one most like it, of `count` pictures, evenly taken of all: float32. There must be embeddings."""
    everything = np.arange(len(likeness.hashes))
    rows = np.unique(np.linspace(0, len(everything) - 1, min(count, len(everything))).astype(int))
    best = [np.zeros(0, np.float32)]
    for start in range(0, len(rows), ROWS_AT_ONCE):
        part = rows[start : start + ROWS_AT_ONCE]
        cosines = likeness.cosines(part, everything)
        cosines[np.arange(len(part)), part] = -1
        best.append(cosines.max(axis=1))
    return np.concatenate(best)


def _finding(name: str, other: str, cosine: float, correlation: float, limit: float) -> Finding:
    if cosine >= limit:
        return Finding(name, "duplicate", cosine, limit, other, "by embedding")
    return Finding(name, "duplicate", float(correlation), MIN_CORRELATION, other, "by perceptual hash")
