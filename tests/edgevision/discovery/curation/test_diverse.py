"""The chosen ones cover the rest, and are the same on every run."""

from __future__ import annotations

import numpy as np

from edgevision.discovery.curation.diverse import choose_diverse


def test_one_of_each_scene_is_taken_however_long_it_lasted() -> None:
    random = np.random.default_rng(0)
    middles = np.eye(6)
    scene_of = np.repeat(np.arange(6), [100, 50, 20, 5, 2, 1])
    features = (middles[scene_of] + random.normal(0, 0.02, (178, 6))).astype(np.float32)

    chosen, left = choose_diverse(features, np.arange(178), [str(row) for row in range(178)], 6)

    assert sorted(scene_of[chosen].tolist()) == [0, 1, 2, 3, 4, 5]
    assert all(scene_of[int(one.name)] == scene_of[int(one.similar_to)] for one in left)
    assert len(left) == 172
    assert min(one.value or 0 for one in left) == left[0].limit


def test_the_choice_is_made_among_the_given_rows_and_is_repeated() -> None:
    features = np.random.default_rng(1).normal(size=(60, 4)).astype(np.float32)
    rows, names = np.arange(10, 50), [str(row) for row in range(60)]

    chosen, left = choose_diverse(features, rows, names, 7)
    again, _ = choose_diverse(features, rows, names, 7)

    assert chosen.tolist() == again.tolist()
    assert set(chosen.tolist()) | {int(one.name) for one in left} == set(rows.tolist())


def test_equal_pictures_are_taken_once_each_and_no_more_than_there_are() -> None:
    features = np.ones((5, 3), np.float32)

    chosen, left = choose_diverse(features, np.arange(5), "abcde", 3)
    everything, nothing = choose_diverse(features, np.arange(5), "abcde", 9)

    assert len(set(chosen.tolist())) == 3
    assert len(left) == 2
    assert (everything.tolist(), nothing) == ([0, 1, 2, 3, 4], [])
