"""Maps of embeddings: each picture where its vector lies, in two dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage

from edgevision.reports.plots import DPI, INK, PALETTE, to_png

MAP_INCHES = (10.0, 7.5)
MOST_POINTS = 2000  # t-SNE takes seconds for as many
ITERATIONS = 500  # of t-SNE; twice as many look the same
THUMBNAIL = 28  # pixels of a picture on the map
CELLS = 22  # a picture a cell of the map, so that they do not cover each other
FEW = 30  # groups that get their number written

Points = npt.NDArray[np.float32]


def flatten_to_map(vectors: Points, seed: int = 0) -> Points:
    """Vectors (n, k) to places (n, 2) in 0..1 by t-SNE (van der Maaten and Hinton 2008): near ones stay near."""
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    if len(vectors) < 4:
        places = np.stack([np.arange(len(vectors)), np.zeros(len(vectors))], axis=1)
    else:
        perplexity = min(30.0, (len(vectors) - 1) / 3)
        method = TSNE(2, perplexity=perplexity, init="pca", random_state=seed, max_iter=ITERATIONS)
        with threadpool_limits(1):  # several threads wait for each other, busily, for longer than the work takes
            places = method.fit_transform(vectors)
    low, high = places.min(axis=0), places.max(axis=0)
    return np.asarray((places - low) / np.maximum(high - low, 1e-9), np.float32)


def embedding_map(
    places: Points, thumbnails: Sequence[npt.NDArray[np.uint8]], groups: Sequence[int] | None = None
) -> bytes:
    """PNG of pictures, uint8 (h, w, 3) RGB, at their places (n, 2) in 0..1; groups are coloured, few are numbered."""
    figure = Figure(figsize=MAP_INCHES, dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    axes.set_axis_off()
    color = [PALETTE[group % len(PALETTE)] for group in groups] if groups is not None else PALETTE[0]
    axes.scatter(places[:, 0], places[:, 1], s=9, c=color, linewidths=0, alpha=0.55)
    for index in _one_a_cell(places):
        _place(
            axes, places[index], thumbnails[index], None if groups is None else PALETTE[groups[index] % len(PALETTE)]
        )
    if groups is not None and len(set(groups)) <= FEW:
        _number(axes, places, np.asarray(groups))
    axes.set_xlim(-0.03, 1.03)
    axes.set_ylim(-0.03, 1.03)
    return to_png(figure)


def _one_a_cell(places: Points) -> list[int]:
    cells = np.minimum((places * CELLS).astype(int), CELLS - 1)
    first: dict[tuple[int, int], int] = {}
    for index, (x, y) in enumerate(cells.tolist()):
        first.setdefault((x, y), index)
    return list(first.values())


def _place(axes: Any, place: Points, thumbnail: npt.NDArray[np.uint8], color: str | None) -> None:
    box = OffsetImage(thumbnail, zoom=0.62, cmap="gray")
    frame = {"edgecolor": color or "none", "linewidth": 1.2, "boxstyle": "square,pad=0"}
    axes.add_artist(AnnotationBbox(box, (float(place[0]), float(place[1])), bboxprops=frame, pad=0.05))


def _number(axes: Any, places: Points, groups: npt.NDArray[Any]) -> None:
    for group in sorted(set(groups.tolist())):
        middle = np.median(places[groups == group], axis=0)
        label = {"boxstyle": "round,pad=0.25", "facecolor": "white", "edgecolor": PALETTE[group % len(PALETTE)]}
        axes.text(
            middle[0], middle[1], str(group), ha="center", va="center", fontsize=9, color=INK, bbox=label, zorder=9
        )
