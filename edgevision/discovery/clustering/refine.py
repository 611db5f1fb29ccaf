"""Refine clusters by SCAN: the run's network learns on until neighbours fall into one of k clusters, used alike."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

from edgevision.discovery.clustering.kmeans import Integers
from edgevision.discovery.embeddings import Embeddings, OnProgress, Space, say_nothing
from edgevision.discovery.frames import FrameSet
from edgevision.discovery.keras_backbone import KerasBackbone, features_of
from edgevision.discovery.pretraining.loop import EpochLoss, Loop, LoopPlan
from edgevision.discovery.pretraining.objectives import Material, Pictures
from edgevision.discovery.pretraining.plan import scan_epochs_of
from edgevision.discovery.pretraining.run_files import write_history
from edgevision.discovery.pretraining.scan import SCAN_RATE, best_clusters, find_start, make_scan
from edgevision.discovery.pretraining.views import parse_views, views_for
from edgevision.discovery.whitening import DIMENSION, Whitening
from edgevision.runs import NewRun, RunDirectory, write_run
from edgevision.training.fit import make_deterministic
from edgevision.training.run_files import tool_versions
from edgevision.training.strategy import place
from edgevision_runtime.contract import Preprocess
from edgevision_runtime.errors import DataError
from edgevision_runtime.postprocess import Postprocess
from edgevision_runtime.spec import make_spec

LOOKED_AT = 64  # pictures that decide which views suit, where the run does not say


@dataclass(frozen=True)
class RefinePlan:
    """How the network is refined."""

    clusters: int
    epochs: int | None = None  # None: as many as make SCAN_STEPS
    batch: int = 256
    dimension: int = DIMENSION
    seed: int = 0


@dataclass(frozen=True)
class RefineHooks:
    """Whom it tells what."""

    log: Callable[[str], None] = lambda text: None
    on_pictures: OnProgress = say_nothing
    on_step: Callable[[str, int, int, EpochLoss | None], None] = lambda stage, step, steps, record: None


@dataclass(frozen=True, eq=False)
class Refinement:
    """The network after SCAN, and what it says of the pictures."""

    backbone: KerasBackbone
    embeddings: Embeddings
    clusters: Integers  # (n,) of the head with the lowest loss
    losses: tuple[float, ...]  # of each head
    history: tuple[EpochLoss, ...]
    record: dict[str, Any] = field(default_factory=dict)  # for run.json


def refine(frames: FrameSet, run: RunDirectory, plan: RefinePlan, hooks: RefineHooks | None = None) -> Refinement:
    """Let the network of a run directory learn on; the run itself stays as it is.

    Raises:
        ModelError: a run without features to give.
        DataError: fewer pictures than clusters.
    """
    hooks = hooks or RefineHooks()
    began_cpu_s = process_time()
    make_deterministic(plan.seed)
    before = KerasBackbone.of_run(run.path)
    _refuse_too_few(len(frames.items), plan)
    names, pictures, views = _read(frames, before.preprocess, run, hooks)
    _refuse_too_few(len(pictures), plan)  # of those that could be read
    epochs = plan.epochs or scan_epochs_of(len(pictures), plan.batch)
    hooks.log(f"SCAN: {epochs} epochs for {plan.clusters} clusters; views: {parse_views(views)}")
    material = Material(before.model, pictures, parse_views(views), before.preprocess.color)
    start = find_start(material, features_of(before.model, pictures), plan.clusters, plan.seed)
    hooks.log(start.describe())
    scan = make_scan(material, start)
    with tempfile.TemporaryDirectory() as folder:
        loop_plan = LoopPlan(epochs, plan.batch, SCAN_RATE, plan.seed)
        loop = Loop(scan, len(pictures), loop_plan, place("none"), Path(folder))
        total = loop.steps * epochs
        loop.run(lambda epoch, step, row: hooks.on_step("scan", (epoch - 1) * loop.steps + step, total, row))
    features = features_of(before.model, pictures)
    losses, clusters = best_clusters(scan, features)
    backbone = KerasBackbone(before.model, before.preprocess, f"{before.title} after SCAN")
    whitening = Whitening.fit(features, plan.dimension)
    space = Space.of(backbone.title, backbone.fingerprint, whitening)
    root = str(frames.root.absolute())
    embeddings = Embeddings(whitening(features), names, space, frames.source, whitening, root)
    record = _record(run, plan, views, frames) | {"cpu_seconds": round(process_time() - began_cpu_s, 1)}
    return Refinement(backbone, embeddings, clusters, losses, tuple(loop.history), record)


def write_refined_run(folder: Path, refinement: Refinement) -> None:
    """Write the refined network as the run directory `folder`, of which `--model` and `train --weights` go on."""

    def save(place: Path) -> None:
        refinement.backbone.model.save(place / "model.keras")
        metrics = {"schema": "edgevision.pretraining/1", "scan_losses": list(refinement.losses)}
        (place / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
        write_history(place / "history.csv", {"scan": refinement.history})

    spec = make_spec("embed", (), refinement.backbone.preprocess, Postprocess("embed"))
    write_run(NewRun(folder, spec, refinement.record), save)


def _refuse_too_few(pictures: int, plan: RefinePlan) -> None:
    if pictures < plan.clusters:
        raise DataError(f"{pictures} pictures for {plan.clusters} clusters of SCAN", expected="at least as many")


def _read(
    frames: FrameSet, contract: Preprocess, run: RunDirectory, hooks: RefineHooks
) -> tuple[tuple[str, ...], Pictures, str]:
    """(names, every picture through the contract, the views that suit them)."""
    names, pictures, examples = [], [], []
    for number, (item, image) in enumerate(frames.images(), start=1):
        names.append(item.name)
        pictures.append(np.ascontiguousarray(contract.to_image(image)))
        if number % max(1, len(frames.items) // LOOKED_AT) == 0:
            examples.append(image)
        hooks.on_pictures(number, len(frames.items))
    if not pictures:
        raise DataError(f"{frames.source}: no picture could be decoded", hint="; ".join(frames.unreadable[:3]))
    known = run.record["data"].get("views")
    return tuple(names), np.stack(pictures), known["amounts"] if known else views_for(examples or [pictures[0]])


def _record(run: RunDirectory, plan: RefinePlan, views: str, frames: FrameSet) -> dict[str, Any]:
    count = len(frames.items) - len(frames.unreadable)
    data = {"source": frames.source, "root": str(frames.root.absolute()), "images": {"unlabelled": count}}
    return {
        "command": "",
        "arguments": vars(plan),
        "stage": "pretrained",
        "parent": str(run.path),
        "seed": plan.seed,
        "architecture": run.record.get("architecture"),
        "data": {**data, "views": {"name": views, "amounts": str(parse_views(views))}},
        "method": "scan",
        "tools": tool_versions(),
    }
