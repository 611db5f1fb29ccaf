"""Two windows in a row begin a drift, two end it, and what passes by is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgevision_runtime.messages import BEGAN, ENDED, HAPPENED, Event, Result
from edgevision_runtime.noticing.drift import Alarm, DriftMonitor
from tests.edgevision_runtime.noticing.sites import USUAL, reference, seen
from tests.edgevision_runtime.sinks.messages import CLASSIFIER, NOON

DARK = USUAL // 2


def told(events: list[Event]) -> list[tuple[str, str]]:
    return [(event.name, event.phase) for event in events]


def watch(results: list[Result], monitor: DriftMonitor | None = None) -> list[Event]:
    monitor = monitor or DriftMonitor(lambda result: reference())
    return [event for result in results for event in monitor.observe(result)]


def test_a_camera_that_goes_dark_is_told_once_and_again_when_it_is_light() -> None:
    frames = [seen(i, DARK if 8 <= i < 20 else USUAL) for i in range(40)]

    began, ended = watch(frames)

    assert told([began, ended]) == [("luma", BEGAN), ("luma", ENDED)]
    # the third and fourth window of four frames are dark, the sixth and seventh are light again
    assert (began.at, ended.at) == (NOON + 15, NOON + 27)
    assert began.kind == "drift"
    assert began.camera == "gate"
    assert began.detail["reason"] == (
        "the pictures are 50 grey levels darker; contrast is 0.52 times the site's; sharpness is 0.51 times the site's"
    )
    assert began.detail["times_threshold"] == pytest.approx(5.0)
    assert began.detail["statistics"]["embedding"] == 0.0
    assert began.result is not None
    assert ended.detail == {"reason": "back to the reference", "duration_s": 12.0, "windows": 5, "peak": 5.0}


def test_what_passes_by_within_a_window_is_no_drift() -> None:
    assert watch([seen(i, DARK if 8 <= i < 12 else USUAL) for i in range(40)]) == []


def test_a_scene_that_only_the_network_knows_is_told_by_its_embedding() -> None:
    (event,) = watch([seen(i, vector=(0.6, 0.8)) for i in range(8)])

    assert (event.name, event.detail["reason"]) == ("embedding", "the network sees another scene")


def test_what_lasts_ends_with_the_run() -> None:
    monitor = DriftMonitor(lambda result: reference())
    watch([seen(i, DARK) for i in range(9)], monitor)

    (ended,) = monitor.settle(NOON + 60)

    assert (ended.phase, ended.detail["reason"], ended.detail["duration_s"]) == (ENDED, "end of run", 53.0)
    assert monitor.settle(NOON + 61) == []


def test_another_model_begins_anew_with_its_own_reference() -> None:
    other = replace(CLASSIFIER)
    monitor = DriftMonitor(lambda result: None if result.spec is other else reference())
    frames = [seen(i, DARK) for i in range(10)] + [replace(seen(i, DARK), spec=other) for i in range(10, 30)]

    events = watch(frames, monitor)

    assert told(events) == [("luma", BEGAN), ("luma", ENDED)]
    assert events[1].detail["reason"] == "other model"


def test_a_reference_of_another_space_and_answers_without_embedding_say_nothing() -> None:
    bare = [seen(i, DARK) for i in range(20)]
    bare = [replace(one, prediction=replace(one.prediction, make_embedding=None)) for one in bare]

    assert watch(bare) == []
    assert watch([seen(i, DARK) for i in range(20)], DriftMonitor(lambda result: reference(space="other"))) == []


def test_frames_are_taken_as_far_apart_as_those_of_the_reference() -> None:
    site = reference(every_s=1.0)
    frames = [seen(i, DARK, at_s=i / 10) for i in range(100)]

    paced = watch(frames, DriftMonitor(lambda result: site))
    each = watch(frames, DriftMonitor(lambda result: site, is_paced=False))

    assert [event.at - NOON for event in paced] == pytest.approx([6.7], abs=0.5)  # the eighth frame, about 0.9 s apart
    assert [event.at - NOON for event in each] == pytest.approx([0.7], abs=0.01)


def test_a_clock_that_is_set_back_begins_the_window_anew() -> None:
    frames = [seen(0, DARK, at_s=100), seen(1, DARK, at_s=101)] + [seen(i, DARK, at_s=i) for i in range(2, 10)]

    assert [event.at for event in watch(frames)] == [NOON + 9]


def test_frames_of_another_size_are_told_once_and_not_judged_by_their_sharpness() -> None:
    small = np.ascontiguousarray(USUAL[::2])

    events = watch([seen(i, small) for i in range(40)])

    assert told(events) == [("sharpness", HAPPENED)]
    assert "frames are 60x20, those of the reference were 60x40" in events[0].detail["reason"]


def test_the_alarm_takes_two_windows_in_a_row() -> None:
    alarm = Alarm()
    excess = [0.5, 2.0, 0.5, 2.0, 3.0, 0.9, 4.0, 0.9, 0.8, 0.7]

    changes = [alarm.step({"luma": value, "embedding": 0.1}) for value in excess]

    assert changes == [None, None, None, None, BEGAN, None, None, None, ENDED, None]
