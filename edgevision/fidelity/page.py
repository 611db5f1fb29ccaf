"""`verify --html`: the table, the intervals as pictures, and the images on which each variant departs most."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from edgevision.fidelity.gate import Result
from edgevision.fidelity.images import ImageSet
from edgevision.fidelity.observe import LabelledImage
from edgevision.fidelity.present import VERIFY_HEADERS, VERIFY_RIGHT, in_points, points, share, verify_rows
from edgevision.fidelity.tally import ClassAnswers
from edgevision.fidelity.verify import Verification, what_would_settle
from edgevision.reports.html import Figure, Gallery, KeyFigure, Page, Picture, Section, Table, write_html
from edgevision.reports.pictures import thumbnail
from edgevision.reports.plots import Difference, VariantPoint, confidence_scatter, difference_whiskers
from edgevision.reports.plots import size_against_metric as draw_sizes
from edgevision_runtime.bundle import Bundle

METRIC_NAMES = {"accuracy": "accuracy", "mean_iou": "mean IoU"}


def write_page(path: Path, verification: Verification, bundle: Bundle, images: ImageSet) -> None:
    """Write one self-contained HTML file."""
    subtitle = f"{bundle.name} {bundle.version}, {verification.images} images of {images.source} ({images.split})"
    write_html(path, Page("Does the small model still do it?", subtitle, page_sections(verification, images)))


def page_sections(verification: Verification, images: ImageSet) -> list[Section]:
    """The sections of the page, for other reports to take in."""
    by_path = {sample.image: sample for sample in images.samples}
    return [
        _summary(verification),
        _figures(verification),
        *(_worst(result, by_path) for result in verification.results if result.worst),
    ]


def _summary(verification: Verification) -> Section:
    plan = verification.plan
    metric = METRIC_NAMES[verification.metric]
    text = (
        f"Every image went from the raw file through the contract, each engine and the postprocessing. A variant "
        f"passes when the whole 95 % interval of its {metric} loses no more than {in_points(plan.max_drop)} to "
        f"`{verification.results[0].name}`, and that of its agreement at or above {100 * plan.min_agreement:g} %."
    )
    note = what_would_settle(verification) if verification.status == "inconclusive" else ""
    headers = [metric if header == "metric" else header for header in VERIFY_HEADERS]
    return Section(
        "Verdict",
        text,
        key_figures=[
            KeyFigure("verdict", verification.status, note, verification.status),
            KeyFigure(f"{metric} of the reference", share(verification.results[0].metric.value)),
        ],
        table=Table(headers, verify_rows(verification.results), VERIFY_RIGHT),
    )


def _figures(verification: Verification) -> Section:
    metric = METRIC_NAMES[verification.metric]
    known = [result for result in verification.results if not math.isnan(result.metric.value)]
    figures = []
    whiskers = [
        Difference(result.name, result.difference.value, result.difference.ci95, result.checks[0].status)
        for result in known
        if result.difference is not None and all(math.isfinite(edge) for edge in result.difference.ci95)
    ]
    if whiskers:
        picture = difference_whiskers(whiskers, -verification.plan.max_drop, metric)
        caption = f"Difference in {metric} to the reference, with its 95 % interval; the agreement is judged apart"
        figures.append(Figure(caption, picture))
    if known:
        dots = [VariantPoint(row.name, row.size_bytes, row.metric.value, _finite(row), row.format) for row in known]
        figures.append(Figure(f"Size of the model file against {metric}", draw_sizes(dots, metric)))
    figures += _scatters(verification)
    return Section("In pictures", figures=figures)


def _scatters(verification: Verification) -> list[Figure]:
    """Confidence of the reference against that of each int8 variant (classification)."""
    reference = verification.observations.answers[0]
    figures = []
    for result, answers in zip(verification.results, verification.observations.answers, strict=True):
        if result.precision == "int8" and isinstance(answers, ClassAnswers) and isinstance(reference, ClassAnswers):
            agrees = answers.predicted == reference.predicted
            picture = confidence_scatter(reference.score, answers.reference_score, agrees)
            figures.append(Figure(f"{result.name}: confidence for what the reference says, a dot per image", picture))
    return figures


def _worst(result: Result, by_path: Mapping[Path, LabelledImage]) -> Section:
    pictures = [Picture(thumbnail(by_path[image.path].read_image()), image.note) for image in result.worst]
    lost = f"{points(result.difference.value)} points, " if result.difference is not None else ""
    agreement = f"agreement {share(result.agreement.value)}" if result.agreement is not None else ""
    gallery = Gallery(pictures, "The images on which it departs most from the reference")
    return Section(result.name, f"{lost}{agreement}", gallery=gallery)


def _finite(result: Result) -> tuple[float, float] | None:
    return result.metric.ci95 if all(math.isfinite(edge) for edge in result.metric.ci95) else None
