"""Check for a board, without the board, what can be: size, engines, operators, memory; and say what cannot."""

from __future__ import annotations

from collections.abc import Sequence

from edgevision.fidelity.present import DeviceAnswer
from edgevision.reports.envelope import Check, Finding
from edgevision_runtime.bench import Advance, Bench, BenchPlan, Measurement, bench
from edgevision_runtime.bundle import Bundle
from edgevision_runtime.engines import ENGINES
from edgevision_runtime.profile import Profile, System
from edgevision_runtime.types import Variant

RUNS = 3  # enough to touch every page that a model needs


def check_device(
    device: Profile, bundle: Bundle, measured: Bench | None = None, advance: Advance = lambda note: None
) -> DeviceAnswer:
    """Hold a bundle to a board's budgets; memory comes from `measured`, or from a short run here and now."""
    if measured is None:
        measured = bench(bundle, BenchPlan(runs=RUNS, warmup=0, variants=tuple(default_variants(bundle))), advance)
    size_mb = round(bundle.path.stat().st_size / 1e6, 3)
    findings = []
    systems = []  # on which at least one variant runs
    for system in device.systems:
        runnable, found = runnable_variants(device, system, bundle.variants)
        findings += found
        systems += [system.name] if runnable else []
    checks = [
        Check.judged(f"device/{device.name}/bundle_mb", size_mb, "<=", device.budget.bundle_mb),
        Check.judged(f"device/{device.name}/systems_that_run_it", len(systems), ">=", 1),
    ]
    checks += _memory(device, bundle, measured.measurements)
    findings.append(
        Finding(
            "W505",
            f"{device.title}: latency (budget {device.budget.latency_p95_ms:g} ms at p95), frame rate, heat and camera "
            "cannot be checked off the board",
            "run `edgevision-runtime bench` on the board",
        )
    )
    return DeviceAnswer(device.name, tuple(checks), tuple(findings))


def default_variants(bundle: Bundle) -> list[str]:
    """The names of the variants that a device takes by default; all of them when the bundle does not say."""
    names = dict.fromkeys(bundle.manifest.default_variants.values())
    return list(names) or [variant.name for variant in bundle.variants]


def runnable_variants(device: Profile, system: System, variants: Sequence[Variant]) -> tuple[list[str], list[Finding]]:
    """The names of the variants that find an engine on a system, and what the reader should know of the others."""
    where = f"{device.title}, {system.name}"
    if not system.engines:
        return [], [Finding("W504", f"{where}: {system.note or 'no engine is known'}")]
    runnable, findings = dict[str, None](), []
    for pin in system.engines:
        for variant in variants:
            if variant.format != ENGINES[pin.name].format:
                continue
            refused = pin.refused_operators(variant)
            if refused:
                message = f"{where}: {variant.name} does not run on {pin.install[0]}: {', '.join(refused)}"
                findings.append(Finding("W501", message, "use another precision or another engine there"))
            else:
                runnable[variant.name] = None
    if not runnable:
        engines = ", ".join(pin.name for pin in system.engines)
        findings.append(Finding("W502", f"{where}: no variant runs there, its engines are {engines}"))
    return list(runnable), findings


def _memory(device: Profile, bundle: Bundle, measurements: Sequence[Measurement]) -> list[Check]:
    """What loading and running each default variant added here: the model, its arena and its packed weights."""
    checks = []
    for name in default_variants(bundle):
        used = [row.rss_model_mb for row in measurements if row.variant == name and row.rss_model_mb is not None]
        if used:
            value = round(max(used), 1)
            checks.append(Check.judged(f"device/{device.name}/{name}/memory_mb", value, "<=", device.budget.memory_mb))
    return checks
