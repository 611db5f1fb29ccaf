"""From names of clusters to labels of pictures; those whose neighbours bear another name are left open.

How sure a label is, its nearest pictures say: the share of them with the same name minus that with the strongest other
one. It finds what the distances to centroids do not: clusters that got a wrong name, and clusters of two kinds. With a
fifth left open 98.3 % of MNIST's labels were right by neighbours and 96.6 % by distances; digits 99.6 and 97.3. Of
equally sure ones the distance decides: that to the nearest centroid of another name minus that to the nearest own one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgevision.discovery.naming.names import REJECTED, UNNAMED
from edgevision.discovery.naming.screens import Screens
from edgevision.discovery.naming.state import Integers, State
from edgevision.discovery.whitening import Vectors
from edgevision_runtime.errors import UsageError

Floats = npt.NDArray[np.float64]

ABSTAIN = 0.2  # of the pictures that nobody saw
PERSON, CLUSTER, ABSTAINED, LEFT_OUT, OPEN = "person", "cluster", "abstained", "left out", "not named"
NEIGHBOURS = 20  # of a picture that vote; fewer for a name with fewer pictures
MOST_VOTERS = 20_000  # of more pictures, as many drawn at random vote for all
CHUNK_BYTES = 64 << 20  # of similarities at a time
NO_LABEL, REJECTED_PLACE, OPEN_PLACE = -1, -2, -3


@dataclass(frozen=True, eq=False)
class Propagation:
    """What each picture is called, and on whose word."""

    labels: tuple[str, ...]
    label: Integers  # (n,) position in the labels; NO_LABEL: it has none
    by: tuple[str, ...]  # PERSON | CLUSTER: it is in the data set; ABSTAINED | LEFT_OUT | OPEN: it is not
    margin: Floats  # (n,) how sure the label is, -1..1, see the module; NaN without a name
    least_margin: float  # of a picture with its cluster's label that was kept; NaN when there is none

    def count(self, by: str, label: int | None = None) -> int:
        """Pictures with that word on them, of all labels or of one."""
        return sum(one == by and label in (None, own) for one, own in zip(self.by, self.label, strict=True))


def propagate(state: State, screens: Screens, vectors: Vectors, abstain: float = ABSTAIN) -> Propagation:
    """Label the pictures, `vectors` (n, d), of named clusters.

    The share `abstain` of those that nobody saw is left open: the ones with the smallest margins.

    Raises:
        UsageError: fewer than two names.
    """
    labels = tuple(sorted(state.used_names))
    if len(labels) < 2:
        raise UsageError(
            "all named clusters have one name" if labels else "no cluster has a name yet",
            expected="two or more to tell apart",
            hint="name the clusters with `edgevision label`, or in names.csv",
        )
    label = np.full(len(vectors), NO_LABEL)
    by = np.full(len(vectors), OPEN, dtype=object)
    for number, positions in state.members.items():
        if state.names[number] == REJECTED:
            by[positions] = LEFT_OUT
        elif state.names[number] != UNNAMED:
            label[positions], by[positions] = labels.index(state.names[number]), CLUSTER
    for number, screen in screens.of(state).items():
        if state.names[number] not in (UNNAMED, REJECTED):
            by[list(screen.judged)] = PERSON
    margin, distance = np.full(len(vectors), np.nan), np.full(len(vectors), np.nan)
    named = np.flatnonzero(label != NO_LABEL)
    distance[named] = distance_margins(state, screens, vectors[named], label[named], labels)
    place = np.where(by == LEFT_OUT, REJECTED_PLACE, np.where(by == OPEN, OPEN_PLACE, label))
    by[list(state.left_out)], place[list(state.left_out)] = LEFT_OUT, OPEN_PLACE  # a stray votes for nobody
    margin[named] = vote_margins(vectors, place, named, label[named])
    unseen = np.flatnonzero(by == CLUSTER)
    order = np.lexsort((distance[unseen], margin[unseen]))
    by[unseen[order[: round(abstain * len(unseen))]]] = ABSTAINED
    label[by == LEFT_OUT] = NO_LABEL
    margin[by == LEFT_OUT] = np.nan
    kept = margin[by == CLUSTER]
    return Propagation(labels, label, tuple(by.tolist()), margin, float(kept.min()) if len(kept) else float("nan"))


def vote_margins(vectors: Vectors, place: Integers, asked: Integers, label: Integers) -> Floats:
    """How the nearest pictures of those `asked` vote on their `label`, float64 (asked,), -1..1.

    `place` (n,) is the label of each picture, REJECTED_PLACE, or OPEN_PLACE for those that do not vote.
    """
    voters = _voters(place)
    names = np.union1d(place[voters], label)
    votes = np.searchsorted(names, place[voters])
    sizes = np.bincount(votes, minlength=len(names))
    found = np.empty(len(asked))
    rows = max(1, CHUNK_BYTES // (4 * len(voters)))
    for start in range(0, len(asked), rows):
        part = slice(start, start + rows)
        similarity = vectors[asked[part]] @ vectors[voters].T
        similarity[asked[part, None] == voters] = -np.inf  # nobody votes for themselves
        nearest = _nearest(similarity, min(NEIGHBOURS, len(voters) - 1))
        own = np.searchsorted(names, label[part])
        others = sizes[own] - np.isin(asked[part], voters)
        counted = np.clip(others, 1, nearest.shape[1])  # a rare name has no more to vote for it
        is_asked = np.arange(nearest.shape[1]) < counted[:, None]
        shares = np.stack([((votes[nearest] == one) & is_asked).sum(axis=1) for one in range(len(names))], axis=1)
        shares = shares / counted[:, None]
        own_share = shares[np.arange(len(own)), own].copy()
        shares[np.arange(len(own)), own] = -np.inf
        found[part] = own_share - shares.max(axis=1)
    return found


def _voters(place: Integers) -> Integers:
    """Positions of those that vote; of too many some, and of each name as many as can be asked for it."""
    voters = np.flatnonzero(place != OPEN_PLACE)
    if len(voters) <= MOST_VOTERS:
        return voters
    drawn = np.random.default_rng(0).permutation(voters)
    rare = [drawn[place[drawn] == name][: NEIGHBOURS + 1] for name in np.unique(place[drawn])]
    return np.unique(np.concatenate([drawn[:MOST_VOTERS], *rare]))


def _nearest(similarity: Vectors, count: int) -> Integers:
    """For each row the columns of the `count` largest, the largest first."""
    chosen = np.argpartition(-similarity, count - 1, axis=1)[:, :count]
    order = np.argsort(-np.take_along_axis(similarity, chosen, axis=1), axis=1, kind="stable")
    return np.take_along_axis(chosen, order, axis=1)


def distance_margins(
    state: State, screens: Screens, vectors: Vectors, label: Integers, labels: tuple[str, ...]
) -> Floats:
    """Distance to the nearest centroid of another name minus that to the nearest of the own, float64 (n,).

    Rejected clusters are another name to all; clusters without a name are not looked at.
    """
    numbers, centroids = screens.centroids(state)
    names = np.array([_place(state.names[number], labels) for number in numbers])
    looked_at = names != OPEN_PLACE
    names, centroids = names[looked_at], centroids[looked_at].astype(np.float64)
    lengths = (centroids**2).sum(axis=1)
    found = np.empty(len(vectors))
    rows = max(1, CHUNK_BYTES // (8 * len(centroids)))
    for start in range(0, len(vectors), rows):
        part = slice(start, start + rows)
        values = vectors[part].astype(np.float64)
        squares = (values**2).sum(axis=1)[:, None] - 2 * values @ centroids.T + lengths
        distances = np.sqrt(np.maximum(squares, 0))
        is_own = names[None] == label[part, None]
        own = np.where(is_own, distances, np.inf).min(axis=1)
        found[part] = np.where(is_own, np.inf, distances).min(axis=1) - own
    return found


def _place(name: str, labels: tuple[str, ...]) -> int:
    if name == UNNAMED:
        return OPEN_PLACE
    return REJECTED_PLACE if name == REJECTED else labels.index(name)
