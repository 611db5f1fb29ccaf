"""What an unfinished training leaves on disk, so that it can go on after a kill: one folder per finished epoch.

A folder appears whole or not at all, and the one before it is deleted only then.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import zipfile
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
    """The place of a training's checkpoints; every process of a strategy reads, only the chief writes."""

    def __init__(self, path: Path, *, is_writer: bool = True) -> None:
        self.path, self.is_writer = path, is_writer

    def save(self, checkpoint: Checkpoint) -> None:
        """Write one epoch's folder, then delete the older ones."""
        if not self.is_writer:
            return
        target = self.path / f"epoch-{len(checkpoint.history):05d}"
        with atomic_folder(target) as folder:
            for name in ("weights", "optimizer", "best_weights"):
                _write_arrays(folder / f"{name}.npz", getattr(checkpoint, name))
            state = {
                "history": [dataclasses.asdict(record) for record in checkpoint.history],
                "best_epoch": checkpoint.best_epoch,
                "is_finished": checkpoint.is_finished,
            }
            (folder / "state.json").write_text(json.dumps(state), encoding="utf-8")
        for older in self._folders()[:-1]:
            shutil.rmtree(older)

    def load(self) -> Checkpoint | None:
        """The newest checkpoint; None when there is none.

        Raises:
            ModelError: it cannot be read.
        """
        folders = self._folders()
        if not folders:
            return None
        try:
            state = json.loads((folders[-1] / "state.json").read_text(encoding="utf-8"))
            return Checkpoint(
                history=tuple(EpochRecord(**record) for record in state["history"]),
                best_epoch=state["best_epoch"],
                is_finished=state["is_finished"],
                weights=_read_arrays(folders[-1] / "weights.npz"),
                optimizer=_read_arrays(folders[-1] / "optimizer.npz"),
                best_weights=_read_arrays(folders[-1] / "best_weights.npz"),
            )
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
            raise ModelError(
                f"{folders[-1]}: {error}", expected="a checkpoint of edgevision", hint="start over with --force"
            ) from error

    def _folders(self) -> list[Path]:
        return sorted(self.path.glob("epoch-[0-9]*"), key=lambda folder: folder.name)


def _write_arrays(path: Path, arrays: Arrays) -> None:
    named: dict[str, Any] = {f"{position:05d}": array for position, array in enumerate(arrays)}
    np.savez(path, **named)


def _read_arrays(path: Path) -> Arrays:
    with np.load(path, allow_pickle=False) as archive:
        return [archive[name] for name in sorted(archive.files)]
