"""Which frames are unlike all that a folder keeps: by the embeddings that stand beside its pictures.

All cameras of a run share the memory: what one has given, another need not give again. Models with other embeddings
have memories of their own. What the folder deletes is forgotten; a new run remembers what it finds there.
"""

from __future__ import annotations

from edgevision_runtime.messages import Result
from edgevision_runtime.noticing.selection import MOST_KEPT, KeptVectors, from_document
from edgevision_runtime.sinks.saved_frames import SavedFrames


class Diversity:
    """Compares frames with those that were kept. For one thread."""

    def __init__(self, alike: float) -> None:
        """`alike` is the cosine from which on two frames show the same."""
        self._alike = alike
        self._kept: dict[str, KeptVectors] = {}  # by space

    def is_new(self, result: Result, frames: SavedFrames) -> bool:
        """Whether a frame is unlike all that are kept; one without an embedding is never."""
        vector = result.prediction.embedding
        if vector is None:
            return False
        if result.space not in self._kept:
            self._kept[result.space] = _remembered(frames, result.space, len(vector))
        return self._kept[result.space].likeness(vector) < self._alike

    def keep(self, stem: str, result: Result) -> None:
        """The frame was saved under this stem."""
        if result.prediction.embedding is not None:
            self._kept[result.space].add(stem, result.prediction.embedding)

    def forget(self, stem: str) -> None:
        """The folder deleted it."""
        for kept in self._kept.values():
            kept.forget(stem)


def _remembered(frames: SavedFrames, space: str, dimension: int) -> KeptVectors:
    """What earlier runs kept in the folder."""
    kept = KeptVectors(dimension)
    for stem, document in frames.documents(newest=MOST_KEPT):
        vector = from_document(document.get("embedding"), space, dimension)
        if vector is not None:
            kept.add(stem, vector)
    return kept
