"""What is said of clusters without labels: how pure they are, what is typical, what lies at the edge or far off."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgevision.discovery.clustering.kmeans import Grouping, Integers
from edgevision.discovery.whitening import Vectors

Floats = npt.NDArray[np.float64]

MEDOID, EXEMPLAR, BORDERLINE, OUTLIER, MEMBER = "medoid", "exemplar", "borderline", "outlier", ""
ROLES = (MEDOID, EXEMPLAR, BORDERLINE, OUTLIER, MEMBER)

EXEMPLARS = 6  # of a cluster, beside its medoid
BORDERLINES = 4
DISTINCT_COSINE = 0.99  # two pictures above it look the same; one of them is shown
NEIGHBOURS = 10  # of a picture, for the purity
MOST_QUERIES = 10_000  # pictures whose neighbours are looked for; of more, as many drawn at random
OUTLIER_QUANTILE = 0.99  # of the distances to the own centroid; what lies beyond belongs nowhere
CHUNK_BYTES = 64 << 20  # of similarities at a time


@dataclass(frozen=True)
class ClusterFacts:
    """One cluster; pictures by their position."""

    size: int
    purity: float  # share of the neighbours of its pictures that lie in it too, 0..1; NaN: none was asked
    spread: float  # mean distance of its pictures to its centroid, 0..2
    medoid: int  # the picture nearest to the centroid
    exemplars: tuple[int, ...]  # the next ones, each unlike those before it
    borderline: tuple[int, ...]  # those nearest to falling into another cluster, the nearest first


@dataclass(frozen=True, eq=False)
class Statistics:
    """Where each picture stands in its cluster, and what the clusters are like."""

    distance: Floats  # (n,) to the own centroid, 0..2
    margin: Floats  # (n,) distance to the nearest other centroid minus that to the own; infinite with one cluster
    roles: tuple[str, ...]  # one of ROLES for each picture
    clusters: tuple[ClusterFacts, ...]
    purity: float  # over all pictures; NaN: a single picture
    outlier_distance: float  # beyond it a picture is an outlier

    @property
    def outliers(self) -> list[int]:
        """The farthest first."""
        found = [position for position, role in enumerate(self.roles) if role == OUTLIER]
        return sorted(found, key=lambda position: -self.distance[position])


def describe(vectors: Vectors, grouping: Grouping, seed: int = 0, apart: Integers | None = None) -> Statistics:
    """Say it of vectors, float32 (n, d) of length 1, in their clusters.

    Of those with the same number in `apart`, (n,), only one is shown: of the regions of one picture, say.
    """
    apart = np.arange(len(vectors)) if apart is None else apart
    distance, margin = _places(vectors, grouping)
    limit = float(np.quantile(distance, OUTLIER_QUANTILE, method="higher"))  # of few pictures none lies beyond
    pure = _neighbours_within(vectors, grouping.assignment, seed)
    clusters = []
    for cluster in range(grouping.count):
        inside = np.flatnonzero(grouping.assignment == cluster)
        nearest = inside[np.argsort(distance[inside], kind="stable")]
        near = nearest[distance[nearest] <= limit]
        typical = _distinct(vectors, near if len(near) else nearest[:1], 1 + EXEMPLARS, apart)
        rest = np.setdiff1d(near, typical)
        edge = rest[np.argsort(margin[rest], kind="stable")] if grouping.count > 1 else rest[:0]
        facts = ClusterFacts(
            size=len(inside),
            purity=_mean(pure[inside]),
            spread=float(distance[inside].mean()),
            medoid=typical[0],
            exemplars=tuple(typical[1:]),
            borderline=tuple(_distinct(vectors, edge, BORDERLINES, apart)),
        )
        clusters.append(facts)
    roles = _roles(clusters, distance > limit)
    return Statistics(distance, margin, roles, tuple(clusters), _mean(pure), limit)


def _places(vectors: Vectors, grouping: Grouping) -> tuple[Floats, Floats]:
    """(distance to the own centroid, margin), float64 (n,) each."""
    centroids = grouping.centroids.astype(np.float64)
    lengths = (centroids**2).sum(axis=1)
    own_distance, margin = np.empty(len(vectors)), np.empty(len(vectors))
    for part in _parts(len(vectors), grouping.count):
        values = vectors[part].astype(np.float64)
        squares = (values**2).sum(axis=1)[:, None] - 2 * values @ centroids.T + lengths
        distances = np.sqrt(np.maximum(squares, 0))
        rows, own = np.arange(len(values)), grouping.assignment[part]
        own_distance[part] = distances[rows, own]
        distances[rows, own] = np.inf
        margin[part] = distances.min(axis=1) - own_distance[part]
    return own_distance, margin


def _neighbours_within(vectors: Vectors, assignment: Integers, seed: int) -> Floats:
    """For each picture the share of its nearest neighbours in its own cluster, float64 (n,); NaN where not asked."""
    count = len(vectors)
    shares = np.full(count, np.nan)
    neighbours = min(NEIGHBOURS, count - 1)
    if neighbours < 1:
        return shares
    queries = np.arange(count)
    if count > MOST_QUERIES:
        queries = np.sort(np.random.default_rng(seed).choice(count, MOST_QUERIES, replace=False))
    for part in _parts(len(queries), count):
        asked = queries[part]
        similarity = vectors[asked] @ vectors.T
        similarity[np.arange(len(asked)), asked] = -np.inf
        nearest = np.argpartition(-similarity, neighbours - 1, axis=1)[:, :neighbours]
        shares[asked] = (assignment[nearest] == assignment[asked, None]).mean(axis=1)
    return shares


def _parts(count: int, columns: int) -> Iterator[slice]:
    """Slices of rows whose doubles take no more than the limit."""
    rows = max(1, CHUNK_BYTES // (8 * columns))
    return (slice(start, start + rows) for start in range(0, count, rows))


def _distinct(vectors: Vectors, ordered: Integers, count: int, apart: Integers) -> list[int]:
    """The first `count` of the ordered positions that do not look like one before them, nor share its number."""
    chosen: list[int] = []
    remain = np.ones(len(ordered), bool)
    while remain.any() and len(chosen) < count:
        chosen.append(int(ordered[remain.argmax()]))
        remain &= vectors[ordered] @ vectors[chosen[-1]] < DISTINCT_COSINE
        remain &= apart[ordered] != apart[chosen[-1]]
    return chosen


def _roles(clusters: list[ClusterFacts], is_far: npt.NDArray[np.bool_]) -> tuple[str, ...]:
    roles = np.where(is_far, OUTLIER, MEMBER).astype(object)
    for facts in clusters:
        roles[list(facts.borderline)] = BORDERLINE
        roles[list(facts.exemplars)] = EXEMPLAR
        roles[facts.medoid] = MEDOID
    return tuple(roles.tolist())


def _mean(values: Floats) -> float:
    asked = values[~np.isnan(values)]
    return float(asked.mean()) if len(asked) else float("nan")
