"""The stage behind `edgevision prune`: a run becomes a sparse run."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import Any

from edgevision.compression.cost import Size, float_tflite_of, keras_size, median_latencies_ms
from edgevision.compression.pruning import Pruning, Ramp, callbacks, check_sparsity, prunable_layers, strip, with_masks
from edgevision.compression.qat import is_quantization_aware
from edgevision.compression.shrunk import Shrunk, Target, write_shrunk_run
from edgevision.compression.sparsity import layer_sparsities, overall_sparsity
from edgevision.compression.subject import Origin, Subject, open_subject
from edgevision.compression.tuning import (
    ShrinkHooks,
    Tuning,
    carried_arguments,
    evaluations,
    fit_plan,
    training_batches,
    tune,
)
from edgevision.runs import RunDirectory, check_writable
from edgevision.training.fit import make_deterministic
from edgevision_runtime.errors import UsageError

DEFAULT_LEARNING_RATE = 5e-4


@dataclass(frozen=True)
class PrunePlan:
    """What `prune` is asked to do."""

    origin: Origin
    pruning: Pruning
    tuning: Tuning


@dataclass(frozen=True, eq=False)
class ShrinkResult:
    """The new run and what was measured."""

    run: RunDirectory
    shrunk: Shrunk


def prune(plan: PrunePlan, target: Target, hooks: ShrinkHooks | None = None) -> ShrinkResult:
    """Prune as `plan` says and write the run directory `target.output`.

    Raises:
        UsageError: a plan that cannot be, or a run that is quantization-aware already.
        ModelError: a network that cannot be read or pruned.
        CheckFailed: the finished network is not as sparse as asked.
    """
    hooks = hooks or ShrinkHooks()
    started_s = monotonic()
    check_writable(target.output, force=target.force)
    make_deterministic(plan.tuning.seed)
    subject = open_subject(plan.origin, hooks.log)
    _check_order(subject)
    chosen, left = prunable_layers(subject.model, plan.pruning)
    hooks.log(f"pruning {len(chosen)} layers of {subject.name} to {plan.pruning.sparsity:.0%} zeros")
    for note in subject.notes:
        hooks.log(note)
    model, history = _fitted(plan, subject, hooks)
    check_sparsity(model, chosen, plan.pruning)
    hooks.log("measuring quality, size and latency before and after")
    shrunk = _measured(plan, subject, model, history, left, started_s)
    return ShrinkResult(write_shrunk_run(shrunk, target, hooks.command), shrunk)


def _check_order(subject: Subject) -> None:
    if subject.stage == "quantized" or is_quantization_aware(subject.model):
        raise UsageError(
            f"{subject.name} is quantization-aware already",
            expected="a float run",
            hint="prune first, then quantize: QAT keeps the zeros",
        )


def _fitted(plan: PrunePlan, subject: Subject, hooks: ShrinkHooks) -> tuple[Any, Any]:
    """(the pruned network without wrappers, its history)."""
    batches = training_batches(subject, plan.tuning)
    steps = int(batches.cardinality())
    ramp = Ramp.of(plan.pruning, steps * plan.tuning.epochs)
    wrapped = with_masks(subject.model, plan.pruning, ramp)
    fitting = fit_plan(subject, plan.tuning, best_from_epoch=ramp.settled_epoch(steps) - 1)
    history = tune(wrapped, subject, fitting, batches, hooks, callbacks())
    return strip(wrapped), history


def _measured(
    plan: PrunePlan, subject: Subject, model: Any, history: Any, left: list[tuple[str, str]], started_s: float
) -> Shrunk:
    """Everything before and after."""
    old_file, new_file = float_tflite_of(subject.model), float_tflite_of(model)
    sample = subject.spec.preprocess(subject.dataset.of_split("val")[0].read_image())
    latencies = median_latencies_ms({"before": old_file, "after": new_file}, sample)
    layers = layer_sparsities(model)
    parameters = int(model.count_params())
    return Shrunk(
        model=model,
        subject=subject,
        stage="pruned",
        method=describe(plan.pruning),
        arguments=_arguments(plan, subject),
        history=history,
        before=evaluations(subject.model, subject),
        after=evaluations(model, subject),
        sizes={
            "float .tflite": (Size.of(old_file), Size.of(new_file)),
            "model.keras": (keras_size(subject.model), keras_size(model)),
        },
        latency_ms=(latencies["before"], latencies["after"]),
        layer_sparsity={layer.layer: layer.share for layer in layers},
        target_sparsity=plan.pruning.sparsity,
        untouched=left,
        facts={
            "sparsity": {
                "target": plan.pruning.sparsity,
                "of_kernels": overall_sparsity(layers),
                "of_all_parameters": sum(layer.zeros for layer in layers) / parameters,
            }
        },
        seconds=monotonic() - started_s,
    )


def describe(pruning: Pruning) -> str:
    """In words."""
    if pruning.structure:
        return f"Magnitude pruning, {pruning.structure} pattern"
    return f"Magnitude pruning, {pruning.sparsity:.0%} zeros, {pruning.schedule} schedule"


def _arguments(plan: PrunePlan, subject: Subject) -> dict[str, Any]:
    pruning = plan.pruning
    return {
        **carried_arguments(subject, plan.tuning),
        "source": str(plan.origin.path),
        "data": plan.origin.data,
        "sparsity": pruning.sparsity,
        "schedule": pruning.schedule,
        "structure": pruning.structure,
        "frequency": pruning.frequency,
    }
