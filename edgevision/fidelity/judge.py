"""Judge one variant on one engine against the reference: differences with intervals, and the checks they meet.

Images without labels leave the metric and its difference out; the agreement with the reference is still judged.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgevision.fidelity import statistics
from edgevision.fidelity.gate import Result, VerifyPlan, WorstImage
from edgevision.fidelity.observe import Contender, Observations
from edgevision.fidelity.statistics import Bootstrap, Estimate, Ratios
from edgevision.fidelity.tally import ClassAnswers, MaskAnswers
from edgevision.reports.envelope import Check
from edgevision_runtime.types import ModelSpec

METRICS = {"classify": "accuracy", "segment": "foreground_iou"}
METRIC_NAMES = {"accuracy": "accuracy", "foreground_iou": "foreground IoU"}  # as people read them
UNKNOWN = Estimate(math.nan, -math.inf, math.inf)


@dataclass(frozen=True)
class Comparison:
    """A contender beside the reference."""

    difference: Estimate  # of the metric
    agreement: Estimate
    needed: tuple[int | None, int | None]  # images in all that would settle the one and the other
    images: int


@dataclass(frozen=True)
class Case:
    """One contender and everything to judge it by."""

    spec: ModelSpec
    paths: Sequence[Path]
    plan: VerifyPlan
    seen: Observations
    contenders: Sequence[Contender]
    row: int  # 0 is the reference
    is_labelled: bool = True

    @property
    def is_reference(self) -> bool:
        """Whether it is what the others are compared with."""
        return self.row == 0

    @property
    def contender(self) -> Contender:
        """The one to judge."""
        return self.contenders[self.row]

    @property
    def bootstrap(self) -> Bootstrap:
        """Seeded as the plan says."""
        return Bootstrap(self.plan.seed)

    def result(self, metric: Estimate, **measured: object) -> Result:
        """A result with what is known of the contender itself."""
        return Result(
            variant=self.contender.variant.name,
            precision=self.contender.variant.precision,
            format=self.contender.variant.format,
            engine=self.contender.engine.name,
            engine_version=self.contender.engine.version,
            kernels=self.contender.engine.kernels,
            size_bytes=self.contender.size_bytes,
            is_reference=self.is_reference,
            metric=metric,
            ms_per_image=float(np.median(self.seen.answers[self.row].infer_ms)),
            **measured,  # type: ignore[arg-type]
        )

    def compared(self, metric: Estimate, comparison: Comparison, **measured: object) -> Result:
        """A result with the gates and what would settle them; without labels there is no difference to judge."""
        difference = comparison.difference if self.is_labelled else None
        checks = self.checks(difference, comparison.agreement)
        needed = comparison.needed[-len(checks) :]
        return self.result(
            metric,
            difference=difference,
            agreement=comparison.agreement,
            checks=checks,
            more_images=_more(checks, needed, comparison.images),
            **measured,
        )

    def checks(self, difference: Estimate | None, agreement: Estimate) -> tuple[Check, ...]:
        """The gates: both use the interval, not the point."""
        agrees = _check(f"{self.contender.name}/agreement", agreement, self.plan.min_agreement)
        if difference is None:
            return (agrees,)
        return _check(f"{self.contender.name}/{self.metric_name}_difference", difference, -self.plan.max_drop), agrees

    @property
    def metric_name(self) -> str:
        """Accuracy | foreground_iou."""
        return METRICS[self.spec.task]


def _check(name: str, estimate: Estimate, at_least: float) -> Check:
    return Check(name, estimate.value, estimate.ci95, at_least, ">=", statistics.verdict(estimate, at_least))


def judge(case: Case) -> Result:
    """Accuracy, or foreground IoU (mean IoU of all classes but 0, the background); the reference is only measured."""
    mine, reference = case.seen.answers[case.row], case.seen.answers[0]
    if isinstance(mine, ClassAnswers) and isinstance(reference, ClassAnswers):
        return _judge_classes(case, mine, reference)
    assert isinstance(mine, MaskAnswers)
    assert isinstance(reference, MaskAnswers)
    return _judge_masks(case, mine, reference)


def _judge_classes(case: Case, mine: ClassAnswers, reference: ClassAnswers) -> Result:
    images = len(mine.truth)
    right, reference_right = mine.predicted == mine.truth, reference.predicted == reference.truth
    metric = statistics.wilson(int(right.sum()), images) if case.is_labelled else UNKNOWN
    if case.is_reference:
        return case.result(metric)
    lost, gained = int((reference_right & ~right).sum()), int((~reference_right & right).sum())
    agreeing = int((mine.predicted == reference.predicted).sum())
    difference = statistics.paired_accuracy_difference(lost, gained, images, case.bootstrap)
    agreement = statistics.wilson(agreeing, images)
    needed = (
        statistics.images_for_accuracy(lost, gained, images, -case.plan.max_drop),
        statistics.images_for_share(agreeing / images, case.plan.min_agreement),
    )
    drift = np.abs(mine.reference_score - reference.score)
    truth_based = {"lost": lost, "gained": gained, "mcnemar_p": statistics.mcnemar_p(lost, gained)}
    return case.compared(
        metric,
        Comparison(difference, agreement, needed, images),
        **(truth_based if case.is_labelled else {}),
        drift_mean=float(drift.mean()),
        drift_p95=float(np.quantile(drift, 0.95)),
        worst=_worst_classes(case, mine, reference),
    )


def _judge_masks(case: Case, mine: MaskAnswers, reference: MaskAnswers) -> Result:
    own, others = _iou(mine, case.spec), _iou(reference, case.spec)
    metric = statistics.ratio_interval(own, case.bootstrap) if case.is_labelled else UNKNOWN
    if case.is_reference:
        return case.result(metric)
    images = len(mine.pixels)
    per_image = Ratios(mine.iou_with_reference[:, None], np.ones((images, 1)))
    difference = statistics.paired_ratio_difference(others, own, case.bootstrap)
    agreement = statistics.ratio_interval(Ratios(mine.agreeing[:, None], mine.pixels[:, None]), case.bootstrap)
    needed = (
        statistics.images_for_ratio(difference, images, -case.plan.max_drop),
        statistics.images_for_ratio(agreement, images, case.plan.min_agreement),
    )
    return case.compared(
        metric,
        Comparison(difference, agreement, needed, images),
        iou_with_reference=statistics.ratio_interval(per_image, case.bootstrap),
        worst=_worst_masks(case, mine),
    )


def _iou(answers: MaskAnswers, spec: ModelSpec) -> Ratios:
    """Intersections and unions of all classes but 0, the background."""
    first = 1 if len(spec.labels) > 1 else 0
    return Ratios(answers.intersections[:, first:], answers.unions[:, first:])


def _more(checks: Sequence[Check], needed: Sequence[int | None], images: int) -> int | None:
    """How many more images would settle the open checks; None when none is open or none can be settled."""
    open_ends = [
        max(1, count - images)
        for check, count in zip(checks, needed, strict=True)
        if check.status == "inconclusive" and count is not None
    ]
    return max(open_ends, default=None)


def _worst_classes(case: Case, mine: ClassAnswers, reference: ClassAnswers) -> tuple[WorstImage, ...]:
    """Other answers first, then the largest drift of confidence; images without drift are not named."""
    labels = case.spec.labels
    shown = (*labels, "unlabelled")  # -1 is the truth of an image without label
    drift = np.abs(mine.reference_score - reference.score)
    same = mine.predicted == reference.predicted
    return tuple(
        WorstImage(
            case.paths[index],
            float(1 - drift[index]) if same[index] else 0.0,
            f"{shown[mine.truth[index]]}: reference says {labels[reference.predicted[index]]} "
            f"({reference.score[index]:.2f}), this one {labels[mine.predicted[index]]} ({mine.score[index]:.2f})",
        )
        for index in np.lexsort((-drift, same))[: case.plan.worst]
        if drift[index] > 0 or not same[index]
    )


def _worst_masks(case: Case, mine: MaskAnswers) -> tuple[WorstImage, ...]:
    """The lowest IoU with the reference's mask; equal masks are not named."""
    differing = mine.pixels - mine.agreeing
    return tuple(
        WorstImage(
            case.paths[index],
            float(mine.iou_with_reference[index]),
            f"IoU with the reference {mine.iou_with_reference[index]:.3f}, {int(differing[index])} of "
            f"{int(mine.pixels[index])} pixels differ",
        )
        for index in np.argsort(mine.iou_with_reference, kind="stable")[: case.plan.worst]
        if differing[index] > 0
    )
