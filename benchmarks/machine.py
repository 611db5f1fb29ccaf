"""What figures depend on, and what the processes of a benchmark have used."""

from __future__ import annotations

import os
import platform
import resource
from importlib import metadata
from pathlib import Path
from typing import Any

FACTS = Path("/proc/cpuinfo")


def machine(*tools: str) -> dict[str, Any]:
    """The processor, Python, and the versions of these packages."""
    lines = FACTS.read_text(encoding="utf-8").splitlines() if FACTS.exists() else []
    cpu = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "tools": {name: metadata.version(name) for name in tools},
    }


def children_cpu_s() -> float:
    """CPU seconds of all processes that were started from here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
