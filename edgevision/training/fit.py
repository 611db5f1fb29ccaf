"""The one fit loop: training, pruning and quantization-aware training all go through it.

It keeps the weights of the epoch with the best validation metric, stops early, writes a checkpoint after every epoch
and goes on from the newest one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

from edgevision.tensorflow_setup import keras, tf
from edgevision.training.checkpoint import Arrays, Checkpoint, CheckpointFolder, EpochRecord
from edgevision.training.confusion_metric import ConfusionMetric
from edgevision.training.fit_plan import FitPlan
from edgevision.training.losses import make_loss
from edgevision.training.optimizer import make_optimizer
from edgevision_runtime.errors import ModelError, UsageError


@dataclass(frozen=True)
class FitProgress:
    """Said after every step, and once more, with `record`, after every epoch."""

    epoch: int  # the running one: 1, 2, 3 …
    epochs: int
    step: int  # finished in this epoch
    steps: int
    metric: str  # macro_f1 | mean_iou
    record: EpochRecord | None = None


@dataclass(frozen=True)
class FitHooks:
    """What happens beside the fitting."""

    callbacks: Sequence[Any] = ()  # keras callbacks, such as tfmot's UpdatePruningStep
    on_progress: Callable[[FitProgress], None] | None = None
    checkpoints: CheckpointFolder | None = None


@dataclass(frozen=True)
class FitResult:
    """What came of it; the network holds the weights of `best_epoch` when the plan restores the best."""

    history: tuple[EpochRecord, ...]
    best_epoch: int
    has_stopped_early: bool

    @property
    def best(self) -> EpochRecord:
        """The record of the best epoch."""
        return self.history[self.best_epoch - 1]


def make_deterministic(seed: int) -> None:
    """Same seed, same bits, on one machine: seeds python, numpy and TensorFlow and asks for deterministic kernels."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def fit(model: Any, plan: FitPlan, train_data: Any, val_data: Any, hooks: FitHooks | None = None) -> FitResult:
    """Fit `model` in place.

    `train_data` and `val_data` are batched `tf.data.Dataset`s of (inputs float32 (N, h, w, c), truth integer (N,) or
    (N, h, w) with 255 for pixels to ignore), one pass each per epoch; `train_data` may have the samples' weights in the
    loss, float32 (N,), as a third.

    Raises:
        UsageError: nothing to learn from, or the loss became infinite.
        ModelError: a checkpoint that is of another network.
    """
    hooks = hooks or FitHooks()
    steps = _steps(train_data)
    with model.distribute_strategy.scope():
        model.compile(optimizer=make_optimizer(plan, steps), loss=make_loss(plan), metrics=[ConfusionMetric(plan)])
        model.optimizer.build(model.trainable_variables)
    loop = _Loop(model, plan, steps, hooks)
    loop.resume()
    if not loop.is_finished:
        model.fit(
            train_data,
            validation_data=val_data,
            initial_epoch=len(loop.history),
            epochs=plan.epochs,
            callbacks=[*hooks.callbacks, loop.as_callback()],
            verbose=0,
        )
    if plan.restore_best:
        model.set_weights(loop.best_weights)
    return FitResult(tuple(loop.history), loop.best_epoch, has_stopped_early=len(loop.history) < plan.epochs)


class _Loop:
    """The state of one fitting, moved on by keras' callbacks."""

    def __init__(self, model: Any, plan: FitPlan, steps: int, hooks: FitHooks) -> None:
        self.model, self.plan, self.steps, self.hooks = model, plan, steps, hooks
        self.history: list[EpochRecord] = []
        self.best_epoch = 0
        self.best_weights: Arrays = []
        self.is_finished = False
        self.epoch_started_s = 0.0

    def as_callback(self) -> Any:
        return keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: self.begin_epoch(),
            on_batch_end=lambda batch, logs: self.report_step(batch + 1),
            on_epoch_end=lambda epoch, logs: self.end_epoch(logs),
        )

    def resume(self) -> None:
        """Take over the newest checkpoint, if there is one."""
        saved = self.hooks.checkpoints.load() if self.hooks.checkpoints else None
        if saved is None:
            return
        _check_same_shapes(saved.weights, self.model.get_weights())
        self.model.set_weights(saved.weights)
        variables = self.model.optimizer.variables
        variables = variables() if callable(variables) else variables
        _check_same_shapes(saved.optimizer, variables)
        for variable, value in zip(variables, saved.optimizer, strict=True):
            variable.assign(value)
        self.history, self.best_epoch = list(saved.history), saved.best_epoch
        self.best_weights, self.is_finished = saved.best_weights, saved.is_finished

    def begin_epoch(self) -> None:
        self.epoch_started_s = monotonic()

    def report_step(self, step: int) -> None:
        self._say(FitProgress(len(self.history) + 1, self.plan.epochs, step, self.steps, self.plan.metric))

    def end_epoch(self, logs: dict[str, float]) -> None:
        record = self._record(logs)
        if not math.isfinite(record.loss):
            raise UsageError(
                f"the loss became {record.loss} in epoch {record.epoch}", hint="lower the learning rate and start over"
            )
        self.history.append(record)
        weights = self.model.get_weights()
        if self._is_best(record):
            self.best_epoch, self.best_weights = record.epoch, weights
        patience = self.plan.early_stopping
        has_stopped = (
            patience is not None and record.epoch - max(self.best_epoch, self.plan.best_from_epoch) >= patience
        )
        self.is_finished = has_stopped or record.epoch >= self.plan.epochs
        self.model.stop_training = self.is_finished
        self._save(weights)
        self._say(FitProgress(record.epoch, self.plan.epochs, self.steps, self.steps, self.plan.metric, record))

    def _record(self, logs: dict[str, float]) -> EpochRecord:
        name = self.plan.metric
        return EpochRecord(
            epoch=len(self.history) + 1,
            loss=float(logs["loss"]),
            metric=float(logs[name]),
            val_loss=float(logs["val_loss"]),
            val_metric=float(logs[f"val_{name}"]),
            learning_rate=_current_rate(self.model.optimizer),
            seconds=monotonic() - self.epoch_started_s,
        )

    def _is_best(self, record: EpochRecord) -> bool:
        """Higher metric, or the same and a lower loss; among epochs that count."""
        if self.best_epoch <= self.plan.best_from_epoch:
            return True
        best = self.history[self.best_epoch - 1]
        return (record.val_metric, -record.val_loss) > (best.val_metric, -best.val_loss)

    def _save(self, weights: Arrays) -> None:
        variables = self.model.optimizer.variables
        variables = variables() if callable(variables) else variables
        state = [variable.numpy() for variable in variables]  # on every worker: reading may need all of them
        if self.hooks.checkpoints:
            self.hooks.checkpoints.save(
                Checkpoint(tuple(self.history), self.best_epoch, self.is_finished, weights, state, self.best_weights)
            )

    def _say(self, progress: FitProgress) -> None:
        if self.hooks.on_progress:
            self.hooks.on_progress(progress)


def _steps(data: Any) -> int:
    """Batches of one pass."""
    steps = int(data.cardinality())
    if steps < 0:
        steps = sum(1 for _ in data)
    if steps == 0:
        raise UsageError("the training split is empty", expected="at least one batch of samples")
    return steps


def _current_rate(optimizer: Any) -> float:
    rate = optimizer.learning_rate
    value = rate(optimizer.iterations) if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule) else rate
    return float(tf.convert_to_tensor(value))


def _check_same_shapes(saved: Arrays, present: Sequence[Any]) -> None:
    if [tuple(array.shape) for array in saved] != [tuple(array.shape) for array in present]:
        raise ModelError("the checkpoint is of another network", hint="start over with --force")
