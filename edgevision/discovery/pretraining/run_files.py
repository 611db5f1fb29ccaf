"""What a label-free learning leaves beside its model: figures, the losses, and a page to judge it by eye."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from edgevision.csv_file import write_csv
from edgevision.discovery.whitening import Vectors, Whitening
from edgevision.reports import plots
from edgevision.reports.html import Figure, Gallery, KeyFigure, Page, Picture, Section, Table, write_html
from edgevision.reports.maps import MOST_POINTS, THUMBNAIL, embedding_map, flatten_to_map
from edgevision.reports.pictures import thumbnail

if TYPE_CHECKING:
    from edgevision.discovery.pretraining.loop import EpochLoss
    from edgevision.discovery.pretraining.pretrain import PretrainResult
    from edgevision.runs import NewRun

QUERIES = 12  # pictures of which the report shows the nearest
NEAREST = 5
SMALL_PICTURE = 72  # pixels, in the rows of neighbours


def write_pretraining_files(folder: Path, run: NewRun, backbone: Any, result: PretrainResult) -> None:
    """Write model.keras, metrics.json, history.csv and report.html."""
    backbone.save(folder / "model.keras")
    metrics = {
        "schema": "edgevision.pretraining/1",
        "spread": vars(result.spread),
        "loss": {stage: history[-1].loss for stage, history in result.histories.items()},
        "scan_losses": list(result.scan_losses),
    }
    (folder / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
    write_history(folder / "history.csv", result.histories)
    write_html(folder / "report.html", _page(run, result))


def write_history(path: Path, histories: Mapping[str, Sequence[EpochLoss]]) -> None:
    """One row an epoch, stage after stage."""
    rows = [
        [stage, one.epoch, f"{one.loss:.6g}", f"{one.seconds:.3f}"]
        for stage, history in histories.items()
        for one in history
    ]
    write_csv(path, ("stage", "epoch", "loss", "seconds"), rows)


def _page(run: NewRun, result: PretrainResult) -> Page:
    record = run.record
    vectors = Whitening.fit(result.features)(result.features)
    tiles = [
        KeyFigure("Pictures", str(len(result.features)), "no label was read"),
        KeyFigure("Effective rank", f"{result.spread.effective_rank:.1f}", f"of {result.spread.dimension} features"),
        KeyFigure("Epochs", ", ".join(f"{stage} {count}" for stage, count in record["epochs"].items())),
        KeyFigure("Computing", f"{record['cpu_seconds']:.0f} s", "of the processor"),
    ]
    curves = [
        Figure(f"Loss of {stage}, by epoch.", plots.learning_curves({"loss": [one.loss for one in history]}))
        for stage, history in result.histories.items()
    ]
    sections = [
        Section("What was learned", _story(record), tiles, figures=curves),
        Section("The map", "Each picture where its embedding lies; near ones are alike to the network.",
                figures=[Figure("t-SNE of the whitened embedding.", _map(result, vectors), is_wide=True)]),
        Section("Nearest neighbours", "The first picture of each row is the question, the others the answers, nearest "
                "first. Rows of things that belong together are what to hope for.",
                gallery=Gallery(_neighbour_rows(result, vectors), columns=2)),
        Section("Settings", table=Table(("Setting", "Value"), _settings(record))),
        Section("Next", commands=f"edgevision cluster {record['data']['source']} --model {run.path} -o clusters/\n"
                f"edgevision train DATA --weights {run.path} -o runs/NAME"),
    ]  # fmt: skip
    return Page(run.path.name, f"learned without labels from {record['data']['source']}", sections)


def _story(record: dict[str, Any]) -> str:
    teacher = f" from {record['teacher']}" if record["teacher"] else ""
    return (
        f"`{record['architecture']['name']}` learned by {record['method']}{teacher}. Views of a picture that count as "
        f"the same: `{record['data']['views']['amounts']}`."
    )


def _map(result: PretrainResult, vectors: Vectors) -> bytes:
    chosen = np.random.default_rng(0).permutation(len(vectors))[:MOST_POINTS]
    small = [_small(result.frames.read(result.items[index]), THUMBNAIL)[..., ::-1] for index in chosen]
    groups = None if result.clusters is None else [int(result.clusters[index]) for index in chosen]
    return embedding_map(flatten_to_map(vectors[chosen]), small, groups)


def _neighbour_rows(result: PretrainResult, vectors: Vectors) -> list[Picture]:
    queries = np.linspace(0, len(vectors) - 1, min(QUERIES, len(vectors))).astype(int)
    rows = []
    for query in dict.fromkeys(queries.tolist()):
        nearest = np.argsort(-(vectors @ vectors[query]), kind="stable")[: NEAREST + 1]
        pictures = [_small(result.frames.read(result.items[index]), SMALL_PICTURE) for index in nearest]
        strip = np.hstack([np.pad(one, ((0, 0), (0, 6), (0, 0)), constant_values=255) for one in pictures])
        rows.append(Picture(thumbnail(strip, strip.shape[1]), result.items[query].name))
    return rows


def _small(image: Any, side: int) -> Any:
    """The picture in a square, uint8 (side, side, 3) BGR."""
    kernel = cv2.INTER_AREA if max(image.shape[:2]) > side else cv2.INTER_NEAREST
    return cv2.resize(image, (side, side), interpolation=kernel)


def _settings(record: dict[str, Any]) -> list[tuple[str, str]]:
    arguments = {key: value for key, value in record["arguments"].items() if value is not None}
    return [(key.replace("_", " "), str(value)) for key, value in arguments.items()]
