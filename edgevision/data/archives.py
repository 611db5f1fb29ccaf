"""Read members of package archives: wheels and zips, tarballs, Debian packages. Nothing escapes the target folder."""

from __future__ import annotations

import io
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from edgevision_runtime.errors import DataError


@dataclass(frozen=True)
class Archive:
    """An opened archive: its regular files by name, and a way to read each."""

    path: Path
    names: tuple[str, ...]  # regular files only, in the archive's order, without a leading "./"
    load: Callable[[str], bytes]

    def read(self, name: str) -> bytes:
        """The bytes of one member.

        Raises:
            DataError: there is no such member.
        """
        if name not in self.names:
            raise DataError(f"{self.path.name} has no member {name!r}", expected="the pinned version of the package")
        return self.load(name)


def safe_target(folder: Path, name: str) -> Path:
    """`folder / name`, when that stays inside `folder`.

    Raises:
        DataError: the name is empty, absolute, or holds "..", a backslash or a colon.
    """
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or "\\" in name or ":" in name or "\0" in name:
        raise DataError(f"archive member {name!r} would leave its folder", expected="a relative path inside it")
    return folder.joinpath(*parts)


def open_archive(path: Path) -> Archive:
    """Open a .whl, .zip, .tar.gz, .tgz or .deb.

    Raises:
        DataError: it is none of these, or broken.
    """
    try:
        if path.suffix in (".whl", ".zip"):
            return _zip(path)
        if path.suffix in (".gz", ".tgz"):
            return _tar(path, tarfile.open(path, "r:gz"))
        if path.suffix == ".deb":
            return _tar(path, tarfile.open(fileobj=io.BytesIO(_debian_data(path)), mode="r:"))
    except (OSError, EOFError, zipfile.BadZipFile, tarfile.TarError) as error:
        raise DataError(f"{path.name} cannot be read: {error}", expected="an undamaged archive") from error
    raise DataError(f"{path.name}: unknown kind of archive", expected=".whl, .zip, .tar.gz, .tgz or .deb")


def _zip(path: Path) -> Archive:
    archive = zipfile.ZipFile(path)
    names = tuple(info.filename for info in archive.infolist() if not info.is_dir())
    return Archive(path, names, archive.read)


def _tar(path: Path, archive: tarfile.TarFile) -> Archive:
    members = {member.name.removeprefix("./"): member for member in archive.getmembers() if member.isfile()}

    def load(name: str) -> bytes:
        file = archive.extractfile(members[name])
        assert file is not None, "only regular files are listed"
        return file.read()

    return Archive(path, tuple(members), load)


def _debian_data(path: Path) -> bytes:
    """The uncompressed tar inside a Debian package, as dpkg-deb gives it."""
    done = subprocess.run(["dpkg-deb", "--fsys-tarfile", str(path)], capture_output=True, check=False)
    if done.returncode != 0:
        raise DataError(f"{path.name} cannot be unpacked: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout
