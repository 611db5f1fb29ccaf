"""The flags of `run` that turn answers into events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

_FLAGS = (
    click.option("--events", is_flag=True, help="Sinks get events, not each result. See docs/events.md."),
    click.option(
        "--event",
        multiple=True,
        metavar="LABEL[: …]",
        help='Which events: "person: enter=0.7 leave=0.5 for=2s cooldown=30s", "person in door"; "*": every label.',
    ),
    click.option("--smooth", metavar="HOW", help="exponential=0.5s (default), majority=9 (classifiers), none."),
    click.option(
        "--zone",
        multiple=True,
        metavar="NAME: X,Y …",
        help='A polygon on the frame, for shares in it: "door: 0.1,0.2 0.4,0.2 0.4,0.9 0.1,0.9".',
    ),
    click.option("--longest-gap", metavar="TIME", help="Events end when no frame came for this long; default 5s."),
    click.option(
        "--motion-gate",
        is_flag=False,
        flag_value="",
        metavar="[SHARE]",
        help='Skip frames in which less than this share has moved: 0.002 (default), "0.002 refresh=5s".',
    ),
)


def watch_flags(command: Command) -> Command:
    """Add the flags to a command; `reading.WatchTexts` has a field for each of them."""
    for flag in reversed(_FLAGS):
        command = flag(command)
    return command
