"""Looks at the board every few seconds, says which step it is at, and tells what changes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

from edgevision_runtime.health.alarms import BoardAlarms
from edgevision_runtime.health.reading import HealthReading
from edgevision_runtime.health.steps import HealthSteps
from edgevision_runtime.messages import Event

PERIOD_S = 5.0
ENDS_WITHIN_S = 0.5  # how long the end of a run waits for a look that is under way


class Readable(Protocol):
    """What gives readings."""

    def read(self) -> HealthReading:
        """Look at everything once."""
        ...


class HealthMonitor:
    """A thread that reads `sensors` at once and then every `period_s`. A context manager.

    `show` is given each reading, `tell` each event; both are called in the monitor's thread. `pace_factor` and
    `wants_smaller` may be read by any thread at any time.
    """

    def __init__(
        self,
        sensors: Readable,
        steps: HealthSteps,
        *,
        show: Callable[[HealthReading], None],
        tell: Callable[[Event], None],
        period_s: float = PERIOD_S,
    ) -> None:
        self._sensors, self._steps, self._alarms = sensors, steps, BoardAlarms()
        self._show, self._tell, self._period_s = show, tell, period_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="health", daemon=True)

    @property
    def pace_factor(self) -> float:
        """How many times longer the period between two inferences shall be; 1 as long as the board is cool."""
        return self._steps.pace_factor

    @property
    def wants_smaller(self) -> bool:
        """Whether a smaller model shall answer."""
        return self._steps.wants_smaller

    def look(self, now_s: float | None = None) -> HealthReading:
        """Read, judge, show and tell once; `now_s` is by time.monotonic() unless given."""
        now_s = time.monotonic() if now_s is None else now_s
        reading = self._sensors.read()
        step = self._steps.observe(reading, now_s)
        reading = reading._replace(step=self._steps.step, pace_factor=self._steps.pace_factor)
        self._show(reading)
        for event in [*([step] if step else []), *self._alarms.observe(reading, now_s)]:
            self._tell(event)
        return reading

    def __enter__(self) -> HealthMonitor:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join(ENDS_WITHIN_S)

    def _run(self) -> None:
        self.look()
        while not self._stop.wait(self._period_s):
            self.look()
