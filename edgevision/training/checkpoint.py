"""What an unfinished training leaves on disk, so that it can go on after a kill: one folder per finished epoch.

A folder appears whole or not at all, and the one before it is deleted only then.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgevision_runtime.atomic import atomic_folder
from edgevision_runtime.errors import ModelError

Arrays = list[npt.NDArray[Any]]


@dataclass(frozen=True)
class EpochRecord:
    """One row of history.csv."""

    epoch: int  # 1, 2, 3 …
    loss: float
    metric: float  # macro F1 or mean IoU on the (augmented) training split
    val_loss: float
    val_metric: float
    learning_rate: float  # of the epoch's last step
    seconds: float


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Everything that fitting needs to go on after an epoch."""

    history: tuple[EpochRecord, ...]
    best_epoch: int
    is_finished: bool  # the last epoch, or stopped early
    weights: Arrays
    optimizer: Arrays
    best_weights: Arrays


class CheckpointFolder:
    """The place of one process' checkpoints.

    Workers that train together keep two each and `agree` on the newest one that all of them have.
    """

    def __init__(self, path: Path, *, keep: int = 1, agree: Callable[[int], int] | None = None) -> None:
        self.path, self.keep, self.agree = path, keep, agree

    def save(self, checkpoint: Checkpoint) -> None:
        """Write one epoch's folder, then delete those that are too old."""
        with atomic_folder(self._folder(len(checkpoint.history))) as folder:
            for name in ("weights", "optimizer", "best_weights"):
                _write_arrays(folder / f"{name}.npz", getattr(checkpoint, name))
            state = {
                "history": [dataclasses.asdict(record) for record in checkpoint.history],
                "best_epoch": checkpoint.best_epoch,
                "is_finished": checkpoint.is_finished,
            }
            (folder / "state.json").write_text(json.dumps(state), encoding="utf-8")
        for epoch in self._epochs()[: -self.keep]:
            shutil.rmtree(self._folder(epoch))

    def epochs_done(self) -> int:
        """The epochs behind the checkpoint that `load` gives; every worker must ask."""
        newest = max(self._epochs(), default=0)
        return self.agree(newest) if self.agree else newest

    def load(self) -> Checkpoint | None:
        """The newest checkpoint (that all workers have); None when there is none. Newer ones of this worker go.

        Raises:
            ModelError: it cannot be read.
        """
        epoch = self.epochs_done()
        for newer in self._epochs():
            if newer > epoch:
                shutil.rmtree(self._folder(newer))
        if epoch == 0:
            return None
        folder = self._folder(epoch)
        try:
            state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
            return Checkpoint(
                history=tuple(EpochRecord(**record) for record in state["history"]),
                best_epoch=state["best_epoch"],
                is_finished=state["is_finished"],
                weights=_read_arrays(folder / "weights.npz"),
                optimizer=_read_arrays(folder / "optimizer.npz"),
                best_weights=_read_arrays(folder / "best_weights.npz"),
            )
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
            raise ModelError(
                f"{folder}: {error}", expected="a checkpoint of edgevision", hint="start over with --force"
            ) from error

    def _folder(self, epoch: int) -> Path:
        return self.path / f"epoch-{epoch:05d}"

    def _epochs(self) -> list[int]:
        return sorted(int(folder.name.removeprefix("epoch-")) for folder in self.path.glob("epoch-[0-9]*"))


def _write_arrays(path: Path, arrays: Arrays) -> None:
    named: dict[str, Any] = {f"{position:05d}": array for position, array in enumerate(arrays)}
    np.savez(path, **named)


def _read_arrays(path: Path) -> Arrays:
    with np.load(path, allow_pickle=False) as archive:
        return [archive[name] for name in sorted(archive.files)]
