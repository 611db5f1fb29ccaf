"""The flags of `run` for what a device notices by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

_FLAGS = (
    click.option(
        "--select-diverse",
        type=click.FloatRange(0, 1),
        is_flag=False,
        flag_value=0.9,
        metavar="[COSINE]",
        help="Save a frame only if it is less alike than this to all kept ones; default 0.9. See docs/drift.md.",
    ),
    click.option("--no-drift", is_flag=True, help="Do not watch for drift, though the bundle has a reference."),
)


def notice_flags(command: Command) -> Command:
    """Add the flags to a command."""
    for flag in reversed(_FLAGS):
        command = flag(command)
    return command
