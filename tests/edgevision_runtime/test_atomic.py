"""A file is written whole or not at all; a place that cannot be written is one clear error."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from edgevision_runtime.atomic import atomic_file, atomic_folder, check_file_place, write_text
from edgevision_runtime.errors import UsageError


def fail_half_way(path: Path, error: OSError) -> None:
    with atomic_file(path) as temporary:
        temporary.write_text("half")
        raise error


def test_what_is_no_file_is_never_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()

    for name in ("pipe", "folder"):
        with pytest.raises(UsageError, match=f"{name} is there and is not a file"):
            write_text(tmp_path / name, "text")

    assert (tmp_path / "pipe").is_fifo()
    assert (tmp_path / "folder").is_dir()


def test_a_file_that_could_not_be_written_is_told_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "there").write_text("mine")

    for name, told in (("folder", "is not a file"), ("there/in/it", "cannot be written")):
        with pytest.raises(UsageError, match=told):
            check_file_place(tmp_path / name, force=True)
    with pytest.raises(UsageError, match="exists already"):
        check_file_place(tmp_path / "there", force=False)
    check_file_place(tmp_path / "there", force=True)
    check_file_place(tmp_path / "new" / "file", force=False)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "there"]


def test_a_file_is_never_replaced_by_a_folder(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("mine")

    with pytest.raises(UsageError, match="not a folder"), atomic_folder(tmp_path / "run"):
        pass

    assert (tmp_path / "run").read_text() == "mine"


def test_a_link_is_followed_and_stays(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link.json").symlink_to(tmp_path / "elsewhere" / "real.json")

    write_text(tmp_path / "link.json", "new")

    assert (tmp_path / "link.json").is_symlink()
    assert (tmp_path / "elsewhere" / "real.json").read_text() == "new"


def test_a_place_that_cannot_be_written_is_a_usage_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    for path in (tmp_path / "file" / "below.json", Path("/proc/report.json"), tmp_path / ("x" * 250)):
        with pytest.raises(UsageError, match="cannot be written"):
            write_text(path, "text")


def test_a_full_disk_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("old")

    with pytest.raises(UsageError, match="No space left"):
        fail_half_way(tmp_path / "report.json", OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))

    assert (tmp_path / "report.json").read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["report.json"]


def test_an_error_about_another_file_is_not_called_a_write_error(tmp_path: Path) -> None:
    with pytest.raises(PermissionError):
        fail_half_way(
            tmp_path / "out.json", PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/some/photo.png")
        )
