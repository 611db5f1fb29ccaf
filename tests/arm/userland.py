"""A Raspberry Pi OS userland (Debian 12, aarch64) under qemu-user: real arm64 wheels, no board, no root file system.

Nothing is installed into the host: Debian's packages are unpacked into a folder of the user's cache, the wheels beside
them. Emulation says whether the answers are the same; it says nothing about speed.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from edgevision.data.packages import cache_folder
from edgevision_runtime.atomic import atomic_folder

QEMU = "qemu-aarch64-static"
TOOLS = {QEMU: "qemu-user-static", "mmdebstrap": "mmdebstrap"}
SUITE, PYTHON = "bookworm", "3.11"
WHEELS = ("ai-edge-litert==2.3.0", "onnxruntime==1.31.1", "opencv-python-headless==5.0.0.93", "click")
PLATFORMS = ("manylinux_2_34", "manylinux_2_28", "manylinux_2_27", "manylinux_2_17", "manylinux2014")
# onnxruntime reads the processor from here and crashes on the host's x86 description. The part number is the core's.
CPUINFO = "processor\t: 0\nFeatures\t: fp asimd crc32 cpuid{features}\nCPU implementer\t: 0x41\nCPU architecture: 8\n"
CORES = {"cortex-a72": ("0xd08", ""), "cortex-a76": ("0xd0b", " atomics fphp asimdhp asimdrdm lrcpc dcpop asimddp")}


@dataclass(frozen=True)
class Userland:
    """An unpacked userland and the wheels for it."""

    root: Path
    wheels: Path

    def run(self, core: str, runtime: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
        """`edgevision-runtime ARGUMENTS` on an emulated core, with the runtime's sources from `runtime`."""
        part, features = CORES[core]
        (self.root / "proc").mkdir(exist_ok=True)
        cpuinfo = CPUINFO.format(features=features) + f"CPU variant\t: 0x0\nCPU part\t: {part}\nCPU revision\t: 3\n\n"
        (self.root / "proc" / "cpuinfo").write_text(cpuinfo)
        python = [QEMU, "-cpu", core, "-L", str(self.root), str(self.root / f"usr/bin/python{PYTHON}")]
        code = "from edgevision_runtime.cli import main; main()"
        return subprocess.run(
            [*python, "-c", code, *map(str, arguments)],
            env={"PYTHONPATH": f"{self.wheels}:{runtime}", "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )


def missing_tools() -> list[str]:
    """The Debian packages that are needed and not installed."""
    return [package for tool, package in TOOLS.items() if shutil.which(tool) is None]


def open_userland() -> Userland:
    """Build the userland in the user's cache, or take the one that is there."""
    folder = cache_folder() / "arm" / f"{SUITE}-{PYTHON}"
    if not folder.is_dir():
        with atomic_folder(folder) as building:
            _unpack_debian(building / "root")
            _fetch_wheels(building / "wheels")
    return Userland(folder / "root", folder / "wheels")


def _unpack_debian(root: Path) -> None:
    mirrors = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)"], capture_output=True, text=True, check=True
    ).stdout.split()
    archive = root.with_suffix(".tar")
    command = ["mmdebstrap", "--skip=check/qemu", "--architectures=arm64", "--variant=extract"]
    command += ["--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr", "--include=python3,libstdc++6"]
    subprocess.run([*command, SUITE, str(archive), mirrors[0]], check=True, capture_output=True)
    root.mkdir()
    subprocess.run(["tar", "-xf", str(archive), "-C", str(root)], check=True)
    archive.unlink()


def _fetch_wheels(target: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--only-binary=:all:", "--target", str(target)]
    command += ["--python-version", PYTHON, "--implementation", "cp"]
    for abi in ("cp311", "abi3", "none"):
        command += ["--abi", abi]
    for platform in PLATFORMS:
        command += ["--platform", f"{platform}_aarch64"]
    subprocess.run([*command, *WHEELS], check=True)
