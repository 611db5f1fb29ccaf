"""The flags of `run` that let a browser look."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

_FLAGS = (
    click.option(
        "--preview",
        metavar="[HOST]:PORT",
        help="A page with the live picture, /healthz and /metrics; :8080 is for this machine only.",
    ),
    click.option("--preview-token", metavar="TOKEN", help="Who looks must know it; other users see it in `ps`."),
    click.option("--preview-token-file", metavar="FILE", type=click.Path(path_type=Path), help="The same in a file."),
)


def preview_flags(command: Command) -> Command:
    """Add the flags to a command; `serving.serve_preview` reads them."""
    for flag in reversed(_FLAGS):
        command = flag(command)
    return command
