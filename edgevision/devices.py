"""The boards that edgevision knows: one TOML file each, in `devices/`. A new board is a new file, no code.

Every number in such a file says where it comes from: `run` (imported and inferred in that userland under emulation),
`wheel` (tags, metadata and symbols of the wheel only), `published` with its source, `choice` (ours), or `unmeasured`.
"""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
import types
import typing
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from edgevision_runtime.engines import ENGINES
from edgevision_runtime.errors import UsageError

EVIDENCE = ("run", "wheel", "unmeasured")


@dataclass(frozen=True)
class EnginePin:
    """One way to run models on a system."""

    name: str  # litert | tflite | onnx
    install: tuple[str, ...]  # pip requirements
    evidence: str  # run | wheel | unmeasured
    note: str = ""
    refuses: dict[str, int] = field(default_factory=dict)  # operator → first version that this engine does not know
    opset_max: int | None = None  # onnx: newest operator set


@dataclass(frozen=True)
class System:
    """An operating system of a board, with its engines in order of preference."""

    name: str
    python: str  # of the system, such as 3.11
    machine: str  # aarch64 | armv7l | x86_64
    glibc: str
    engines: tuple[EnginePin, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Camera:
    """What `run --source` takes by default there."""

    source: str
    width: int
    height: int
    fps: int


@dataclass(frozen=True)
class Budget:
    """What a bundle may cost on this board; `source` says where the numbers come from."""

    latency_p95_ms: float
    bundle_mb: float
    memory_mb: float
    source: str


@dataclass(frozen=True)
class Published:
    """A latency that somebody else measured on this board."""

    model: str
    precision: str
    runtime: str
    ms: float
    source: str
    threads: int | None = None  # None: not stated


@dataclass(frozen=True)
class Device:
    """A board: what it is, what runs on it, and what a bundle may cost there."""

    name: str  # of the file, without .toml
    title: str
    cpu: str
    cores: int
    memory_mb: int  # of the smallest version sold
    threads: int  # of an interpreter, by default
    camera: Camera
    budget: Budget
    systems: tuple[System, ...]
    accelerator: str = ""
    published: tuple[Published, ...] = ()
    notes: tuple[str, ...] = ()


@cache
def load_devices(folder: Path | None = None) -> dict[str, Device]:
    """All boards by name; of the folder that comes with edgevision unless another is given.

    Raises:
        UsageError: a file that is not as it must be; names the file and the field.
    """
    folder = folder or _folder()
    return {path.stem: read_device(path) for path in sorted(folder.glob("*.toml"))}


def find_device(name: str) -> Device:
    """The board called `name`.

    Raises:
        UsageError: there is none; says which is close.
    """
    devices = load_devices()
    if name not in devices:
        close = difflib.get_close_matches(name, devices, n=1, cutoff=0.4)
        hint = f"did you mean {close[0]}?" if close else ""
        raise UsageError(f"no device {name!r}", expected=" | ".join(devices), hint=hint)
    return devices[name]


def read_device(path: Path) -> Device:
    """Read one file; strict: an unknown or missing key is an error.

    Raises:
        UsageError: names the file and the field.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path.name} cannot be read: {error}", expected="a TOML file") from error
    device: Device = _parse(Device, {"name": path.stem, **document}, path.name)
    for system in device.systems:
        for pin in system.engines:
            where = f"{path.name}: {system.name}: engine {pin.name!r}"
            if pin.name not in ENGINES:
                raise UsageError(where, expected=" | ".join(ENGINES))
            if pin.evidence not in EVIDENCE:
                raise UsageError(f"{where}: evidence {pin.evidence!r}", expected=" | ".join(EVIDENCE))
    return device


def _folder() -> Path:
    """`devices/` beside this file in a wheel, at the top of the repository in a checkout."""
    here = Path(__file__).parent
    return next(folder for folder in (here / "devices", here.parent / "devices") if folder.is_dir())


def _parse(kind: Any, value: Any, where: str) -> Any:
    """`value` as `kind`: a dataclass from a table, a tuple from an array, or a plain type."""
    origin = typing.get_origin(kind)
    if dataclasses.is_dataclass(kind):
        return _parse_table(kind, value, where)
    if origin is tuple:
        if not isinstance(value, list):
            raise UsageError(f"{where} is {value!r}", expected="an array")
        return tuple(_parse(typing.get_args(kind)[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if origin is dict:
        if not isinstance(value, dict):
            raise UsageError(f"{where} is {value!r}", expected="a table")
        return {key: _parse(typing.get_args(kind)[1], item, f"{where}.{key}") for key, item in value.items()}
    if origin in (typing.Union, types.UnionType):
        return _parse(typing.get_args(kind)[0], value, where)  # X | None: TOML has no null
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise UsageError(f"{where} is {value!r}", expected={str: "a text", int: "a whole number"}.get(kind, "a number"))
    return value


def _parse_table(kind: Any, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise UsageError(f"{where} is {value!r}", expected="a table")
    fields = {entry.name: entry for entry in dataclasses.fields(kind)}
    if unknown := [key for key in value if key not in fields]:
        raise UsageError(f"{where}: unknown key {unknown[0]!r}", expected=" | ".join(fields))
    missing = dataclasses.MISSING
    required = [name for name, entry in fields.items() if entry.default is missing and entry.default_factory is missing]
    if absent := [name for name in required if name not in value]:
        raise UsageError(f"{where}: {absent[0]} is missing", expected=", ".join(required))
    hints = typing.get_type_hints(kind)
    return kind(**{key: _parse(hints[key], item, f"{where}: {key}") for key, item in value.items()})
