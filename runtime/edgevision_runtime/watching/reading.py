"""Settings of watching from flags and from TOML tables: the same words, the same checks.

Both become one table of texts first: `--event "person in door: enter=0.7 for=2s"` and

    [event."person in door"]
    enter = 0.7
    for = "2s"
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from edgevision_runtime.cameras.query import duration_s, share, whole
from edgevision_runtime.errors import UsageError, did_you_mean
from edgevision_runtime.watching.settings import (
    IN_ZONE,
    LONGEST_GAP_S,
    MOTION_SHARE,
    Condition,
    EventSettings,
    MotionSettings,
    Smoothing,
    WatchSettings,
    Zone,
)

Fields = Mapping[str, Callable[[str], Any]]
KEYS = ("smooth", "event", "zone", "longest_gap", "motion_gate")
SMOOTH = "exponential=1s, majority=9 or none"
ZONE = "NAME: X,Y X,Y X,Y …, with at least three corners from 0,0 (top left) to 1,1"
CONDITION = "LABEL, or LABEL: enter=0.7 leave=0.5 for=2s cooldown=30s"


def watch_from_flags(flags: Mapping[str, Any]) -> WatchSettings:
    """Settings from what `watching.flags` collected.

    Raises:
        UsageError: names the flag and what it expects.
    """
    table: dict[str, Any] = {key: flags[key] for key in ("smooth", "longest_gap", "motion_gate") if flags[key]}
    for key, expected in (("event", CONDITION), ("zone", ZONE)):
        if flags[key]:
            table[key] = _named(f"--{key}", flags[key], expected)
    table["event"] = {name: _words(f"--event {name!r}", text) for name, text in table.get("event", {}).items()}
    return _watch(table, lambda key: f"--{key.replace('_', '-')}", is_asked_for=flags["events"])


def watch_from_table(table: Mapping[str, Any], where: str) -> WatchSettings:
    """Settings from a TOML table with some of the `KEYS`; `where` names it in errors.

    Raises:
        UsageError: names the key and what it expects.
    """
    for key in table:
        if key not in KEYS:
            raise UsageError(f"{where}: unknown {key!r}", expected=" | ".join(KEYS), hint=did_you_mean(key, KEYS))
    for key in ("event", "zone"):
        if not isinstance(table.get(key, {}), Mapping):
            raise UsageError(f"{where}: {key} is {table[key]!r}", expected=f"a table [{key}]")
    for name, fields in table.get("event", {}).items():
        if not isinstance(fields, Mapping):
            raise UsageError(f"{where}: event {name!r} is {fields!r}", expected="a table such as {enter = 0.7}")
    return _watch(table, lambda key: f"{where}: {key}", is_asked_for="event" in table)


def _watch(table: Mapping[str, Any], name_of: Callable[[str], str], *, is_asked_for: bool) -> WatchSettings:
    motion = table.get("motion_gate")
    events = None
    if is_asked_for or any(table.get(key) for key in ("smooth", "event", "zone", "longest_gap")):
        zones = tuple(
            _zone(f"{name_of('zone')} {name!r}", name, given) for name, given in table.get("zone", {}).items()
        )
        conditions = tuple(
            _condition(f"{name_of('event')} {target!r}", target, fields, [zone.name for zone in zones])
            for target, fields in table.get("event", {}).items()
        )
        gap = _value(name_of("longest_gap"), str(table.get("longest_gap", LONGEST_GAP_S)), _duration_above_0)
        events = EventSettings(conditions, _smoothing(name_of("smooth"), table.get("smooth")), zones, gap)
    return WatchSettings(events, None if motion is None else _motion(name_of("motion_gate"), str(motion)))


def _smoothing(where: str, text: str | None) -> Smoothing | None:
    if text is None:
        return None
    if not isinstance(text, str):
        raise UsageError(f"{where} is {text!r}", expected=SMOOTH)
    kind, _, amount = text.partition("=")
    if text == "none":
        return Smoothing(time_constant_s=0.0)
    if kind == "exponential":
        return Smoothing(time_constant_s=_value(where, amount, duration_s))
    if kind == "majority":
        return Smoothing(kind, answers=_value(where, amount, _above_0))
    hint = did_you_mean(kind, ("exponential", "majority", "none"))
    raise UsageError(f"{where} {text!r}", expected=SMOOTH, hint=hint)


def _zone(where: str, name: str, given: Any) -> Zone:
    corners = given.split() if isinstance(given, str) else given
    if not isinstance(corners, (list, tuple)):
        raise UsageError(where, expected=ZONE)
    zone = Zone(name, tuple(_corner(where, corner) for corner in corners))
    if len(zone.corners) < 3 or any(len(set(along)) == 1 for along in zip(*zone.corners)):
        raise UsageError(f"{where} encloses nothing", expected=ZONE)
    return zone


def _corner(where: str, given: Any) -> tuple[float, float]:
    parts = given.split(",") if isinstance(given, str) else given
    if not isinstance(parts, (list, tuple)) or len(parts) != 2:
        raise UsageError(f"{where}: corner {given!r}", expected="X,Y such as 0.25,0.5")
    x, y = (_value(f"{where}: corner {given!r}", str(part), share) for part in parts)
    return x, y


def _condition(where: str, target: str, given: Mapping[str, Any], zones: Sequence[str]) -> Condition:
    label, zone = _target(target, zones)
    found = {}
    for field, value in given.items():
        if field not in _CONDITION_FIELDS:
            hint = did_you_mean(field, _CONDITION_FIELDS)
            raise UsageError(f"{where}: unknown {field!r}", expected=" | ".join(_CONDITION_FIELDS), hint=hint)
        name, parse = _CONDITION_FIELDS[field]
        found[name] = _value(f"{where}: {field}", str(value), parse)
    condition = Condition(label, zone, **found)
    if condition.enter is not None and condition.leave is not None and condition.leave > condition.enter:
        raise UsageError(f"{where}: leave={condition.leave:g}", expected=f"at most enter={condition.enter:g}")
    return condition


def _target(target: str, zones: Sequence[str]) -> tuple[str, str | None]:
    """(label, zone) of `person` or, where there is such a zone, `person in door`."""
    for zone in zones:
        if target.endswith(IN_ZONE + zone):
            return target[: -len(IN_ZONE + zone)], zone
    return target, None


def _motion(where: str, text: str) -> MotionSettings:
    """`0.002`, `0.002 refresh=5s`, `refresh=5s` or `default`."""
    found: dict[str, float] = {}
    for word in text.split():
        name, equals, value = word.partition("=")
        if not equals and word != "default" and "share" not in found:
            found["share"] = _value(where, word, _share_above_0)
        elif name == "refresh" and "refresh_s" not in found:
            found["refresh_s"] = _value(where, value, _duration_above_0)
        elif word != "default":
            raise UsageError(f"{where}: {word}", expected=f"the share of the picture that moves, as {MOTION_SHARE}")
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
        raise UsageError(f"{where} = {text!r} cannot be", expected=str(error)) from error


def _above_0(text: str) -> int:
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


_CONDITION_FIELDS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "enter": ("enter", _share_above_0),
    "leave": ("leave", share),
    "for": ("for_s", duration_s),
    "cooldown": ("cooldown_s", duration_s),
}
