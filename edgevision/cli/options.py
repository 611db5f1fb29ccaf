"""Options that verbs share."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from edgevision.cli.console import Console
from edgevision_runtime.atomic import check_place
from edgevision_runtime.errors import UsageError

Command = TypeVar("Command", bound=Callable[..., Any])


def console_options(command: Command) -> Command:
    """`--format`, `-q/--quiet`, `-v/--verbose`; the verb receives them as `console: Console`."""

    @click.option("--format", "output_format", type=click.Choice(["table", "json"]), default="table", show_default=True)
    @click.option("-q", "--quiet", is_flag=True, help="Only results and errors.")
    @click.option("-v", "--verbose", is_flag=True, help="More detail on stderr.")
    @wraps(command)
    def wrapped(output_format: str, quiet: bool, verbose: bool, **arguments: Any) -> Any:
        return command(console=Console(quiet, verbose, output_format == "json"), **arguments)

    return wrapped  # type: ignore[return-value]


def output_option(help_text: str) -> Callable[[Command], Command]:
    """`-o/--output PATH`, required."""
    return click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help=help_text)


force_option = click.option("--force", is_flag=True, help="Overwrite what is there.")


def refuse_to_replace(first: Path, second: Path, flag: str) -> None:
    """Refuse a second place to write that is the first one or a folder above it, of which nothing would be left.

    Raises:
        UsageError: names `flag`, by which the second one was given.
    """
    if second.resolve() in (first.resolve(), *first.resolve().parents):
        raise UsageError(f"{flag} {second} would replace {first}", expected="a folder of its own")


def _check_place(context: click.Context, parameter: click.Parameter, path: Path | None) -> Path | None:
    """Refuse a report that could not be written before the work, not after it."""
    if path is not None:
        check_place(path)
    return path


report_option = click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    callback=_check_place,
    help="Also write the result as JSON to this file.",
)
seed_option = click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Seed of everything random."
)
threads_option = click.option(
    "--threads", type=click.IntRange(1), default=1, show_default=True, help="Threads of each interpreter."
)


def parse_size(text: str) -> tuple[int, int]:
    """`96` or `96,128` (height, width).

    Raises:
        UsageError: anything else.
    """
    parts = text.replace("x", ",").split(",")
    if not all(part.strip().isdigit() and int(part) > 0 for part in parts) or len(parts) > 2:
        raise UsageError(f"size {text!r}", expected="H,W in pixels, such as 96,128")
    numbers = [int(part) for part in parts]
    return numbers[0], numbers[-1]


def parse_names(text: str) -> tuple[str, ...]:
    """`a,b` as ("a", "b"), each name once."""
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def parse_numbers(text: str) -> tuple[float, ...]:
    """`0.5` or `0.485,0.456,0.406`.

    Raises:
        UsageError: anything else.
    """
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise UsageError(f"{text!r} is not a list of numbers", expected="such as 0.485,0.456,0.406") from error


def all_of(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Several options as one decorator, in their order."""

    def decorate(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate
