"""What a person should hear of a board, beside its heat: a weak power supply, a slowed processor, a full disk."""

from __future__ import annotations

from edgevision_runtime.health.reading import (
    FREQUENCY_CAPPED,
    SOFT_LIMIT,
    THROTTLED,
    UNDER_VOLTAGE,
    HealthReading,
)  # fmt: skip
from edgevision_runtime.messages import BEGAN, ENDED, HAPPENED, Event

CALM_S = 30.0  # so long without it before an alarm ends: voltage flickers
DISK_LOW_MB = 100.0
DISK_ENOUGH_MB = 200.0
REASONS = {
    UNDER_VOLTAGE: "the power supply or its cable is too weak for the board",
    THROTTLED: "the board slows its processor",
    FREQUENCY_CAPPED: "the board limits its processor's frequency",
    SOFT_LIMIT: "the board is above its soft temperature limit",
    "disk": "the disk that results are written to is nearly full",
}


class Alarm:
    """Begins at once, ends after a calm."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.has_been_told = False
        self._began_s: float | None = None
        self._last_s = 0.0

    def observe(self, is_on: bool | None, at: float, now_s: float) -> Event | None:
        """The event when this reading begins or ends it; None as a reading changes nothing."""
        if is_on:
            self._last_s = now_s
            if self._began_s is None:
                self._began_s, self.has_been_told = now_s, True
                return Event("health", self.name, BEGAN, "", at, {"reason": REASONS[self.name]})
        elif is_on is False and self._began_s is not None and now_s - self._last_s >= CALM_S:
            lasted_s, self._began_s = self._last_s - self._began_s, None
            return Event("health", self.name, ENDED, "", at, {"duration_s": round(lasted_s, 1)})
        return None


class BoardAlarms:
    """The alarms of one board."""

    def __init__(self) -> None:
        self._alarms = {name: Alarm(name) for name in REASONS}

    def observe(self, reading: HealthReading, now_s: float) -> list[Event]:
        """What this reading, taken at `now_s`, begins, ends, or tells of the time before."""
        is_on = {
            UNDER_VOLTAGE: reading.under_voltage,
            THROTTLED: reading.throttled,
            FREQUENCY_CAPPED: reading.frequency_capped,
            SOFT_LIMIT: reading.soft_limit,
            "disk": _is_disk_low(reading.disk_free_mb),
        }
        events = [alarm.observe(is_on[name], reading.at, now_s) for name, alarm in self._alarms.items()]
        return [event for event in events if event is not None] + self._tell_of_before(reading)

    def _tell_of_before(self, reading: HealthReading) -> list[Event]:
        """What has been since the board was switched on and nobody saw: told once."""
        events = []
        for name in reading.occurred:
            alarm = self._alarms[name]
            if not alarm.has_been_told:
                alarm.has_been_told = True
                reason = f"has happened since the board was switched on: {REASONS[name]}"
                events.append(Event("health", name, HAPPENED, "", reading.at, {"reason": reason}))
        return events


def _is_disk_low(free_mb: float | None) -> bool | None:
    if free_mb is None or DISK_LOW_MB <= free_mb <= DISK_ENOUGH_MB:
        return None
    return free_mb < DISK_LOW_MB
