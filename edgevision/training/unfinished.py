"""The folder `.NAME.training` beside a run: what a training keeps until the run directory is written whole."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from edgevision.training.checkpoint import CheckpointFolder
from edgevision.training.plan import plan_differences
from edgevision_runtime.atomic import write_text
from edgevision_runtime.errors import ModelError, UsageError


class Plan(Protocol):
    """What decides what a learning gives."""

    def to_json(self) -> dict[str, Any]:
        """Every decision, fit for JSON."""
        ...


@dataclass(frozen=True)
class Target:
    """Where a run goes, and what to do with what is there."""

    output: Path
    resume: bool = False  # go on with what an interrupted training left
    force: bool = False  # replace a finished run; without `resume` also forget an interrupted training


@dataclass(frozen=True)
class UnfinishedTraining:
    """One process' part of the folder: its plan, and checkpoints for each stage."""

    path: Path
    keep: int = 1
    agree: Callable[[int], int] | None = None

    @classmethod
    def of(cls, output: Path) -> UnfinishedTraining:
        """The place for a training of one process."""
        return cls(output.with_name(f".{output.name}.training"))

    def of_worker(self, worker: int, agree: Callable[[int], int]) -> UnfinishedTraining:
        """The place for one worker of several."""
        return UnfinishedTraining(self.path / f"worker-{worker}", keep=2, agree=agree)

    @property
    def has_checkpoints(self) -> bool:
        """Whether an epoch was finished here."""
        return any(self.path.glob("**/epoch-*"))

    @property
    def tensorboard(self) -> Path:
        """Where TensorBoard's log is written while training."""
        return self.path / "tensorboard"

    def checkpoints(self, stage: str) -> CheckpointFolder:
        """The checkpoints of one stage."""
        return CheckpointFolder(self.path / stage, keep=self.keep, agree=self.agree)

    def check(self, target: Target) -> None:
        """Refuse early, before any picture is read, what `prepare` would refuse late.

        Raises:
            UsageError: an interrupted training lies here and nobody said what to do with it.
        """
        if self.has_checkpoints and not (target.resume or target.force):
            raise UsageError(
                f"an interrupted training lies in {self.path}", hint="--resume goes on with it, --force starts over"
            )

    def goes_on(self, plan: Plan, target: Target, images: str = "") -> bool:
        """Whether there is something that `plan` on the divided `images` (their fingerprint) goes on with.

        Raises:
            UsageError: see `check`, or it had another plan or other images.
        """
        self.check(target)
        if not (self.has_checkpoints and target.resume):
            return False
        if differing := plan_differences(self._read_plan(), _plain(plan, images)):
            raise UsageError(
                f"the interrupted training in {self.path} had another plan ({', '.join(differing)})",
                expected="the same flags with --resume",
                hint="or --force without --resume to start over",
            )
        return True

    def prepare(self, plan: Plan, target: Target, images: str = "") -> bool:
        """Make the folder ready. Returns, and raises, what `goes_on` does."""
        if self.goes_on(plan, target, images):
            return True
        shutil.rmtree(self.path, ignore_errors=True)
        self.path.mkdir(parents=True)
        write_text(self.path / "plan.json", json.dumps(_plain(plan, images), indent=2) + "\n")
        return False

    def delete(self) -> None:
        """Remove it, and the folder of all workers when this was the last."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self.agree is not None and not any(self.path.parent.iterdir()):
            self.path.parent.rmdir()

    def _read_plan(self) -> dict[str, Any]:
        try:
            document: dict[str, Any] = json.loads((self.path / "plan.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ModelError(f"{self.path}/plan.json: {error}", hint="--force without --resume starts over") from error
        return document


def _plain(plan: Plan, images: str) -> dict[str, Any]:
    """The plan as JSON gives it back."""
    document: dict[str, Any] = json.loads(json.dumps({**plan.to_json(), "images": images}))
    return document
