"""Every error edgevision raises on purpose, and the exit code it ends a command with.

    EdgeVisionError             70  internal error: should not happen
    ├── CheckFailed              1  a check ran to its end and said no
    ├── UsageError               2  a flag or an argument that cannot be
    │   └── DataError            2  a data set that cannot be used as it stands
    ├── MissingDependency        3  an optional dependency is not installed
    ├── ModelError               4  a model file that cannot be read or used
    │   ├── ContractError        4  a preprocessing contract that cannot be
    │   └── BundleError          4  a bundle that is broken, tampered with or not ours
    ├── SourceLost               5  a camera, video or folder gives no (more) frames
    └── Inconclusive             6  too little evidence for a verdict

A message says what is wrong, what was expected, and what to do, in one line.
"""

from __future__ import annotations

from collections.abc import Iterable


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """The hint for a typo; empty when nothing known is near."""
    import difflib  # only a mistake pays for it

    close = difflib.get_close_matches(given, list(known), n=1)
    return f"did you mean {close[0]}?" if close else ""


class EdgeVisionError(Exception):
    """An expected failure: shown as one line, never as a traceback."""

    exit_code = 70

    def __init__(self, what: str, *, expected: str = "", hint: str = "") -> None:
        self.what, self.expected, self.hint = what, expected, hint
        parts = [what]
        if expected:
            parts.append(f"expected {expected}")
        if hint:
            parts.append(hint)
        super().__init__("; ".join(parts))


class CheckFailed(EdgeVisionError):
    """A check ran to its end and said no."""

    exit_code = 1


class UsageError(EdgeVisionError):
    """A flag or an argument that cannot be."""

    exit_code = 2


class DataError(UsageError):
    """A data set that cannot be used as it stands."""


class MissingDependency(EdgeVisionError):
    """An optional dependency is not installed; `hint` holds the exact pip command."""

    exit_code = 3


class ModelError(EdgeVisionError):
    """A model file that cannot be read or used."""

    exit_code = 4


class ContractError(ModelError):
    """A preprocessing contract that cannot be."""


class BundleError(ModelError):
    """A bundle that is broken, tampered with or not ours; `member` names the place."""

    def __init__(self, member: str, what: str, *, expected: str = "", hint: str = "") -> None:
        super().__init__(f"{member}: {what}", expected=expected, hint=hint)
        self.member = member


class SourceLost(EdgeVisionError):
    """A camera, video or folder gives no (more) frames."""

    exit_code = 5


class Inconclusive(EdgeVisionError):
    """Too little evidence for a verdict."""

    exit_code = 6
