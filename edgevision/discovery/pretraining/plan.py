"""What `edgevision pretrain` is asked to do, as one checked value; nothing here imports TensorFlow."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from edgevision_runtime.errors import UsageError

METHODS = ("vicreg", "simclr", "distill")
STEPS, SCAN_STEPS = 800, 400  # of each stage, where nobody says how many epochs
BATCH, DISTILL_BATCH = 256, 64  # pictures in a step: what compares pictures needs many, a teacher's answer stands alone
LEAST_EPOCHS, LEAST_SCAN_EPOCHS = 15, 8  # so that large sets are seen often enough too


@dataclass(frozen=True)
class PretrainPlan:
    """Everything that decides what comes of it.

    Raises:
        UsageError: a value that cannot be.
    """

    source: str  # a folder, a glob, a video or a named set
    method: str | None = None  # one of METHODS; None: distill with a teacher, vicreg without
    teacher: str | None = None  # as `open_backbone` takes it
    architecture: str = "cnn"
    width: float = 1.0
    image_size: tuple[int, int] | None = None  # (height, width); None: the architecture's
    color: str = "rgb"  # rgb | bgr | gray
    every_s: float | None = None  # of videos one frame each so many seconds
    views: str | None = None  # None: what suits the pictures
    epochs: int | None = None  # None: as many as make STEPS of BATCH
    minutes: float | None = None  # instead of epochs
    batch: int | None = None  # None: DISTILL_BATCH to distill, else BATCH
    learning_rate: float = 2e-3
    scan: int | None = None  # clusters of the SCAN stage; None: no such stage
    scan_epochs: int | None = None  # None: as many as make SCAN_STEPS
    seed: int = 0
    strategy: str = "none"

    def __post_init__(self) -> None:
        if self.method not in (None, *METHODS):
            raise UsageError(f"method {self.method!r}", expected=" | ".join(METHODS))
        if self.the_method == "distill" and self.teacher is None:
            raise UsageError("--method distill without a teacher", expected="--teacher, such as mobilenet_v2-imagenet")
        if self.the_method != "distill" and self.teacher is not None:
            raise UsageError(f"--method {self.method} learns from no teacher", expected="--method distill")
        if self.epochs is not None and self.minutes is not None:
            raise UsageError("--epochs and --minutes", expected="one of the two")
        if self.minutes is not None and not (math.isfinite(self.minutes) and self.minutes > 0):
            raise UsageError(f"{self.minutes} minutes", expected="more than 0")
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise UsageError(f"learning rate {self.learning_rate}", expected="more than 0")
        if self.scan is not None and self.scan < 2:
            raise UsageError(f"--scan {self.scan}", expected="at least 2 clusters")

    @property
    def the_method(self) -> str:
        """The method, decided."""
        return self.method or ("vicreg" if self.teacher is None else "distill")

    @property
    def the_batch(self) -> int:
        """Pictures in a step of the first stage, decided."""
        return self.batch or (DISTILL_BATCH if self.the_method == "distill" else BATCH)

    def to_json(self) -> dict[str, Any]:
        """For run.json, and to tell whether an interrupted learning had the same plan."""
        return asdict(self)


def epochs_of(pictures: int, batch: int) -> int:
    """How many epochs a pretraining has by default."""
    return max(LEAST_EPOCHS, _epochs_of(STEPS, pictures, batch))


def scan_epochs_of(pictures: int, batch: int) -> int:
    """How many epochs SCAN has by default: few, since it begins with heads that fit."""
    return max(LEAST_SCAN_EPOCHS, _epochs_of(SCAN_STEPS, pictures, batch))


def _epochs_of(steps: int, pictures: int, batch: int) -> int:
    return math.ceil(steps / max(1, pictures // min(batch, pictures)))
