"""The report of a verification: every variant beside the reference, with intervals, verdicts and the worst images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy.typing as npt

from edgevision.reports import plots
from edgevision.reports.html import Figure, Gallery, KeyFigure, Page, Picture, Section, Table, write_html
from edgevision.reports.wording import milliseconds, percent, percent_interval, points, points_interval, size

Numbers = Sequence[float] | npt.NDArray[Any]


@dataclass(frozen=True)
class VariantResult:
    """One variant on one engine."""

    name: str  # such as int8.tflite
    engine: str  # such as litert
    size_bytes: int
    metric: float  # accuracy or foreground IoU, 0..1
    metric_ci95: tuple[float, float] | None = None
    difference: float | None = None  # to the reference; None: it is the reference
    difference_ci95: tuple[float, float] | None = None
    agreement: float | None = None  # share of images or pixels with the reference's answer
    agreement_ci95: tuple[float, float] | None = None
    latency_ms: float | None = None  # median: of whole frames where `fps` is given, else of the inference alone
    status: str = ""  # pass | fail | inconclusive; "" for the reference
    fps: float | None = None  # of whole frames, as measured

    @property
    def title(self) -> str:
        """Such as int8.tflite on litert."""
        return f"{self.name} on {self.engine}"


@dataclass(frozen=True, eq=False)
class Confidences:
    """What reference and variant were sure of, image by image."""

    reference: Numbers
    variant: Numbers
    agrees: Sequence[bool] | npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class VerifyStory:
    """What the report of a verification tells."""

    bundle: str
    metric: str  # accuracy | foreground IoU
    images: int
    variants: Sequence[VariantResult]
    status: str  # pass | fail | inconclusive
    conclusion: str  # in plain words; when inconclusive, how many more images would settle it
    max_drop: float
    min_agreement: float
    skipped: Sequence[tuple[str, str]] = ()  # (variant and engine, why it did not run)
    confidences: Mapping[str, Confidences] = field(default_factory=dict)  # by the variant's title
    latencies_ms: Mapping[str, Numbers] = field(default_factory=dict)  # by the variant's title
    worst: Sequence[Picture] = ()
    commands: str = ""


def write_verify_report(path: Path, story: VerifyStory) -> None:
    """Write the page of a verification."""
    summary = Section("Verdict", story.conclusion, _tiles(story))
    closing = [Section("Next", commands=story.commands)] if story.commands else []
    subtitle = f"{story.images:,} images from the raw frame through contract, engine and postprocess"
    write_html(path, Page(f"Verification of {story.bundle}", subtitle, [summary, *verify_sections(story), *closing]))


def verify_sections(story: VerifyStory, title: str = "Variants") -> list[Section]:
    """The table of variants, the differences, confidences, latencies and the worst images."""
    sections = [Section(title, table=variants_table(story), figures=_figures(story))]
    if story.confidences or story.latencies_ms:
        figures = [
            Figure(f"Confidence image by image: {name}. On the dashed line both are equally sure.",
                   plots.confidence_scatter(pair.reference, pair.variant, pair.agrees))
            for name, pair in story.confidences.items()
        ]  # fmt: skip
        if story.latencies_ms:
            figures.append(Figure("Time per frame; the line is the median, dotted the 95th percentile.",
                                  plots.latency_histogram(story.latencies_ms)))  # fmt: skip
        sections.append(Section("Confidence and time" if story.confidences else "Time", figures=figures))
    if story.worst:
        gallery = Gallery(story.worst[:12], "Where the variants differ most from the reference.")
        sections.append(Section("Worst images", gallery=gallery))
    if story.skipped:
        sections.append(Section("Not run", table=Table(("Variant", "Why"), story.skipped)))
    return sections


def variants_table(story: VerifyStory) -> Table:
    """One row per variant and engine; frames per second only where whole frames were timed."""
    has_fps = any(variant.fps is not None for variant in story.variants)
    metric = story.metric[0].upper() + story.metric[1:]
    headers = ["Variant", "Engine", "Size", metric, "95 % interval", "Difference, points", "Agreement"]
    headers += ["Frame", "fps", "Verdict"] if has_fps else ["Inference", "Verdict"]
    rows = [_row(variant, has_fps=has_fps) for variant in story.variants]
    return Table(headers, rows, right=range(2, len(headers) - 1),
                 caption=f"Limits: at most {100 * story.max_drop:.1f} points lower, "
                         f"agreement of at least {percent(story.min_agreement)}. "
                         f"{'Frame' if has_fps else 'Inference'}: the median time of one.")  # fmt: skip


def _row(variant: VariantResult, *, has_fps: bool) -> list[str]:
    difference = ""
    if variant.difference is not None:
        difference = points(variant.difference)
        if variant.difference_ci95 is not None:
            difference += f" ({points_interval(variant.difference_ci95)})"
    rate = [f"{variant.fps:,.0f}" if variant.fps else "–"] if has_fps else []
    return [
        variant.name, variant.engine, size(variant.size_bytes), percent(variant.metric),
        percent_interval(variant.metric_ci95), difference or "reference",
        "" if variant.agreement is None else percent(variant.agreement), milliseconds(variant.latency_ms), *rate,
        variant.status,
    ]  # fmt: skip


def _tiles(story: VerifyStory) -> list[KeyFigure]:
    compared = [variant for variant in story.variants if variant.difference is not None]
    tiles = [KeyFigure("Verdict", story.status, f"on {story.images:,} images", story.status)]
    if compared:
        lowest = min(compared, key=lambda variant: variant.difference or 0.0)
        smallest = min(compared, key=lambda variant: variant.size_bytes)
        tiles.append(KeyFigure("Largest loss", f"{points(lowest.difference or 0.0)} points", lowest.title))
        tiles.append(KeyFigure("Smallest variant", size(smallest.size_bytes), smallest.title))
    timed = [variant for variant in story.variants if variant.latency_ms]
    if timed:
        fastest = min(timed, key=lambda variant: variant.latency_ms or 0.0)
        tiles.append(KeyFigure("Fastest variant", milliseconds(fastest.latency_ms), fastest.title))
    return tiles


def _figures(story: VerifyStory) -> list[Figure]:
    marks = [
        plots.VariantPoint(variant.title if _is_twice(story, variant) else variant.name, variant.size_bytes,
                           variant.metric, variant.metric_ci95, variant.engine)
        for variant in story.variants
    ]  # fmt: skip
    figures = [Figure("Size against quality: up and to the left is better.",
                      plots.size_against_metric(marks, story.metric))]  # fmt: skip
    rows = [
        plots.Difference(variant.title, variant.difference, variant.difference_ci95, variant.status)
        for variant in story.variants
        if variant.difference is not None and variant.difference_ci95 is not None
    ]
    if rows:
        caption = "Differences with 95 % intervals. Right of the dashed line passes, left fails, across is undecided."
        figures.append(Figure(caption, plots.difference_whiskers(rows, -story.max_drop, story.metric)))
    return figures


def _is_twice(story: VerifyStory, variant: VariantResult) -> bool:
    return sum(other.name == variant.name for other in story.variants) > 1
