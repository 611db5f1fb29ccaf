"""`edgevision verify` and `edgevision bench`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgevision.cli.console import Console
from edgevision.cli.options import console_options, report_option, seed_option, threads_option
from edgevision_runtime.bench_command import bench_baseline, bench_options, bench_plan

if TYPE_CHECKING:
    from edgevision.fidelity.present import DeviceAnswer
    from edgevision.reports.envelope import Finding
    from edgevision_runtime.bundle import Bundle
    from edgevision_runtime.profile import Profile

BUNDLE = click.argument("bundle_path", metavar="BUNDLE", type=click.Path(path_type=Path))
ENGINE = click.option("--engine", "engines", multiple=True, help="Only this engine; may be repeated. [all installed]")
DEVICE = click.option("--device", metavar="NAME", help="Also check what can be checked for this board.")
HTML = click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Also write a page with pictures.")


@click.command()
@BUNDLE
@click.option("--data", required=True, help="Labelled images: a folder or a named set.")
@click.option("--split", type=click.Choice(["test", "val", "train", "all"]), help="[test when there are splits]")
@click.option("--splits", type=click.Path(path_type=Path), help="splits.csv that training wrote.")
@click.option("--reference", default="float32", show_default=True, help="Precision or variant to compare with.")
@click.option("--max-drop", default=0.01, show_default=True, help="Most that the metric may lose, as a share.")
@click.option("--min-agreement", default=0.95, show_default=True, help="Least share of equal answers.")
@click.option("--min-embedding-cosine", type=float, help="Least mean cosine to the float embedding. [not judged]")
@click.option("--junit", type=click.Path(path_type=Path, dir_okay=False), help="Also write JUnit XML.")
@HTML
@ENGINE
@DEVICE
@threads_option
@seed_option
@report_option
@console_options
def verify(console: Console, bundle_path: Path, **options: Any) -> int:
    """Prove from the raw frame that every variant of BUNDLE still does what its reference does.

    Exit code 0: all pass. 1: one lost more than allowed. 6: too few images to say; it tells how many more it takes.
    """
    from edgevision.fidelity import present
    from edgevision.fidelity.gate import VerifyPlan
    from edgevision.fidelity.images import open_images
    from edgevision.fidelity.verify import verify as run
    from edgevision.reports.envelope import Stopwatch
    from edgevision_runtime.bundle import Bundle

    watch = Stopwatch()
    bundle, device = Bundle.open(bundle_path), _board(options["device"])
    gate = ("reference", "max_drop", "min_agreement", "min_embedding_cosine", "threads", "seed")
    plan = VerifyPlan(**{name: options[name] for name in gate}, engines=options["engines"] or None)
    images = open_images(options["data"], split=options["split"], splits=options["splits"])
    with console.progress(len(images.samples), f"verifying {bundle.name}") as advance:
        found = run(bundle, images, plan, advance)
    answer = _answer(console, device, bundle)
    report = present.verify_report(found, bundle, images, watch, answer, options["report"])
    _say(console, report.warnings)
    console.result("\n".join([present.verify_text(found), *present.device_lines(answer)]), report.to_json())
    if options["report"]:
        report.write(options["report"])
    if options["junit"]:
        from edgevision.fidelity.junit import write_junit

        write_junit(options["junit"], found, bundle.name, watch.duration_s)
    if options["html"]:
        from edgevision.reports.stories import verify_story
        from edgevision.reports.verify_report import write_verify_report

        write_verify_report(options["html"], verify_story(found, bundle_path.name, "\n".join(report.next)))
    _written(console, [options["report"], options["junit"], options["html"]], report.next)
    return report.exit_code


@click.command()
@bench_options
@DEVICE
@console_options
def bench(console: Console, bundle_path: Path, **options: Any) -> int:
    """Measure load, latency, memory and size of every variant of BUNDLE, each in a fresh process.

    Exit code 1: a number grew by more than --max-regress over the baseline's, or a budget of --device is exceeded.
    """
    from edgevision.fidelity.present import device_lines
    from edgevision.reports.envelope import Stopwatch
    from edgevision_runtime.bench import bench as measure
    from edgevision_runtime.bench import bench_report, jobs
    from edgevision_runtime.bench_text import bench_text
    from edgevision_runtime.bundle import Bundle

    watch = Stopwatch()
    plan, baseline = bench_plan(options), bench_baseline(options)
    bundle, device = Bundle.open(bundle_path), _board(options["device"])
    with console.progress(len(jobs(bundle, plan)), f"measuring {bundle.name}") as advance:
        measured = measure(bundle, plan, advance)
    answer = _answer(console, device, bundle)
    report = bench_report(bundle, measured, watch, baseline, answer.checks)
    report = replace(report, warnings=(*report.warnings, *answer.findings), next=(f"edgevision info {bundle.path}",))
    _say(console, report.warnings)
    regressions = [check for check in report.checks if check not in answer.checks]
    text = [bench_text(measured, regressions), *device_lines(answer)]
    console.result("\n".join(text), report.to_json())
    if options["report"]:
        report.write(options["report"])
    _written(console, [options["report"]], report.next)
    return report.exit_code


def _board(name: str | None) -> Profile | None:
    """The board that `--device` names: looked up first, so that a typo costs no time."""
    if name is None:
        return None
    from edgevision_runtime.profile import read_profile

    return read_profile(name)


def _answer(console: Console, device: Profile | None, bundle: Bundle) -> DeviceAnswer:
    from edgevision.fidelity.present import NO_DEVICE

    if device is None:
        return NO_DEVICE
    from edgevision.fidelity.device_check import check_device

    console.log(f"checking what can be checked for {device.title} without the board")
    return check_device(device, bundle)


def _say(console: Console, warnings: tuple[Finding, ...]) -> None:
    for finding in warnings:
        console.warn(f"{finding.code} {finding.message}" + (f" ({finding.hint})" if finding.hint else ""))


def _written(console: Console, files: list[Path | None], commands: tuple[str, ...]) -> None:
    names = ", ".join(str(file) for file in files if file is not None)
    if names:
        console.next_step(names, commands[0])
    else:
        console.log(f"\nNext: {commands[0]}")
