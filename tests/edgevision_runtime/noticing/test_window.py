"""The statistics of a window, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from edgevision_runtime.noticing.picture import MEASURED, measure_picture
from edgevision_runtime.noticing.window import Window, excesses, measure_window
from tests.edgevision_runtime.noticing.sites import USUAL, reference


def test_the_statistics_are_those_of_the_books() -> None:
    site = reference()
    vectors = np.float32([[1.0, 0.0], [1.0, 0.0], [0.8, 0.6], [0.0, 1.0]])
    pictures = np.tile(measure_picture(USUAL), (4, 1))
    pictures[:, :3] += [12.0, -0.1, 0.6]

    statistics = measure_window(vectors, pictures, site)

    # mean (0.7, 0.4): 4 · 100 · (0.3² + 0.4²) = 100; 3 and 1 frames where 3 and 1 are expected: 0
    assert statistics.tolist() == pytest.approx([100.0, 0.0, 12.0, -0.1, 0.6, 0.0, 0.0], abs=1e-4)
    assert excesses(statistics, site) == pytest.approx(
        {"embedding": 5.0, "occupancy": 0.0, "luma": 1.2, "contrast": 0.5, "sharpness": 2.0, "colour": 0, "layout": 0},
        abs=1e-4,
    )


def test_frames_in_other_places_show_in_the_occupancy() -> None:
    vectors = np.tile(np.float32([[0.0, 1.0]]), (4, 1))

    statistics = measure_window(vectors, np.zeros((4, MEASURED)), reference())

    assert statistics[1] == pytest.approx(3**2 / 3 + 3**2 / 1)  # 0 and 4 where 3 and 1 are expected


def test_a_window_is_judged_when_it_is_full_and_the_next_one_begins() -> None:
    window = Window(reference())

    full = [window.add(np.float32([1, 0]), lambda: np.zeros(MEASURED)) is not None for _ in range(12)]
    window.add(np.float32([1, 0]), lambda: np.zeros(MEASURED))
    window.clear()
    after = [window.add(np.float32([1, 0]), lambda: np.zeros(MEASURED)) is not None for _ in range(4)]

    assert full == [False, False, False, True] * 3
    assert after == [False, False, False, True]


def test_sharpness_is_left_out_for_frames_of_another_size() -> None:
    found = excesses(np.array([1.0, 1, 1, 0, 99, 0, 0]), reference(), same_size=False)

    assert "sharpness" not in found
    assert max(found.values()) < 10


def test_another_colour_and_another_layout_are_told_apart() -> None:
    site = reference()
    yellow, covered = USUAL.copy(), USUAL.copy()
    yellow[:, :, 0] //= 2
    covered[:, :30] = 0

    statistics = [measure_window(*[np.tile(row, (4, 1)) for row in (np.float32([1, 0]), measure_picture(image))], site)
                  for image in (yellow, covered)]  # fmt: skip

    # blue is 50 where it was 100, both with 4 levels added
    assert statistics[0][5] == pytest.approx(np.log(104 / 54), abs=0.02)
    assert statistics[0][6] < 1
    # half of the cells would have no colour, but the median cell has that of the site
    assert statistics[1][5] == pytest.approx(0, abs=0.02)
    assert statistics[1][6] == pytest.approx(1, abs=0.6)


def test_each_eighth_frame_of_a_window_is_measured() -> None:
    measured = []
    window = Window(reference(window=10))

    for number in range(20):
        window.add(np.float32([1, 0]), lambda number=number: (measured.append(number), np.zeros(MEASURED))[1])

    assert measured == [0, 8, 10, 18]
