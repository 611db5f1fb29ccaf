"""How numbers are written in reports: percent with one decimal, sizes in kB and MB, intervals with an en dash."""

from __future__ import annotations

import math


def percent(value: float | None) -> str:
    """0.953 → 95.3 %; a value that could not be computed → –."""
    return "–" if value is None or math.isnan(value) else f"{100 * value:.1f} %"


def percent_interval(ci95: tuple[float, float] | None) -> str:
    """(0.91, 0.98) → 91.0–98.0 %."""
    return "" if ci95 is None else f"{100 * ci95[0]:.1f}–{100 * ci95[1]:.1f} %"


def points(value: float) -> str:
    """A difference of two shares: -0.006 → −0.60."""
    text = f"{100 * value:+.2f}".replace("-", "−")
    return "0.00" if text in ("+0.00", "−0.00") else text


def points_interval(ci95: tuple[float, float]) -> str:
    """(-0.02, 0.004) → −2.00 … +0.40."""
    return f"{points(ci95[0])} … {points(ci95[1])}"


def size(size_bytes: float) -> str:
    """2400000 → 2.40 MB, 81234 → 81.2 kB (1 MB = 1 000 000 bytes)."""
    if size_bytes < 1000:
        return f"{size_bytes:.0f} B"
    return f"{size_bytes / 1e3:.1f} kB" if size_bytes < 1e6 else f"{size_bytes / 1e6:.2f} MB"


def milliseconds(value: float | None) -> str:
    """0.0314 → 0.031 ms, 3.14159 → 3.14 ms, 31.4159 → 31.4 ms."""
    if value is None or math.isnan(value):
        return "–"
    if value < 0.1:
        return f"{value:.3f} ms"
    return f"{value:.2f} ms" if value < 10 else f"{value:.1f} ms"
