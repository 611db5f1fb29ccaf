"""A frame that is unlike all that were kept is worth keeping: the memory of what was kept."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from edgevision_runtime.types import Tensor

MOST_KEPT = 4096  # vectors that a frame is compared with; 0.5 MB of 32 numbers each
ALIKE = 0.9  # cosine from which on two frames show the same
SPACE, HALVES = "space", "float16"  # keys of the document


class KeptVectors:
    """The vectors of kept frames in one space, the oldest out when there are too many. For one thread."""

    def __init__(self, dimension: int, capacity: int = MOST_KEPT) -> None:
        self._capacity = capacity
        self._names: dict[str, None] = {}  # in the order of time
        self._vectors: Tensor = np.empty((0, dimension), np.float32)  # those in use lie together: from `_start` on
        self._start = 0

    def __len__(self) -> int:
        return len(self._names)

    def likeness(self, vector: Tensor) -> float:
        """The largest cosine to a kept vector; -1 when there is none. `vector` is float32 (dimension,), of length 1."""
        count = len(self._names)
        return float((self._vectors[self._start : self._start + count] @ vector).max()) if count else -1.0

    def add(self, name: str, vector: Tensor) -> None:
        """Keep a vector under the name of its frame; names are given in the order of time."""
        if len(self._names) >= self._capacity:
            self._forget_oldest()
        self._make_room()
        self._vectors[self._start + len(self._names)] = vector
        self._names[name] = None

    def forget(self, name: str) -> None:
        """Its frame was deleted, and with it every older one; a name that was never kept here changes nothing."""
        while name in self._names:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        del self._names[next(iter(self._names))]
        self._start += 1

    def _make_room(self) -> None:
        """A free row behind those in use: moves them to the front of twice as many rows, so seldom."""
        count = len(self._names)
        if self._start + count < len(self._vectors):
            return
        grown = np.empty((max(64, 2 * count), self._vectors.shape[1]), np.float32)
        grown[:count] = self._vectors[self._start : self._start + count]
        self._vectors, self._start = grown, 0


def to_document(vector: Tensor, space: str) -> dict[str, str]:
    """A vector as it stands beside its picture: in half precision, with the space that it lives in."""
    return {SPACE: space, HALVES: base64.b64encode(vector.astype("<f2").tobytes()).decode("ascii")}


def from_document(document: Any, space: str, dimension: int) -> Tensor | None:
    """The vector, float32 (dimension,), if it is one of this space; None for anything else."""
    if not isinstance(document, dict) or document.get(SPACE) != space:
        return None
    try:
        halves = np.frombuffer(base64.b64decode(document[HALVES], validate=True), "<f2")
    except (KeyError, TypeError, ValueError, binascii.Error):
        return None
    vector: Tensor = halves.astype(np.float32)
    return vector if vector.size == dimension and np.isfinite(vector).all() else None
