"""Smoothed scores are what the arithmetic says, whatever the frame rate."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edgevision_runtime.watching.settings import Smoothing
from edgevision_runtime.watching.smoothing import ExponentialSmoother, MajoritySmoother, make_smoother


def one_hot(index: int) -> np.ndarray:
    return np.eye(3, dtype=np.float32)[index]


def test_the_first_answer_counts_fully() -> None:
    assert ExponentialSmoother(1.0, 3).update(one_hot(1), 100.0).tolist() == [0.0, 1.0, 0.0]


def test_after_the_time_constant_63_percent_of_a_change_have_arrived() -> None:
    smoother = ExponentialSmoother(2.0, 3)

    smoother.update(one_hot(0), 0.0)
    values = smoother.update(one_hot(1), 2.0)

    assert values.tolist() == pytest.approx([math.exp(-1), 1 - math.exp(-1), 0.0])


@pytest.mark.parametrize("fps", [5, 30])
def test_the_frame_rate_makes_no_difference(fps: int) -> None:
    smoother = ExponentialSmoother(1.0, 3)

    smoother.update(one_hot(0), 0.0)
    for number in range(1, 3 * fps + 1):
        values = smoother.update(one_hot(1), number / fps)

    assert values[0] == pytest.approx(math.exp(-3))


def test_a_time_constant_of_0_is_no_smoothing() -> None:
    smoother = make_smoother(Smoothing(time_constant_s=0.0), 3)

    smoother.update(one_hot(0), 0.0)

    assert smoother.update(one_hot(2), 0.001).tolist() == [0.0, 0.0, 1.0]


def test_two_answers_of_one_moment_do_no_harm() -> None:
    smoother = ExponentialSmoother(1.0, 3)

    smoother.update(one_hot(0), 1.0)

    assert smoother.update(one_hot(1), 1.0).tolist() == [1.0, 0.0, 0.0]


def test_what_was_forgotten_does_not_count() -> None:
    for smoother in (ExponentialSmoother(1.0, 3), MajoritySmoother(5, 3)):
        smoother.update(one_hot(0), 0.0)
        smoother.forget()

        assert smoother.update(one_hot(1), 0.1).tolist() == [0.0, 1.0, 0.0]


def test_a_majority_is_of_the_last_answers_only() -> None:
    smoother = MajoritySmoother(3, 3)

    shares = [smoother.update(one_hot(index), 0.0).tolist() for index in (0, 0, 1, 1, 1)]

    assert shares[0] == [1.0, 0.0, 0.0]
    assert shares[2] == pytest.approx([2 / 3, 1 / 3, 0])
    assert shares[4] == [0.0, 1.0, 0.0]


@pytest.mark.parametrize(
    ("answers", "best"), [((0, 0, 1, 1), 1), ((1, 1, 0, 0), 0), ((0, 1, 0, 1, 2), 1), ((1, 0, 1, 0, 2), 0)]
)
def test_of_tied_labels_the_one_answered_last_wins(answers: tuple[int, ...], best: int) -> None:
    smoother = MajoritySmoother(9, 3)

    for index in answers:
        smoother.update(one_hot(index), 0.0)

    assert smoother.best() == best


def test_the_answer_itself_is_left_as_it_is() -> None:
    answer = one_hot(0)
    smoother = ExponentialSmoother(1.0, 3)

    smoother.update(answer, 0.0)
    smoother.update(one_hot(1), 1.0)

    assert answer.tolist() == [1.0, 0.0, 0.0]
