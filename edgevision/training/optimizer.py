"""The optimizer and its learning-rate schedule, by step, so that a resumed training goes on at the right rate."""

from __future__ import annotations

from typing import Any

from edgevision.tensorflow_setup import keras
from edgevision.training.fit_plan import FitPlan


def make_optimizer(plan: FitPlan, steps_per_epoch: int) -> Any:
    """The keras optimizer of `plan` for a training of `plan.epochs` times `steps_per_epoch` steps."""
    rate = make_schedule(plan, steps_per_epoch * plan.epochs)
    if plan.optimizer == "sgd":
        return keras.optimizers.SGD(rate, momentum=0.9, nesterov=True, global_clipnorm=plan.gradient_clip)
    return keras.optimizers.Adam(rate, global_clipnorm=plan.gradient_clip)


def make_schedule(plan: FitPlan, steps: int) -> Any:
    """A number, or a function of the step that gives one."""
    peak, warmup = plan.learning_rate, round(plan.warmup_share * steps)
    if plan.schedule == "cosine":
        return keras.optimizers.schedules.CosineDecay(
            initial_learning_rate=0.0 if warmup else peak,
            decay_steps=max(1, steps - warmup),
            warmup_target=peak if warmup else None,
            warmup_steps=warmup,
        )
    if plan.schedule == "step":
        bounds = [max(1, steps // 2), max(2, steps * 3 // 4)]
        return keras.optimizers.schedules.PiecewiseConstantDecay(bounds, [peak, peak / 10, peak / 100])
    return peak
