"""Delegates: shared libraries that compute operators of a TensorFlow Lite model elsewhere, such as on an Edge TPU.

One that was asked for computes, or there is no run: a library that does not load, one that does not start, and one that
takes nothing of the model are errors, where TensorFlow Lite itself would go on alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from edgevision_runtime.errors import MissingDependency, ModelError, UsageError

CREATE = "tflite_plugin_create_delegate"  # what every external delegate has
REPLACED = "DELEGATE"  # how the library calls a node that stands for what a delegate took


class Delegate(NamedTuple):
    """A shared library, and what it is told."""

    path: str  # of the file, or a name such as libedgetpu.so.1 that the system's linker finds
    options: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """How messages call it."""
        return Path(self.path).name

    def __str__(self) -> str:
        return self.path + "".join(f"{'&' if i else '?'}{key}={value}" for i, (key, value) in enumerate(self.options))


def parse_delegate(text: str) -> Delegate:
    """`PATH[?key=value&…]`.

    Raises:
        UsageError: it is not of this form, or PATH names a file that is not there.
    """
    path, mark, query = text.partition("?")
    pairs = [pair.partition("=") for pair in query.split("&")] if mark else []
    keys = [key for key, _, _ in pairs]
    if not path or not all(key and equals for key, equals, _ in pairs) or len(set(keys)) < len(keys):
        raise UsageError(f"--delegate {text!r}", expected="PATH[?key=value&…], each key once")
    if "/" in path and not Path(path).is_file():
        raise UsageError(f"--delegate {path}: no such file", expected="the shared library of a delegate")
    return Delegate(path, tuple((key, value) for key, _, value in pairs))


def start_delegate(delegate: Delegate, load_delegate: Callable[..., Any]) -> Any:
    """What `load_delegate` of the library makes of it.

    Raises:
        UsageError: the file is not a shared library, or not that of a delegate.
        MissingDependency: it, or a library that it needs, is not installed; or it does not start.
    """
    _check_library(delegate)
    try:
        return load_delegate(delegate.path, dict(delegate.options))
    except (ValueError, RuntimeError) as error:  # what the library raises when the delegate says no
        why = str(error).strip().splitlines()[1:] or ["it gave no reason"]
        raise MissingDependency(
            f"delegate {delegate} does not start: {why[0]}",
            hint="is its hardware there, may this user open it, and does it know these options?",
        ) from error


def _check_library(delegate: Delegate) -> None:
    """First of all, because `load_delegate` leaves half an object behind that complains when it is collected."""
    import ctypes

    try:
        library = ctypes.CDLL(delegate.path)
    except OSError as error:
        if Path(delegate.path).is_file() and "cannot open shared object" not in str(error):
            raise UsageError(f"--delegate {error}", expected="a shared library for this machine") from error
        raise MissingDependency(
            f"delegate {delegate.name} cannot be loaded: {error}", hint="install it, or state the path of its file"
        ) from error
    if not hasattr(library, CREATE):
        raise UsageError(
            f"--delegate {delegate.path} is no TensorFlow Lite delegate", expected=f"a library with {CREATE}"
        )


def share_of(delegate: Delegate, nodes: Sequence[dict[str, Any]]) -> str:
    """`1 of 3 operators`, for what the delegate took of these nodes, listed before the library adds its own delegate.

    Raises:
        ModelError: it took none.
    """
    own = [node for node in nodes if node["op_name"] != REPLACED]
    taken = set().union(*(_stands_for(node, own) for node in nodes if node["op_name"] == REPLACED))
    if not taken:
        raise ModelError(
            f"delegate {delegate.name} computes none of the model's {len(own)} operators",
            hint="the model must be made for it (an Edge TPU: compiled by edgetpu_compiler); "
            "without --delegate it runs on the CPU",
        )
    return f"{len(taken)} of {len(own)} operators"


def _stands_for(replaced: dict[str, Any], own: Sequence[dict[str, Any]]) -> set[int]:
    """The operators between the inputs and the outputs of a node that a delegate put in their place."""
    given, wanted, found = set(replaced["inputs"]), list(replaced["outputs"]), set[int]()
    makers = {tensor: node for node in own for tensor in node["outputs"]}
    while wanted:
        node = makers.get(wanted.pop())
        if node is not None and node["index"] not in found:
            found.add(node["index"])
            wanted += [tensor for tensor in node["inputs"] if tensor not in given]
    return found
