"""The stage behind `edgevision quantize`: a run is trained on with int8 in mind; a pruned one keeps its zeros."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import Any

import numpy as np

from edgevision.compression.cost import Size, float_tflite_of, int8_tflite_of, largest_difference, median_latencies_ms
from edgevision.compression.prune import ShrinkResult
from edgevision.compression.qat import Quantization, observe_ranges, quantization_aware
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
from edgevision.runs import check_writable
from edgevision.training.fit import make_deterministic
from edgevision_runtime.contract import Preprocess
from edgevision_runtime.errors import CheckFailed

DEFAULT_LEARNING_RATE = 1e-4
SPARSE_FROM = 0.05  # a network with more zeros than this was pruned, and its zeros are kept
_OBSERVED_BATCHES = 8
_COMPARED_IMAGES = 4


@dataclass(frozen=True)
class QuantizePlan:
    """What `quantize` is asked to do."""

    origin: Origin
    tuning: Tuning
    freezes_normalization: bool = True


def quantize(plan: QuantizePlan, target: Target, hooks: ShrinkHooks | None = None) -> ShrinkResult:
    """Train with fake quantization as `plan` says and write the run directory `target.output`.

    Raises:
        UsageError: a plan that cannot be, or a run that is quantization-aware already.
        ModelError: a network that cannot be read, or layers that cannot be quantized: they are named.
        CheckFailed: zeros were lost.
    """
    hooks = hooks or ShrinkHooks()
    started_s = monotonic()
    check_writable(target.output, force=target.force)
    make_deterministic(plan.tuning.seed)
    subject = open_subject(plan.origin, hooks.log)
    for note in subject.notes:
        hooks.log(note)
    zeros = overall_sparsity(layer_sparsities(subject.model))
    quantization = Quantization(
        input_range=input_range(subject.spec.preprocess),
        keeps_zeros=zeros > SPARSE_FROM,
        freezes_normalization=plan.freezes_normalization,
    )
    model = quantization_aware(subject.model, quantization)
    if quantization.keeps_zeros:
        hooks.log(f"{zeros:.0%} of the weights are zero and stay zero")
    batches = training_batches(subject, plan.tuning)
    observe_ranges(model, (images for images, *_ in batches.take(_OBSERVED_BATCHES)))
    history = tune(model, subject, fit_plan(subject, plan.tuning), batches, hooks)
    if quantization.keeps_zeros:
        _check_zeros(subject.model, model)
    hooks.log("converting to int8, and measuring quality, size and latency before and after")
    shrunk = _measured(plan, subject, model, history, started_s)
    return ShrinkResult(write_shrunk_run(shrunk, target, hooks.command), shrunk)


def input_range(preprocess: Preprocess) -> tuple[float, float]:
    """The smallest and the largest value that the contract can make."""
    if preprocess.normalize is None:
        return 0.0, 255.0
    table = preprocess.normalize.table(preprocess.channels)
    return float(table.min()), float(table.max())


def _check_zeros(parent: Any, model: Any) -> None:
    """Every kernel has at least the zeros that it came with."""
    found = {layer.layer: layer for layer in layer_sparsities(model)}
    for before in layer_sparsities(parent):
        after = found.get(before.layer)
        if after is not None and after.zeros < before.zeros:
            raise CheckFailed(f"layer {before.layer!r} lost {before.zeros - after.zeros} zeros", expected="none lost")


def _measured(plan: QuantizePlan, subject: Subject, model: Any, history: Any, started_s: float) -> Shrunk:
    """Everything before and after: the float file against the int8 file."""
    old_file, new_file = float_tflite_of(subject.model), int8_tflite_of(model)
    samples = [
        np.asarray(subject.spec.preprocess(sample.read_image()))
        for sample in subject.dataset.of_split("val")[:_COMPARED_IMAGES]
    ]
    latencies = median_latencies_ms({"before": old_file, "after": new_file}, samples[0])
    layers = layer_sparsities(model)
    is_sparse = overall_sparsity(layers) > SPARSE_FROM
    return Shrunk(
        model=model,
        subject=subject,
        stage="quantized",
        method="Quantization-aware training" + (" that keeps the pruned zeros" if is_sparse else ""),
        arguments=_arguments(plan, subject),
        history=history,
        before=evaluations(subject.model, subject),
        after=evaluations(model, subject),
        sizes={".tflite, float → int8": (Size.of(old_file), Size.of(new_file))},
        latency_ms=(latencies["before"], latencies["after"]),
        layer_sparsity={layer.layer: layer.share for layer in layers} if is_sparse else {},
        facts={
            "int8_largest_difference": largest_difference(model, new_file, samples),
            "sparsity": {"of_kernels": overall_sparsity(layers)},
        },
        seconds=monotonic() - started_s,
    )


def _arguments(plan: QuantizePlan, subject: Subject) -> dict[str, Any]:
    return {
        **carried_arguments(subject, plan.tuning),
        "source": str(plan.origin.path),
        "data": plan.origin.data,
        "freezes_normalization": plan.freezes_normalization,
    }
