"""Debian packages of any architecture and release, unpacked into a folder: nothing is installed, no root is needed.

apt resolves and checks them in a private folder, dpkg-deb unpacks them. Maintainer scripts do not run, so what they
would set up (alternatives, caches, users) is not there.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

KEYS = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
TOOLS = ("apt-get", "dpkg-deb", "tar")
SETTINGS = """
Dir::State "{folder}"; Dir::State::lists "{folder}/lists"; Dir::State::status "{folder}/status";
Dir::Cache "{folder}"; Dir::Cache::archives "{folder}/archives";
Dir::Etc "{folder}/etc"; Dir::Etc::sourcelist "{folder}/sources.list";
APT::Architecture "{architecture}"; APT::Architectures {{ "{architecture}"; }};
APT::Install-Recommends "false"; APT::Sandbox::User ""; Acquire::Languages "none"; Debug::NoLocking "true";
"""


class CannotGet(Exception):
    """Packages that cannot be had here; says why in one line."""


def unpack(suite: str, architecture: str, packages: Sequence[str], root: Path) -> None:
    """Unpack packages and what they depend on into the new folder `root`.

    Raises:
        CannotGet: this machine lacks a tool, Debian's keys, a mirror or the network.
    """
    mirror = _mirror()
    with tempfile.TemporaryDirectory(prefix="debian-") as name:
        settings = _settings(Path(name), f"deb [signed-by={KEYS}] {mirror} {suite} main\n", architecture)
        _apt(settings, "update", "-o", "APT::Update::Error-Mode=any")
        _apt(settings, "install", "--yes", "--download-only", *packages)
        for folder in ("bin", "sbin", "lib"):  # Debian has them in /usr since 12; 11 may have them there
            (root / "usr" / folder).mkdir(parents=True, exist_ok=True)
            (root / folder).symlink_to(Path("usr") / folder)
        for package in sorted(Path(name, "archives").glob("*.deb")):
            _extract(package, root)


def _settings(folder: Path, sources: str, architecture: str) -> Path:
    """A private apt configuration with nothing installed."""
    for part in ("lists/partial", "archives/partial", "etc/preferences.d", "etc/apt.conf.d", "etc/trusted.gpg.d"):
        (folder / part).mkdir(parents=True)
    (folder / "status").touch()
    (folder / "sources.list").write_text(sources)
    settings = folder / "apt.conf"
    settings.write_text(SETTINGS.format(folder=folder, architecture=architecture))
    return settings


def _apt(settings: Path, *arguments: str) -> None:
    environment = {"APT_CONFIG": str(settings), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
    command = ["apt-get", "--quiet", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.startswith("E:")]
        raise CannotGet(f"apt-get {arguments[0]}: {' '.join(lines) or done.stderr.strip()}")


def _extract(package: Path, root: Path) -> None:
    reading = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE)
    writing = ["tar", "-x", "-C", str(root), "--keep-directory-symlink", "--no-same-owner"]
    subprocess.run(writing, stdin=reading.stdout, check=True)
    if reading.wait() != 0:
        raise CannotGet(f"dpkg-deb cannot read {package.name}")


@cache
def _mirror() -> str:
    """Where this machine's apt has Debian from."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        raise CannotGet(f"needs {' and '.join(missing)}: a Debian, or an Ubuntu with debian-archive-keyring")
    if not KEYS.is_file():
        raise CannotGet("needs Debian's keys: apt-get install debian-archive-keyring")
    found = _mirrors()
    if not found:  # the lists were never fetched, or deleted, as in most containers
        with tempfile.TemporaryDirectory(prefix="lists-") as name:
            private = ["-o", f"Dir::State::lists={name}", "-o", f"Dir::Cache={name}", "-o", "Debug::NoLocking=true"]
            subprocess.run(["apt-get", *private, "update"], capture_output=True, check=False)
            found = _mirrors(*private)
    if not found:
        raise CannotGet("this machine's apt knows or reaches no mirror of Debian")
    return found[0]


def _mirrors(*settings: str) -> list[str]:
    command = ["apt-get", *settings, "indextargets", "--format", "$(LABEL)|$(REPO_URI)"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    return [uri for label, _, uri in (line.partition("|") for line in listed) if label == "Debian"]
