"""At which temperatures a board takes which step; a board's own stand in its file in `devices/`."""

from __future__ import annotations

from typing import NamedTuple

from edgevision_runtime.errors import UsageError


class Band(NamedTuple):
    """Where a step is entered and where it is left, °C."""

    enter_c: float
    leave_c: float


class ThermalLimits(NamedTuple):
    """The steps of a board; `source` says where the numbers come from."""

    slow: Band
    small: Band
    alarm: Band
    source: str


CAUTIOUS = ThermalLimits(
    Band(75, 70), Band(79, 74), Band(84, 79), "those of a Raspberry Pi, for a board without limits of its own"
)


def check_limits(limits: ThermalLimits) -> None:
    """Raises UsageError for steps that would flutter, or come in another order than slow, small, alarm."""
    if any(band.leave_c >= band.enter_c for band in (limits.slow, limits.small, limits.alarm)):
        raise UsageError("a step is left where it is entered", expected="leave_c below enter_c")
    if not limits.slow.enter_c < limits.small.enter_c < limits.alarm.enter_c:
        raise UsageError("the steps are out of order", expected="slow, small, alarm at rising enter_c")
