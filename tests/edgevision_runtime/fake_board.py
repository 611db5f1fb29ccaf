"""A folder that looks like a board's / to the sensors: files of /sys and /proc, and a vcgencmd that answers."""

from __future__ import annotations

from pathlib import Path

WORD = "sys/devices/platform/soc/soc:firmware/get_throttled"


class FakeBoard:
    """Write what the kernel would show; change it between two readings."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def show(self, path: str, text: object) -> None:
        """Let the kernel's file hold this text."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(f"{text}\n")

    def zone(self, number: int, name: str, millidegrees: int) -> None:
        """A thermal zone."""
        self.show(f"sys/class/thermal/thermal_zone{number}/type", name)
        self.show(f"sys/class/thermal/thermal_zone{number}/temp", millidegrees)

    def cooling(self, number: int, name: str, state: int) -> None:
        """A cooling device."""
        self.show(f"sys/class/thermal/cooling_device{number}/type", name)
        self.show(f"sys/class/thermal/cooling_device{number}/cur_state", state)

    def vcgencmd(self, script: str) -> None:
        """A vcgencmd that is this shell script."""
        self.show("usr/bin/vcgencmd", f"#!/bin/sh\n{script}")
        (self.root / "usr/bin/vcgencmd").chmod(0o755)

    def process(self, rss_pages: int = 0, load: str = "0.00") -> None:
        """This process and the system as /proc shows them."""
        self.show("proc/self/statm", f"9999 {rss_pages} 5 1 0 7 0")
        self.show("proc/loadavg", f"{load} 0.10 0.05 1/100 4242")
        self.show("proc/meminfo", "MemTotal:  1000000 kB\nMemFree: 1 kB\nMemAvailable:  500000 kB")
