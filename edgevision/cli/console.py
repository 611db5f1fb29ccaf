"""What a verb says: results on stdout, log and progress on stderr, and the next command as the last line."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any

import click

from edgevision_runtime.cli_main import say

PLAIN_PROGRESS_EVERY_S = 10.0

Advance = Callable[[str], None]  # one step done, with a note such as "accuracy 0.94"


def this_command(*more: str) -> str:
    """What was typed, for records and for the next one: with `more` behind it."""
    return shlex.join(["edgevision", *sys.argv[1:], *more])


@dataclass(frozen=True)
class Console:
    """Where and how much a verb speaks."""

    is_quiet: bool = False
    is_verbose: bool = False
    wants_json: bool = False

    def log(self, text: str) -> None:
        """A line of log, on stderr."""
        if not self.is_quiet:
            _say(text)

    def detail(self, text: str) -> None:
        """A line of log that only `-v` shows."""
        if self.is_verbose:
            _say(text)

    def warn(self, text: str) -> None:
        """A warning, on stderr, even when quiet."""
        _say(f"warning: {text}")

    def result(self, text: str, document: Any = None) -> None:
        """The result, on stdout: `text`, or `document` as JSON with `--format json`."""
        say(json.dumps(document, indent=2, default=str) if self.wants_json else text)

    def next_step(self, written: object, command: str) -> None:
        """The last line: the file that was written, and what to do with it."""
        if not self.is_quiet:
            click.echo(f"\nWrote {written}\nNext: {command}", err=True)

    @contextmanager
    def progress(self, total: int, label: str) -> Iterator[Advance]:
        """A bar with time left on a terminal, else a plain line now and then; yields `advance(note)`."""
        if self.is_quiet:
            yield lambda note: None
        elif sys.stderr.isatty():
            with _bar(total, label) as advance:
                yield advance
        else:
            yield _PlainProgress(total, label)


def _say(text: str) -> None:
    """A line on stderr, above a bar that is being drawn: not by click, which writes past it."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


class _PlainProgress:
    """One line every few seconds, for logs."""

    def __init__(self, total: int, label: str) -> None:
        self.total, self.label, self.done = total, label, 0
        self.started_s = self.said_s = monotonic()

    def __call__(self, note: str) -> None:
        self.done += 1
        now_s = monotonic()
        if now_s - self.said_s < PLAIN_PROGRESS_EVERY_S and self.done < self.total:
            return
        self.said_s = now_s
        left_s = (now_s - self.started_s) / self.done * (self.total - self.done)
        tail = f", about {left_s:.0f} s left" if self.done < self.total else f" in {now_s - self.started_s:.1f} s"
        click.echo(f"{self.label}: {self.done}/{self.total}{tail}{'  ' + note if note else ''}", err=True)


@contextmanager
def _bar(total: int, label: str) -> Iterator[Advance]:
    from rich.console import Console as RichConsole
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("left"),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=RichConsole(stderr=True)) as bar:
        task = bar.add_task(label, total=total, note="")
        yield lambda note: bar.update(task, advance=1, note=note)


def table(headers: Sequence[str], rows: Sequence[Sequence[object]], right: Sequence[int] = ()) -> str:
    """A plain text table; the columns whose positions stand in `right` are right-aligned."""
    cells = [list(map(str, headers))] + [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(headers))]

    def line(row: Sequence[str]) -> str:
        aligned = (c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True)))
        return "  ".join(aligned).rstrip()

    return "\n".join([line(cells[0]), "  ".join("-" * width for width in widths), *map(line, cells[1:])])
