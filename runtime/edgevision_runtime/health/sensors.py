"""All sensors of the machine in one reading. Each that is missing leaves a None and a reason, never a zero."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from edgevision_runtime.health.kernel_files import Unreadable, read_text
from edgevision_runtime.health.power import PowerSensors
from edgevision_runtime.health.reading import (
    FREQUENCY_CAPPED,
    SOFT_LIMIT,
    THROTTLED,
    UNDER_VOLTAGE,
    HealthReading,
)  # fmt: skip
from edgevision_runtime.health.temperature import read_temperature

FIELDS = {
    "under_voltage": UNDER_VOLTAGE,
    "throttled": THROTTLED,
    "frequency_capped": FREQUENCY_CAPPED,
    "soft_limit": SOFT_LIMIT,
}
NOT_SHOWN = "no sensor that Linux shows"


class Sensors:
    """The board's sensors below `root`, the memory of this process, and the disk that holds `folder`."""

    def __init__(self, root: Path = Path("/"), *, folder: Path | None = None) -> None:
        self._root, self._folder = root, folder
        self._power = PowerSensors(root)

    def read(self) -> HealthReading:
        """Look at everything once. It takes about a millisecond, some 10 ms more where vcgencmd has to be asked."""
        unread: dict[str, str] = {}
        temperature_c, zone = None, ""
        try:
            temperature_c, zone = read_temperature(self._root)
        except Unreadable as error:
            unread["temperature_c"] = str(error)
        power = self._power.read()
        for name, state in FIELDS.items():
            if state not in power.now:
                unread[name] = "; ".join([NOT_SHOWN, *power.why_not])
        return HealthReading(
            at=time.time(),
            temperature_c=temperature_c,
            zone=zone,
            under_voltage=power.now.get(UNDER_VOLTAGE),
            throttled=power.now.get(THROTTLED),
            frequency_capped=power.now.get(FREQUENCY_CAPPED),
            soft_limit=power.now.get(SOFT_LIMIT),
            occurred=tuple(sorted(power.occurred)),
            rss_mb=_read("rss_mb", self._rss_mb, unread),
            memory_free_mb=_read("memory_free_mb", self._memory_free_mb, unread),
            disk_free_mb=_read("disk_free_mb", self._disk_free_mb, unread),
            load_1min=_read("load_1min", self._load_1min, unread),
            unread=unread,
        )

    def _rss_mb(self) -> float:
        pages = int(read_text(self._root / "proc/self/statm").split()[1])
        return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)

    def _memory_free_mb(self) -> float:
        for line in read_text(self._root / "proc/meminfo").splitlines():
            if line.startswith("MemAvailable:"):
                return round(int(line.split()[1]) * 1024 / 1e6, 1)
        raise Unreadable("proc/meminfo does not say MemAvailable")

    def _disk_free_mb(self) -> float:
        if self._folder is None:
            raise Unreadable("nothing is written to a disk")
        try:
            facts = os.statvfs(self._folder)
            return round(facts.f_bavail * facts.f_frsize / 1e6, 1)
        except OSError as error:
            raise Unreadable(f"{self._folder}: {error.strerror}") from error

    def _load_1min(self) -> float:
        return float(read_text(self._root / "proc/loadavg").split()[0])


def _read(name: str, read: Callable[[], float], unread: dict[str, str]) -> float | None:
    try:
        return read()
    except (Unreadable, ValueError, IndexError) as error:
        unread[name] = str(error)
        return None
