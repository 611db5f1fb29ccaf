"""What the sensors of a board said at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

UNDER_VOLTAGE = "under-voltage"
FREQUENCY_CAPPED = "frequency capped"
THROTTLED = "throttled"
SOFT_LIMIT = "soft temperature limit"

NORMAL = "normal"


class HealthReading(NamedTuple):
    """One look at the board. None is a value that could not be read; `unread` says why. 1 MB is 10⁶ bytes."""

    at: float  # time.time()
    temperature_c: float | None = None  # of the hottest processor
    zone: str = ""  # where that was read, such as "cpu-thermal"
    under_voltage: bool | None = None  # now
    throttled: bool | None = None  # now: the clock is held down, by heat or by the power supply
    frequency_capped: bool | None = None  # now
    soft_limit: bool | None = None  # now: above the soft temperature limit of a Raspberry Pi 3B+
    occurred: tuple[str, ...] = ()  # which of these have been so since the board was switched on
    rss_mb: float | None = None  # memory of this process
    memory_free_mb: float | None = None  # that the system could still give
    disk_free_mb: float | None = None  # where results are written
    load_1min: float | None = None  # processes that ran or waited, mean of a minute
    unread: Mapping[str, str] = {}  # name of a field → why it is None
    step: str = NORMAL  # what is done about the heat, one of steps.STEPS
    pace_factor: float = 1.0  # how many times longer the period between two inferences is because of that

    def to_json(self) -> dict[str, Any]:
        """All of it, fit for JSON."""
        return {**self._asdict(), "occurred": list(self.occurred), "unread": dict(self.unread)}
