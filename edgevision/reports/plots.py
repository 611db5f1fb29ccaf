"""The charts of the reports, as PNG bytes: one palette that colour-blind readers can tell apart, no global state."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from edgevision.reports.wording import points as points_text

# Okabe and Ito, "Color Universal Design" (2008), without its yellow, which is too light for lines on white.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#4D4D4D")
INK, QUIET, GRID = "#1f2328", "#656d76", "#e3e6ea"
STATUS_COLORS = {"pass": "#0b7a55", "fail": "#c4320a", "inconclusive": "#9a6700", "error": "#c4320a"}
DPI = 160
WIDTH_IN = 6.0  # two such figures stand side by side in a report

Numbers = Sequence[float] | npt.NDArray[Any]


@dataclass(frozen=True)
class VariantPoint:
    """One variant in the picture of size against quality."""

    name: str
    size_bytes: int
    value: float  # the metric, 0..1
    ci95: tuple[float, float] | None = None
    group: str = ""  # variants of one group share a colour, such as tflite or onnx


@dataclass(frozen=True)
class Difference:
    """How far one variant stands from the reference, with its interval."""

    name: str
    value: float  # variant minus reference
    ci95: tuple[float, float]
    status: str  # pass | fail | inconclusive


def learning_curves(history: Mapping[str, Numbers]) -> bytes:
    """Training and validation side by side, a panel per quantity.

    `history` is what Keras keeps: `loss`, `val_loss`, `accuracy`, `val_accuracy` …, one number per epoch.
    """
    skipped = ("lr", "learning_rate", "epoch")
    names = [name for name in history if not name.startswith("val_") and name not in skipped][:3]
    figure = Figure(figsize=(WIDTH_IN * max(len(names), 1) * 0.8, 3.4), dpi=DPI, layout="constrained")
    for position, name in enumerate(names):
        axes = styled(figure.add_subplot(1, len(names), position + 1), x="epoch", y=name.replace("_", " "))
        for series, label, color in ((name, "training", PALETTE[0]), (f"val_{name}", "validation", PALETTE[1])):
            if series in history:
                values = np.asarray(history[series], dtype=float)
                axes.plot(np.arange(1, len(values) + 1), values, color=color, linewidth=2, label=label,
                          marker="o" if len(values) < 15 else None, markersize=4)  # fmt: skip
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(frameon=False, fontsize=9)
    return to_png(figure)


def confusion_matrix(matrix: npt.NDArray[Any], labels: Sequence[str], title: str = "") -> bytes:
    """Counts (classes, classes), truth in rows; the colour is the share of the row."""
    matrix = np.asarray(matrix)
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    side_in = float(np.clip(1.6 + 0.55 * len(labels), 4.0, 9.0))
    figure = Figure(figsize=(max(side_in, WIDTH_IN * 0.8), side_in), dpi=DPI, layout="constrained")
    axes = styled(figure.add_subplot(), x="said", y="true")
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.grid(visible=False)
    many: dict[str, Any] = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if len(labels) > 4 else {}
    axes.set_xticks(range(len(labels)), [_short(label) for label in labels], **many)
    axes.set_yticks(range(len(labels)), [_short(label) for label in labels])
    if len(labels) <= 20:
        for row, column in np.ndindex(*matrix.shape):
            if matrix[row, column]:
                axes.text(column, row, _count(float(matrix[row, column])), ha="center", va="center", fontsize=9,
                          color="white" if shares[row, column] > 0.55 else INK)  # fmt: skip
    axes.set_title(title, fontsize=11, color=INK)
    return to_png(figure)


def class_bars(labels: Sequence[str], series: Mapping[str, Numbers]) -> bytes:
    """Bars from 0 to 1 for every class, one bar per entry of `series` (precision, recall, F1 …)."""
    figure = Figure(figsize=(WIDTH_IN, 1.1 + 0.24 * len(labels) * (len(series) + 0.8)), dpi=DPI, layout="constrained")
    axes = styled(figure.add_subplot(), x="", y="")
    thickness = 0.8 / len(series)
    for position, (name, values) in enumerate(series.items()):
        numbers = np.nan_to_num(np.asarray(values, dtype=float))
        places = np.arange(len(labels)) + (position - (len(series) - 1) / 2) * thickness
        axes.barh(places, numbers, thickness * 0.92, color=PALETTE[position % len(PALETTE)], label=name)
        for place, number in zip(places, numbers, strict=True):
            axes.text(min(number + 0.01, 1.01), place, f"{number:.2f}", va="center", fontsize=8, color=QUIET)
    axes.set_yticks(range(len(labels)), [_short(label) for label in labels])
    axes.invert_yaxis()
    axes.set_xlim(0, 1.09)
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.legend(frameon=False, fontsize=9, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(series))
    return to_png(figure)


def size_against_metric(points: Sequence[VariantPoint], metric: str) -> bytes:
    """Every variant by file size and quality; the line joins those that no other beats in both."""
    figure = Figure(figsize=(WIDTH_IN, 3.8), dpi=DPI, layout="constrained")
    axes = styled(figure.add_subplot(), x="file size", y=metric)
    groups = list(dict.fromkeys(point.group for point in points))
    front = _pareto(points)
    axes.plot([point.size_bytes for point in front], [point.value for point in front],
              color=GRID, linewidth=3, zorder=1)  # fmt: skip
    for point in points:
        color = PALETTE[groups.index(point.group) % len(PALETTE)]
        marker = "osD^v"[groups.index(point.group) % 5]
        if point.ci95 is not None:
            axes.plot([point.size_bytes] * 2, point.ci95, color=color, linewidth=1.4, alpha=0.45, zorder=2)
        axes.scatter(point.size_bytes, point.value, s=70, color=color, marker=marker, zorder=3, edgecolor="white")
    _label_points(axes, points)
    for position, group in enumerate(groups):
        if group:
            axes.scatter([], [], color=PALETTE[position % len(PALETTE)], marker="osD^v"[position % 5], label=group)
    if any(groups):
        axes.legend(frameon=False, fontsize=9, loc="lower right")
    sizes = [point.size_bytes for point in points]
    if max(sizes) > 3 * min(sizes):
        axes.set_xscale("log")
        axes.set_xticks(_nice_sizes(min(sizes), max(sizes)))
        axes.minorticks_off()
        axes.set_xlim(min(sizes) / 1.35, max(sizes) * 1.9)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda size, _: _bytes(size)))
    return to_png(figure)


def confidence_scatter(reference: Numbers, variant: Numbers, agrees: Sequence[bool] | npt.NDArray[Any]) -> bytes:
    """Confidence of the reference against that of a variant, a dot per image; disagreements stand out."""
    figure = Figure(figsize=(WIDTH_IN * 0.8, WIDTH_IN * 0.72), dpi=DPI, layout="constrained")
    axes = styled(figure.add_subplot(), x="confidence of the reference", y="confidence of the variant")
    x, y, same = np.asarray(reference, float), np.asarray(variant, float), np.asarray(agrees, bool)
    low = max(0.0, float(min(x.min(initial=1), y.min(initial=1))) - 0.05)
    axes.plot([low, 1], [low, 1], color=QUIET, linewidth=1, linestyle="--", zorder=1)
    axes.scatter(x[same], y[same], s=18, color=PALETTE[0], alpha=0.55, linewidth=0, label=f"same answer ({same.sum()})")
    axes.scatter(x[~same], y[~same], s=44, color=PALETTE[1], marker="X", linewidth=0.5, edgecolor="white",
                 label=f"another answer ({(~same).sum()})", zorder=3)  # fmt: skip
    axes.set_xlim(low, 1.02)
    axes.set_ylim(low, 1.02)
    axes.legend(frameon=True, framealpha=0.85, edgecolor="white", fontsize=9, loc="lower left")
    return to_png(figure)


def latency_histogram(series: Mapping[str, Numbers]) -> bytes:
    """How long single inferences took, in milliseconds; a panel per variant, median and 95th percentile marked."""
    arrays = {name: np.asarray(values, dtype=float) for name, values in series.items() if len(values)}
    figure = Figure(figsize=(WIDTH_IN, 0.9 + 1.05 * max(len(arrays), 1)), dpi=DPI, layout="constrained")
    everything = np.concatenate(list(arrays.values())) if arrays else np.zeros(1)
    edges = np.linspace(0, float(np.percentile(everything, 99.5)) * 1.08 + 1e-6, 61).tolist()
    shared = None
    for position, (name, values) in enumerate(arrays.items()):
        is_last = position == len(arrays) - 1
        shared = styled(figure.add_subplot(len(arrays), 1, position + 1, sharex=shared),
                         x="milliseconds per frame" if is_last else "", y="")  # fmt: skip
        shared.hist(np.clip(values, edges[0], edges[-1]), edges, color=PALETTE[position % len(PALETTE)])
        median, p95 = np.percentile(values, [50, 95])
        shared.axvline(median, color=INK, linewidth=1.2)
        shared.axvline(p95, color=INK, linewidth=1.2, linestyle=":")
        shared.set_title(f"{name}   median {median:.2f} ms, p95 {p95:.2f} ms", fontsize=9, loc="left", color=INK)
        shared.set_yticks([])
        shared.tick_params(labelbottom=is_last)
    return to_png(figure)


def sparsity_bars(layers: Mapping[str, float], target: float | None = None) -> bytes:
    """The share of weights that are zero, per layer, 0..1; `target` is drawn as a line."""
    figure = Figure(figsize=(WIDTH_IN, 0.9 + 0.2 * max(len(layers), 3)), dpi=DPI, layout="constrained")
    axes = styled(figure.add_subplot(), x="share of weights that are zero", y="")
    axes.barh(range(len(layers)), list(layers.values()), 0.7, color=PALETTE[0])
    axes.set_yticks(range(len(layers)), [_short(name, 32) for name in layers], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{share:.0%}"))
    if target is not None:
        axes.axvline(target, color=PALETTE[1], linewidth=1.6, linestyle="--")
        axes.set_title(f"asked for {target:.0%}", fontsize=9, color=PALETTE[1], loc="right")
    return to_png(figure)


def difference_whiskers(rows: Sequence[Difference], limit: float, metric: str) -> bytes:
    """Each variant's difference to the reference with its 95 % interval; `limit` is the lowest that passes (≤ 0)."""
    figure = Figure(figsize=(WIDTH_IN, 1.3 + 0.38 * len(rows)), dpi=DPI, layout="constrained")
    axes = styled(figure.add_subplot(), x=f"difference in {metric} to the reference, in points", y="")
    for position, row in enumerate(rows):
        low, high = (100 * edge for edge in row.ci95)
        color = STATUS_COLORS.get(row.status, QUIET)
        axes.plot([low, high], [position, position], color=color, linewidth=2.4, solid_capstyle="butt")
        axes.plot([low, low, np.nan, high, high], [position - 0.14, position + 0.14, np.nan, position - 0.14,
                  position + 0.14], color=color, linewidth=1.6)  # fmt: skip
        axes.scatter(100 * row.value, position, s=46, color=color, zorder=3, edgecolor="white")
        axes.text(1.015, position, row.status, transform=axes.get_yaxis_transform(), va="center", fontsize=9,
                  color=color, clip_on=False)  # fmt: skip
    axes.axvline(0, color=INK, linewidth=1)
    axes.axvline(100 * limit, color=STATUS_COLORS["fail"], linewidth=1.4, linestyle="--")
    axes.set_title(f"dashed: the limit, {points_text(limit)} points", fontsize=9, loc="left", color=QUIET)
    axes.set_yticks(range(len(rows)), [row.name for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    return to_png(figure)


def styled(axes: Axes, *, x: str, y: str) -> Axes:
    """Axes as all charts of the reports have them, with these titles."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(QUIET)
    axes.grid(visible=True, color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, labelsize=9, length=3, color=QUIET)
    axes.set_xlabel(x, fontsize=10, color=INK)
    axes.set_ylabel(y, fontsize=10, color=INK)
    return axes


def _label_points(axes: Axes, points: Sequence[VariantPoint]) -> None:
    """Names beside the points, pushed apart where points stand close."""
    ordered = sorted(points, key=lambda point: (point.size_bytes, point.value))
    previous: VariantPoint | None = None
    above = False
    for point in ordered:
        is_close = previous is not None and point.size_bytes < 1.5 * previous.size_bytes
        above = not above if is_close else True
        axes.annotate(point.name, (point.size_bytes, point.value), xytext=(7, 7 if above else -13),
                      textcoords="offset points", fontsize=8.5, color=INK)  # fmt: skip
        previous = point


def _pareto(points: Sequence[VariantPoint]) -> list[VariantPoint]:
    front: list[VariantPoint] = []
    for point in sorted(points, key=lambda point: (point.size_bytes, -point.value)):
        if not front or point.value > front[-1].value:
            front.append(point)
    return front


def _nice_sizes(low: float, high: float) -> list[float]:
    steps = [base * 10**power for power in range(2, 11) for base in (1, 2, 5)]
    inside = [step for step in steps if low / 1.35 <= step <= high * 1.9]
    return inside if len(inside) <= 6 else inside[:: len(inside) // 4]


def _bytes(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"


def _count(count: float) -> str:
    for floor, unit, name in ((1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if count >= floor:
            return f"{count / unit:.3g} {name}"
    return f"{int(count):,}"


def _short(label: str, length: int = 18) -> str:
    return label if len(label) <= length else label[: length // 2 - 1] + "…" + label[-(length // 2) :]


def to_png(figure: Figure) -> bytes:
    """The figure as PNG; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
