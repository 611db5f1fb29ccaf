"""Model in, model files out: every file measured against its source and called what it is.

source ─▶ float .tflite ─▶ float16 · int8 · dynamic · int16x8 .tflite
                └───────▶ float .onnx ─▶ float16 · int8 · dynamic .onnx
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata as distributions
from pathlib import Path
from typing import Any

import numpy as np

from edgevision_converters import agreement, metadata
from edgevision_converters.inspect import Description, describe
from edgevision_converters.plan import Conversion, ConvertedModel, ConvertPlan, ModelFacts, Progress, Samples, Skipped
from edgevision_converters.sources import Source, open_source
from edgevision_converters.targets import Workbench, make, refusal, require_something
from edgevision_runtime.errors import DataError, ModelError, UsageError
from edgevision_runtime.types import Variant

_TOOLS = ("tensorflow", "tf_keras", "keras", "ai-edge-quantizer", "ai-edge-litert", "tf2onnx", "onnx", "onnxruntime")
ALMOST = 0.05  # a softmax in 8 bits misses 1 by up to 1/512 a class; logits are not near it on every sample
_MAY_FAIL = ("int16x8",)  # LiteRT's kernels do not take every network: skipped with the reason


def convert(source: Path, plan: ConvertPlan, samples: Samples, on_progress: Progress | None = None) -> Conversion:
    """Convert a model file or folder.

    `samples` are what the contract makes of real images: uint8 or float32, no batch axis. They calibrate int8 and
    int16x8, and every file is run on some of them.

    Raises:
        ModelError: the source cannot be read or converted, a file is not the precision it should be, or a float file
            does not agree with its source.
        DataError: no samples.
        UsageError: the labels or the activation that were stated are not those of the output.
    """
    progress = on_progress or (lambda label, done, total: None)
    progress("read the model", 0, 1)
    opened = open_source(source)
    check_samples(opened, samples)
    wanted = [(f, p) for f in plan.formats for p in plan.precisions]
    skipped = [Skipped(f, p, reason) for f, p in wanted if (reason := refusal(opened, f, p))]
    wanted = [(f, p) for f, p in wanted if refusal(opened, f, p) is None]
    require_something(wanted, [entry.reason for entry in skipped])

    bench = Workbench(opened, plan, samples, progress)
    probes = agreement.pick(samples)
    judge = _Judge(opened, probes)
    check_answers(plan.facts, judge.reference)
    models: list[ConvertedModel] = []
    for done, (model_format, precision) in enumerate(wanted):
        progress(f"make {precision}.{model_format}", done, len(wanted))
        try:
            models.append(judge.accept(bench, model_format, precision))
        except ModelError as error:
            if precision not in _MAY_FAIL or (len(wanted) == 1):
                raise
            skipped.append(Skipped(model_format, precision, error.what))
    return Conversion(
        models=tuple(models),
        skipped=tuple(skipped),
        reference_difference={name: entry["difference"] for name, entry in judge.entries.items()},
        report=_report(opened, bench, judge, skipped),
        calibration=bench.calibration(),
    )


def check_samples(source: Source, samples: Samples) -> None:
    """Raise DataError or ModelError when the samples are not what the source takes."""
    if len(samples) == 0:
        raise DataError("no samples", expected="at least one real image", hint="give --calib")
    shapes = sorted({sample.shape for sample in samples})
    if len(shapes) > 1:
        raise DataError(f"samples of different shapes: {shapes[0]}, {shapes[1]}", expected="one shape")
    takes = source.input_shape[1:]
    fits = len(takes) == len(shapes[0]) and all(
        want in (None, have) for want, have in zip(takes, shapes[0], strict=True)
    )
    if not fits:
        raise ModelError(
            f"the contract makes {shapes[0]}, the {source.kind} takes {takes}",
            expected="the same shape",
            hint="set the contract's size, colour or layout to what the model was trained with",
        )
    if not np.isfinite(samples[0]).all():
        raise DataError("the first sample is not finite", expected="what the contract makes of an image")


def check_answers(facts: ModelFacts, outputs: Sequence[agreement.Outputs]) -> None:
    """Raise UsageError when what was stated of the output is not what the source puts out for real samples."""
    head = facts.postprocess
    if head is None:
        return
    if head.output >= len(outputs[0]):
        raise UsageError(f"output {head.output} of a model with {len(outputs[0])}", expected="--output-index from 0")
    answers = np.stack([sample[head.output] for sample in outputs])
    if head.head == "segment" and answers.ndim not in (3, 4):
        raise UsageError(f"an output of {answers.shape[1:]} is no mask", expected="(height, width, classes)")
    classes = head.classes(answers.shape)
    if classes != len(facts.labels):
        raise UsageError(f"{len(facts.labels)} labels for a model that tells {classes} classes apart")
    if head.head == "segment":
        return
    totals = answers.reshape(len(answers), -1).sum(axis=1)
    is_share = answers.min() >= 0 and answers.max() <= 1 + ALMOST
    if head.activation == "softmax" and is_share and np.abs(totals - 1).max() < ALMOST:
        raise UsageError("the model ends in probabilities: they sum to 1", expected="--activation none")
    if head.activation == "none" and not is_share:
        low, high = answers.min(), answers.max()
        raise UsageError(f"the model ends in {low:.3g} … {high:.3g}, no probabilities", expected="--activation softmax")


class _Judge:
    """Runs every file on the probes and compares it with the source."""

    def __init__(self, source: Source, probes: Samples) -> None:
        self._probes = probes
        self.reference = [source.predict(probe) for probe in probes]
        self.entries: dict[str, dict[str, Any]] = {}

    def accept(self, bench: Workbench, model_format: str, precision: str) -> ConvertedModel:
        """Make one file and check it.

        Raises:
            ModelError: it cannot be made or does not run, or a float32 file does not agree with the source.
        """
        data, notes = make(bench, model_format, precision)
        add = metadata.with_tflite_metadata if model_format == "tflite" else metadata.with_onnx_metadata
        data = add(data, bench.plan.facts)
        facts = describe(data)
        variant = Variant(
            path=f"models/{precision}.{model_format}",
            format=model_format,
            precision=precision,
            inputs=facts.inputs,
            outputs=facts.outputs,
            operators=facts.operators,
        )
        outputs = agreement.run(model_format, data, self._probes)
        difference = agreement.compare(self.reference, outputs)
        tolerance = agreement.FLOAT32_TOLERANCE if precision == "float32" else None
        if tolerance is not None:
            agreement.require(variant.name, difference, tolerance)
        if self._is_softmax():
            agreement.require_probabilities(variant.name, outputs, _step(facts))
        self.entries[variant.name] = _entry(facts, difference, tolerance, notes)
        if bench.plan.facts.postprocess is not None:  # of what is answered, not of features that stand beside it
            answer = bench.plan.facts.postprocess.output
            self.entries[variant.name]["difference"] = difference.by_output[answer]
        return ConvertedModel(variant, data, notes)

    def _is_softmax(self) -> bool:
        first = [outputs[0] for outputs in self.reference]
        return all(o.ndim == 1 and o.size > 1 and o.min() >= 0 and abs(float(o.sum()) - 1) < 1e-3 for o in first)


def _step(facts: Description) -> float:
    if facts.outputs[0].scale is not None:
        return facts.outputs[0].scale
    return 1 / 128 if facts.actual_precision in ("int8", "dynamic", "float16") else 0.0


def _entry(
    facts: Description, difference: agreement.Difference, tolerance: float | None, notes: tuple[str, ...]
) -> dict[str, Any]:
    return {
        "difference": difference.largest,
        "difference_share": difference.share,
        "tolerance_share": tolerance,
        "precision": facts.actual_precision,
        "operators": facts.operator_counts,
        "tensor_types": facts.tensor_types,
        "notes": list(notes),
    }


def _report(source: Source, bench: Workbench, judge: _Judge, skipped: list[Skipped]) -> dict[str, Any]:
    return {
        "source": {"kind": source.kind, "precision": source.precision, "input_shape": list(source.input_shape)},
        "samples": len(bench.samples),
        "models": judge.entries,
        "skipped": [{"format": s.format, "precision": s.precision, "reason": s.reason} for s in skipped],
        "tools": {name: distributions.version(name) for name in _TOOLS},
    }
