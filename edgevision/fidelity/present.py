"""What `verify` says: a table for people, rows and a report for programs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgevision.cli.console import table
from edgevision.fidelity.gate import Result
from edgevision.fidelity.images import ImageSet
from edgevision.fidelity.judge import METRIC_NAMES
from edgevision.fidelity.statistics import Estimate
from edgevision.fidelity.verify import Verification, what_would_settle
from edgevision.reports.envelope import Check, Finding, Report, Stopwatch, verdict
from edgevision_runtime.bench_text import skipped_lines
from edgevision_runtime.bundle import Bundle

VERIFY_HEADERS = (
    "variant", "engine", "MB", "metric", "95 %", "points", "95 %", "agreement", "95 %", "ms", "verdict",
)  # fmt: skip
VERIFY_RIGHT = (2, 3, 5, 7, 9)


@dataclass(frozen=True)
class DeviceAnswer:
    """What `--device` adds to a report."""

    name: str
    checks: tuple[Check, ...] = ()
    findings: tuple[Finding, ...] = ()


NO_DEVICE = DeviceAnswer("")


def verify_rows(results: Sequence[Result]) -> list[list[str]]:
    """Rows under VERIFY_HEADERS; differences in points (hundredths of the metric)."""
    return [
        [
            result.variant,
            f"{result.engine} {result.engine_version}",
            f"{result.size_bytes / 1e6:.3f}",
            share(result.metric.value),
            interval(result.metric),
            points(result.difference.value) if result.difference else "",
            interval(result.difference, in_points=True) if result.difference else "",
            share(result.agreement.value) if result.agreement else "",
            interval(result.agreement) if result.agreement else "",
            f"{result.ms_per_image:.2f}",
            result.status,
        ]
        for result in results
    ]


def verify_text(verification: Verification) -> str:
    """The table, what was skipped, and the verdict with what it means."""
    gate = verification.plan
    metric = METRIC_NAMES[verification.metric]
    headers = [metric if header == "metric" else header for header in VERIFY_HEADERS]
    lines: list[str | None] = [table(headers, verify_rows(verification.results), VERIFY_RIGHT), ""]
    lines += skipped_lines(verification.skipped)
    lines.append(
        f"{verification.images} images; to pass, the 95 % intervals must lie within the limits: {metric} "
        f"at most {in_points(gate.max_drop)} below the reference, agreement at least {100 * gate.min_agreement:g} %"
    )
    lines += [f"embedding of {r.name}: {r.embedding}" for r in verification.results if r.embedding is not None]
    lines += [_open_or_failed(result, check) for result in verification.results for check in result.checks]
    verdict_line = f"verdict: {verification.status}"
    if verification.status == "inconclusive":
        verdict_line += f" ({what_would_settle(verification)})"
    return "\n".join(line for line in [*lines, verdict_line] if line is not None)


def _open_or_failed(result: Result, check: Check) -> str | None:
    """What to say of a check that did not pass; None when it did."""
    if check.status == "pass":
        return None
    low, high = check.ci95 or (math.nan, math.nan)
    text = f"{check.status}: {check.id} is {check.value:.4f} [{low:.4f}, {high:.4f}], limit {check.op} {check.limit:g}"
    if check.status == "inconclusive" and result.more_images is not None:
        text += f"; about {result.more_images} more images would settle it"
    return text


def verify_report(
    verification: Verification,
    bundle: Bundle,
    images: ImageSet,
    watch: Stopwatch,
    device: DeviceAnswer = NO_DEVICE,
    file: Path | None = None,
) -> Report:
    """The envelope of a verification; `file` is where it will be written, for the next command to name."""
    checks = (*verification.checks, *device.checks)
    metrics = {
        "metric": verification.metric,
        "images": verification.images,
        "reference": verification.results[0].name,
        "max_drop": verification.plan.max_drop,
        "min_agreement": verification.plan.min_agreement,
        "min_embedding_cosine": verification.plan.min_embedding_cosine,
        "more_images": verification.more_images,
        "seed": verification.plan.seed,
        "results": [result_to_json(result) for result in verification.results],
        "skipped": [vars(skip) for skip in verification.skipped],
        "timing": {**vars(verification.timing), "overhead": verification.timing.overhead},
    }
    return Report(
        command="verify",
        status=verdict(checks),
        started=watch.started,
        duration_s=watch.duration_s,
        inputs={
            "bundle": {"path": str(bundle.path), "sha256": bundle.sha256, "version": bundle.version},
            "data": {
                "path": images.source, "split": images.split, "images": len(images.samples),
                "fingerprint": images.fingerprint(),
            },
        },
        checks=checks,
        metrics=metrics,
        warnings=(*verification.warnings, *device.findings),
        next=next_commands(verification, bundle, images, file),
    )  # fmt: skip


def result_to_json(result: Result) -> dict[str, Any]:
    """One row of `metrics.results`."""
    plain = {name: value for name, value in vars(result).items() if name not in ("checks", "worst")}
    document = {name: _estimate(value) if isinstance(value, Estimate) else value for name, value in plain.items()}
    document["embedding"] = None if result.embedding is None else vars(result.embedding)
    worst = [{"path": str(image.path), "agreement": image.agreement, "note": image.note} for image in result.worst]
    return {"name": result.name, **document, "status": result.status, "worst": worst}


def device_lines(answer: DeviceAnswer) -> list[str]:
    """One line per check of `--device`."""
    marks = {"pass": "ok  ", "fail": "FAIL"}
    lines = [f"{marks[check.status]} {check.id}: {check.value:g} {check.op} {check.limit:g}" for check in answer.checks]
    return ["", *lines] if lines else []


def share(value: float) -> str:
    """0.9512 as `95.12 %`."""
    return "unknown" if math.isnan(value) else f"{100 * value:.2f} %"


def in_points(value: float) -> str:
    """0.01 as `1 point`."""
    return f"{100 * value:g} point{'' if value == 0.01 else 's'}"


def points(value: float) -> str:
    """-0.0123 as `-1.23`."""
    return "unknown" if math.isnan(value) else f"{100 * value:+.2f}"


def interval(estimate: Estimate, *, in_points: bool = False) -> str:
    """`[90.1, 97.3]`, in hundredths; nothing when nothing is known."""
    if not (math.isfinite(estimate.low) and math.isfinite(estimate.high)):
        return "unknown"
    sign = "+" if in_points else ""
    return f"[{100 * estimate.low:{sign}.2f}, {100 * estimate.high:{sign}.2f}]"


def _estimate(estimate: Estimate) -> dict[str, Any]:
    return {"value": estimate.value, "ci95": list(estimate.ci95)}


def next_commands(verification: Verification, bundle: Bundle, images: ImageSet, file: Path | None) -> tuple[str, ...]:
    """What makes sense now; `pack` needs the report, which stands in `file` or was not written."""
    if verification.status == "fail":
        return ("edgevision quantize RUN -o RUN2  # quantization-aware training wins back what int8 lost",)
    if verification.status == "inconclusive":
        return (f"edgevision verify {bundle.path} --data MORE_IMAGES",)
    release = bundle.path.with_name(f"{bundle.path.stem}-1.0.0.evb")
    data = f"--data {images.source}" + ("" if images.splits is None else f" --splits {images.splits}")
    pack = f"edgevision pack {bundle.path} -o {release} {data} --report {file or 'verify.json'} --version 1.0.0"
    return (pack,) if file else (f"edgevision verify {bundle.path} {data} --report verify.json", pack)
