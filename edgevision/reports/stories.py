"""From what the stages found to what the reports tell; knows the stages' types, draws nothing itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision.fidelity.judge import METRIC_NAMES
from edgevision.fidelity.tally import ClassAnswers
from edgevision.reports.html import Picture
from edgevision.reports.pictures import thumbnail
from edgevision.reports.training_report import MOST_PICTURES, MaskedImage, TrainingStory, read_history
from edgevision.reports.verify_report import Confidences, VariantResult, VerifyStory
from edgevision.reports.wording import percent

if TYPE_CHECKING:
    from edgevision.fidelity.gate import Result
    from edgevision.fidelity.verify import Verification
    from edgevision.training.evaluate import Evaluation
    from edgevision_runtime.types import Image, ModelSpec

MOST_SCATTERS = 3


def training_story(folder: Path, spec: ModelSpec, record: Mapping[str, Any], evaluation: Evaluation) -> TrainingStory:
    """The story of a run: `folder` holds its history.csv, `record` is its run.json.

    `dataclasses.replace` adds what only the caller knows: split_counts, notes, commands.
    """
    history = folder / "history.csv"
    metric = "macro F1" if spec.task == "classify" else "mean IoU"
    return TrainingStory(
        name=folder.name,
        task=spec.task,
        labels=spec.labels,
        facts=facts_of(record, spec),
        history=read_history(history, metric) if history.is_file() else {},
        metrics=evaluation.metrics,
        mistakes=mistakes(evaluation) if spec.task == "classify" else (),
        masks=worst_masks(evaluation, spec) if spec.task == "segment" else (),
    )


def facts_of(record: Mapping[str, Any], spec: ModelSpec) -> dict[str, str]:
    """What run.json and the contract say, in the words of a table."""
    architecture = record.get("architecture") or {}
    data = record.get("data") or {}
    details = [f"{key} {value}" for key, value in architecture.items() if key != "name" and value is not None]
    size = spec.preprocess.size
    operations = " → ".join(operation.name for operation in spec.preprocess.operations)
    facts = {
        "Architecture": ", ".join([str(architecture.get("name", "")), *details]),
        "Input": f"{size[0]} × {size[1]} × {spec.preprocess.channels}" if size else "the frame's own size",
        "Contract": operations,
        "Data": str(data.get("source", data.get("path", ""))),
        "Parent": str(record.get("parent") or ""),
        "Stage": str(record.get("stage") or ""),
        "Seed": str(record.get("seed", "")),
        "Command": str(record.get("command") or ""),
    }
    return {name: text for name, text in facts.items() if text}


def mistakes(evaluation: Evaluation) -> list[Picture]:
    """The worst wrong answers of a classifier."""
    shown = []
    for position in evaluation.worst(MOST_PICTURES):
        truth, said = int(evaluation.truth[position]), int(evaluation.predicted[position])
        scores = evaluation.scores[position]
        caption = (
            f"true: {evaluation.labels[truth]} ({percent(float(scores[truth]))})\n"
            f"said: {evaluation.labels[said]} ({percent(float(scores[said]))})\n"
            f"{evaluation.samples[position].image.name}"
        )
        shown.append(Picture(thumbnail(evaluation.samples[position].read_image()), caption, "fail"))
    return shown


def worst_masks(evaluation: Evaluation, spec: ModelSpec) -> list[MaskedImage]:
    """The images whose masks fit worst, as the model saw them."""
    shown = []
    for position in evaluation.worst(MOST_PICTURES // 2):
        sample = evaluation.samples[position]
        caption = f"{sample.image.name}, mean IoU {percent(float(evaluation.quality[position]))}"
        seen = as_seen(spec, sample.read_image())
        truth, said = evaluation.truth[position], evaluation.predicted[position]
        shown.append(MaskedImage(seen, truth.astype(np.uint8), said.astype(np.uint8), caption))
    return shown


def as_seen(spec: ModelSpec, frame: Image) -> Image:
    """The frame after the contract's image operations, back in BGR: what lies under the model's mask."""
    image = spec.preprocess.to_image(frame)
    if image.shape[2] == 1:
        return np.repeat(image, 3, axis=2)
    return image[..., ::-1] if spec.preprocess.color == "rgb" else image


def verify_story(verification: Verification, bundle: str, commands: str = "") -> VerifyStory:
    """The story of a verification; `bundle` is the name that the page shows."""
    results = verification.results
    return VerifyStory(
        bundle=bundle,
        metric=METRIC_NAMES[verification.metric],
        images=verification.images,
        variants=[_variant(result) for result in results],
        status=verification.status,
        conclusion=verify_conclusion(verification),
        max_drop=verification.plan.max_drop,
        min_agreement=verification.plan.min_agreement,
        skipped=[(f"{skip.variant} on {skip.engine}", skip.reason) for skip in verification.skipped],
        confidences=_confidences(verification),
        latencies_ms={
            _title(result): answers.infer_ms
            for result, answers in zip(results, verification.observations.answers, strict=True)
        },
        worst=_worst(verification),
        commands=commands,
    )


def verify_conclusion(verification: Verification) -> str:
    """The verdict in a sentence or two."""
    from edgevision.fidelity.verify import what_would_settle

    def named(status: str) -> str:
        return ", ".join(f"`{result.name}`" for result in verification.results if result.status == status)

    sentences = []
    if failed := named("fail"):
        sentences.append(f"More than the limits allow was lost by {failed}.")
    if undecided := named("inconclusive"):
        what = what_would_settle(verification)
        sentences.append(f"From {verification.images:,} images it cannot be told of {undecided}; {what}.")
    if passed := named("pass"):
        sentences.append(f"As good as `{verification.results[0].name}`, within the limits: {passed}.")
    return " ".join(sentences) or "Only the reference ran, so there was nothing to compare."


def _variant(result: Result) -> VariantResult:
    return VariantResult(
        name=result.variant,
        engine=result.engine,
        size_bytes=result.size_bytes,
        metric=result.metric.value,
        metric_ci95=result.metric.ci95,
        difference=None if result.difference is None else result.difference.value,
        difference_ci95=None if result.difference is None else result.difference.ci95,
        agreement=None if result.agreement is None else result.agreement.value,
        agreement_ci95=None if result.agreement is None else result.agreement.ci95,
        latency_ms=result.ms_per_image,
        status="" if result.is_reference else result.status,
    )


def _title(result: Result) -> str:
    return f"{result.variant} on {result.engine}"


def _confidences(verification: Verification) -> dict[str, Confidences]:
    """Of the classifiers that are not float; the others lie on the diagonal."""
    answers = verification.observations.answers
    reference = answers[0]
    shown = {}
    for result, mine in zip(verification.results[1:], answers[1:], strict=True):
        if not isinstance(mine, ClassAnswers) or not isinstance(reference, ClassAnswers):
            continue
        if not result.precision.startswith("float"):
            shown[_title(result)] = Confidences(reference.score, mine.score, mine.predicted == reference.predicted)
    return dict(list(shown.items())[:MOST_SCATTERS])


def _worst(verification: Verification) -> list[Picture]:
    """The worst images of every variant, each image once, the lowest agreement first."""
    from edgevision.data.images import read_image

    found = [(image.agreement, result, image) for result in verification.results for image in result.worst]
    shown: dict[Path, Picture] = {}
    for agreement, result, image in sorted(found, key=lambda entry: entry[0]):
        if image.path not in shown and len(shown) < MOST_PICTURES:
            caption = f"{_title(result)}\n{image.note}\n{image.path.name}"
            shown[image.path] = Picture(thumbnail(read_image(image.path)), caption, "fail" if agreement == 0 else "")
    return list(shown.values())
