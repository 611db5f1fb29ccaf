"""Where something is watched, the whole picture or one zone: its answers smoothed, and its watchers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from edgevision_runtime.watching.smoothing import make_smoother
from edgevision_runtime.watching.watchers import LabelChange, make_watchers

if TYPE_CHECKING:
    from edgevision_runtime.types import Tensor
    from edgevision_runtime.watching.settings import ModelEvents

NO_NUMBER = "the model's answer is not a number"  # why something ended


class Region:
    """The whole picture (`zone` is None) or a zone."""

    def __init__(self, zone: str | None, plan: ModelEvents) -> None:
        self.zone = zone
        self.kind = "label" if zone is None else "zone"
        self._labels = plan.labels
        self._smoother = make_smoother(plan.smoothing, len(plan.labels))
        conditions = [condition for condition in plan.conditions if condition.zone == zone]
        self._watchers = make_watchers(conditions, plan.labels, plan.task)

    def step(self, values: Tensor, now_s: float) -> list[LabelChange]:
        """What the next scores or shares, float (classes,), begin and end."""
        if not math.isfinite(values.max()):
            return self.begin_anew(NO_NUMBER, now_s)
        scores = self._smoother.update(values, now_s)
        best = self._smoother.best()
        return [change for watcher in self._watchers for change in watcher.step(scores, best, now_s)]

    def begin_anew(self, reason: str, now_s: float) -> list[LabelChange]:
        """End what is on, and forget the answers."""
        self._smoother.forget()
        return [change for watcher in self._watchers for change in watcher.end(reason, now_s)]

    def name_of(self, index: int) -> str:
        """What an event about a class here is called: `person`, `door: person`."""
        label = self._labels[index]
        return label if self.zone is None else f"{self.zone}: {label}"


def regions_of(plan: ModelEvents) -> list[Region]:
    """Each place that a condition is about, in the order in which they are given."""
    return [Region(zone, plan) for zone in dict.fromkeys(condition.zone for condition in plan.conditions)]
