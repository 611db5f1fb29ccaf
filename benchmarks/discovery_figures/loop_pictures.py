"""What docs/loop.md shows: frames of either site, and clusters as the person saw them."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from discovery_figures.sites import SIDE, Sites, write_picture

SCALE, GAP = 2, 6  # a frame's pixel in the picture's; pixels between two rows
COLUMNS = 24  # frames
CLUSTERS = 16  # that are shown, in two columns
PAPER, INK, GREY = 255, 0, 150
TEXT_WIDTH = 110

Picture = Any  # uint8 (h, w)


def show_sites(sites: Sites, path: Path) -> None:
    """Two rows of each site's test, the same digits above each other."""
    names = sorted(sites.truth(sites.test("home")))[:: -(-1000 // (2 * COLUMNS))]
    rows = [
        _row([sites.test(site) / name for name in names[start : start + COLUMNS]])
        for start in (0, COLUMNS)
        for site in ("home", "away")
    ]
    write_picture(path, _stacked(rows))


def show_clusters(folder: Path, path: Path) -> None:
    """The five pictures of some clusters that were looked at, with what was typed."""
    record = json.loads((folder / "clusters.json").read_text(encoding="utf-8"))
    with (folder / "names.csv").open(newline="", encoding="utf-8") as file:
        names = {int(row["cluster"]): row["name"] for row in csv.DictReader(file)}
    chosen = record["clusters"][:: len(record["clusters"]) // CLUSTERS][:CLUSTERS]
    rows = []
    for one in chosen:
        seen = _row([Path(record["root"]) / name for name in [one["medoid"], *one["exemplars"]][:5]])
        text = np.full((seen.shape[0], TEXT_WIDTH), PAPER, np.uint8)
        name = names[one["cluster"]]
        said, colour = (name, INK) if name else ("left open", GREY)
        cv2.putText(text, said, (10, seen.shape[0] - 20), cv2.FONT_HERSHEY_SIMPLEX, 0.55, colour, 1, cv2.LINE_AA)
        rows.append(np.hstack([seen, text]))
    half = len(rows) // 2
    write_picture(path, np.hstack([_stacked(rows[:half]), _stacked(rows[half:])]))


def _row(paths: Sequence[Path]) -> Picture:
    frames = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in paths]
    if any(frame is None for frame in frames):
        raise OSError(f"{paths[0].parent}: a frame cannot be read")
    side = SIDE * SCALE
    return np.hstack([cv2.resize(frame, (side, side), interpolation=cv2.INTER_NEAREST) for frame in frames])


def _stacked(rows: Sequence[Picture]) -> Picture:
    gap = np.full((GAP, rows[0].shape[1]), PAPER, np.uint8)
    return np.vstack([part for row in rows for part in (row, gap)][:-1])
