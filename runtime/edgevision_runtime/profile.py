"""The boards that edgevision knows, one TOML file each, and which of them this machine is.

Every number in such a file says where it comes from: `run` (imported and inferred in that userland under emulation),
`wheel` (tags, metadata and symbols of the wheel only), `published` with its source, `choice` (ours), or `unmeasured`.
Named tuples, not dataclasses: a run reads one before its first prediction, and nine of those take 7 ms to define.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Optional

from edgevision_runtime.engines import ENGINES
from edgevision_runtime.errors import UsageError, did_you_mean
from edgevision_runtime.health.limits import CAUTIOUS, ThermalLimits
from edgevision_runtime.tables import parse, parse_toml, read_toml
from edgevision_runtime.types import Variant

EVIDENCE = ("run", "wheel", "unmeasured")
MODEL = Path("proc/device-tree/model")  # what the firmware of a board says that it is


class EnginePin(NamedTuple):
    """One way to run models on a system."""

    name: str  # of an engine: litert | tflite | onnx | …
    install: tuple[str, ...]  # pip requirements
    evidence: str  # run | wheel | unmeasured
    note: str = ""
    refuses: dict[str, int] = {}  # operator → first version that this engine does not know
    opset_max: Optional[int] = None  # noqa: UP045  Python 3.9 evaluates it; onnx: newest operator set

    def refused_operators(self, variant: Variant) -> list[str]:
        """Operators of a variant that it is known not to have, such as `FULLY_CONNECTED 12 (known: below 12)`."""
        refused = [
            f"{operator.name} {operator.version} (known: below {self.refuses[operator.name]})"
            for operator in variant.operators
            if operator.name in self.refuses and operator.version >= self.refuses[operator.name]
        ]
        if self.opset_max is not None:
            newest = max((operator.version for operator in variant.operators), default=0)
            refused += [f"operator set {newest} (known: up to {self.opset_max})"] if newest > self.opset_max else []
        return refused


class System(NamedTuple):
    """An operating system of a board, with its engines in order of preference."""

    name: str
    python: str  # of the system, such as 3.11
    machine: str  # aarch64 | armv7l | x86_64
    glibc: str
    engines: tuple[EnginePin, ...] = ()
    note: str = ""


class Detect(NamedTuple):
    """How a machine knows that it is this board; one that says neither is only taken by name."""

    model: tuple[str, ...] = ()  # one of these stands in /proc/device-tree/model
    machine: str = ""  # where there is no such file: what `uname -m` says


class Camera(NamedTuple):
    """What `run --source` takes by default there."""

    source: str
    width: int
    height: int
    fps: int


class Budget(NamedTuple):
    """What a bundle may cost on this board; `source` says where the numbers come from."""

    latency_p95_ms: float
    bundle_mb: float
    memory_mb: float
    source: str


class Published(NamedTuple):
    """A latency that somebody else measured on this board."""

    model: str
    precision: str
    runtime: str
    ms: float
    source: str
    threads: Optional[int] = None  # noqa: UP045  Python 3.9 evaluates it; None: not stated


class Profile(NamedTuple):
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
    detect: Detect = Detect()
    thermal: ThermalLimits = CAUTIOUS
    accelerator: str = ""
    published: tuple[Published, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def file(self) -> str:
        """What messages call it."""
        return f"devices/{self.name}.toml"

    def system_for(self, host: Host) -> System | None:
        """The system that a machine runs, else the one nearest to it: same machine, newest glibc that it has.

        Which of several engines is better does not hang on a minor version of Python, so the nearest is good enough
        to order them by; `Host.is_exactly` tells the two apart.
        """
        own = [system for system in self.systems if system.machine == host.machine]
        exact = [system for system in own if host.is_exactly(system)]
        older = [system for system in own if version_of(system.glibc) <= version_of(host.glibc)]
        return next(iter([*exact, *sorted(older, key=lambda system: version_of(system.glibc), reverse=True)]), None)


class Host(NamedTuple):
    """What decides which wheels a machine takes."""

    python: str  # 3.11
    machine: str  # of the userland: armv7l on 32-bit Raspberry Pi OS, whose kernel is 64-bit
    glibc: str  # 2.36; empty where the C library is another one

    def is_exactly(self, system: System) -> bool:
        """Whether it is that very system, not only one like it."""
        return (self.python, self.machine, self.glibc) == (system.python, system.machine, system.glibc)

    def __str__(self) -> str:
        return f"Python {self.python} on {self.machine} with {f'glibc {self.glibc}' if self.glibc else 'no glibc'}"


def this_host() -> Host:
    """What is here now."""
    try:
        library = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (ValueError, OSError):  # another C library does not know the name
        library = ""
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return Host(python, userland(platform.machine(), sys.maxsize > 2**32), library.partition(" ")[2])


def userland(kernel_machine: str, is_64_bit: bool) -> str:
    """The machine that wheels are made for: what `uname -m` says, unless a 32-bit system runs on a 64-bit kernel."""
    if is_64_bit:
        return kernel_machine
    return {"aarch64": "armv7l", "armv8l": "armv7l", "x86_64": "i686"}.get(kernel_machine, kernel_machine)


def version_of(text: str) -> tuple[int, ...]:
    """`2.36` as numbers that compare; nothing for an empty text."""
    return tuple(int(part) for part in text.split(".") if part.isdigit())


def profile_files() -> dict[str, Path]:
    """The files that come with edgevision, by name."""
    here = Path(__file__).parent  # devices/ is beside this file in a wheel, at the top of the repository in a checkout
    folders = [folder for folder in (here / "devices", here.parents[1] / "devices") if folder.is_dir()]
    return {path.stem: path for folder in folders[:1] for path in sorted(folder.glob("*.toml"))}


def detect_profile(root: Path = Path("/")) -> Profile | None:
    """The board that this machine is, by what its firmware says; None: none of those that edgevision knows.

    Raises:
        UsageError: a file that comes with edgevision is not as it must be.
    """
    try:
        model = (root / MODEL).read_bytes().rstrip(b"\0\n").decode("utf-8", "replace")
    except OSError:  # no such file on a PC; unreadable in a container
        model = ""
    machine = platform.machine()
    for path in profile_files().values():
        detect = _detect_line(path)
        if any(text in model for text in detect.model) if model else detect.machine == machine:
            return read_profile(path)
    return None


def _detect_line(path: Path) -> Detect:
    """What one of our own files is known by: one line there, so that the rest of it need not be parsed."""
    with path.open(encoding="utf-8") as file:
        line = next((line for line in file if line.startswith("detect ")), "")
    document = parse_toml(line, path)
    detect: Detect = parse(Detect, document.get("detect", {}), f"{path.name}: detect")
    return detect


def read_profile(name_or_path: str | Path) -> Profile:
    """A board by its name, or of a file of one's own.

    Raises:
        UsageError: there is no such board or file, or the file is not as it must be; names the file and the field.
    """
    known = profile_files()
    if str(name_or_path) in known:
        path = known[str(name_or_path)]
    elif str(name_or_path).endswith(".toml"):
        path = Path(name_or_path)
    else:
        hint = did_you_mean(str(name_or_path), known) or "or a file of your own that ends in .toml"
        raise UsageError(f"no device {str(name_or_path)!r}", expected=" | ".join(known), hint=hint)
    document: dict[str, Any] = read_toml(path)
    profile: Profile = parse(Profile, {"name": path.stem, **document}, path.name)
    for where, pin in _pins(profile, path.name):
        if pin.name not in ENGINES:
            raise UsageError(where, expected=" | ".join(ENGINES))
        if pin.evidence not in EVIDENCE:
            raise UsageError(f"{where}: evidence {pin.evidence!r}", expected=" | ".join(EVIDENCE))
    return profile


def _pins(profile: Profile, file: str) -> Iterator[tuple[str, EnginePin]]:
    for system in profile.systems:
        for pin in system.engines:
            yield f"{file}: {system.name}: engine {pin.name!r}", pin
