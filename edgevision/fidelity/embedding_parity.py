"""Whether two embeddings of the same pictures are the same space: by their angles, and by who is near whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edgevision_runtime.embedding import embedded, read_whitening

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgevision_runtime.bundle import Bundle
    from edgevision_runtime.types import Tensor

NEIGHBOURS = 10
ROWS = 512  # compared with all others at a time


@dataclass(frozen=True)
class Parity:
    """Of one variant against the reference, over the same pictures."""

    pictures: int
    cosine_mean: float
    cosine_p5: float  # 95 % of the pictures are at least so near
    neighbours: float | None  # share of the 10 nearest pictures that are the same; None: too few pictures

    def __str__(self) -> str:
        near = "" if self.neighbours is None else f", {self.neighbours:.1%} of the {NEIGHBOURS} nearest"
        return f"cosine {self.cosine_mean:.4f} (5 %: {self.cosine_p5:.4f}){near}"


def parity(reference: Tensor, other: Tensor) -> Parity:
    """Compare rows of length 1, float32 (pictures, dimension) each, row by row."""
    cosines = (reference * other).sum(axis=1, dtype=np.float64)
    return Parity(len(cosines), float(cosines.mean()), float(np.quantile(cosines, 0.05)), _shared(reference, other))


def embedder(bundle: Bundle) -> Callable[[tuple[Tensor, ...]], Tensor] | None:
    """From the outputs of any of a bundle's variants to the embedding, float32 (dimension,); None: it has none."""
    facts = bundle.embedding
    if facts is None:
        return None
    output, whitening = facts.output, read_whitening(bundle)
    return lambda outputs: embedded(outputs[output][None], whitening)[0]


def _shared(reference: Tensor, other: Tensor) -> float | None:
    """The mean share of the nearest neighbours (by cosine) that both have in common."""
    if len(reference) <= 2 * NEIGHBOURS:
        return None
    shared = 0
    for start in range(0, len(reference), ROWS):
        first, second = _nearest(reference, start), _nearest(other, start)
        shared += int((first[:, :, None] == second[:, None, :]).sum())
    return shared / (len(reference) * NEIGHBOURS)


def _nearest(vectors: Tensor, start: int) -> Tensor:
    """The positions of the neighbours of up to `ROWS` vectors, (rows, NEIGHBOURS); a picture is not its own."""
    likeness = vectors[start : start + ROWS] @ vectors.T
    rows = np.arange(len(likeness))
    likeness[rows, start + rows] = -np.inf
    nearest: Tensor = np.argpartition(-likeness, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
    return nearest
