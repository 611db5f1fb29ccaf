import os
from pathlib import Path

import pytest

from edgevision.runs import RunDirectory, check_writable
from edgevision_runtime.errors import ModelError, UsageError


def test_a_place_where_nothing_can_be_written_is_refused_early(tmp_path):
    (tmp_path / "file").write_text("x", encoding="utf-8")

    with pytest.raises(UsageError, match="cannot be written: Not a directory"):
        check_writable(tmp_path / "file" / "runs" / "mine", force=False)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_the_right_to_write_is_refused_early(tmp_path):
    (tmp_path / "locked").mkdir(mode=0o555)

    with pytest.raises(UsageError, match="cannot be written: Permission denied"):
        check_writable(tmp_path / "locked" / "mine", force=False)


@pytest.mark.parametrize("name", [".", ".."])
def test_a_run_needs_a_name(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(UsageError, match="no name for a new run"):
        check_writable(Path(name), force=True)


def test_a_record_that_says_too_little_is_no_run(tmp_path):
    (tmp_path / "model.keras").touch()
    (tmp_path / "spec.json").touch()
    (tmp_path / "run.json").write_text('{"schema": "edgevision.run/1", "stage": "trained"}', encoding="utf-8")

    with pytest.raises(ModelError, match="does not say: data"):
        RunDirectory.open(tmp_path)


def test_the_check_leaves_nothing_behind(tmp_path):
    check_writable(tmp_path / "runs" / "mine", force=False)

    assert list(tmp_path.iterdir()) == []
