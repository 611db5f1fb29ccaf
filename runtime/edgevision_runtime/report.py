"""The report envelope: the one JSON shape in which every command says what it looked at and what it found."""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from edgevision_runtime.atomic import write_text
from edgevision_runtime.errors import UsageError
from edgevision_runtime.redact import redact

SCHEMA = "edgevision.report/1"
STATUSES = ("pass", "fail", "inconclusive", "error")
EXIT_CODES = {"pass": 0, "fail": 1, "inconclusive": 6, "error": 70}
COMPARISONS = {
    ">=": lambda value, limit: value >= limit,
    "<=": lambda value, limit: value <= limit,
    ">": lambda value, limit: value > limit,
    "<": lambda value, limit: value < limit,
    "==": lambda value, limit: value == limit,
}
LIBRARIES = (
    "edgevision", "edgevision-runtime", "numpy", "opencv-python-headless", "ai-edge-litert", "tflite-runtime",
    "onnxruntime", "onnx", "tf2onnx", "tensorflow", "tf_keras", "tensorflow-model-optimization",
    "ai-edge-quantizer", "scikit-learn",
)  # fmt: skip


@dataclass(frozen=True)
class Check:
    """One measured value held against one limit."""

    id: str
    value: Any  # a number, a bool or a short text; None: could not be measured
    ci95: tuple[float, float] | None = None  # 95 % interval of `value`
    limit: Any = None
    op: str = ">="  # how `value` must stand to `limit`: a key of COMPARISONS
    status: str = "pass"  # pass | fail | inconclusive | error

    def __post_init__(self) -> None:
        if self.op not in COMPARISONS or self.status not in STATUSES:
            raise ValueError(f"check {self.id}: op {self.op!r} or status {self.status!r} is unknown")

    @classmethod
    def judged(cls, id: str, value: Any, op: str, limit: Any) -> Check:
        """A check of a value that has no interval: its status follows from the comparison alone."""
        return cls(id, value, None, limit, op, "pass" if COMPARISONS[op](value, limit) else "fail")


@dataclass(frozen=True)
class Finding:
    """Something the reader should know: what was seen and what to do about it."""

    code: str  # such as W203
    message: str
    hint: str = ""


class Stopwatch:
    """Knows when the command began and how long it has been at work."""

    def __init__(self) -> None:
        self.started = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._began_s = time.perf_counter()

    @property
    def duration_s(self) -> float:
        """Seconds since it was made, to the millisecond."""
        return round(time.perf_counter() - self._began_s, 3)


def environment() -> dict[str, Any]:
    """Facts about this machine and the versions of the libraries that are installed; imports none of them."""
    from importlib import metadata

    versions = {}
    for library in LIBRARIES:
        try:
            versions[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpu": _cpu_model(),
        "cpus": os.cpu_count(),
        "libraries": versions,
    }


@dataclass(frozen=True)
class Report:
    """What one run of one command looked at, measured and concluded (`edgevision.report/1`)."""

    command: str
    status: str  # pass | fail | inconclusive | error
    started: str  # ISO 8601 in UTC, ends in Z
    duration_s: float
    inputs: dict[str, Any] = field(default_factory=dict)  # name → {"path", "sha256"}, see file_input
    checks: tuple[Check, ...] = ()
    metrics: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[Finding, ...] = ()
    env: dict[str, Any] = field(default_factory=environment)
    next: tuple[str, ...] = ()  # commands that make sense now

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise ValueError(f"report status {self.status!r} is unknown, expected one of {', '.join(STATUSES)}")

    @property
    def exit_code(self) -> int:
        """The exit code that says the same as `status`."""
        return EXIT_CODES[self.status]

    def to_json(self) -> dict[str, Any]:
        """The document: JSON types only, NaN and infinity as null, credentials in URLs removed."""
        document = {
            "schema": SCHEMA, "command": self.command, "status": self.status, "started": self.started,
            "duration_s": self.duration_s, "inputs": self.inputs, "checks": [vars(check) for check in self.checks],
            "metrics": self.metrics, "warnings": [vars(finding) for finding in self.warnings], "env": self.env,
            "next": self.next,
        }  # fmt: skip
        plain: dict[str, Any] = _plain(document)
        return plain

    def write(self, path: Path) -> None:
        """Write the document to `path`, whole or not at all."""
        write_text(path, json.dumps(self.to_json(), indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def verdict(checks: Iterable[Check]) -> str:
    """The status of a report from its checks: error beats fail beats inconclusive beats pass."""
    found = {check.status for check in checks}
    return next((status for status in ("error", "fail", "inconclusive") if status in found), "pass")


def read_report(path: Path) -> Report:
    """Read a report back. Raises UsageError for anything but a complete `edgevision.report/1`."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return _parse(document)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError, KeyError) as error:
        raise UsageError(
            f"{path} is not a report: {error}", expected=f"a file written by --report, schema {SCHEMA}"
        ) from error


def file_input(path: Path) -> dict[str, str]:
    """What `Report.inputs` says of a file: `{"path", "sha256"}`; of a folder its path alone."""
    if path.is_dir():
        return {"path": str(path)}
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return {"path": str(path), "sha256": digest.hexdigest()}


def _parse(document: Any) -> Report:
    if not isinstance(document, dict):
        raise TypeError("the top level is not an object")
    if document.get("schema") != SCHEMA:
        raise ValueError(f"schema is {document.get('schema')!r}")
    fields = {name: document[name] for name in Report.__dataclass_fields__}
    unknown = sorted(set(document) - set(fields) - {"schema"})
    if unknown:
        raise ValueError(f"unknown field {unknown[0]!r}")
    kinds = {"command": str, "started": str, "duration_s": (int, float), "inputs": dict, "checks": list,
             "metrics": dict, "warnings": list, "env": dict, "next": list}  # fmt: skip
    for name, kind in kinds.items():
        if not isinstance(fields[name], kind):  # type: ignore[arg-type]
            raise TypeError(f"{name} has the wrong type, {type(fields[name]).__name__}")
    fields["checks"] = tuple(
        Check(**{**check, "ci95": None if check["ci95"] is None else tuple(check["ci95"])})
        for check in fields["checks"]
    )
    fields["warnings"] = tuple(Finding(**finding) for finding in fields["warnings"])
    fields["next"] = tuple(fields["next"])
    return Report(**fields)


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {redact(str(key)): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if isinstance(value, Path):
        return redact(str(value))
    if hasattr(value, "tolist"):  # numpy scalars and arrays
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _cpu_model() -> str:
    """The board's own name where the kernel gives one, else the processor's, else the architecture's."""
    board = Path("/proc/device-tree/model")
    if board.is_file():
        return board.read_text(encoding="utf-8", errors="replace").strip("\x00\n ")
    facts = Path("/proc/cpuinfo")
    if facts.is_file():
        for line in facts.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.lower().startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
