"""Measure what every variant costs on this machine: load, latency, memory and size, each in a fresh process."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from edgevision_runtime.bundle import Bundle
from edgevision_runtime.engines import ENGINES, Extras, check_extras, engines_for, require_engine, what_it_lacks
from edgevision_runtime.errors import EdgeVisionError, ModelError, UsageError, did_you_mean
from edgevision_runtime.opencv import opencv
from edgevision_runtime.report import Check, Finding, Report, Stopwatch, environment, file_input, read_report, verdict
from edgevision_runtime.types import Variant

# `-m` would put the current folder first on the path, and with it whatever lies there
WORKER = (
    "import sys; sys.path[:] = filter(None, sys.path); "
    "from edgevision_runtime.bench_worker import main; sys.exit(main())"
)
COMPARED = ("p50_ms", "rss_peak_mb", "size_bytes")  # load and first inference vary too much from run to run
FRAME_SIZE = (480, 640)  # height, width of the frames that go through the contract
SLOWEST_JOB_S = 900

Advance = Callable[[str], None]


@dataclass(frozen=True)
class BenchPlan:
    """How to measure."""

    threads: tuple[int, ...] = (1,)
    runs: int = 50
    warmup: int = 5
    engines: tuple[str, ...] | None = None  # None: all that are installed
    variants: tuple[str, ...] | None = None  # None: all
    seed: int = 0
    extras: Extras = field(default_factory=Extras)

    def __post_init__(self) -> None:
        for name in self.engines or ():
            if name not in ENGINES:
                raise UsageError(f"engine {name!r}", expected=" | ".join(ENGINES), hint=did_you_mean(name, ENGINES))
            check_extras(name, self.extras)
        if self.runs < 1 or self.warmup < 0 or not self.threads or min(self.threads) < 1:
            raise UsageError("bench needs at least one run, one thread and no negative warm-up")


@dataclass(frozen=True)
class Measurement:
    """One variant on one engine with one number of threads."""

    variant: str
    precision: str
    format: str
    engine: str
    engine_version: str
    kernels: str
    threads: int
    load_ms: float  # importing the engine's library and building the interpreter
    first_ms: float  # first inference
    mean_ms: float  # inference, as are the percentiles
    p50_ms: float
    p90_ms: float
    p95_ms: float
    p99_ms: float
    frame_p50_ms: float  # contract + inference + postprocess of one 640×480 frame
    fps: float  # 1000 / frame_p50_ms
    rss_peak_mb: float | None  # of the whole process; 10⁶ bytes
    rss_model_mb: float | None  # what loading and running the model added
    size_bytes: int
    size_gz_bytes: int
    samples_ms: tuple[float, ...] = field(default=(), repr=False)  # every inference

    @property
    def key(self) -> str:
        """What a baseline finds it by: int8.tflite@litert/threads=1."""
        return f"{self.variant}@{self.engine}/threads={self.threads}"


@dataclass(frozen=True)
class Skipped:
    """A variant that did not run on an engine, and why."""

    variant: str
    engine: str
    reason: str


@dataclass(frozen=True)
class Bench:
    """All measurements of a bundle."""

    measurements: tuple[Measurement, ...]
    skipped: tuple[Skipped, ...]


def bench(bundle: Bundle, plan: BenchPlan, advance: Advance = lambda note: None) -> Bench:
    """Measure every variant on every engine present with every number of threads.

    Raises:
        MissingDependency: OpenCV or an engine that the plan names is not installed.
        UsageError: a variant that the plan names is not in the bundle.
        ModelError: nothing ran at all.
    """
    opencv()  # the contract needs it in every process: say so once
    measurements, skipped = [], []
    for job in jobs(bundle, plan):
        try:
            measurements.append(_measure(bundle, job, plan))
        except EdgeVisionError as error:
            skipped.append(Skipped(job.variant.name, job.engine, str(error)))
        advance(f"{job.variant.name} on {job.engine}")
    if not measurements:
        reasons = "; ".join(f"{skip.variant} on {skip.engine}: {skip.reason}" for skip in skipped)
        raise ModelError("nothing could be measured", hint=reasons or "no installed engine takes these variants")
    return Bench(tuple(measurements), tuple(skipped))


@dataclass(frozen=True)
class Job:
    """One process to start."""

    variant: Variant
    engine: str
    threads: int


def jobs(bundle: Bundle, plan: BenchPlan) -> list[Job]:
    """What `bench` will measure, in order."""
    for name in plan.engines or ():
        require_engine(name)
    chosen = bundle.variants if plan.variants is None else tuple(bundle.variant(name) for name in plan.variants)
    return [
        Job(variant, engine, threads)
        for variant in chosen
        for engine in plan.engines or engines_for(variant.format)
        if ENGINES[engine].format == variant.format and not what_it_lacks(engine, plan.extras)
        for threads in plan.threads
    ]


def compare(measurements: Sequence[Measurement], baseline: Baseline) -> tuple[list[Check], list[Finding]]:
    """Hold measurements against an earlier report, like with like; what stands on one side only is a finding."""
    before = {row["key"]: row for row in baseline.report.metrics.get("measurements", [])}
    now = {measurement.key: measurement for measurement in measurements}
    checks = [
        Check.judged(f"{key}/{name}", getattr(now[key], name), "<=", before[key][name] * (1 + baseline.max_regress))
        for key in now
        for name in COMPARED
        if key in before and before[key].get(name) is not None and getattr(now[key], name) is not None
    ]
    findings = [Finding("W401", f"{key} is not in the baseline") for key in now if key not in before]
    findings += [Finding("W402", f"{key} is in the baseline and was not measured") for key in before if key not in now]
    findings += _other_machine(baseline.report)
    return checks, findings


@dataclass(frozen=True)
class Baseline:
    """An earlier report of `bench`, and by how much a number may have grown since."""

    path: Path
    report: Report
    max_regress: float = 0.1


def read_baseline(path: Path | None, max_regress: str) -> Baseline | None:
    """The baseline in a file, when there is one.

    Raises:
        UsageError: it is not a report of `bench`, or `max_regress` is neither `10%` nor `0.1`.
    """
    share = parse_regress(max_regress)
    if path is None:
        return None
    report = read_report(path)
    if report.command != "bench":
        raise UsageError(f"{path} is a report of {report.command!r}", expected="one that bench --report wrote")
    return Baseline(path, report, share)


def bench_report(
    bundle: Bundle, measured: Bench, watch: Stopwatch, baseline: Baseline | None = None, also: Sequence[Check] = ()
) -> Report:
    """The envelope of a measurement, compared with a baseline when there is one; `also` are further checks."""
    checks, findings = ([], []) if baseline is None else compare(measured.measurements, baseline)
    inputs: dict[str, Any] = {"bundle": {"path": str(bundle.path), "sha256": bundle.sha256}}
    if baseline is not None:
        inputs["baseline"] = file_input(baseline.path)
    return Report(
        command="bench",
        status=verdict([*checks, *also]),
        started=watch.started,
        duration_s=watch.duration_s,
        inputs=inputs,
        checks=(*checks, *also),
        metrics={
            "measurements": [to_json(row) for row in measured.measurements],
            "skipped": [vars(skip) for skip in measured.skipped],
        },
        warnings=tuple(findings),
    )


def to_json(measurement: Measurement) -> dict[str, Any]:
    """The form in reports, with its key, rounded to what a clock can tell, without the samples."""
    document = {name: value for name, value in asdict(measurement).items() if name != "samples_ms"}
    rounded = {name: round(value, 4) if isinstance(value, float) else value for name, value in document.items()}
    return {"key": measurement.key, **rounded}


def parse_regress(text: str) -> float:
    """`10%` or `0.1` as a share.

    Raises:
        UsageError: anything else.
    """
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError as error:
        raise UsageError(f"--max-regress {text!r}", expected="such as 10% or 0.1") from error
    if not 0 <= share < 100:
        raise UsageError(f"--max-regress {text!r}", expected="0 or more, such as 10%")
    return share


def _measure(bundle: Bundle, job: Job, plan: BenchPlan) -> Measurement:
    content = bundle.read(job.variant.path)
    with tempfile.NamedTemporaryFile(suffix=f".{job.variant.format}") as file:
        file.write(content)
        file.flush()
        measured = _run_worker(
            {
                "model": file.name,
                "engine": job.engine,
                "threads": job.threads,
                "runs": plan.runs,
                "warmup": plan.warmup,
                "seed": plan.seed,
                "frame_size": FRAME_SIZE,
                "preprocess": bundle.spec.preprocess.to_json(),
                "postprocess": bundle.spec.postprocess.to_json(),
                "delegate": None if plan.extras.delegate is None else str(plan.extras.delegate),
                "engine_cache": None if plan.extras.engine_cache is None else str(plan.extras.engine_cache),
            }
        )
    return Measurement(
        variant=job.variant.name,
        precision=job.variant.precision,
        format=job.variant.format,
        engine=job.engine,
        threads=job.threads,
        size_bytes=len(content),
        size_gz_bytes=len(gzip.compress(content, 9, mtime=0)),
        **{**measured, "samples_ms": tuple(measured["samples_ms"])},
    )


def _run_worker(job: dict[str, Any]) -> dict[str, Any]:
    """Start a fresh interpreter for one job.

    Raises:
        EdgeVisionError: it failed; the message is its last line on stderr.
    """
    try:
        process = subprocess.run(
            [sys.executable, "-c", WORKER], input=json.dumps(job), capture_output=True, text=True,
            timeout=SLOWEST_JOB_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise EdgeVisionError(f"did not end within {SLOWEST_JOB_S} s", hint="measure fewer --runs") from error
    if process.returncode != 0 or not process.stdout:
        lines = process.stderr.strip().splitlines() or [f"ended with code {process.returncode} and said nothing"]
        raise EdgeVisionError(lines[-1])
    document: dict[str, Any] = json.loads(process.stdout)
    return document


def _other_machine(old: Report) -> Iterator[Finding]:
    here = environment()
    if old.env.get("cpu") != here.get("cpu"):
        yield Finding("W403", f"the baseline was measured on {old.env.get('cpu')}, this is {here.get('cpu')}")
