"""Whether the clock is held down, and whether the power supply is too weak.

A Raspberry Pi's firmware keeps one word of bits: 0 under-voltage, 1 frequency capped, 2 throttled, 3 above the soft
temperature limit, and the same from 16 on for "since the board was switched on". A Jetson counts events (1
under-voltage, 2 mean and 3 momentary over-current on an Orin), an x86 processor too.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from edgevision_runtime.health.kernel_files import Unreadable, find, named_hwmon, read_number, read_text
from edgevision_runtime.health.reading import FREQUENCY_CAPPED, SOFT_LIMIT, THROTTLED, UNDER_VOLTAGE
from edgevision_runtime.health.vcgencmd import ask_firmware

BITS = {UNDER_VOLTAGE: 0, FREQUENCY_CAPPED: 1, THROTTLED: 2, SOFT_LIMIT: 3}
OCCURRED_SHIFT = 16
FIRMWARE_WORD = "sys/devices/platform/soc*/soc*:firmware/get_throttled"  # "soc@107c000000" on a Raspberry Pi 5
PI_VOLTAGE_MONITOR = frozenset({"rpi_volt"})
COUNTERS = (
    ("sys/class/hwmon/hwmon*/oc1_event_cnt", UNDER_VOLTAGE),
    ("sys/class/hwmon/hwmon*/oc[2-9]_event_cnt", THROTTLED),
    ("sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count", THROTTLED),
)
# cooling devices that slow a processor: thermal-cpufreq-0, cpufreq-cpu0, devfreq-17000000.gpu, cpu-balanced,
# cpu-throttle-alert; not pwm-fan, whose state says nothing of the clock
SLOWS_A_PROCESSOR = re.compile(r".*(?:cpufreq|devfreq|[cg]pu-balanced|[cg]pu-throttle).*", re.IGNORECASE)


class Power:
    """What is known of the clock and the supply: states that are known now, and those that have been."""

    def __init__(self) -> None:
        self.now: dict[str, bool] = {}  # absent: not known
        self.occurred: set[str] = set()
        self.why_not: list[str] = []

    def add(self, state: str, is_so: bool) -> None:
        """One source's word; any that says yes is believed."""
        self.now[state] = self.now.get(state, False) or is_so


class PowerSensors:
    """Reads a board's word of bits and its counters; remembers the counters from one read to the next."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._counts: dict[Path, int] = {}

    def read(self) -> Power:
        """All that the board shows; never raises."""
        power = Power()
        sources: tuple[Callable[[Power], None], ...] = (
            self._read_firmware,
            self._read_voltage_monitor,
            self._read_counters,
            self._read_cooling,
        )
        for source in sources:
            try:
                source(power)
            except Unreadable as error:
                power.why_not.append(str(error))
        return power

    def _read_firmware(self, power: Power) -> None:
        """The kernel's copy of the firmware's word, else what vcgencmd says of it."""
        paths = find(self._root, FIRMWARE_WORD)
        try:
            word = read_number(paths[0], 16) if paths else int(ask_firmware(self._root, "get_throttled"), 16)
        except ValueError as error:
            raise Unreadable(f"vcgencmd get_throttled: {error}") from error
        for state, bit in BITS.items():
            power.add(state, bool(word >> bit & 1))
            if word >> (bit + OCCURRED_SHIFT) & 1:
                power.occurred.add(state)

    def _read_voltage_monitor(self, power: Power) -> None:
        for folder in named_hwmon(self._root, PI_VOLTAGE_MONITOR):
            for path in find(folder, "in*_lcrit_alarm"):
                power.add(UNDER_VOLTAGE, read_number(path) != 0)

    def _read_counters(self, power: Power) -> None:
        for pattern, state in COUNTERS:
            for path in find(self._root, pattern):
                count = read_number(path)
                power.add(state, count > self._counts.get(path, count))
                self._counts[path] = count
                if count:
                    power.occurred.add(state)

    def _read_cooling(self, power: Power) -> None:
        for path in find(self._root, "sys/class/thermal/cooling_device*/type"):
            if SLOWS_A_PROCESSOR.fullmatch(read_text(path)):
                power.add(THROTTLED, read_number(path.parent / "cur_state") > 0)
