"""What an emulated machine boots: Debian's kernel for arm64, and an initial file system of busybox and a few drivers.

The drivers bring folders of this machine (9p) and a video device that is not there (vivid).
"""

from __future__ import annotations

import lzma
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.arm.debian import unpack

DRIVERS = ("virtio_pci", "9pnet_virtio", "9p", "vivid")
# Two webcams, and none of vivid's controls that inject errors.
VIVID = "n_devs=2 node_types=0x1,0x1 num_inputs=1,1 input_types=0,0 no_error_inj=0"
# The root is in memory: the system's folders from this machine, read-only, the rest the guest's own.
INIT = """#!/bin/busybox sh
/bin/busybox mkdir -p /sbin /usr/bin /usr/sbin /proc /new /system
/bin/busybox --install -s /bin
for driver in $(cat /drivers/order); do
  case $driver in vivid.ko) insmod /drivers/$driver {vivid} ;; *) insmod /drivers/$driver ;; esac
done
mount -t tmpfs root /new
cd /new
mkdir proc sys dev tmp run root
{shares}
for folder in usr etc var; do mkdir $folder && mount --bind /system/$folder $folder; done
for folder in bin sbin lib; do ln -s usr/$folder $folder; done
mount -t proc proc proc
mount -t sysfs sys sys
mount -t devtmpfs dev dev
PATH=/usr/bin:/usr/sbin HOME=/tmp /bin/chroot /new /usr/bin/python3 /job/job.py
echo "ENDED $?"
/bin/busybox poweroff -f
"""
MOUNT = "mkdir -p {place} && mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,{mode} {tag} {place}"


@dataclass(frozen=True)
class Share:
    """A folder of this machine in the guest."""

    folder: Path
    place: str  # in the guest
    is_writable: bool = False


def build_boot(suite: str, folder: Path) -> None:
    """Put the kernel of a Debian release and its initial file system, but for /init, into `folder`.

    Raises:
        CannotGet: the packages cannot be had here.
    """
    unpacked = folder / "all"
    unpack(suite, "arm64", ["linux-image-arm64", "busybox-static"], unpacked)
    (kernel,) = unpacked.glob("boot/vmlinuz-*")
    kernel.rename(folder / "vmlinuz")
    files = {"bin/busybox": (unpacked / "usr/bin/busybox").read_bytes()}
    order = []
    for path in _with_dependencies(unpacked, DRIVERS):
        name = f"{_driver_name(path)}.ko"
        order.append(name)
        files[f"drivers/{name}"] = _content(path)
    files["drivers/order"] = "\n".join(order).encode()
    (folder / "initrd").write_bytes(archive(files))


def init_of(shares: Iterable[Share]) -> bytes:
    """An archive with the guest's /init; the kernel takes it appended to the initial file system."""
    mounts = []
    for number, share in enumerate(shares):
        place = share.place if share.place == "/system" else f"/new{share.place}"
        mounts.append(
            MOUNT.format(place=place, tag=f"share{number}", mode="rw" if share.is_writable else "ro,cache=loose")
        )
    return archive({"init": INIT.format(vivid=VIVID, shares="\n".join(mounts)).encode()})


def archive(files: dict[str, bytes]) -> bytes:
    """A cpio archive of the kind `newc`, all files executable (Linux, Documentation/driver-api/early-userspace)."""
    folders = dict.fromkeys(name.rpartition("/")[0] for name in files if "/" in name)
    entries = [(name, stat.S_IFDIR | 0o755, b"") for name in folders]
    entries += [(name, stat.S_IFREG | 0o755, content) for name, content in files.items()]
    written = bytearray()
    for number, (name, mode, content) in enumerate([*entries, ("TRAILER!!!", 0, b"")], start=1):
        fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
        written += b"070701" + b"".join(b"%08X" % value for value in fields)
        for part in (name.encode() + b"\0", content):
            written += part
            written += b"\0" * (-len(written) % 4)
    return bytes(written)


def _with_dependencies(unpacked: Path, names: Iterable[str]) -> list[Path]:
    """The files of kernel modules in the order in which they can be loaded; built-in ones have none."""
    modules = {_driver_name(path): path for path in unpacked.glob("usr/lib/modules/**/*.ko*")}
    modules |= {_driver_name(path): path for path in unpacked.glob("lib/modules/**/*.ko*")}
    ordered: dict[str, Path] = {}

    def add(name: str) -> None:
        if name in modules and name not in ordered:
            for needed in _needs(modules[name]):
                add(needed)
            ordered[name] = modules[name]

    for name in names:
        add(name)
    return list(ordered.values())


def _needs(module: Path) -> list[str]:
    (names,) = re.findall(rb"\0depends=([^\0]*)\0", _content(module))
    return [name.replace("-", "_") for name in names.decode().split(",") if name]


def _driver_name(module: Path) -> str:
    return module.name.partition(".")[0].replace("-", "_")


def _content(module: Path) -> bytes:
    return lzma.decompress(module.read_bytes()) if module.suffix == ".xz" else module.read_bytes()
