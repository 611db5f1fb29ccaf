"""Write a file or a folder so that it exists whole or not at all: write beside, fsync, rename."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgevision_runtime.errors import UsageError

# What the machine says when a place cannot be written: a full or read-only disk, rights, a path that cannot be.
CANNOT_WRITE = frozenset(
    (*(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EBUSY),
     *(errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EINVAL))
)  # fmt: skip


def refuse_to_overwrite(path: Path, *, force: bool) -> None:
    """Raise UsageError when `path` is there and `force` was not given."""
    if path.exists() and not force:
        raise UsageError(f"{path} exists already", hint="choose another name or give --force")


def check_place(path: Path) -> None:
    """Try early, before hours of work, whether a file or folder `path` could be written.

    Raises:
        UsageError: it could not.
    """
    import tempfile  # what only writes need, a start does not wait for

    try:
        with tempfile.TemporaryFile(dir=next(folder for folder in path.absolute().parents if folder.exists())):
            pass
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}", hint="choose another place") from error


def check_file_place(path: Path, *, force: bool) -> None:
    """Refuse early what `atomic_file` would refuse late.

    Raises:
        UsageError: `path` is there and `force` is not given, is no file, or could not be written.
    """
    refuse_to_overwrite(path, force=force)
    _refuse_another_kind(path, is_right=path.is_file(), wanted="a file")
    check_place(path)


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it takes the place of `path`, on failure it is gone.

    A symbolic link is followed, and stays.

    Raises:
        UsageError: the place cannot be written, or holds something that is no file (renaming would destroy a device).
    """
    path = path.resolve() if path.is_symlink() else path
    _refuse_another_kind(path, is_right=path.is_file(), wanted="a file")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    with _writing(path, temporary):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            _sync(temporary)
            temporary.replace(path)
            _sync(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a new empty folder beside `path`; on success it takes the place of `path`, on failure it is gone.

    Raises:
        UsageError: the place cannot be written, or holds a file.
    """
    import shutil

    _refuse_another_kind(path, is_right=path.is_dir(), wanted="a folder")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    with _writing(path, temporary):
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        try:
            yield temporary
            for file in temporary.rglob("*"):
                if file.is_file():
                    _sync(file)
            _take_the_place_of(path, temporary)
            _sync(path.parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file, whole or not at all."""
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _refuse_another_kind(path: Path, *, is_right: bool, wanted: str) -> None:
    if path.exists() and not is_right:
        raise UsageError(f"{path} is there and is not {wanted}", expected=f"the name of {wanted} to write")


def _take_the_place_of(path: Path, temporary: Path) -> None:
    import shutil

    if not path.exists():
        temporary.replace(path)
        return
    replaced = path.with_name(f".{path.name}.{os.getpid()}.old")
    path.replace(replaced)
    temporary.replace(path)
    shutil.rmtree(replaced)


@contextmanager
def _writing(path: Path, temporary: Path) -> Iterator[None]:
    """Say in one line that `path` cannot be written; an error about any other file is somebody else's."""
    try:
        yield
    except OSError as error:
        about = None if error.filename is None else str(error.filename)
        if about in [str(parent) for parent in path.parents] and error.errno in (errno.EEXIST, errno.ENOTDIR):
            raise UsageError(f"{path} cannot be written: {about} is not a folder") from error
        is_missing = error.errno == errno.ENOENT and about == str(temporary)  # as in /proc
        ours = (None, str(temporary), str(path), *(str(parent) for parent in path.parents))
        if about in ours and (error.errno in CANNOT_WRITE or is_missing):
            raise UsageError(f"{path} cannot be written: {error.strerror}") from error
        raise


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
