"""SCAN begins with heads that fit the features already, the same ones for the same seed."""

from __future__ import annotations

import numpy as np

from edgevision.discovery.pretraining.scan import neighbours_of, try_heads


def blobs() -> tuple[np.ndarray, np.ndarray]:
    """Three kinds of 60 features each, of which one direction varies a thousand times as much as the others."""
    chance = np.random.default_rng(0)
    kinds = np.repeat(np.arange(3), 60)
    values = np.eye(3, 6)[kinds] * 4 + chance.normal(0, 0.3, (180, 6))
    values[:, 5] *= 1000
    return values.astype(np.float32), kinds


def test_neighbours_are_of_the_same_kind_and_never_the_picture_itself() -> None:
    values, kinds = blobs()

    neighbours = neighbours_of(values)

    assert neighbours.shape == (180, 10)
    assert (kinds[neighbours] == kinds[:, None]).mean() > 0.95
    assert not (neighbours == np.arange(180)[:, None]).any()


def test_few_pictures_have_as_many_neighbours_as_there_are() -> None:
    values, _ = blobs()

    assert neighbours_of(values[::60]).shape == (3, 2)


def test_the_best_head_tells_the_kinds_apart_and_the_seed_decides_all() -> None:
    values, kinds = blobs()
    neighbours = neighbours_of(values)

    first, second = (try_heads(values, neighbours, 3, seed=1) for _ in range(2))

    kernel, bias = first[0]
    found = (values @ kernel + bias).argmax(axis=1)
    assert [len(set(found[kinds == kind])) for kind in range(3)] == [1, 1, 1]
    assert len(set(found)) == 3
    assert all((a[0] == b[0]).all() and (a[1] == b[1]).all() for a, b in zip(first, second, strict=True))
