"""Whitening gives each direction the same weight, and is one dense layer."""

from __future__ import annotations

import numpy as np
import pytest

from edgevision.discovery.whitening import Whitening
from edgevision_runtime.errors import DataError


def features(count: int = 500) -> np.ndarray:
    """Three directions of very different size, and a unit that is dead."""
    chance = np.random.default_rng(0)
    values = chance.normal(size=(count, 3)) * [100.0, 1.0, 0.01] + [5.0, -3.0, 1.0]
    return np.hstack([values, np.full((count, 1), 7.0)]).astype(np.float32)


def test_every_direction_weighs_the_same_and_rows_have_length_1() -> None:
    values = features()
    whitening = Whitening.fit(values, 3)

    scores = values @ whitening.kernel + whitening.bias

    assert scores.mean(axis=0) == pytest.approx([0, 0, 0], abs=1e-2)  # float32 of values around 100
    assert np.cov(scores.T, bias=True) == pytest.approx(np.eye(3), abs=1e-2)
    assert np.linalg.norm(whitening(values), axis=1) == pytest.approx(np.ones(500), abs=1e-5)


def test_directions_of_their_own_weight_keep_the_shape_of_what_was_scaled() -> None:
    values = np.random.default_rng(2).normal(size=(400, 2)) @ np.array([[1.0, 0.9], [0.0, 0.4]])  # long and thin
    whitening = Whitening.fit(values.astype(np.float32), 2, "own")

    scores = values @ whitening.kernel + whitening.bias

    scaled = (values - values.mean(axis=0)) / values.std(axis=0)
    assert np.linalg.norm(scores[:50, None] - scores[None, :50], axis=2) == pytest.approx(
        np.linalg.norm(scaled[:50, None] - scaled[None, :50], axis=2), abs=1e-4
    )


def test_features_that_stay_untouched_only_get_length_1() -> None:
    values = np.array([[3.0, 4.0], [0.0, 2.0]], np.float32)

    assert Whitening.fit(values, 1, "untouched")(values) == pytest.approx(np.array([[0.6, 0.8], [0.0, 1.0]]))


def test_directions_of_their_own_weight_keep_how_much_they_vary() -> None:
    chance = np.random.default_rng(0)
    common, own = chance.normal(size=(500, 1)), chance.normal(size=(500, 4))
    values = np.hstack([common + 0.1 * own[:, :3], own[:, 3:]]).astype(np.float32)  # three that say the same, one alone
    rotation = Whitening.fit(values, 2, "own")

    scores = values @ rotation.kernel + rotation.bias

    assert np.cov(scores.T, bias=True) == pytest.approx(np.diag([3, 1]), abs=0.05)  # of four z-scores


def test_a_dead_unit_has_no_weight_and_makes_no_nan() -> None:
    whitening = Whitening.fit(features(), 32)

    assert whitening.kernel.shape == (4, 3)  # no more outputs than directions
    assert (whitening.kernel[3] == 0).all()
    assert np.isfinite(whitening(features())).all()


def test_fewer_pictures_than_features_give_fewer_outputs() -> None:
    values = np.random.default_rng(1).normal(size=(5, 64)).astype(np.float32)

    assert Whitening.fit(values, 32)(values).shape == (5, 4)  # five points span four directions


def test_the_same_features_give_the_same_map() -> None:
    one, two = Whitening.fit(features()), Whitening.fit(features())

    assert (one.kernel == two.kernel).all()
    assert (one.bias == two.bias).all()


@pytest.mark.parametrize("values", [np.zeros((1, 4)), np.full((9, 4), 3.0), np.full((9, 4), np.nan)])
def test_features_that_say_nothing_are_refused(values: np.ndarray) -> None:
    with pytest.raises(DataError):
        Whitening.fit(values.astype(np.float32))
