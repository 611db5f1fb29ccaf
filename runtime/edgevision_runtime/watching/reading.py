"""Settings of watching from texts, those of flags and those that a file of cameras has for one camera."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from edgevision_runtime.cameras.query import duration_s, share, whole
from edgevision_runtime.errors import UsageError, did_you_mean
from edgevision_runtime.watching.settings import (
    IN_ZONE,
    LONGEST_GAP_S,
    MOTION_SHARE,
    REFRESH_S,
    Condition,
    EventSettings,
    MotionSettings,
    Smoothing,
    WatchSettings,
    Zone,
)

SMOOTH = "exponential=1s, majority=9 or none"
ZONE = "NAME: X,Y X,Y X,Y …, with at least three corners from 0,0 (top left) to 1,1"
CONDITION = "LABEL, or LABEL: enter=0.7 leave=0.5 for=2s cooldown=30s"


@dataclass(frozen=True)
class WatchTexts:
    """What a person wrote."""

    events: bool = False  # whether events are asked for even when nothing else says so
    event: Sequence[str] = ()
    zone: Sequence[str] = ()
    smooth: str | None = None
    longest_gap: str | None = None
    motion_gate: str | None = None


def read_watch(texts: WatchTexts, *, where: str = "") -> WatchSettings:
    """Settings from texts; `where` they stand, when not in flags.

    Raises:
        UsageError: names the flag and what it expects.
    """
    try:
        return _read(texts)
    except UsageError as error:
        what = f"{where}: {error.what}" if where else error.what
        raise UsageError(what, expected=error.expected, hint=error.hint) from error


def _read(texts: WatchTexts) -> WatchSettings:
    events = None
    if texts.events or texts.event or texts.zone or texts.smooth or texts.longest_gap:
        zones = tuple(_zone(name, text) for name, text in _named("--zone", texts.zone, ZONE).items())
        names = [zone.name for zone in zones]
        conditions = _named("--event", texts.event, CONDITION)
        events = EventSettings(
            conditions=tuple(_condition(target, text, names) for target, text in conditions.items()),
            smoothing=None if texts.smooth is None else _smoothing(texts.smooth),
            zones=zones,
            longest_gap_s=_value("--longest-gap", texts.longest_gap or f"{LONGEST_GAP_S}", _duration_above_0),
        )
    return WatchSettings(events, None if texts.motion_gate is None else _motion(texts.motion_gate))


def _smoothing(text: str) -> Smoothing:
    kind, _, amount = text.partition("=")
    if text == "none":
        return Smoothing(time_constant_s=0.0)
    if kind == "exponential":
        return Smoothing(time_constant_s=_value("--smooth exponential", amount, duration_s))
    if kind == "majority":
        return Smoothing(kind, answers=_value("--smooth majority", amount, _whole_above_0))
    hint = did_you_mean(kind, ("exponential", "majority", "none"))
    raise UsageError(f"--smooth {text!r}", expected=SMOOTH, hint=hint)


def _zone(name: str, text: str) -> Zone:
    where = f"--zone {name!r}"
    corners = tuple(_value(f"{where}: corner", corner, _corner) for corner in text.split())
    if len(corners) < 3 or any(len(set(along)) == 1 for along in zip(*corners)):
        raise UsageError(f"{where} encloses nothing", expected=ZONE)
    return Zone(name, corners)


def _condition(target: str, text: str, zones: Sequence[str]) -> Condition:
    where, found = f"--event {target!r}", {}
    for field, value in _words(where, text).items():
        if field not in _FIELDS:
            hint = did_you_mean(field, _FIELDS)
            raise UsageError(f"{where}: unknown {field!r}", expected=" | ".join(_FIELDS), hint=hint)
        name, parse = _FIELDS[field]
        found[name] = _value(f"{where}: {field}", value, parse)
    condition = Condition(*_target(target, zones), **found)
    if condition.enter is not None and condition.leave is not None and condition.leave > condition.enter:
        raise UsageError(f"{where}: leave={condition.leave:g}", expected=f"at most enter={condition.enter:g}")
    return condition


def _target(target: str, zones: Sequence[str]) -> tuple[str, str | None]:
    """(label, zone) of `person` or, where there is such a zone, `person in door`."""
    for zone in zones:
        if target.endswith(IN_ZONE + zone):
            return target[: -len(IN_ZONE + zone)], zone
    return target, None


def _motion(text: str) -> MotionSettings:
    """`0.002`, `0.002 refresh=5s`, `refresh=5s`, or nothing."""
    found: dict[str, float] = {}
    for word in text.split():
        name, equals, value = word.partition("=")
        if not equals and "share" not in found:
            found["share"] = _value("--motion-gate", word, _share_above_0)
        elif name == "refresh" and "refresh_s" not in found:
            found["refresh_s"] = _value("--motion-gate refresh", value, _duration_above_0)
        else:
            what = f"the share of the picture that moves, such as {MOTION_SHARE}, and refresh={REFRESH_S:g}s"
            raise UsageError(f"--motion-gate {text!r}: {word}", expected=what)
    return MotionSettings(**found)


def _named(flag: str, texts: Sequence[str], expected: str) -> dict[str, str]:
    """`NAME: rest` for each text; the name of `NAME` alone."""
    found: dict[str, str] = {}
    for text in texts:
        name, _, rest = text.rpartition(":") if ":" in text else (text, "", "")
        name = name.strip()
        if not name:
            raise UsageError(f"{flag} {text!r} names nothing", expected=expected)
        if name in found:
            raise UsageError(f"{flag} {name!r} is given twice", expected="each once")
        found[name] = rest
    return found


def _words(where: str, text: str) -> dict[str, str]:
    """`a=1 b=2`."""
    found: dict[str, str] = {}
    for word in text.split():
        name, equals, value = word.partition("=")
        if not equals:
            raise UsageError(f"{where}: {word}", expected=CONDITION)
        if name in found:
            raise UsageError(f"{where}: {name} is given twice", expected="each once")
        found[name] = value
    return found


def _value(where: str, text: str, parse: Callable[[str], Any]) -> Any:
    try:
        return parse(text)
    except ValueError as error:
        raise UsageError(f"{where}: {text!r} cannot be", expected=str(error)) from error


def _corner(text: str) -> tuple[float, float]:
    x, comma, y = text.partition(",")
    if not comma:
        raise ValueError("X,Y such as 0.25,0.5")
    return share(x), share(y)


def _whole_above_0(text: str) -> int:
    value = whole(text)
    if value == 0:
        raise ValueError("a whole number above 0")
    return value


def _duration_above_0(text: str) -> float:
    value: float = duration_s(text)
    if value == 0:
        raise ValueError("a duration above 0")
    return value


def _share_above_0(text: str) -> float:
    value = share(text)
    if value == 0:
        raise ValueError("a share above 0, up to 1")
    return value


_FIELDS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "enter": ("enter", _share_above_0),
    "leave": ("leave", share),
    "for": ("for_s", duration_s),
    "cooldown": ("cooldown_s", duration_s),
}
