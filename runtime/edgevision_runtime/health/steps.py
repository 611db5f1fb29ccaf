"""What is done about heat, in steps: fewer frames, then a smaller model, then an alarm and hardly any frames.

        normal ──▶ slow ──▶ small ──▶ alarm        at each step's enter_c, the next one after `hotter_s` at the earliest
               ◀──      ◀──       ◀──              below its leave_c for `cooler_s` without a break

One step at a time, so that each can show what it does before the next. A board that throttles without being hot enough,
or without a thermometer, is slowed too; one that throttles for want of voltage is not, since that would not help it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from edgevision_runtime.health.limits import CAUTIOUS, ThermalLimits, check_limits
from edgevision_runtime.health.reading import NORMAL, HealthReading
from edgevision_runtime.messages import BEGAN, ENDED, Event

SLOW = "slow"
SMALL = "small"
ALARM = "alarm"
STEPS = (NORMAL, SLOW, SMALL, ALARM)
PACE = {NORMAL: 1.0, SLOW: 2.0, SMALL: 2.0, ALARM: 8.0}  # the period between inferences is so many times longer
SMALL_PACE_ALONE = 4.0  # of the step `small` where there is no smaller model


class Dwell(NamedTuple):
    """How long a step lasts at least, in seconds."""

    hotter_s: float = 15.0  # before the next one up
    cooler_s: float = 60.0  # cool enough, before the next one down


class HealthSteps:
    """Which step a board is at. `has_smaller`, which may change: whether there is a smaller model to go over to.

    Raises:
        UsageError: limits that cannot be.
    """

    def __init__(
        self, limits: ThermalLimits = CAUTIOUS, *, has_smaller: bool = False, dwell: Dwell | None = None
    ) -> None:
        check_limits(limits)
        self.has_smaller = has_smaller
        self._bands = (limits.slow, limits.small, limits.alarm)
        self._dwell = dwell or Dwell()
        self._index = 0
        self._entered_s = [float("-inf")] * len(STEPS)  # each step, by the clock that `observe` is told
        self._changed_s = float("-inf")
        self._cool_since_s: float | None = None

    @property
    def step(self) -> str:
        """One of STEPS."""
        return STEPS[self._index]

    @property
    def pace_factor(self) -> float:
        """How many times longer the period between two inferences shall be."""
        return SMALL_PACE_ALONE if self.step == SMALL and not self.has_smaller else PACE[self.step]

    @property
    def wants_smaller(self) -> bool:
        """Whether a smaller model shall answer."""
        return self.has_smaller and self.step in (SMALL, ALARM)

    def observe(self, reading: HealthReading, now_s: float) -> Event | None:
        """Judge one reading, taken at `now_s` of a clock that never goes back; the event when that changes the step."""
        if self._is_too_hot(reading):
            self._cool_since_s = None
            if now_s - self._changed_s >= self._dwell.hotter_s:
                return self._go_up(reading, now_s)
        elif not self._is_cool_enough(reading):
            self._cool_since_s = None
        elif self._cool_since_s is None:
            self._cool_since_s = now_s
        elif now_s - self._cool_since_s >= self._dwell.cooler_s:
            return self._go_down(reading, now_s)
        return None

    def _is_too_hot(self, reading: HealthReading) -> bool:
        """Whether the next step is called for."""
        if self._index == len(STEPS) - 1:
            return False
        if self._index == 0 and _is_held_back(reading):
            return True
        return reading.temperature_c is not None and reading.temperature_c >= self._bands[self._index].enter_c

    def _is_cool_enough(self, reading: HealthReading) -> bool:
        """Whether the present step may end. A thermometer that fell silent says neither."""
        if self._index == 0 or (self._index == 1 and _is_held_back(reading)):
            return False
        if reading.temperature_c is None:
            return self._index == 1 and reading.throttled is False
        return reading.temperature_c < self._bands[self._index - 1].leave_c

    def _go_up(self, reading: HealthReading, now_s: float) -> Event:
        self._index += 1
        self._entered_s[self._index] = self._changed_s = now_s
        return Event("health", f"heat: {self.step}", BEGAN, "", reading.at, self._detail(reading))

    def _go_down(self, reading: HealthReading, now_s: float) -> Event:
        left, lasted_s = self.step, now_s - self._entered_s[self._index]
        self._index -= 1
        self._changed_s, self._cool_since_s = now_s, None
        detail = {**self._detail(reading), "duration_s": round(lasted_s, 1)}
        return Event("health", f"heat: {left}", ENDED, "", reading.at, detail)

    def _detail(self, reading: HealthReading) -> dict[str, Any]:
        hot = "" if reading.temperature_c is None else f"{reading.zone} at {reading.temperature_c:.1f} °C"
        slowed = "the board slows its processor" if _is_held_back(reading) else ""
        return {
            "reason": ", ".join(filter(None, (hot, slowed))),
            "temperature_c": reading.temperature_c,
            "step": self.step,
            "pace_factor": self.pace_factor,
            "wants_smaller": self.wants_smaller,
        }


def _is_held_back(reading: HealthReading) -> bool:
    return bool(reading.throttled) and not reading.under_voltage
