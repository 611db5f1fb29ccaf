"""What watches one camera: the gate before its models, and the rules for each model's answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from edgevision_runtime.cameras.events import CameraEvent, Gap
from edgevision_runtime.watching.motion import MotionGate
from edgevision_runtime.watching.rules import GAP, EventRules
from edgevision_runtime.watching.settings import WatchSettings, check_events

if TYPE_CHECKING:
    from edgevision_runtime.messages import Event
    from edgevision_runtime.types import ModelSpec


class Watch:
    """The gate and the rules that a camera's settings ask for.

    Raises:
        UsageError: the settings ask for what none of the models has.
    """

    def __init__(
        self,
        settings: WatchSettings,
        models: Sequence[ModelSpec],
        camera: str,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`camera` is its name and `now` its clock."""
        self.gate = None if settings.motion is None else MotionGate(settings.motion, camera, now)
        self.rules: list[EventRules] = []  # for each model, in the same order; none without events
        if settings.events is not None:
            check_events(settings.events, [(spec.labels, spec.task) for spec in models])
            self.rules = [EventRules(settings.events, spec.labels, spec.task) for spec in models]

    def hear(self, happened: CameraEvent) -> list[Event]:
        """What ends because of what the camera tells, in whichever thread it does."""
        if not isinstance(happened, Gap):
            return []
        if self.gate is not None:
            self.gate.look_again(GAP)
        return [event for rules in self.rules for event in rules.gap(happened.started_s)]
