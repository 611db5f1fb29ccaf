"""What to watch for: settings as a person gives them, and what they mean for a model with its task and labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from edgevision_runtime.errors import UsageError, did_you_mean

EVERY = "*"  # as a label: each of them
ENTER = {"classify": 0.6, "segment": 0.05}  # a score is a probability; a share of the picture is small
IN_ZONE = " in "  # between a label and a zone
LEAVE_OF_ENTER = 2 / 3
FOR_S = 0.5
TIME_CONSTANT_S = 0.5
LONGEST_GAP_S = 5.0
MOTION_SHARE = 0.002  # of the picture: 36 × 51 pixels of 1280 × 720
REFRESH_S = 5.0


@dataclass(frozen=True)
class Smoothing:
    """How answers are combined: `exponential` over a time constant (0: not at all), or `majority` of the last ones."""

    kind: str = "exponential"  # exponential | majority
    time_constant_s: float = TIME_CONSTANT_S
    answers: int = 1  # how many a majority is made of


class Limits(NamedTuple):
    """When a score makes an event."""

    enter: float  # at least this for `for_s`: it begins
    leave: float  # less than this for `for_s`: it ends
    for_s: float
    cooldown_s: float  # from its end until it may begin again


@dataclass(frozen=True)
class Condition:
    """A label (or `EVERY`) to watch, in the whole picture or in a zone. None: what the task makes of it."""

    label: str = EVERY
    zone: str | None = None
    enter: float | None = None
    leave: float | None = None
    for_s: float = FOR_S
    cooldown_s: float = 0.0

    def limits(self, task: str) -> Limits:
        """The numbers for a model of this task. A threshold to leave that is not given is two thirds of the other."""
        enter = ENTER[task] if self.enter is None else self.enter
        leave = enter * LEAVE_OF_ENTER if self.leave is None else self.leave
        return Limits(enter, leave, self.for_s, self.cooldown_s)

    @property
    def title(self) -> str:
        """As it is given: `person`, `person in door`."""
        return self.label if self.zone is None else f"{self.label}{IN_ZONE}{self.zone}"


@dataclass(frozen=True)
class Zone:
    """A polygon on the frame: corners (x, y) from (0, 0), top left, to (1, 1), bottom right."""

    name: str
    corners: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class MotionSettings:
    """When a picture is another one: `share` of it, 0..1, has changed; or `refresh_s` have passed."""

    share: float = MOTION_SHARE
    refresh_s: float = REFRESH_S


@dataclass(frozen=True)
class EventSettings:
    """Which events a camera's answers make. Without conditions: every label, in each zone where there are zones."""

    conditions: tuple[Condition, ...] = ()
    smoothing: Smoothing | None = None
    zones: tuple[Zone, ...] = ()
    longest_gap_s: float = LONGEST_GAP_S

    def for_model(self, labels: Sequence[str], task: str) -> ModelEvents:
        """What of it makes sense for a model; the rest is in `refused`, with the reason."""
        smoothing, refused = self.smoothing or Smoothing(), {}
        if task != "segment" and self.zones:
            refused["zones"] = UsageError("zones need a model that segments", expected="no --zone")
        if task == "segment" and smoothing.kind == "majority":
            what = "a majority is of labels, and a model that segments answers with shares"
            refused["smoothing"] = UsageError(what, expected="--smooth exponential=1s")
            smoothing = Smoothing()
        kept = []
        for condition in self.conditions or self._default_conditions(task):
            refusal = self._refusal(condition, labels, task)
            if refusal is None:
                kept.append(condition)
            else:
                refused[f"event {condition.title!r}"] = refusal
        zones = self.zones if task == "segment" else ()
        return ModelEvents(tuple(labels), task, smoothing, tuple(kept), zones, refused)

    def _default_conditions(self, task: str) -> tuple[Condition, ...]:
        if task == "segment" and self.zones:
            return tuple(Condition(zone=zone.name) for zone in self.zones)
        return (Condition(),)

    def _refusal(self, condition: Condition, labels: Sequence[str], task: str) -> UsageError | None:
        if condition.zone is not None and task != "segment":
            return UsageError(f"event {condition.title!r} is about a zone", expected="a model that segments")
        if condition.label not in (EVERY, *labels):
            return self._unknown(condition, labels)
        limits = condition.limits(task)
        if limits.leave > limits.enter:
            what = f"event {condition.title!r} ends below {limits.leave:g} and begins at {limits.enter:g}"
            return UsageError(what, expected="leave at most as high as enter")
        return None

    def _unknown(self, condition: Condition, labels: Sequence[str]) -> UsageError:
        in_zones = [f"{label}{IN_ZONE}{zone.name}" for zone in self.zones for label in (EVERY, *labels)]
        hint = did_you_mean(condition.label, [*labels, *(in_zones if condition.zone is None else ())])
        if not self.zones and IN_ZONE in condition.label:
            hint = "a zone is given with --zone"
        shown = " | ".join(labels[:10]) + (" | …" if len(labels) > 10 else "")
        return UsageError(f"event {condition.title!r}: no label {condition.label!r}", expected=shown, hint=hint)


@dataclass(frozen=True)
class ModelEvents:
    """The part of the settings that holds for one model."""

    labels: tuple[str, ...]
    task: str  # classify | segment
    smoothing: Smoothing
    conditions: tuple[Condition, ...]
    zones: tuple[Zone, ...]
    refused: Mapping[str, UsageError]  # wish → why this model cannot fulfil it


@dataclass(frozen=True)
class WatchSettings:
    """Everything about watching that a person sets for a camera."""

    events: EventSettings | None = None  # None: results only
    motion: MotionSettings | None = None  # None: every frame is inferred


def check_events(settings: EventSettings, models: Sequence[tuple[Sequence[str], str]]) -> None:
    """Raise UsageError for a wish that no model of a camera, given as (labels, task), can fulfil."""
    first, *others = [settings.for_model(labels, task).refused for labels, task in models]
    for wish, error in first.items():
        if all(wish in refused for refused in others):
            raise error
