"""What holds for every sequence of answers, however wild."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from edgevision_runtime.messages import BEGAN, ENDED, Event
from edgevision_runtime.watching.settings import Condition, Smoothing
from tests.edgevision_runtime.watching.answers import WALL_CLOCK_AT_0, frame, rules_of, scored

LONGEST_GAP_S = 2.0
A_MOMENT = 1e-5


SCORES = ((1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.55, 0.0, 0.45), (0.45, 0.0, 0.55), (0.05, 0.9, 0.05), (0.4, 0.3, 0.3))
NO_GAP, GAP_BEFORE, GAP_AFTER = "", "before", "after"  # the latter noticed before this frame was answered


class Step(NamedTuple):
    """Something that a camera and a model do next."""

    after_s: float
    scores: tuple[float, ...]
    kind: str  # answered | still | unanswered
    told_gap: str


STEPS = st.lists(
    st.builds(
        Step,
        after_s=st.one_of(st.floats(0.01, 0.5), st.sampled_from([0.1, 1.0, 2.0, 2.1, 6.0])),
        scores=st.sampled_from(SCORES),
        kind=st.sampled_from(["answered", "answered", "answered", "still", "unanswered"]),
        told_gap=st.sampled_from([NO_GAP] * 6 + [GAP_BEFORE, GAP_AFTER]),
    ),
    min_size=10,
    max_size=60,
)
CONDITIONS = st.lists(
    st.builds(
        Condition,
        label=st.sampled_from(["*", "red", "green"]),
        enter=st.sampled_from([0.3, 0.6, 0.9]),
        leave=st.sampled_from([0.1, 0.3]),
        for_s=st.sampled_from([0.0, 0.0, 0.5]),
        cooldown_s=st.sampled_from([0.0, 3.0]),
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda condition: condition.label,
)
SMOOTHING = st.sampled_from(
    [
        Smoothing(time_constant_s=0.0),
        Smoothing(time_constant_s=0.0),
        Smoothing(),
        Smoothing("majority", answers=1),
        Smoothing("majority", answers=5),
    ]
)


class Story(NamedTuple):
    """What was told, and between which moments nobody looked."""

    events: list[Event]
    gaps: list[tuple[float, float]]


def live(steps: list[Step], conditions: list[Condition], smoothing: Smoothing) -> Story:
    rules = rules_of(*conditions, smoothing=smoothing, longest_gap_s=LONGEST_GAP_S)
    events: list[Event] = []
    gaps, now_s, is_after_gap = [], 0.0, False
    for index, step in enumerate(steps):
        before_s, now_s = now_s, now_s + step.after_s
        if step.told_gap == GAP_BEFORE or is_after_gap:
            events += rules.gap(before_s)
        if step.told_gap == GAP_BEFORE or is_after_gap or step.after_s > LONGEST_GAP_S:
            gaps.append((before_s, now_s))
        is_after_gap = step.told_gap == GAP_AFTER
        if is_after_gap:
            events += rules.gap(now_s)
        if step.kind == "answered":
            events += rules.observe(scored(now_s, step.scores, index=index))
        else:
            pass_over = rules.still if step.kind == "still" else rules.unanswered
            events += pass_over(frame(now_s, index), WALL_CLOCK_AT_0 + now_s)
    return Story([*events, *rules.settle(WALL_CLOCK_AT_0 + now_s)], gaps)


def spans(events: list[Event]) -> dict[str, list[tuple[float, float]]]:
    """(began, ended) in seconds on the camera's clock, for each name; fails when they do not alternate."""
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    began: dict[str, float] = {}
    for event in events:
        at_s = event.at - WALL_CLOCK_AT_0
        if event.phase == BEGAN:
            assert event.name not in began
            began[event.name] = at_s
        else:
            assert event.phase == ENDED
            found[event.name].append((began.pop(event.name), at_s))
    assert not began
    return found


@settings(deadline=None)
@given(STEPS, CONDITIONS, SMOOTHING)
def test_what_began_ends_once_and_nothing_lasts_over_a_gap(
    steps: list[Step], conditions: list[Condition], smoothing: Smoothing
) -> None:
    story = live(steps, conditions, smoothing)

    for own in spans(story.events).values():
        for began_s, ended_s in own:
            assert not any(began_s <= a + A_MOMENT and ended_s >= b - A_MOMENT for a, b in story.gaps)


@settings(deadline=None)
@given(STEPS, CONDITIONS, SMOOTHING)
def test_nothing_begins_again_within_its_cooldown(
    steps: list[Step], conditions: list[Condition], smoothing: Smoothing
) -> None:
    by_label = {condition.label: condition for condition in conditions}

    for name, own in spans(live(steps, conditions, smoothing).events).items():
        condition = by_label.get(name, by_label.get("*"))
        assert condition is not None
        for (_, ended_s), (began_s, _) in pairwise(own):
            assert began_s - ended_s >= condition.cooldown_s - A_MOMENT


@settings(deadline=None)
@given(STEPS, CONDITIONS, SMOOTHING)
def test_of_every_label_one_is_on_at_a_time(
    steps: list[Step], conditions: list[Condition], smoothing: Smoothing
) -> None:
    named = {condition.label for condition in conditions}

    is_on: set[str] = set()
    for event in live(steps, conditions, smoothing).events:
        if event.name not in named:
            (is_on.add if event.phase == BEGAN else is_on.remove)(event.name)
        assert len(is_on) <= 1


@settings(deadline=None)
@given(STEPS, CONDITIONS, SMOOTHING)
def test_an_event_says_how_long_it_was_and_that_fits_its_times(
    steps: list[Step], conditions: list[Condition], smoothing: Smoothing
) -> None:
    began: dict[str, float] = {}

    for event in live(steps, conditions, smoothing).events:
        if event.phase == BEGAN:
            began[event.name] = event.at
        else:
            assert abs(event.at - began[event.name] - event.detail["duration_s"]) < 1e-3
            assert 1 <= event.detail["frames"] <= len(steps)
            assert event.detail["peak"] >= event.detail["score"]
