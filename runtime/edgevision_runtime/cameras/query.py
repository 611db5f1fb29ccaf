"""The part of a source after `?`: settings, each checked, a typo answered with what was probably meant."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from edgevision_runtime.errors import UsageError, did_you_mean

_UNITS_S = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "": 1.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|)")
Parser = Callable[[str], Any]


def split_source(source: str) -> tuple[str, str]:
    """(what stands between `://` and the first `?`, percent signs decoded; what stands after it)."""
    place, _, query = source.partition("://")[2].partition("?")
    return unquote(place), query


def parse_query(kind: str, query: str, fields: Mapping[str, Parser]) -> dict[str, Any]:
    """The settings given in `a=1&b=2`. A parser raises ValueError with what it expected.

    Raises:
        UsageError: a setting is unknown, given twice, or has a value that cannot be.
    """
    found: dict[str, Any] = {}
    for part in query.split("&") if query else []:
        name, equals, text = part.partition("=")
        if name not in fields:
            hint = did_you_mean(name, fields)
            raise UsageError(f"{kind} does not know {name!r}", expected=" | ".join(fields), hint=hint)
        if name in found:
            raise UsageError(f"{kind}: {name} is given twice", expected="each setting once")
        try:
            found[name] = fields[name](unquote(text) if equals else "")
        except ValueError as error:
            raise UsageError(f"{kind}: {name}={text} cannot be", expected=str(error)) from error
    return found


def duration_s(text: str) -> float:
    """`250ms`, `3s`, `1.5m`, `24h`; a bare number is seconds."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError("a duration such as 250ms, 3s, 5m or 24h")
    return float(match[1]) * _UNITS_S[match[2]]


def share(text: str) -> float:
    """A number from 0 to 1."""
    value = _number(text)
    if value is None or not 0 <= value <= 1:
        raise ValueError("a share from 0 to 1")
    return value


def positive(text: str) -> float:
    """A number above 0."""
    value = _number(text)
    if value is None or value <= 0:
        raise ValueError("a number above 0")
    return value


def whole(text: str) -> int:
    """0, 1, 2 …"""  # noqa: D415 - the dots go on
    if not (text.isascii() and text.isdigit()):
        raise ValueError("a whole number, 0 or more")
    return int(text)


def size(text: str) -> tuple[int, int]:
    """`1280x720` as (width, height)."""
    match = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", text)
    if match is None:
        raise ValueError("WIDTHxHEIGHT such as 1280x720")
    return int(match[1]), int(match[2])


def one_of(*names: str) -> Parser:
    """A parser that takes these words only."""

    def parse(text: str) -> str:
        if text not in names:
            raise ValueError(" or ".join(names))
        return text

    return parse


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
