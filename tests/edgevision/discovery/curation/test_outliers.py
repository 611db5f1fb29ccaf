"""What is far from all others is found, the farthest first."""

from __future__ import annotations

import numpy as np

from edgevision.discovery.curation.outliers import find_outliers


def directions(*degrees: float) -> np.ndarray:
    radians = np.deg2rad(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def test_the_far_one_is_found_with_its_distance_and_its_nearest() -> None:
    features = directions(*np.linspace(0, 10, 99), 60)
    names = [str(row) for row in range(100)]

    found = find_outliers(features, np.arange(100), names, quantile=0.99)

    assert [(one.name, one.similar_to) for one in found] == [("99", "98")]
    assert (found[0].value or 0) > (found[0].limit or 1)


def test_a_few_that_are_alike_do_not_hide_each_other() -> None:
    features = directions(*np.linspace(0, 10, 97), 60, 60, 60)

    found = find_outliers(features, np.arange(100), [str(row) for row in range(100)], quantile=0.97)

    assert {one.name for one in found} == {"97", "98", "99"}


def test_a_set_without_an_exception_has_no_outlier() -> None:
    same = np.ones((50, 3), np.float32)

    assert find_outliers(same, np.arange(50), [str(row) for row in range(50)]) == []
    assert find_outliers(same, np.arange(1), ["0"]) == []
