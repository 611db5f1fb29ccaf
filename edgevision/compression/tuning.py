"""Train on while a network is being shrunk: the same data, splits, loss and augmentation as its parent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from edgevision.compression.subject import Subject
from edgevision.data.augment import Augmentation
from edgevision.data.pipeline import image_pipeline
from edgevision.training.class_weights import class_weights
from edgevision.training.evaluate import Evaluation, evaluate
from edgevision.training.fit import FitHooks, FitProgress, fit
from edgevision.training.fit_plan import FitPlan
from edgevision.training.plan import DEFAULTS
from edgevision.training.run_files import StageHistory
from edgevision_runtime.errors import UsageError


@dataclass(frozen=True)
class Tuning:
    """How long and how strongly to train on.

    Raises:
        UsageError: a value that cannot be.
    """

    epochs: int
    learning_rate: float
    batch: int | None = None  # None: the parent's
    seed: int = 0

    def __post_init__(self) -> None:
        if self.batch is not None and self.batch < 1:
            raise UsageError(f"batch is {self.batch}", expected="1 or more")
        FitPlan("classify", 2, self.epochs, self.learning_rate)  # the checks of epochs and rate


@dataclass(frozen=True)
class ShrinkHooks:
    """Whom shrinking tells what."""

    log: Callable[[str], None] = lambda text: None
    warn: Callable[[str], None] = lambda text: None
    on_progress: Callable[[FitProgress], None] = lambda progress: None
    command: str = ""  # for run.json


def training_batches(subject: Subject, tuning: Tuning) -> Any:
    """The training split, augmented as the parent was."""
    augmentation = Augmentation.parse(augmentation_of(subject))
    samples = subject.dataset.of_split("train")
    return image_pipeline(samples, subject.spec, batch_of(subject, tuning), augmentation, shuffle_seed=tuning.seed)


def tune(
    model: Any,
    subject: Subject,
    plan: FitPlan,
    batches: Any,
    hooks: ShrinkHooks,
    callbacks: Sequence[Any] = (),
) -> StageHistory:
    """Fit `model` in place; it ends with the weights of the best epoch that counts."""
    validation = image_pipeline(subject.dataset.of_split("val"), subject.spec, batch=32)
    result = fit(model, plan, batches, validation, FitHooks(callbacks, hooks.on_progress))
    return StageHistory("train", plan.metric, result.history, result.best_epoch)


def fit_plan(subject: Subject, tuning: Tuning, *, best_from_epoch: int = 0) -> FitPlan:
    """The parent's loss, class weights and optimizer, with this tuning's epochs and rate."""
    task = subject.spec.task
    return FitPlan(
        task=task,
        classes=len(subject.spec.labels),
        epochs=tuning.epochs,
        learning_rate=tuning.learning_rate,
        optimizer=subject.argument("optimizer", "adam"),
        loss=subject.argument("loss", DEFAULTS[task].loss),
        label_smoothing=subject.argument("label_smoothing", 0.0),
        class_weights=_class_weights(subject),
        best_from_epoch=best_from_epoch,
    )


def _class_weights(subject: Subject) -> tuple[float, ...] | None:
    """The parent's: the numbers that its file held, or its rule."""
    given = subject.argument("class_weight_values", None)
    if given is not None:
        return tuple(given)
    return class_weights(subject.argument("class_weights", DEFAULTS[subject.spec.task].class_weights), subject.dataset)


def batch_of(subject: Subject, tuning: Tuning) -> int:
    """Pictures in a step: as asked for, as the parent had, or as the task usually has."""
    return int(tuning.batch or subject.argument("batch", DEFAULTS[subject.spec.task].batch))


def carried_arguments(subject: Subject, tuning: Tuning) -> dict[str, Any]:
    """For run.json: what was asked for, and what was taken over, so that the next stage can take it over too."""
    inherited = ("optimizer", "loss", "label_smoothing", "class_weights", "class_weight_values")
    return {
        **{name: subject.argument(name, None) for name in inherited},
        "epochs": tuning.epochs,
        "learning_rate": tuning.learning_rate,
        "batch": batch_of(subject, tuning),
        "seed": tuning.seed,
    }


def augmentation_of(subject: Subject) -> str:
    """As `--augment`."""
    return str(subject.record["data"].get("augment") or DEFAULTS[subject.spec.task].augment)


def evaluations(model: Any, subject: Subject) -> tuple[Evaluation, ...]:
    """Judged on val, and on test when there is one."""
    present = {sample.split for sample in subject.dataset.samples}
    return tuple(
        evaluate(model, subject.spec, subject.dataset.of_split(name), name)
        for name in ("val", "test")
        if name in present
    )


def main_metric(evaluation: Evaluation) -> tuple[str, float]:
    """The name and value that a ledger shows first: accuracy, or mean IoU."""
    if evaluation.task == "classify":
        return "accuracy", float(evaluation.metrics["accuracy"])
    return "mean IoU", float(evaluation.metrics["mean"]["iou"])
