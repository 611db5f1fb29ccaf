import itertools

import pytest

from edgevision_runtime.pace import Pace


def answer(pace, count, apart_s, takes_s=0.01, factor=1.0):
    """Serve frames that come every `apart_s`, as soon as they are due; returns the seconds between two starts."""
    starts, due_s = [], 0.0
    for number in range(10_000):
        now_s = number * apart_s
        if now_s >= due_s:
            starts.append(now_s)
            due_s = pace.due_s(now_s, now_s + takes_s, factor)
        if len(starts) > count:
            break
    return [after - before for before, after in itertools.pairwise(starts)]


def test_at_the_usual_pace_every_frame_is_due():
    assert answer(Pace(), 50, apart_s=1 / 32) == [1 / 32] * 50


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_the_time_between_two_answers_is_stretched_also_when_the_work_is_light(factor):
    pace = Pace()
    answer(pace, 100, apart_s=1 / 32)

    assert answer(pace, 20, apart_s=1 / 32, factor=factor) == pytest.approx([factor / 32] * 20)


def test_a_run_that_begins_hot_goes_by_what_the_camera_announced():
    assert answer(Pace(fps=32), 10, apart_s=1 / 32, factor=2) == pytest.approx([2 / 32] * 10)


def test_without_an_announcement_the_work_itself_is_stretched():
    assert Pace().due_s(5.0, 5.1, 2.0) == pytest.approx(5.2)


def test_the_slow_time_is_not_taken_for_the_usual_one():
    pace = Pace(fps=32)
    for _ in range(5):
        answer(pace, 20, apart_s=1 / 32, factor=2)
        answer(pace, 20, apart_s=1 / 32)

    assert answer(pace, 5, apart_s=1 / 32, factor=2) == pytest.approx([2 / 32] * 5)
