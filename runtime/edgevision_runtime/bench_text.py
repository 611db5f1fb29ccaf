"""A measurement as a table for people."""

from __future__ import annotations

from collections.abc import Sequence

from edgevision_runtime.bench import Bench, Measurement, Skipped
from edgevision_runtime.report import Check

HEADERS = (
    "variant", "engine", "threads", "load ms", "first", "mean", "p50", "p90", "p95", "p99", "frame", "fps", "peak MB",
    "MB", "gz MB",
)  # fmt: skip


def bench_text(measured: Bench, checks: Sequence[Check]) -> str:
    """The table, what was skipped, and what regressed."""
    cells = [HEADERS, *(_row(measurement) for measurement in measured.measurements)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(HEADERS))]
    lines = ["  ".join(_aligned(text, column, widths[column]) for column, text in enumerate(row)) for row in cells]
    lines = [line.rstrip() for line in [lines[0], "  ".join("-" * width for width in widths), *lines[1:], ""]]
    lines += skipped_lines(measured.skipped)
    lines.append("mean and percentiles: inference alone; frame, fps: contract + inference + postprocess of 640×480")
    for check in checks:
        if check.status != "pass":
            lines.append(f"{check.status}: {check.id} is {check.value:.6g}, limit {check.op} {check.limit:.6g}")
    return "\n".join(lines)


def skipped_lines(skipped: Sequence[Skipped]) -> list[str]:
    """One line per engine and reason."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for skip in skipped:
        reasons.setdefault((skip.engine, skip.reason), []).append(skip.variant)
    return [f"skipped on {engine}: {', '.join(names)}: {reason}" for (engine, reason), names in reasons.items()]


def _row(row: Measurement) -> tuple[str, ...]:
    milliseconds = (row.mean_ms, row.p50_ms, row.p90_ms, row.p95_ms, row.p99_ms, row.frame_p50_ms)
    return (
        row.variant,
        f"{row.engine} {row.engine_version}",
        str(row.threads),
        f"{row.load_ms:.1f}",
        f"{row.first_ms:.2f}",
        *(f"{value:.3f}" for value in milliseconds),
        f"{row.fps:.0f}" if row.fps >= 10 else f"{row.fps:.2f}",
        "" if row.rss_peak_mb is None else f"{row.rss_peak_mb:.1f}",
        f"{row.size_bytes / 1e6:.3f}",
        f"{row.size_gz_bytes / 1e6:.3f}",
    )


def _aligned(text: str, column: int, width: int) -> str:
    return text.ljust(width) if column < 2 else text.rjust(width)
