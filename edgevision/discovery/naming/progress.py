"""How far the naming has come."""

from __future__ import annotations

from dataclasses import dataclass

from edgevision.discovery.naming.names import REJECTED, UNNAMED
from edgevision.discovery.naming.state import State


@dataclass(frozen=True)
class Progress:
    """Clusters and pictures that are dealt with."""

    named: int  # clusters
    rejected: int
    clusters: int
    named_pictures: int
    rejected_pictures: int
    pictures: int
    things: str = "pictures"  # what they are, in a word

    @classmethod
    def of(cls, state: State, things: str = "pictures") -> Progress:
        """Count."""
        sizes = state.sizes
        rejected = [number for number, name in state.names.items() if name == REJECTED]
        named = [number for number, name in state.names.items() if name not in (REJECTED, UNNAMED)]
        return cls(
            len(named),
            len(rejected),
            len(sizes),
            sum(sizes[number] for number in named),
            sum(sizes[number] for number in rejected),
            sum(sizes.values()),
            things,
        )

    @property
    def is_done(self) -> bool:
        """Whether every cluster has a name or is rejected."""
        return self.named + self.rejected == self.clusters

    @property
    def in_words(self) -> str:
        """`23 of 50 named, 81 % of the pictures`."""
        share = 100 * (self.named_pictures + self.rejected_pictures) / self.pictures
        rejected = f" and {self.rejected} rejected" if self.rejected else ""
        return f"{self.named} of {self.clusters} named{rejected}, {_percent(share)} % of the {self.things}"


def _percent(share: float) -> str:
    """Whole, and neither 0 nor 100 unless it is."""
    return str(round(share)) if share in (0, 100) else str(min(99, max(1, round(share))))
