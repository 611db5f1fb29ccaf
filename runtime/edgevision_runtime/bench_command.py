"""`edgevision-runtime bench`: measure a bundle on this machine."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from edgevision_runtime.cli_main import say
from edgevision_runtime.engine_options import DELEGATE, ENGINE_CACHE, extras_of
from edgevision_runtime.errors import UsageError

if TYPE_CHECKING:
    from edgevision_runtime.bench import Baseline, BenchPlan

Command = TypeVar("Command", bound=Callable[..., Any])

OPTIONS = (
    click.argument("bundle_path", metavar="BUNDLE", type=click.Path(path_type=Path)),
    click.option("--threads", default="1", show_default=True, help="Numbers of threads, such as 1,2,4."),
    click.option("--runs", type=click.IntRange(1), default=50, show_default=True, help="Timed inferences."),
    click.option("--warmup", type=click.IntRange(0), default=5, show_default=True, help="Inferences before those."),
    click.option("--variant", "variants", multiple=True, help="Only this variant; may be repeated."),
    click.option("--engine", "engines", multiple=True, help="Only this engine; may be repeated."),
    DELEGATE,
    ENGINE_CACHE,
    click.option("--baseline", type=click.Path(path_type=Path), help="Compare with an earlier --report of bench."),
    click.option("--max-regress", default="10%", show_default=True, help="Most that a number may grow since then."),
    click.option("--seed", type=int, default=0, show_default=True, help="Of the frames that are shown."),
    click.option("--report", type=click.Path(path_type=Path, dir_okay=False), help="Also write the result as JSON."),
)


def bench_options(command: Command) -> Command:
    """The options that the workstation's verb has too."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


@click.command()
@bench_options
@click.option("--format", "output_format", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option("-q", "--quiet", is_flag=True, help="Only results and errors.")
def bench(bundle_path: Path, output_format: str, quiet: bool, **options: Any) -> int:
    """Measure load, latency, memory and size of every variant, each in a fresh process."""
    from edgevision_runtime.bench import bench as measure
    from edgevision_runtime.bench import bench_report
    from edgevision_runtime.bench_text import bench_text
    from edgevision_runtime.bundle import Bundle
    from edgevision_runtime.report import Stopwatch

    watch = Stopwatch()
    baseline = bench_baseline(options)
    bundle = Bundle.open(bundle_path)
    measured = measure(bundle, bench_plan(options), lambda note: None if quiet else click.echo(note, err=True))
    report = bench_report(bundle, measured, watch, baseline)
    for finding in report.warnings:
        click.echo(f"warning: {finding.code} {finding.message}", err=True)
    document = json.dumps(report.to_json(), indent=2)
    say(document if output_format == "json" else bench_text(measured, report.checks))
    if options["report"]:
        report.write(options["report"])
    return report.exit_code


def bench_plan(options: dict[str, Any]) -> BenchPlan:
    """The plan that the options state.

    Raises:
        UsageError: threads that are no whole numbers, or an unknown engine.
    """
    from edgevision_runtime.bench import BenchPlan

    text = options["threads"]
    if not all(part.strip().isdigit() and int(part) > 0 for part in text.split(",")):
        raise UsageError(f"--threads {text!r}", expected="whole numbers above 0, such as 1,2,4")
    return BenchPlan(
        threads=tuple(dict.fromkeys(int(part) for part in text.split(","))),
        runs=options["runs"],
        warmup=options["warmup"],
        engines=options["engines"] or None,
        variants=options["variants"] or None,
        extras=extras_of(options),
        seed=options["seed"],
    )


def bench_baseline(options: dict[str, Any]) -> Baseline | None:
    """The baseline that the options state, read before anything is measured; None without one.

    Raises:
        UsageError: it is not a report of `bench`, or --max-regress is no share.
    """
    from edgevision_runtime.bench import read_baseline

    return read_baseline(options["baseline"], options["max_regress"])
