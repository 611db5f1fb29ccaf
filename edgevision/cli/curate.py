"""The verb that says which pictures of a set are worth keeping."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgevision.cli.console import Advance, Console, table, this_command
from edgevision.cli.options import (
    all_of,
    console_options,
    force_option,
    output_option,
    parse_names,
    refuse_to_replace,
    report_option,
    seed_option,
)
from edgevision_runtime.errors import UsageError

if TYPE_CHECKING:
    from edgevision.discovery.curation.curate import CuratePlan, Curation

CURATE_EPILOG = """\b
Examples:
  edgevision curate frames/ -o curated/
  edgevision curate photos -o curated/ --model imagenet --duplicates 0.35 --keep 200
  edgevision curate labelled/ -o curated/ --labels --copy kept/"""

curate_options = (
    click.option("--model", default="hog", show_default=True, metavar="RUN|NAME|none",
                 help="What tells pictures apart: a run directory, pinned weights, hog; none: perceptual hash only."),
    click.option("--duplicates", type=click.FloatRange(0, 1, min_open=True), metavar="LIKENESS",
                 help="Two pictures at least so alike are one too many. [default: by the set, 0.5 at most]"),
    click.option("--keep", type=click.IntRange(1), metavar="N", help="Of what is left the N that differ most."),
    click.option("--labels", "is_labelled", is_flag=True, help="Also find labels in doubt (needs cleanlab)."),
    click.option("--outliers", type=click.FloatRange(0, 1), default=0.99, show_default=True, metavar="QUANTILE",
                 help="Farther from others than this share of the set."),
    click.option("--blur", type=click.FloatRange(0, min_open=True), default=3.0, show_default=True,
                 metavar="DEVIATIONS", help="So far below the set's typical sharpness."),
    click.option("--dark", type=click.FloatRange(0, 255), default=60.0, show_default=True, metavar="LUMA",
                 help="The brightest 1 % must reach it."),
    click.option("--bright", type=click.FloatRange(0, 255), default=195.0, show_default=True, metavar="LUMA",
                 help="The darkest 1 % must go below it."),
    click.option("--flat", type=click.FloatRange(0, 255), default=20.0, show_default=True, metavar="STEPS",
                 help="Least range of luma between the darkest and the brightest 1 %."),
    click.option("--small", type=click.IntRange(1), metavar="PIXELS",
                 help="Least shorter side. [default: a quarter of the set's median]"),
    click.option("--drop", metavar="REASONS",
                 help="What puts a picture out. [default: small,dark,bright,flat,blurred,duplicate]"),
    click.option("--every", "every_s", type=click.FloatRange(0, min_open=True), metavar="SECONDS",
                 help="Between the frames of videos. [default: each frame]"),
    click.option("--copy", type=click.Path(path_type=Path), metavar="DIR",
                 help="Also copy what is kept into this new folder."),
    click.option("--link", is_flag=True, help="With --copy: symbolic links instead of copies."),
)  # fmt: skip


@click.command(epilog=CURATE_EPILOG)
@click.argument("data")
@output_option("The folder to write: kept.csv, findings.json, report.html.")
@all_of(*curate_options)
@seed_option
@report_option
@force_option
@console_options
def curate(console: Console, data: str, output: Path, copy: Path | None, report: Path | None, **given: Any) -> None:
    """Find near-duplicates, outliers and bad pictures in DATA; say what to keep. Nothing is deleted or moved."""
    link, force = given.pop("link"), given.pop("force")
    if link and copy is None:
        raise UsageError("--link without --copy", hint="give the folder for the links with --copy DIR")
    from edgevision.discovery.curation.keeping import check_target, copy_kept
    from edgevision.discovery.curation.page import command_after
    from edgevision.discovery.curation.record import check_output, document_of, write_record
    from edgevision.reports.envelope import Finding, Report, Stopwatch

    watch = Stopwatch()
    check_output(output, force=force)
    if copy is not None:
        check_target(copy, data)
        refuse_to_replace(output, copy, "--copy")
    curation = _curated(console, _plan(data, is_linked=link, **given))
    again = this_command(*([] if force else ["--force"]), "--copy", "kept/")
    following = again if copy is None else command_after(curation, copy)
    write_record(output, curation, following, force=force)
    if copy is not None:
        console.log(f"{copy_kept(curation, copy, is_link=link)} pictures {'linked' if link else 'copied'} to {copy}")
    document = document_of(curation, with_findings=False)
    console.result(_table(curation), document)
    if report is not None:
        warnings = tuple(Finding("W401", problem) for problem in curation.frames.unreadable)
        Report("curate", "pass", watch.started, watch.duration_s, {"data": {"path": data}}, metrics=document,
               warnings=warnings, next=(following,)).write(report)  # fmt: skip
    console.next_step(f"{output} (report.html in it)", following)


def _plan(data: str, drop: str | None, **given: Any) -> CuratePlan:
    from edgevision.discovery.curation.curate import CuratePlan
    from edgevision.discovery.curation.quality import QualityLimits

    quality = QualityLimits(**{name: given.pop(name) for name in ("small", "dark", "bright", "flat", "blur")})
    if drop is not None:
        given["dropped"] = parse_names(drop)
    return CuratePlan(data, quality=quality, **given)


def _curated(console: Console, plan: CuratePlan) -> Curation:
    from edgevision.discovery.curation.curate import CurateHooks
    from edgevision.discovery.curation.curate import curate as judge

    with ExitStack() as open_bar:
        curation = judge(plan, CurateHooks(console.log, console.warn, _Bar(console, open_bar)))
    for problem in curation.frames.unreadable:
        console.detail(f"left out: {problem}")
    return curation


class _Bar:
    """A bar that opens when the number of pictures is known."""

    def __init__(self, console: Console, open_bar: ExitStack) -> None:
        self.console, self.open_bar = console, open_bar
        self.advance: Advance | None = None
        self.done = 0

    def __call__(self, done: int, total: int) -> None:
        if self.advance is None:
            self.advance = self.open_bar.enter_context(self.console.progress(total, "looking"))
        for _ in range(done - self.done):
            self.advance("")
        self.done = done


def _table(curation: Curation) -> str:
    from edgevision.discovery.curation.page import rows_of

    rows = rows_of(curation)
    kept = f"{len(curation.kept)} of {len(curation.verdicts)} pictures kept"
    return f"{table(('reason', 'found', 'out', 'limit'), rows, right=(1, 2))}\n\n{kept}"
