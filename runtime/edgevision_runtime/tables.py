"""TOML into named tuples, strictly: an unknown, missing or wrong key is an error that names the file and the field."""

from __future__ import annotations

import sys
import typing
from pathlib import Path
from typing import Any

from edgevision_runtime.errors import UsageError

NAMES = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a file.

    Raises:
        UsageError: it cannot be read, or is no TOML.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path.name} cannot be read: {error}", expected="a TOML file") from error
    return parse_toml(text, path)


def parse_toml(text: str, path: Path) -> dict[str, Any]:
    """The tables of a text from `path`. Raises UsageError when it is no TOML."""
    if sys.version_info >= (3, 11):  # here, because every run imports this module and few read a file
        import tomllib
    else:
        import tomli as tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path.name} cannot be read: {error}", expected="a TOML file") from error


def parse(kind: Any, value: Any, where: str) -> Any:
    """`value` as `kind`: a named tuple from a table, a tuple from an array, a dict from a table, or a plain type.

    Raises:
        UsageError: it is not; begins with `where`.
    """
    origin = typing.get_origin(kind)
    if hasattr(kind, "_field_defaults"):
        return _parse_table(kind, value, where)
    if origin is tuple:
        if not isinstance(value, list):
            raise UsageError(f"{where} is {value!r}", expected="an array")
        return tuple(parse(typing.get_args(kind)[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if origin is dict:
        if not isinstance(value, dict):
            raise UsageError(f"{where} is {value!r}", expected="a table")
        return {key: parse(typing.get_args(kind)[1], item, f"{where}.{key}") for key, item in value.items()}
    if origin is typing.Union:
        return parse(typing.get_args(kind)[0], value, where)  # Optional: TOML has no null
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise UsageError(f"{where} is {value!r}", expected=NAMES[kind])
    return value


def _parse_table(kind: Any, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise UsageError(f"{where} is {value!r}", expected="a table")
    unknown = [key for key in value if key not in kind._fields]
    if unknown:
        raise UsageError(f"{where}: unknown key {unknown[0]!r}", expected=" | ".join(kind._fields))
    required = [name for name in kind._fields if name not in kind._field_defaults]
    absent = [name for name in required if name not in value]
    if absent:
        raise UsageError(f"{where}: {absent[0]} is missing", expected=", ".join(required))
    hints = typing.get_type_hints(kind)
    return kind(**{key: parse(hints[key], item, f"{where}: {key}") for key, item in value.items()})


def to_tables(value: Any) -> Any:
    """Named tuples back into tables, ready for JSON."""
    if hasattr(value, "_asdict"):
        return {key: to_tables(item) for key, item in value._asdict().items()}
    return [to_tables(item) for item in value] if isinstance(value, tuple) else value
