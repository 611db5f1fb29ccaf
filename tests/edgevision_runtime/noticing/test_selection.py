"""The memory of kept frames: who is like whom, in bounded memory, the oldest out first."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edgevision_runtime.noticing.selection import KeptVectors, from_document, to_document


def at(degrees: float) -> np.ndarray:
    """A vector of length 1 in that direction."""
    angle = math.radians(degrees)
    return np.array([math.cos(angle), math.sin(angle)], np.float32)


def test_a_vector_is_compared_with_the_nearest_of_all_that_are_kept() -> None:
    kept = KeptVectors(2)

    assert kept.likeness(at(0)) == -1.0
    kept.add("east", at(0))
    kept.add("north", at(90))

    assert kept.likeness(at(30)) == pytest.approx(math.cos(math.radians(30)), abs=1e-6)
    assert kept.likeness(at(80)) == pytest.approx(math.cos(math.radians(10)), abs=1e-6)


def test_the_oldest_leaves_when_there_are_too_many() -> None:
    kept = KeptVectors(2, capacity=3)

    for number in range(1000):
        kept.add(str(number), at(number))

    assert len(kept) == 3
    assert kept.likeness(at(999)) == pytest.approx(1, abs=1e-6)
    assert kept.likeness(at(997)) == pytest.approx(1, abs=1e-6)
    assert kept.likeness(at(996)) == pytest.approx(math.cos(math.radians(1)), abs=1e-6)


def test_what_is_deleted_is_forgotten_with_everything_older() -> None:
    kept = KeptVectors(2)
    for number in (0, 90, 180):
        kept.add(str(number), at(number))

    kept.forget("nobody")
    kept.forget("90")

    assert len(kept) == 1
    assert kept.likeness(at(90)) == pytest.approx(0, abs=1e-6)
    assert kept.likeness(at(180)) == pytest.approx(1, abs=1e-6)


def test_the_answers_are_those_of_comparing_with_every_one_whatever_came_and_went() -> None:
    chance = np.random.default_rng(0)
    kept, plain = KeptVectors(5, capacity=50), []

    for number in range(400):
        vector = chance.normal(0, 1, 5).astype(np.float32)
        vector /= np.linalg.norm(vector)
        if plain:
            assert kept.likeness(vector) == pytest.approx(max(float(old @ vector) for _, old in plain), abs=1e-5)
        kept.add(str(number), vector)
        plain = [*plain, (str(number), vector)][-50:]
        if number % 7 == 0:
            kept.forget(plain.pop(0)[0])


def test_a_vector_survives_on_disk_in_half_precision() -> None:
    vector = at(33)

    read = from_document(to_document(vector, "a" * 64), "a" * 64, 2)

    assert read is not None
    np.testing.assert_allclose(read, vector, atol=1e-3)


@pytest.mark.parametrize(
    "document",
    [
        None,
        "text",
        {},
        to_document(at(0), "other space"),
        {"space": "s"},
        {"space": "s", "float16": 7},
        {"space": "s", "float16": "?!"},
        {"space": "s", "float16": "AAA="},
        to_document(np.ones(3, np.float32), "s"),
        to_document(np.float32([np.inf, 0]), "s"),
    ],
)
def test_what_is_no_vector_of_this_space_is_passed_over(document: object) -> None:
    assert from_document(document, "s", 2) is None
