"""The boards' systems under qemu-user: Debian of the same release, real wheels for ARM, the board's core, no board.

What `devices/*.toml` tells a person to install is what is installed here, under the Python of the system, beside the
runtime's own wheel. Everything is unpacked into folders of the user's cache, so a second run builds nothing.
Emulation says whether the answers are the same; it says nothing about speed.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement

from edgevision.data.packages import cache_folder
from edgevision.devices import Device, EnginePin, System, load_devices
from edgevision_runtime.atomic import atomic_folder
from tests.arm.debian import CannotGet, unpack

QEMU_SUITE = "trixie"  # qemu 10: it shows an ARM /proc/cpuinfo, without which onnxruntime crashes in 7.2
EMULATORS = {"arm64": "qemu-aarch64", "armhf": "qemu-arm"}
OWN_PYTHON = ("python3", "libstdc++6")
OWN_LIBRARIES = ("python3-numpy", "python3-opencv")  # for 32 bits there are no wheels of these
RUNTIME = Path(__file__).parents[2] / "runtime" / "pyproject.toml"
CORE_OF_32_BIT = "cortex-a7"  # qemu-arm has no newer ARMv7 core; the A53 and A72 run its instructions
STAND_INS = {"Cortex-A78AE": "cortex-a76"}  # the newest core of that line that qemu has
CODE = "from edgevision_runtime.cli import main; main()"


@dataclass(frozen=True)
class Stand:
    """The Debian that stands in for a board's system."""

    suite: str
    architecture: str  # as Debian calls it
    packages: tuple[str, ...]
    is_close: bool = True  # False: only Python, glibc and libstdc++ are of the same versions


STANDS = {
    "Raspberry Pi OS bookworm, 64-bit": Stand("bookworm", "arm64", OWN_PYTHON),
    "Raspberry Pi OS trixie, 64-bit": Stand("trixie", "arm64", OWN_PYTHON),
    "Raspberry Pi OS bookworm, 32-bit": Stand("bookworm", "armhf", OWN_PYTHON + OWN_LIBRARIES),
    "JetPack 5 (Ubuntu 20.04)": Stand("bullseye", "arm64", OWN_PYTHON, is_close=False),
}


@dataclass(frozen=True)
class Combination:
    """A system, an engine on it, and a core: what runs once."""

    system: System
    pin: EnginePin
    core: str  # as qemu calls it

    def __str__(self) -> str:
        stand = STANDS[self.system.name]
        return f"{stand.suite}-{stand.architecture}-{self.pin.name}-{self.core}"


@dataclass(frozen=True)
class Userland:
    """An unpacked system with one engine."""

    emulator: Path
    root: Path
    libraries: tuple[Path, ...]
    python: str

    def run(self, core: str, *arguments: object, code: str = CODE) -> subprocess.CompletedProcess[str]:
        """`edgevision-runtime ARGUMENTS`, or other Python, on an emulated core."""
        interpreter = self.root / "usr" / "bin" / f"python{self.python}"
        return subprocess.run(
            [self.emulator, "-cpu", core, "-L", self.root, interpreter, "-c", code, *map(str, arguments)],
            env={"PYTHONPATH": ":".join(map(str, self.libraries)), "PYTHONDONTWRITEBYTECODE": "1", "HOME": "/tmp"},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )


def core_of(device: Device, system: System) -> str:
    """The core that qemu emulates for a board."""
    if system.machine == "armv7l":
        return CORE_OF_32_BIT
    (name,) = re.findall(r"Cortex-A\d+\w*", device.cpu)
    return STAND_INS.get(name, name.lower())


def combinations() -> list[Combination]:
    """Every system and engine of every board that can be emulated, each core once."""
    found: dict[str, Combination] = {}
    for device in load_devices().values():
        for system in device.systems:
            for pin in system.engines if system.name in STANDS else ():
                combination = Combination(system, pin, core_of(device, system))
                found.setdefault(str(combination), combination)
    return sorted(found.values(), key=str)


def open_userland(system: System, pin: EnginePin, runtime: Path) -> Userland:
    """Take the system from the user's cache, built when it is not there; `runtime` holds the runtime's wheel, unpacked.

    Raises:
        CannotGet: it cannot be built here; says why.
    """
    stand = STANDS[system.name]
    name = f"{stand.suite}-{stand.architecture}"
    emulator = cached("qemu", (QEMU_SUITE,), _keep_emulators) / EMULATORS[stand.architecture]
    root = cached(name, stand.packages, lambda root: _unpack_system(stand, root))
    has_own = "python3-numpy" in stand.packages
    requirements = (*pin.install, *(need for need in _runtime_needs(system) if not (has_own and "numpy" in need)))
    wheels = cached(
        f"{name}-{pin.name}", requirements, lambda folder: fetch_wheels(system, requirements, folder, are_alone=has_own)
    )
    return Userland(emulator, root, (runtime, wheels, root / "usr/lib/python3/dist-packages"), system.python)


def _runtime_needs(system: System) -> list[str]:
    """The runtime's own dependencies under the Python of a system."""
    listed = map(Requirement, tomllib.loads(RUNTIME.read_text())["project"]["dependencies"])
    python = {"python_version": system.python, "python_full_version": f"{system.python}.0"}
    return [f"{need.name}{need.specifier}" for need in listed if need.marker is None or need.marker.evaluate(python)]


def cached(name: str, content: Sequence[str], build: Callable[[Path], None]) -> Path:
    """A folder of the cache that is named after what it holds."""
    folder = cache_folder() / "arm" / f"{name}-{zlib.crc32(' '.join(content).encode()):08x}"
    if not folder.is_dir():
        with atomic_folder(folder) as building:
            build(building)
    return folder


def _keep_emulators(folder: Path) -> None:
    unpack(QEMU_SUITE, own_architecture(), ["qemu-user"], folder / "all")
    for emulator in EMULATORS.values():
        (folder / "all/usr/bin" / emulator).rename(folder / emulator)
    shutil.rmtree(folder / "all")


def own_architecture() -> str:
    """This machine's, as Debian calls it."""
    command = ["dpkg", "--print-architecture"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _unpack_system(stand: Stand, root: Path) -> None:
    unpack(stand.suite, stand.architecture, stand.packages, root)
    for library in root.glob("usr/lib/*/*/lib*.so.3"):  # Debian's alternatives, which a script would have set up
        if library.parent.name in ("blas", "lapack"):
            link = library.parent.parent / library.name
            link.symlink_to(library.relative_to(link.parent))


def fetch_wheels(system: System, requirements: Sequence[str], folder: Path, *, are_alone: bool = False) -> None:
    """What a person would `pip install` there into `folder`, with what that depends on unless they come alone.

    Downloaded, then unpacked: only `pip download` minds which Python a wheel asks for.
    """
    digits = system.python.replace(".", "")
    with tempfile.TemporaryDirectory(prefix="wheels-") as name:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--dest", name]
        command += ["--only-binary=:all:", "--python-version", system.python]
        command += ["--implementation", "cp", "--abi", f"cp{digits}", "--abi", "abi3", "--abi", "none"]
        newest = int(system.glibc.partition(".")[2])
        for glibc in range(newest, 16, -1):  # pip does not take a tag to cover the older ones
            command += ["--platform", f"manylinux_2_{glibc}_{system.machine}"]
        command += ["--platform", f"manylinux2014_{system.machine}"]
        command += ["--no-deps"] if are_alone else []
        done = subprocess.run([*command, *requirements], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            raise CannotGet(f"pip: {' '.join(lines) or done.stderr.strip()}")
        for wheel in Path(name).glob("*.whl"):
            zipfile.ZipFile(wheel).extractall(folder)
