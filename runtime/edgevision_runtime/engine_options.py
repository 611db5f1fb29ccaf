"""The flags that say where a model is computed, the same for every verb that computes one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from edgevision_runtime.bundle import Bundle
    from edgevision_runtime.choice import Choice
    from edgevision_runtime.engines import Extras
    from edgevision_runtime.profile import Profile

Command = TypeVar("Command", bound=Callable[..., Any])

ENGINE = click.option(
    "--engine", help="litert, tflite, onnx, onnx-cuda or onnx-tensorrt; default: the board's first that is installed."
)
DEVICE = click.option(
    "--device", metavar="NAME|FILE.toml", help="Take this board's order of engines; default: the board that this is."
)
DELEGATE = click.option(
    "--delegate", metavar="PATH[?key=value&…]", help="A TensorFlow Lite delegate, such as libedgetpu.so.1."
)
ENGINE_CACHE = click.option(
    "--engine-cache",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where TensorRT keeps what it builds; default: ~/.cache/edgevision/tensorrt.",
)


def engine_options(command: Command) -> Command:
    """--engine, --device, --delegate and --engine-cache."""
    for option in (ENGINE_CACHE, DELEGATE, DEVICE, ENGINE):
        command = option(command)
    return command


def extras_of(options: dict[str, Any]) -> Extras:
    """What the flags state beyond the engine. Raises UsageError for a delegate that cannot be."""
    from edgevision_runtime.engines import Extras
    from edgevision_runtime.engines.delegate import parse_delegate

    text = options["delegate"]
    return Extras(None if text is None else parse_delegate(text), options["engine_cache"])


def profile_of(options: dict[str, Any]) -> Profile | None:
    """The board that the flags name, else the one that this machine is; not looked at when an engine is asked for.

    Raises:
        UsageError: --device names no board.
    """
    if options["device"] is None and options["engine"] is not None:
        return None
    from edgevision_runtime.profile import detect_profile, read_profile

    return detect_profile() if options["device"] is None else read_profile(options["device"])


def choice_of(bundle: Bundle, options: dict[str, Any]) -> Choice:
    """What the flags make of a bundle, `variant` among them. Raises what `choose` raises."""
    from edgevision_runtime.choice import choose

    return choose(
        bundle,
        variant=options["variant"],
        engine=options["engine"],
        profile=profile_of(options),
        extras=extras_of(options),
    )
