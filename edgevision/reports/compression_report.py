"""The report of pruning or quantization-aware training: a ledger of what it cost and what it brought, measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edgevision.reports import plots
from edgevision.reports.html import Figure, KeyFigure, Page, Section, Table, write_html


@dataclass(frozen=True)
class LedgerRow:
    """One quantity before and after, as text with its unit, and what that means in a word or two."""

    quantity: str
    before: str
    after: str
    change: str = ""  # such as "−48 %" or "no gain"


@dataclass(frozen=True, eq=False)
class CompressionStory:
    """What the report of a compression tells."""

    name: str  # of the new run
    parent: str  # of the run it came from
    method: str  # such as "Magnitude pruning, 50 %, polynomial schedule"
    ledger: Sequence[LedgerRow]  # quality, size raw and gzipped, latency …
    conclusion: str = ""  # in plain words, also when nothing was gained
    layer_sparsity: Mapping[str, float] = field(default_factory=dict)  # layer → share of zeros, 0..1
    target_sparsity: float | None = None
    untouched: Sequence[tuple[str, str]] = ()  # (layer, why it was left as it is)
    history: Mapping[str, Sequence[float]] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    commands: str = ""


def write_compression_report(path: Path, story: CompressionStory) -> None:
    """Write report.html of a pruned or quantization-aware run."""
    sections = compression_sections(story)
    if story.facts:
        sections.append(Section("Settings", table=Table(("Setting", "Value"), list(story.facts.items()))))
    if story.commands:
        sections.append(Section("Next", commands=story.commands))
    write_html(path, Page(story.name, f"{story.method}, from {story.parent}", sections))


def compression_sections(story: CompressionStory, title: str = "Before and after") -> list[Section]:
    """The ledger, the layers, the curves."""
    tiles = [KeyFigure(row.quantity, row.after, f"before: {row.before}") for row in story.ledger[:4]]
    rows = [(row.quantity, row.before, row.after, row.change) for row in story.ledger]
    table = Table(("Measured", "Before", "After", "Change"), rows, right=(1, 2, 3))
    figures = []
    if story.layer_sparsity:
        figures.append(Figure("Zeros per layer, counted in the finished model.",
                              plots.sparsity_bars(story.layer_sparsity, story.target_sparsity)))  # fmt: skip
    if any(len(values) for values in story.history.values()):
        kept = {name: values for name, values in story.history.items() if not name.endswith("loss")} or story.history
        figures.append(Figure("Learning curve.", plots.learning_curves(kept)))
    sections = [Section(title, story.conclusion, tiles, table=table, figures=figures)]
    if story.untouched:
        sections.append(Section("Layers left as they are", table=Table(("Layer", "Why"), story.untouched)))
    return sections
