"""What a person sees of each cluster: its medoid, exemplars, borderline cases, and which clusters are near."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edgevision.discovery.clustering.kmeans import Grouping
from edgevision.discovery.clustering.statistics import ClusterFacts, describe
from edgevision.discovery.naming.state import Integers, State
from edgevision.discovery.whitening import Vectors

NEAR = 12  # clusters that are told of each, the nearest first


@dataclass(frozen=True)
class Screen:
    """One cluster; pictures by their position."""

    medoid: int
    exemplars: tuple[int, ...]
    borderline: tuple[int, ...]
    near: tuple[int, ...]  # numbers of other clusters

    @property
    def judged(self) -> frozenset[int]:
        """The pictures that a person who names the cluster names with their own eyes."""
        return frozenset((self.medoid, *self.exemplars))

    @property
    def pictures(self) -> tuple[int, ...]:
        """All that are shown."""
        return (self.medoid, *self.exemplars, *self.borderline)


class Screens:
    """Screens of clusters and of the parts that they are split into."""

    def __init__(self, vectors: Vectors, facts: Mapping[int, ClusterFacts], apart: Integers | None = None) -> None:
        """`facts` are those of the clusters that nobody has split; `apart` as of `describe`."""
        self._vectors, self._facts = vectors, facts
        self._apart = np.arange(len(vectors)) if apart is None else apart
        self._centroids: dict[int, tuple[Integers, Vectors]] = {}  # number → (its pictures, their mean)
        self._parts: dict[tuple[int, ...], dict[int, ClusterFacts]] = {}

    def of(self, state: State) -> dict[int, Screen]:
        """The screen of each cluster of `state`."""
        numbers, centroids = self.centroids(state)
        near = _nearest_others(centroids)
        screens = {}
        for row, number in enumerate(numbers):
            facts = self._facts_of(number, state)
            others = tuple(numbers[other] for other in near[row])
            screens[number] = Screen(facts.medoid, facts.exemplars, facts.borderline, others)
        return screens

    def centroids(self, state: State) -> tuple[list[int], Vectors]:
        """(numbers, the mean of each cluster's vectors, float32 (clusters, d))."""
        numbers = sorted(state.members)
        return numbers, np.stack([self._centroid(number, state.members[number]) for number in numbers])

    def _centroid(self, number: int, positions: Integers) -> Vectors:
        held = self._centroids.get(number)
        if held is None or not np.array_equal(held[0], positions):  # a number may come again after an undo
            held = positions, self._vectors[positions].mean(axis=0, dtype=np.float64).astype(np.float32)
            self._centroids[number] = held
        return held[1]

    def _facts_of(self, number: int, state: State) -> ClusterFacts:
        if number not in state.parents:
            return self._facts[number]
        root = number
        while root in state.parents:
            root = state.parents[root]
        family = tuple(sorted(other for other in state.members if _descends(other, root, state)))
        key = (*family, *(len(state.members[other]) for other in family), int(state.members[number][0]))
        if key not in self._parts:
            self._parts[key] = _family_facts(self._vectors, family, state, self._apart)
        return self._parts[key][number]


def _descends(number: int, root: int, state: State) -> bool:
    while number in state.parents:
        number = state.parents[number]
    return number == root


def _family_facts(vectors: Vectors, family: tuple[int, ...], state: State, apart: Integers) -> dict[int, ClusterFacts]:
    """Of the parts of one cluster, told apart from each other."""
    positions = np.concatenate([state.members[number] for number in family])
    rows = np.repeat(np.arange(len(family)), [len(state.members[number]) for number in family])
    means = np.stack([vectors[state.members[number]].mean(axis=0) for number in family])
    grouping = Grouping(rows, means.astype(np.float32), "k-means")
    found = describe(vectors[positions], grouping, apart=apart[positions]).clusters
    return {number: _moved(facts, positions) for number, facts in zip(family, found, strict=True)}


def _moved(facts: ClusterFacts, positions: Integers) -> ClusterFacts:
    """The same, with positions among all pictures."""
    return ClusterFacts(
        facts.size,
        facts.purity,
        facts.spread,
        int(positions[facts.medoid]),
        tuple(int(positions[one]) for one in facts.exemplars),
        tuple(int(positions[one]) for one in facts.borderline),
    )


def _nearest_others(centroids: Vectors) -> Integers:
    """For each row the other rows, the nearest first, int64 (k, min(NEAR, k - 1))."""
    values = centroids.astype(np.float64)
    lengths = (values**2).sum(axis=1)
    squares = lengths[:, None] - 2 * values @ values.T + lengths
    np.fill_diagonal(squares, np.inf)
    return np.argsort(squares, axis=1, kind="stable")[:, : min(NEAR, len(values) - 1)]
