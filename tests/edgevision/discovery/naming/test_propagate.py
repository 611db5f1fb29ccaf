"""Labels of pictures follow from names of clusters, and the unsure ones are left open."""

import numpy as np
import pytest

from edgevision.discovery.clustering.kmeans import Grouping
from edgevision.discovery.clustering.statistics import describe
from edgevision.discovery.naming.names import REJECTED
from edgevision.discovery.naming.propagate import (
    ABSTAINED,
    LEFT_OUT,
    NO_LABEL,
    OPEN,
    OPEN_PLACE,
    PERSON,
    REJECTED_PLACE,
    distance_margins,
    propagate,
    vote_margins,
)
from edgevision.discovery.naming.screens import Screens
from edgevision.discovery.naming.store import NamingStore
from edgevision_runtime.errors import UsageError
from tests.edgevision.discovery.naming.clusters import heaps

VECTORS, ASSIGNMENT = heaps()


@pytest.fixture
def store(tmp_path):
    return NamingStore(tmp_path, ASSIGNMENT, VECTORS)


@pytest.fixture
def screens():
    means = np.stack([VECTORS[cluster == ASSIGNMENT].mean(axis=0) for cluster in range(3)])
    return Screens(VECTORS, dict(enumerate(describe(VECTORS, Grouping(ASSIGNMENT, means, "by hand")).clusters)))


def distances(state, screens, names):
    labels = tuple(sorted(state.used_names))
    label = np.array([labels.index(name) for name in names])
    return distance_margins(state, screens, VECTORS[: len(names)], label, labels)


def test_the_pictures_with_the_smallest_margins_are_left_open_and_of_equal_ones_the_nearest_to_another_name(
    store, screens
):
    for cluster, name in enumerate(["a", "b", "c"]):
        store.name([cluster], name)

    found = propagate(store.state, screens, VECTORS, abstain=0.1)

    unseen = [one for one, by in enumerate(found.by) if by != PERSON]
    open_ones = [one for one in unseen if found.by[one] == ABSTAINED]
    assert len(open_ones) == round(0.1 * len(unseen)) == 2
    assert set(found.margin) == {1.0}  # the heaps lie apart: all neighbours agree
    edges = {max(one for one in unseen if ASSIGNMENT[one] == 0), min(one for one in unseen if ASSIGNMENT[one] == 1)}
    assert set(open_ones) == edges  # of the two heaps that are near each other


def test_a_cluster_with_a_wrong_name_is_found_by_its_neighbours():
    """Three clusters at one place, of which the small one bears another name, and a fourth at another place."""
    chance = np.random.default_rng(0)
    vectors = np.concatenate([np.tile([1.0, 0], (60, 1)), np.tile([0, 1.0], (20, 1))]) + chance.normal(0, 0.05, (80, 2))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    place = np.array([0] * 54 + [1] * 6 + [1] * 20)  # 54 `a`, 6 wrong ones among them, 20 `b` elsewhere

    margin = vote_margins(vectors, place, np.arange(80), place)

    assert margin[54:60].max() < -0.5
    assert margin[60:].min() == pytest.approx(0.9)  # 19 of 20 neighbours; the 20th is of the other place


def test_a_rare_name_is_not_outvoted_for_being_rare():
    angles = np.radians([*np.linspace(0, 10, 40), 60, 61, 62, 63])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    place = np.array([0] * 40 + [1] * 4)

    margin = vote_margins(vectors, place, np.arange(44), place)

    assert margin[40:].tolist() == [1, 1, 1, 1]


def test_rejected_pictures_vote_against_and_those_without_a_name_do_not_vote():
    angles = np.radians([*np.linspace(0, 1, 10), *np.linspace(0.01, 1.01, 10), *np.linspace(0.02, 1.02, 10), 90, 91])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    named = np.array([0] * 10 + [OPEN_PLACE] * 10 + [OPEN_PLACE] * 10 + [1, 1])

    free = vote_margins(vectors, named, np.arange(10), named[:10])
    rivals = vote_margins(vectors, np.where(named == OPEN_PLACE, REJECTED_PLACE, named), np.arange(10), named[:10])

    assert free.tolist() == [1] * 10
    assert rivals.max() < 0.5


def test_of_many_pictures_some_vote_for_all(monkeypatch):
    monkeypatch.setattr("edgevision.discovery.naming.propagate.MOST_VOTERS", 10)

    margin = vote_margins(VECTORS, ASSIGNMENT, np.arange(30), ASSIGNMENT)

    assert margin.min() > 0


def test_a_cluster_of_the_same_name_is_no_rival(store, screens):
    store.name([0, 1], "a")
    store.name([2], "c")

    found = distances(store.state, screens, ["a"])

    own = np.linalg.norm(VECTORS[0] - VECTORS[ASSIGNMENT == 0].mean(axis=0))
    rival = np.linalg.norm(VECTORS[0] - VECTORS[ASSIGNMENT == 2].mean(axis=0))
    assert found[0] == pytest.approx(rival - own, abs=1e-6)


def test_a_rejected_cluster_is_left_out_and_still_a_rival(store, screens):
    store.name([0], "a")
    store.name([1], REJECTED)
    store.name([2], "c")

    found = propagate(store.state, screens, VECTORS)

    own = np.linalg.norm(VECTORS[0] - VECTORS[ASSIGNMENT == 0].mean(axis=0))
    rejected = np.linalg.norm(VECTORS[0] - VECTORS[ASSIGNMENT == 1].mean(axis=0))
    assert {found.by[one] for one in np.flatnonzero(ASSIGNMENT == 1)} == {LEFT_OUT}
    assert distances(store.state, screens, ["a"])[0] == pytest.approx(rejected - own, abs=1e-6)


def test_clusters_without_a_name_give_no_labels_and_are_no_rivals(store, screens):
    store.name([0], "a")
    store.name([2], "c")

    found = propagate(store.state, screens, VECTORS)

    assert {found.by[one] for one in np.flatnonzero(ASSIGNMENT == 1)} == {OPEN}
    assert set(found.label[ASSIGNMENT == 1]) == {NO_LABEL}
    own = np.linalg.norm(VECTORS[0] - VECTORS[ASSIGNMENT == 0].mean(axis=0))
    rival = np.linalg.norm(VECTORS[0] - VECTORS[ASSIGNMENT == 2].mean(axis=0))
    assert distances(store.state, screens, ["a"])[0] == pytest.approx(rival - own, abs=1e-6)


def test_what_a_person_saw_is_theirs_and_is_never_left_open(store, screens):
    for cluster, name in enumerate(["a", "b", "c"]):
        store.name([cluster], name)

    found = propagate(store.state, screens, VECTORS, abstain=1.0)

    seen = set().union(*(screen.judged for screen in screens.of(store.state).values()))
    assert {one for one, by in enumerate(found.by) if by == PERSON} == seen
    assert set(found.by) == {PERSON, ABSTAINED}


def test_a_picture_that_a_person_struck_out_is_left_out(store, screens):
    for cluster, name in enumerate(["a", "b", "c"]):
        store.name([cluster], name)
    medoid = screens.of(store.state)[0].medoid
    store.leave_out(medoid)

    found = propagate(store.state, screens, VECTORS)

    assert found.by[medoid] == LEFT_OUT
    assert found.label[medoid] == NO_LABEL


def test_parts_of_a_split_cluster_have_screens_and_labels_of_their_own(store, screens):
    left, right = store.split(0, 2)
    store.name([left], "a")
    store.name([right, 1, 2], "b")

    found = propagate(store.state, screens, VECTORS, abstain=0)
    shown = screens.of(store.state)

    assert {found.labels[one] for one in found.label[store.state.members[left]]} == {"a"}
    assert set(shown[left].pictures) <= set(store.state.members[left].tolist())
    assert shown[left].near[0] == right


def test_one_name_tells_nothing_apart(store, screens):
    store.name([0, 1], "a")

    with pytest.raises(UsageError, match="have one name; expected two"):
        propagate(store.state, screens, VECTORS)
