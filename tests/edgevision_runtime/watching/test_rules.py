"""Events are what a person would say happened: no flicker, none over a time in which nobody looked."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from edgevision_runtime.messages import BEGAN, ENDED, HAPPENED
from edgevision_runtime.watching.settings import Condition, Smoothing
from tests.edgevision_runtime.watching.answers import (
    LIGHT_SPEC,
    certain,
    frame,
    light_spec,
    masked,
    rules_of,
    scored,
    street_spec,
    told,
    watch,
)

RED, GREEN = certain("red"), certain("green")
UNSURE = [0.34, 0.33, 0.33]
NOW = Condition(for_s=0.0)  # every label, at once
AFTER_1_S = Condition(for_s=1.0)


def test_a_label_is_told_once_however_often_it_is_answered() -> None:
    events = watch(rules_of(NOW), [(number / 10, RED) for number in range(50)])

    assert told(events) == [(0.0, "red", BEGAN)]
    assert (events[0].kind, events[0].camera, events[0].detail) == ("label", "gate", {"score": 1.0, "held_s": 0.0})


def test_another_label_ends_the_one_before_it_in_the_same_moment() -> None:
    events = watch(rules_of(NOW), [(0.0, RED), (1.0, RED), (2.0, GREEN)])

    assert told(events) == [(0.0, "red", BEGAN), (2.0, "red", ENDED), (2.0, "green", BEGAN)]
    assert events[1].detail == {"score": 0.0, "peak": 1.0, "duration_s": 2.0, "frames": 3, "reason": "score"}


def test_a_label_must_last_before_it_is_told() -> None:
    answers = [(0.0, RED), (0.5, RED), (0.9, GREEN), (1.0, RED), (1.5, RED), (2.0, RED)]

    events = watch(rules_of(AFTER_1_S), answers)

    assert told(events) == [(2.0, "red", BEGAN)]
    assert events[0].detail["held_s"] == 1.0


def test_a_label_that_is_gone_for_less_than_the_duration_goes_on() -> None:
    answers = [(0.0, RED), (1.0, RED), (1.5, UNSURE), (2.0, GREEN), (2.4, RED), (3.0, UNSURE), (4.0, UNSURE)]

    assert told(watch(rules_of(AFTER_1_S), answers)) == [(1.0, "red", BEGAN), (4.0, "red", ENDED)]


def test_no_label_is_told_while_the_model_is_not_sure() -> None:
    assert watch(rules_of(NOW), [(number / 10, certain("red", 0.59)) for number in range(50)]) == []


def test_between_the_two_thresholds_everything_stays_as_it_is() -> None:
    answers = [(0.0, certain("red", 0.5)), (1.0, certain("red", 0.6)), (2.0, certain("red", 0.41)), (3.0, UNSURE)]

    assert told(watch(rules_of(NOW), answers)) == [(1.0, "red", BEGAN), (3.0, "red", ENDED)]


def test_with_low_thresholds_there_is_still_one_label_at_a_time() -> None:
    rules = rules_of(Condition(enter=0.4, leave=0.1, for_s=0.0))

    events = watch(rules, [(0.0, [0.5, 0.0, 0.5]), (1.0, [0.45, 0.0, 0.55])])

    assert told(events) == [(0.0, "red", BEGAN), (1.0, "red", ENDED), (1.0, "green", BEGAN)]
    assert events[1].detail["reason"] == "other label"


def test_a_named_label_is_judged_by_its_own_score_even_when_another_one_stands_first() -> None:
    rules = rules_of(Condition("yellow", enter=0.3, for_s=0.0))

    events = watch(rules, [(0.0, [0.65, 0.3, 0.05]), (1.0, [0.75, 0.2, 0.05]), (2.0, [0.85, 0.1, 0.05])])

    assert told(events) == [(0.0, "yellow", BEGAN), (2.0, "yellow", ENDED)]  # leaves below 0.2, two thirds of 0.3


def test_a_named_label_is_taken_out_of_the_rule_for_every_label() -> None:
    rules = rules_of(NOW, Condition("red", enter=0.9, for_s=2.0))

    events = watch(rules, [(0.0, GREEN), (1.0, RED), (2.0, RED), (3.0, RED), (4.0, GREEN)])

    assert told(events) == [(0.0, "green", BEGAN), (1.0, "green", ENDED), (3.0, "red", BEGAN), (4.0, "green", BEGAN)]


def test_after_its_end_a_label_rests_for_the_cooldown() -> None:
    rules = rules_of(Condition("red", for_s=0.0, cooldown_s=10.0), longest_gap_s=60.0)

    events = watch(rules, [(0.0, RED), (2.0, GREEN), (3.0, RED), (11.9, RED), (12.0, RED)])

    assert told(events) == [(0.0, "red", BEGAN), (2.0, "red", ENDED), (12.0, "red", BEGAN)]
    assert events[-1].detail["held_s"] == 9.0


def test_smoothing_lets_a_single_wrong_answer_pass_unseen() -> None:
    rules = rules_of(NOW, smoothing=Smoothing("majority", answers=5))

    events = watch(rules, [(n / 10, GREEN if n in (4, 9) else RED) for n in range(15)])

    assert told(events) == [(0.0, "red", BEGAN)]


def test_nothing_lasts_over_a_time_without_frames() -> None:
    events = watch(rules_of(NOW), [(0.0, RED), (1.0, RED), (6.1, RED)])  # 5.1 s apart

    assert told(events) == [(0.0, "red", BEGAN), (1.0, "red", ENDED), (6.1, "red", BEGAN)]
    assert events[1].detail == {"score": 1.0, "peak": 1.0, "duration_s": 1.0, "frames": 2, "reason": "gap"}


def test_time_before_a_gap_does_not_count_for_the_duration_after_it() -> None:
    assert told(watch(rules_of(AFTER_1_S), [(0.0, RED), (0.9, RED), (9.0, RED), (9.5, RED), (10.0, RED)])) == [
        (10.0, "red", BEGAN)
    ]


def test_frames_that_a_slow_model_left_out_are_no_gap() -> None:
    rules = rules_of(NOW)

    events = [event for n in range(4) for event in rules.observe(scored(8.0 * n, RED, index=240 * n))]

    assert told(events) == [(0.0, "red", BEGAN)]


def test_a_clock_that_goes_back_is_a_gap() -> None:
    assert told(watch(rules_of(NOW), [(50.0, RED), (1.0, RED)])) == [
        (50.0, "red", BEGAN), (50.0, "red", ENDED), (1.0, "red", BEGAN),
    ]  # fmt: skip


def test_a_gap_that_the_camera_tells_ends_events_at_once_and_only_once() -> None:
    rules = rules_of(NOW)
    rules.observe(scored(0.0, RED, index=0))
    rules.observe(scored(1.0, RED, index=1))

    noticed, over = rules.gap(1.0), rules.gap(1.0)
    after = rules.observe(scored(3.5, RED, index=2))

    assert told(noticed) == [(1.0, "red", ENDED)]
    assert over == []
    assert told(after) == [(3.5, "red", BEGAN)]
    assert rules.gap(1.0) == []  # all that is on began after it


def test_the_last_frame_before_a_gap_may_be_answered_after_the_gap_was_noticed() -> None:
    rules = rules_of(NOW)
    rules.observe(scored(1.0, RED, index=0))

    noticed = rules.gap(2.0)
    last = rules.observe(scored(2.0, RED, index=1))
    after = [*rules.gap(2.0), *rules.observe(scored(4.5, RED, index=2))]

    assert noticed == []
    assert told(last) == [(2.0, "red", ENDED)]
    assert last[0].detail["duration_s"] == 1.0
    assert told(after) == [(4.5, "red", BEGAN)]


def test_a_gap_ends_events_even_when_its_last_frame_is_never_answered() -> None:
    rules = rules_of(NOW)
    rules.observe(scored(1.0, RED, index=0))
    rules.gap(2.0)

    events = rules.unanswered(frame(2.0, 1), 1_700_000_002.0)

    assert told(events) == [(2.0, "red", ENDED)]
    assert events[0].detail["duration_s"] == 1.0


def test_frames_without_an_answer_say_that_the_camera_was_there() -> None:
    rules = rules_of(NOW)
    rules.observe(scored(0.0, RED, index=0))

    events = [event for n in (4.0, 8.0) for event in rules.unanswered(frame(n, int(n)), 0.0)]

    assert events + rules.observe(scored(12.0, RED, index=12)) == []


def test_a_clock_that_goes_back_after_a_gap_blinds_nobody() -> None:
    rules = rules_of(NOW)
    rules.observe(scored(50.0, RED, index=0))
    rules.gap(50.0)

    assert told(rules.observe(scored(1.0, RED, index=1))) == [(1.0, "red", BEGAN)]
    assert told(rules.observe(scored(1.1, GREEN, index=2))) == [(1.1, "red", ENDED), (1.1, "green", BEGAN)]


def test_the_last_answer_holds_for_still_frames() -> None:
    rules = rules_of(AFTER_1_S)

    events = rules.observe(scored(0.0, RED, index=0))
    for number in range(1, 20):
        events += rules.still(frame(number / 10, number), 1_700_000_000.0 + number / 10)

    assert told(events) == [(1.0, "red", BEGAN)]


def test_still_frames_before_any_answer_say_nothing() -> None:
    assert rules_of(NOW).still(frame(0.0, 0), 0.0) == []


def test_a_run_that_ends_ends_what_is_on() -> None:
    rules = rules_of(NOW)
    watch(rules, [(0.0, RED), (2.0, RED)])

    events = rules.settle(1_700_000_002.5)

    assert told(events) == [(2.5, "red", ENDED)]
    assert (events[0].detail["reason"], events[0].detail["duration_s"]) == ("end of run", 2.0)
    assert rules.settle(1_700_000_003.0) == []


def test_a_model_with_the_same_labels_takes_over_without_a_word() -> None:
    rules = rules_of(NOW)

    events = [*rules.observe(scored(0.0, RED, index=0)), *rules.observe(scored(1.0, RED, index=1, spec=light_spec()))]

    assert told(events) == [(0.0, "red", BEGAN)]


def test_a_model_with_other_labels_starts_anew_and_says_what_is_not_watched_any_more() -> None:
    rules = rules_of(Condition("red", for_s=0.0), Condition("yellow", for_s=0.0))
    rules.observe(scored(0.0, RED, index=0))
    others = light_spec(("rot", "yellow", "green"))

    events = rules.observe(scored(1.0, certain("yellow"), index=1, spec=others))

    assert told(events) == [(1.0, "red", ENDED), (1.0, "lights 1.0.0", HAPPENED), (1.0, "yellow", BEGAN)]
    assert events[0].detail["reason"] == "other model"
    assert (events[1].kind, events[1].detail["labels"]) == ("model", ["rot", "yellow", "green"])
    assert [text.split(";")[0] for text in events[1].detail["not_watched"]] == ["event 'red': no label 'red'"]


def test_a_model_of_another_task_starts_anew() -> None:
    rules = rules_of(Condition(for_s=0.0))
    rules.observe(scored(0.0, RED, index=0))

    events = rules.observe(masked(1.0, np.full((10, 10), 2), index=1))

    assert told(events) == [(1.0, "red", ENDED), (1.0, "street 1.0.0", HAPPENED), (1.0, "car", BEGAN)]


@pytest.mark.parametrize("smoothing", [Smoothing(), Smoothing("majority", answers=3)])
def test_an_answer_that_is_not_a_number_ends_what_is_on_and_does_no_lasting_harm(smoothing: Smoothing) -> None:
    rules = rules_of(NOW, smoothing=smoothing)

    events = watch(rules, [(0.0, RED), (1.0, [math.nan] * 3), (2.0, RED)])

    assert told(events) == [(0.0, "red", BEGAN), (1.0, "red", ENDED), (2.0, "red", BEGAN)]
    assert events[1].detail["reason"] == "the model's answer is not a number"


def test_shares_of_the_whole_picture_begin_and_end_events_of_each_class_but_the_background() -> None:
    rules = rules_of(NOW, spec=street_spec())
    empty = np.zeros((10, 10))
    person, crowd = empty.copy(), empty.copy()
    person[0, :4], crowd[0, :5] = 1, 1  # 4 % and 5 %

    events = []
    for number, mask in enumerate([person, crowd, person, empty]):
        events += rules.observe(masked(float(number), mask, index=number, spec=street_spec()))

    assert told(events) == [(1.0, "person", BEGAN), (3.0, "person", ENDED)]
    assert events[0].detail["score"] == 0.05


def test_events_can_be_written_as_json() -> None:
    events = watch(rules_of(NOW), [(0.0, RED), (1.0, GREEN)])

    assert json.loads(json.dumps([event.detail for event in events]))[0]["score"] == 1.0
    assert all(event.result is not None and event.result.spec is LIGHT_SPEC for event in events)
