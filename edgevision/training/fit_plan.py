"""How a network is to be fitted, as one checked value; nothing here imports TensorFlow."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edgevision_runtime.errors import UsageError
from edgevision_runtime.types import TASKS

OPTIMIZERS = ("adam", "sgd")
SCHEDULES = ("constant", "cosine", "step")
LOSSES = ("cross-entropy", "dice", "cross-entropy+dice")


@dataclass(frozen=True)
class FitPlan:
    """How to fit any network of ours, wrapped for pruning or quantization or not.

    Raises:
        UsageError: a value that cannot be.
    """

    task: str  # classify: the network ends in probabilities; segment: in logits (h, w, classes)
    classes: int
    epochs: int
    learning_rate: float = 1e-3
    optimizer: str = "adam"
    schedule: str = "cosine"  # cosine: down to zero; step: a tenth after 1/2, a hundredth after 3/4 of the steps
    warmup_share: float = 0.0  # of all steps: the rate climbs from 0 to learning_rate
    loss: str = "cross-entropy"
    label_smoothing: float = 0.0
    class_weights: tuple[float, ...] | None = None  # one factor on the loss of each class
    early_stopping: int | None = None  # epochs without a better validation metric
    restore_best: bool = True  # end with the weights of the epoch with the best validation metric
    best_from_epoch: int = 0  # earlier epochs do not count as best (a pruning that is not at its target yet)
    gradient_clip: float | None = None  # largest global norm of a step's gradients

    def __post_init__(self) -> None:
        _must("task", self.task, self.task in TASKS, " | ".join(TASKS))
        _must("classes", self.classes, self.classes >= 2, "2 or more")
        _must("epochs", self.epochs, self.epochs >= 1, "1 or more")
        rate = self.learning_rate
        _must("learning rate", rate, math.isfinite(rate) and rate > 0, "a number above 0")
        _must("optimizer", self.optimizer, self.optimizer in OPTIMIZERS, " | ".join(OPTIMIZERS))
        _must("schedule", self.schedule, self.schedule in SCHEDULES, " | ".join(SCHEDULES))
        _must("warmup share", self.warmup_share, 0 <= self.warmup_share < 1, "a number in [0, 1)")
        _must("loss", self.loss, self.loss in LOSSES, " | ".join(LOSSES))
        if self.task == "classify":
            _must("loss", self.loss, "dice" not in self.loss, "cross-entropy: dice is for masks")
        _must("label smoothing", self.label_smoothing, 0 <= self.label_smoothing < 1, "a number in [0, 1)")
        _must(
            "early stopping", self.early_stopping, self.early_stopping is None or self.early_stopping >= 1, "1 or more"
        )
        if self.class_weights is not None:
            right = len(self.class_weights) == self.classes and all(
                math.isfinite(weight) and weight >= 0 for weight in self.class_weights
            )
            _must("class weights", self.class_weights, right, f"{self.classes} numbers, none below 0")

    @property
    def metric(self) -> str:
        """What the best epoch is chosen by, on the validation split: macro_f1 or mean_iou."""
        return "macro_f1" if self.task == "classify" else "mean_iou"


def _must(name: str, value: object, holds: bool, expected: str) -> None:
    if not holds:
        raise UsageError(f"{name} is {value!r}", expected=expected)
