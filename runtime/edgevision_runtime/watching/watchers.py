"""What is watched in one row of scores: one label's own score, or which label it is now."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from edgevision_runtime.messages import BEGAN
from edgevision_runtime.watching.hysteresis import Change, Hysteresis
from edgevision_runtime.watching.settings import EVERY, Condition

if TYPE_CHECKING:
    from edgevision_runtime.types import Tensor
    from edgevision_runtime.watching.settings import Limits

OTHER_LABEL = "other label"  # why a label ended: another one began


class LabelChange(NamedTuple):
    """A class began or ended."""

    label_index: int
    change: Change


class Watcher(Protocol):
    """Turns smoothed scores into changes."""

    def step(self, scores: Tensor, best: int, now_s: float) -> Sequence[LabelChange]:
        """Take the next scores, (classes,), of which `best` stands first."""
        ...

    def end(self, reason: str, now_s: float) -> Sequence[LabelChange]:
        """End what is on."""
        ...


class LabelWatcher:
    """A label by its own score, whatever the others do."""

    def __init__(self, index: int, limits: Limits) -> None:
        self._index = index
        self._state = Hysteresis(limits)

    def step(self, scores: Tensor, best: int, now_s: float) -> Sequence[LabelChange]:
        """See `Watcher`."""
        change = self._state.step(float(scores[self._index]), now_s)
        return () if change is None else (LabelChange(self._index, change),)

    def end(self, reason: str, now_s: float) -> Sequence[LabelChange]:
        """See `Watcher`."""
        change = self._state.end(reason, now_s)
        return () if change is None else (LabelChange(self._index, change),)


class CurrentLabelWatcher:
    """Which label it is now: at most one at a time, none while the model is not sure.

    A label begins when it stands first with a score that is high for long enough, and ends when its score is low for
    long enough or another label begins.
    """

    def __init__(self, limits: Limits, excepted: Container[int]) -> None:
        """`excepted` are classes that somebody else watches; where one of them stands first, no label begins here."""
        self._limits, self._excepted = limits, excepted
        self._states: dict[int, Hysteresis] = {}  # of the labels that stood first at least once
        self._current: int | None = None
        self._candidate: int | None = None  # stands first, and may become the current one

    def step(self, scores: Tensor, best: int, now_s: float) -> Sequence[LabelChange]:
        """See `Watcher`."""
        candidate = None if best == self._current or best in self._excepted else best
        changes: list[LabelChange] = []
        if self._current is not None:
            ended = self._states[self._current].step(float(scores[self._current]), now_s)
            if ended is not None:
                changes.append(LabelChange(self._current, ended))
                self._current = None
        if candidate != self._candidate:
            if self._candidate is not None:
                self._states[self._candidate].end(
                    OTHER_LABEL, now_s
                )  # it is not on: it only loses the time it stood first
            self._candidate = candidate
        if candidate is not None:
            began = self._state_of(candidate).step(float(scores[candidate]), now_s)
            if began is not None and began.phase == BEGAN:
                changes += self._end_current(OTHER_LABEL, now_s)
                changes.append(LabelChange(candidate, began))
                self._current, self._candidate = candidate, None
        return changes

    def end(self, reason: str, now_s: float) -> Sequence[LabelChange]:
        """See `Watcher`."""
        if self._candidate is not None:
            self._states[self._candidate].end(reason, now_s)
            self._candidate = None
        return self._end_current(reason, now_s)

    def _end_current(self, reason: str, now_s: float) -> Sequence[LabelChange]:
        index, self._current = self._current, None
        ended = None if index is None else self._states[index].end(reason, now_s)
        return () if index is None or ended is None else (LabelChange(index, ended),)

    def _state_of(self, index: int) -> Hysteresis:
        if index not in self._states:
            self._states[index] = Hysteresis(self._limits)
        return self._states[index]


def make_watchers(conditions: Sequence[Condition], labels: Sequence[str], task: str) -> list[Watcher]:
    """The watchers of one row of scores. `EVERY` leaves out the labels that have a condition of their own.

    Of a classifier, `EVERY` is the current label; of a model that segments, each class but the first, the background.
    """
    own = {labels.index(condition.label): condition for condition in conditions if condition.label != EVERY}
    watchers: list[Watcher] = [LabelWatcher(index, condition.limits(task)) for index, condition in own.items()]
    for condition in conditions:
        if condition.label == EVERY and task == "classify":
            watchers.append(CurrentLabelWatcher(condition.limits(task), frozenset(own)))
        elif condition.label == EVERY:
            rest = [index for index in range(1, len(labels)) if index not in own]
            watchers += [LabelWatcher(index, condition.limits(task)) for index in rest]
    return watchers
