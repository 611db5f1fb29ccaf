"""An emulated aarch64 machine with a kernel of its own: a Debian system, folders of this machine, a job to do."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.arm.debian import CannotGet, unpack
from tests.arm.userland import QEMU_SUITE, cached, own_architecture
from tests.vm.boot import Share, build_boot, init_of

TIMEOUT_S = 900  # a job takes a minute where nothing else runs


class Machine:
    """Boots for one job at a time.

    Raises:
        CannotGet: qemu or the kernel cannot be had here; says why.
    """

    def __init__(self, suite: str, system: Path, shares: Sequence[Share] = (), core: str = "cortex-a72") -> None:
        self._shares = (Share(system, "/system"), *shares)
        self._boot = cached(f"kernel-{suite}", (suite,), lambda folder: _build_boot(suite, folder))
        self._qemu = cached("qemu-system", (QEMU_SUITE,), _unpack_qemu)
        self._core = core

    def do(self, job: str, folder: Path) -> str:
        """Run a Python script as root; `folder` is /job there, and writable. Returns what came on the console."""
        (folder / "job.py").write_text(job)
        shares = (*self._shares, Share(folder, "/job", is_writable=True))
        initrd = folder / "initrd"
        initrd.write_bytes((self._boot / "initrd").read_bytes() + init_of(shares))
        done = subprocess.run(
            [*self._command(), *_share_arguments(shares), "-kernel", self._boot / "vmlinuz", "-initrd", initrd],
            env={"QEMU_MODULE_DIR": str(next(self._qemu.glob("usr/lib/*/qemu")))},  # else it tries this machine's
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=TIMEOUT_S,
            check=False,
        )
        if "ENDED 0" not in done.stdout:
            raise AssertionError(f"the job failed:\n{done.stdout[-4000:]}")
        return done.stdout

    def _command(self) -> list[str | Path]:
        """qemu by its own loader: it is of another release of Debian than this machine may be."""
        (loader,) = self._qemu.glob("usr/lib/*/ld-linux*.so.*")
        qemu = [loader, "--library-path", loader.parent, self._qemu / "usr/bin/qemu-system-aarch64"]
        machine = ["-machine", "virt", "-accel", "tcg,thread=multi", "-cpu", self._core, "-smp", "2", "-m", "1536"]
        quiet = [
            "-display",
            "none",
            "-serial",
            "stdio",
            "-no-reboot",
            "-net",
            "none",
            "-append",
            "console=ttyAMA0 quiet panic=-1",
        ]
        return [*qemu, "-L", self._qemu / "usr/share/qemu", *machine, *quiet]


def _share_arguments(shares: Sequence[Share]) -> list[str]:
    arguments = []
    for number, share in enumerate(shares):
        writing = "" if share.is_writable else ",readonly=on"
        arguments += ["-fsdev", f"local,id=fs{number},path={share.folder},security_model=none{writing}"]
        arguments += ["-device", f"virtio-9p-pci,fsdev=fs{number},mount_tag=share{number}"]
    return arguments


def _build_boot(suite: str, folder: Path) -> None:
    build_boot(suite, folder)
    shutil.rmtree(folder / "all")


def _unpack_qemu(folder: Path) -> None:
    unpack(QEMU_SUITE, own_architecture(), ["qemu-system-arm"], folder)
    if not (folder / "usr/bin/qemu-system-aarch64").exists():
        raise CannotGet("Debian's qemu-system-arm has no qemu-system-aarch64")
