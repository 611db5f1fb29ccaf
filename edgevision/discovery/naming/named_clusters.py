"""A clusters folder with its names: what labelling and applying start from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgevision.discovery.clustering.folder import ClusterFolder
from edgevision.discovery.frames import FrameSet
from edgevision.discovery.naming.propagate import Propagation, propagate
from edgevision.discovery.naming.screens import Screens
from edgevision.discovery.naming.state import State
from edgevision.discovery.naming.store import NamingStore
from edgevision.discovery.regions.region_maps import numbers_of_pictures
from edgevision.discovery.regions.region_set import RegionSet
from edgevision_runtime.errors import DataError


@dataclass(frozen=True, eq=False)
class NamedClusters:
    """The folder, the names that were given, and what was on the screen of each cluster."""

    folder: ClusterFolder
    store: NamingStore
    screens: Screens

    @classmethod
    def open(cls, path: Path) -> NamedClusters:
        """Read a clusters folder; names that were written into names.csv by hand are taken over.

        Raises:
            DataError: it is none, or its names cannot be read.
        """
        folder = ClusterFolder.open(path)
        vectors = folder.embeddings.vectors
        store = NamingStore(path, folder.grouping.assignment, vectors)
        facts = dict(enumerate(folder.statistics.clusters))
        apart = numbers_of_pictures(folder.embeddings.names) if folder.has_regions else None
        return cls(folder, store, Screens(vectors, facts, apart))

    @property
    def state(self) -> State:
        """What is named now."""
        return self.store.state

    @property
    def things(self) -> str:
        """What is named, in a word."""
        return "regions" if self.folder.has_regions else "pictures"

    def regions(self) -> RegionSet:
        """As `frames`, of clusters of regions."""
        frames = self.frames()
        assert isinstance(frames, RegionSet), "the folder has regions"
        return frames

    def frames(self) -> FrameSet:
        """The pictures, in the order of the embeddings.

        Raises:
            DataError: the folder that they lie in is not there any more.
        """
        root = self.folder.embeddings.root
        if not root or not Path(root).is_dir():
            raise DataError(
                f"{root or 'the folder'}, whose pictures were clustered, is not there",
                expected="the pictures where they were",
                hint="put them back, or cluster them where they are now",
            )
        return self.folder.frames()

    def propagate(self, abstain: float) -> Propagation:
        """Labels of the pictures. Raises UsageError: fewer than two names."""
        return propagate(self.state, self.screens, self.folder.embeddings.vectors, abstain)
