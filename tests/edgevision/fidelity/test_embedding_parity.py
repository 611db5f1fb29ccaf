"""Two embeddings of the same pictures are compared by their angles, and by who is near whom."""

from __future__ import annotations

import numpy as np
import pytest

from edgevision.discovery.whitening import normalized
from edgevision.fidelity.embedding_parity import parity


def test_the_same_vectors_agree_in_everything() -> None:
    vectors = normalized(np.random.default_rng(0).normal(0, 1, (40, 8)))

    found = parity(vectors, vectors)

    assert found.pictures == 40
    assert (found.cosine_mean, found.cosine_p5) == (pytest.approx(1), pytest.approx(1))
    assert found.neighbours == 1.0


def test_a_turned_space_keeps_its_neighbours_and_loses_its_angles() -> None:
    vectors = normalized(np.random.default_rng(1).normal(0, 1, (40, 8)))

    found = parity(vectors, -vectors)

    assert found.cosine_mean == pytest.approx(-1)
    assert found.neighbours == 1.0


def test_unrelated_vectors_share_as_many_neighbours_as_chance_gives() -> None:
    chance = np.random.default_rng(2)
    first, second = (normalized(chance.normal(0, 1, (600, 8))) for _ in range(2))

    assert parity(first, second).neighbours == pytest.approx(10 / 599, abs=0.01)


def test_the_lowest_twentieth_is_told() -> None:
    reference = np.tile(np.float32([[1, 0]]), (100, 1))
    other = reference.copy()
    other[:10] = [0, 1]

    found = parity(reference, other)

    assert found.cosine_mean == pytest.approx(0.9)
    assert found.cosine_p5 == 0.0
    assert parity(reference[:20], other[:20]).neighbours is None
