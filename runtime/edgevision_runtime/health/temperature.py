"""How hot the processor is: thermal zones, then hardware monitors, then the firmware of a Raspberry Pi."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from edgevision_runtime.health.kernel_files import Unreadable, find, named_hwmon, read_number, read_text
from edgevision_runtime.health.vcgencmd import ask_firmware

# cpu-thermal (Raspberry Pi OS), cpu_thermal (older), CPU-therm, GPU-therm, MCPU-therm, BCPU-therm (JetPack 4 and 5),
# soc0-thermal, tj-thermal (JetPack 6). Not PMIC-Die, which says 100 °C on every Jetson Nano whatever it is, and not
# thermal-fan-est, which is a mean over time
PROCESSOR_ZONE = re.compile(r"(?:[mb]?cpu|gpu|soc\d?|cv\d|tj)[-_]therm(?:al)?|x86_pkg_temp|tcpu", re.IGNORECASE)
PROCESSOR_MONITORS = frozenset({"coretemp", "k10temp", "zenpower", "cpu_thermal"})
PLAUSIBLE_C = (-45.0, 150.0)  # a Jetson says −256 °C for a processor that is switched off


class Temperature(NamedTuple):
    """The hottest processor."""

    celsius: float
    zone: str


def read_temperature(root: Path) -> Temperature:
    """The hottest of the processors' sensors. Raises Unreadable when there is none, or none can be read."""
    why: list[str] = []
    for sensors in (_zones(root), _monitors(root)):
        readings = []
        for path, name in sensors:
            try:
                readings.append(_plausible(path, name))
            except Unreadable as error:
                why.append(str(error))
        if readings:
            return max(readings)
    try:
        return Temperature(float(ask_firmware(root, "measure_temp").partition("'")[0]), "vcgencmd")
    except (Unreadable, ValueError) as error:
        why.append(str(error))
    raise Unreadable("; ".join(["no thermal zone of a processor", *why]))


def _zones(root: Path) -> list[tuple[Path, str]]:
    sensors = []
    for path in find(root, "sys/class/thermal/thermal_zone*/type"):
        try:
            name = read_text(path)
        except Unreadable:  # unplugged between the two reads
            continue
        if PROCESSOR_ZONE.fullmatch(name):
            sensors.append((path.parent / "temp", name))
    return sensors


def _monitors(root: Path) -> list[tuple[Path, str]]:
    return [
        (path, read_text(folder / "name"))
        for folder in named_hwmon(root, PROCESSOR_MONITORS)
        for path in find(folder, "temp*_input")
    ]


def _plausible(path: Path, name: str) -> Temperature:
    celsius = read_number(path) / 1000
    if not PLAUSIBLE_C[0] < celsius < PLAUSIBLE_C[1]:
        raise Unreadable(f"{path}: {celsius:g} °C cannot be")
    return Temperature(celsius, name)
