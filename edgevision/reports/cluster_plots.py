"""The charts about clusters and scenes, as PNG bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from matplotlib.ticker import FuncFormatter, MaxNLocator

from edgevision.reports.plots import DPI, INK, PALETTE, QUIET, styled, to_png

WIDE_IN = 11.0
MOST_LABELS = 40  # of rows or columns that still get their name written
ROOM_CHARACTERS = 60  # of column names side by side
MOST_VIDEOS = 8  # rows of a timeline
LANE_IN = 1.75  # height of a video's row with its key frames
KEYFRAME_ZOOM = 0.45
KEYFRAME_PIXELS_AN_INCH = 66  # of a picture at zoom 1, with some room around it; matplotlib draws 72

Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Span:
    """One scene on a timeline."""

    video: str
    start_s: float
    end_s: float
    group: int  # its cluster, which gives the colour
    picture: Picture | None = None  # its key frame, RGB; None: not shown


def cluster_sizes(sizes: Sequence[int], purities: Sequence[float], things: str = "pictures") -> bytes:
    """Pictures (or other things) of each cluster, and how pure it is, 0..1 (NaN: unknown)."""
    figure = Figure(figsize=(WIDE_IN, 4.2), dpi=DPI, layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[1.5, 1])
    styled(upper, x="", y=things)
    styled(lower, x="cluster", y="purity")
    places = np.arange(len(sizes))
    colours = [PALETTE[place % len(PALETTE)] for place in places]
    upper.bar(places, sizes, 0.82, color=colours)
    lower.bar(places, np.nan_to_num(np.asarray(purities, float)), 0.82, color=colours)
    lower.set_ylim(0, 1)
    lower.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{share:.0%}"))
    lower.xaxis.set_major_locator(MaxNLocator(nbins=25, integer=True))
    lower.set_xlim(-0.6, max(len(sizes), 8) - 0.4)
    for axes in (upper, lower):
        axes.grid(visible=False, axis="x")
    return to_png(figure)


def cluster_confusion(confusion: npt.NDArray[Any], labels: Sequence[str]) -> bytes:
    """Counts (clusters, labels): how the pictures of each label spread; clusters stand by the label most of them have.

    The colour is the share of the cluster.
    """
    order = np.lexsort((-confusion.max(axis=1), confusion.argmax(axis=1)))
    shares = (confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1))[order]
    rows, columns = shares.shape
    height = float(np.clip(1.4 + 0.2 * rows, 3.5, 12.0))
    figure = Figure(figsize=(float(np.clip(2.2 + 0.7 * columns, 4.0, WIDE_IN)), height), dpi=DPI, layout="constrained")
    axes = styled(figure.add_subplot(), x="true label", y="cluster")
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.grid(visible=False)
    if columns <= MOST_LABELS:
        is_long = max(map(len, labels)) * columns > ROOM_CHARACTERS
        slanted: dict[str, Any] = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if is_long else {}
        axes.set_xticks(range(columns), list(labels), **slanted)
    if rows <= 2 * MOST_LABELS:
        axes.set_yticks(range(rows), [str(cluster) for cluster in order], fontsize=8 if rows <= MOST_LABELS else 6)
    if columns <= MOST_LABELS and rows <= MOST_LABELS:
        for row, column in np.ndindex(rows, columns):
            if count := int(confusion[order[row], column]):
                colour = "white" if shares[row, column] > 0.55 else INK
                axes.text(column, row, f"{count:,}", ha="center", va="center", fontsize=7.5, color=colour)
    return to_png(figure)


def timeline(spans: Sequence[Span]) -> bytes:
    """Scenes along the time of their video, coloured by cluster, with key frames above; the first videos of many."""
    videos = list(dict.fromkeys(span.video for span in spans))[:MOST_VIDEOS]
    figure = Figure(figsize=(WIDE_IN, 0.7 + LANE_IN * len(videos)), dpi=DPI, layout="constrained")
    lanes = figure.subplots(len(videos), 1, squeeze=False)[:, 0]
    for lane, video in zip(lanes, videos, strict=True):
        own = [span for span in spans if span.video == video]
        _lane(lane, own)
        lane.set_title(video, fontsize=10, loc="left", color=INK)
    lanes[-1].set_xlabel("time", fontsize=10, color=INK)
    return to_png(figure)


def _lane(axes: Any, spans: Sequence[Span]) -> None:
    end_s = max(span.end_s for span in spans)
    styled(axes, x="", y="")
    axes.grid(visible=False)
    axes.spines["left"].set_visible(False)
    axes.set_yticks([])
    axes.set_xlim(0, max(end_s, 1e-6))
    axes.set_ylim(0, 1)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: clock(seconds, end_s)))
    for span in spans:
        axes.broken_barh([(span.start_s, span.end_s - span.start_s)], (0, 0.22), facecolor=PALETTE[span.group % 7],
                         edgecolor="white", linewidth=0.8)  # fmt: skip
        if span.end_s - span.start_s > 0.03 * end_s:
            axes.text((span.start_s + span.end_s) / 2, 0.11, str(span.group), ha="center", va="center", fontsize=7.5,
                      color="white")  # fmt: skip
    for place, span in _spread([span for span in spans if span.picture is not None], end_s):
        assert span.picture is not None
        box = OffsetImage(span.picture, zoom=KEYFRAME_ZOOM)
        middle = (span.start_s + span.end_s) / 2
        axes.plot([middle, place], [0.22, 0.36], color=QUIET, linewidth=0.7)
        frame = {"edgecolor": PALETTE[span.group % 7], "linewidth": 1.6, "boxstyle": "square,pad=0"}
        axes.add_artist(AnnotationBbox(box, (place, 0.68), bboxprops=frame, pad=0.05))


def _spread(spans: Sequence[Span], end_s: float) -> list[tuple[float, Span]]:
    """Key frames that fit side by side, the longest scenes first, each as near above its scene as the others let it."""
    if not spans:
        return []
    assert spans[0].picture is not None
    room = max(1, int(WIDE_IN / (KEYFRAME_ZOOM * spans[0].picture.shape[1] / KEYFRAME_PIXELS_AN_INCH)))
    longest = sorted(spans, key=lambda span: span.start_s - span.end_s)[:room]
    shown = sorted(longest, key=lambda span: span.start_s)
    gap = end_s / room
    places = [(span.start_s + span.end_s) / 2 for span in shown]
    for _ in range(60):  # push apart what overlaps, and back into the picture
        for left in range(len(places) - 1):
            overlap = places[left] + gap - places[left + 1]
            if overlap > 0:
                places[left] -= overlap / 2
                places[left + 1] += overlap / 2
        places = [min(max(place, gap / 2), end_s - gap / 2) for place in places]
    return list(zip(places, shown, strict=True))


def clock(seconds: float, longest_s: float) -> str:
    """12.5 s as 12.5 s, 754 s as 12:34, where the longest time is that long."""
    if longest_s < 90:
        return f"{seconds:g} s"
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if longest_s >= 3600 else f"{rest // 60}:{rest % 60:02d}"
