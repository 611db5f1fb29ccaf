"""The statistics of a window, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from edgevision_runtime.noticing.window import Window, excesses, measure_window
from tests.edgevision_runtime.noticing.sites import reference


def test_the_statistics_are_those_of_the_books() -> None:
    site = reference()
    vectors = np.float32([[1.0, 0.0], [1.0, 0.0], [0.8, 0.6], [0.0, 1.0]])
    pictures = np.tile(site.picture + np.array([12.0, -0.1, 0.6]), (4, 1))

    statistics = measure_window(vectors, pictures, site)

    # mean (0.7, 0.4): 4 · 100 · (0.3² + 0.4²) = 100; 3 and 1 frames where 3 and 1 are expected: 0
    assert statistics.tolist() == pytest.approx([100.0, 0.0, 12.0, -0.1, 0.6], abs=1e-4)
    assert excesses(statistics, site) == pytest.approx(
        {"embedding": 5.0, "occupancy": 0.0, "luma": 1.2, "contrast": 0.5, "sharpness": 2.0}, abs=1e-4
    )


def test_frames_in_other_places_show_in_the_occupancy() -> None:
    vectors = np.tile(np.float32([[0.0, 1.0]]), (4, 1))

    statistics = measure_window(vectors, np.zeros((4, 3)), reference())

    assert statistics[1] == pytest.approx(3**2 / 3 + 3**2 / 1)  # 0 and 4 where 3 and 1 are expected


def test_a_window_is_judged_when_it_is_full_and_the_next_one_begins() -> None:
    window = Window(reference())

    full = [window.add(np.float32([1, 0]), (0.0, 0.0, 0.0)) is not None for _ in range(12)]
    window.add(np.float32([1, 0]), (0.0, 0.0, 0.0))
    window.clear()
    after = [window.add(np.float32([1, 0]), (0.0, 0.0, 0.0)) is not None for _ in range(4)]

    assert full == [False, False, False, True] * 3
    assert after == [False, False, False, True]


def test_sharpness_is_left_out_for_frames_of_another_size() -> None:
    found = excesses(np.array([1.0, 1, 1, 1, 99]), reference(), same_size=False)

    assert "sharpness" not in found
    assert max(found.values()) < 10
