import dataclasses

import numpy as np
import pytest

from edgevision.training.checkpoint import Checkpoint, CheckpointFolder, EpochRecord
from edgevision_runtime.errors import ModelError


def checkpoint(epochs):
    history = tuple(EpochRecord(epoch, 1.0, 0.5, 1.5, 0.4, 1e-3, 2.0) for epoch in range(1, epochs + 1))
    arrays = [np.full((2, 3), epochs, np.float32), np.array(epochs, np.int64)]
    return Checkpoint(history, 1, False, arrays, arrays[:1], arrays)


def test_what_was_saved_comes_back(tmp_path):
    CheckpointFolder(tmp_path).save(checkpoint(2))

    loaded = CheckpointFolder(tmp_path).load()

    assert loaded.history == checkpoint(2).history
    assert (loaded.best_epoch, loaded.is_finished) == (1, False)
    for name in ("weights", "optimizer", "best_weights"):
        for got, kept in zip(getattr(loaded, name), getattr(checkpoint(2), name), strict=True):
            assert np.array_equal(got, kept)
            assert got.dtype == kept.dtype


def test_a_place_without_checkpoints_has_none(tmp_path):
    assert CheckpointFolder(tmp_path / "nowhere").load() is None


def test_only_the_newest_is_kept(tmp_path):
    folder = CheckpointFolder(tmp_path)
    for epochs in (8, 9, 10):
        folder.save(checkpoint(epochs))

    assert [path.name for path in tmp_path.iterdir()] == ["epoch-00010"]


def test_a_half_written_folder_is_not_seen(tmp_path):
    folder = CheckpointFolder(tmp_path)
    folder.save(checkpoint(1))
    half = tmp_path / ".epoch-00002.123.part"  # what a kill in the middle of a save leaves
    half.mkdir()
    (half / "weights.npz").write_bytes(b"PK")

    assert len(folder.load().history) == 1


def test_workers_go_back_to_the_newest_checkpoint_that_all_have(tmp_path):
    ahead = CheckpointFolder(tmp_path, keep=2, agree=lambda newest: min(newest, 4))
    for epochs in (3, 4, 5):
        ahead.save(checkpoint(epochs))

    assert len(ahead.load().history) == 4
    assert [path.name for path in tmp_path.iterdir()] == ["epoch-00004"]  # the fifth will be made anew


def test_a_broken_checkpoint_is_named_and_says_what_to_do(tmp_path):
    folder = CheckpointFolder(tmp_path)
    folder.save(checkpoint(1))
    (tmp_path / "epoch-00001" / "weights.npz").write_bytes(b"not a zip")

    with pytest.raises(ModelError, match=r"epoch-00001.*start over with --force"):
        folder.load()


def test_records_are_plain_numbers_that_json_can_hold():
    assert all(isinstance(value, (int, float)) for value in dataclasses.asdict(checkpoint(1).history[0]).values())
