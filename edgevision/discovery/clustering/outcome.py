"""What is left of a clustering: the clusters folder with its page, scenes, and key frames as files."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2

from edgevision.csv_file import write_csv
from edgevision.discovery.clustering.cluster import Clustered
from edgevision.discovery.clustering.folder import REPORT, SCAN_RUN, ClusterFolder, NewClusterFolder, write_clusters
from edgevision.discovery.clustering.report import Judged, write_cluster_report
from edgevision.discovery.clustering.scenes import Scene
from edgevision.discovery.judge import judge
from edgevision.discovery.regions.judge_masks import judge_masks
from edgevision.discovery.regions.region_maps import REGION_MAPS
from edgevision.discovery.regions.region_set import RegionSet
from edgevision.discovery.truth import Truth
from edgevision_runtime.atomic import atomic_folder, check_place, refuse_to_overwrite
from edgevision_runtime.errors import UsageError

SCENES = "scenes.csv"
KEYFRAMES = "scene-*.png"


@dataclass(frozen=True)
class Target:
    """Where the clusters go."""

    folder: Path
    keyframes: Path | None = None  # folder for the key frames of scenes; None: not as files
    force: bool = False
    command: str = ""


def check_keyframes(folder: Path, *, force: bool) -> None:
    """Refuse early a place for key frames that cannot be written, or that holds anything else.

    Raises:
        UsageError: see above, or it exists and `force` is not given.
    """
    refuse_to_overwrite(folder, force=force)
    if folder.is_dir() and set(folder.iterdir()) != set(folder.glob(KEYFRAMES)):
        raise UsageError(f"{folder} holds other files than key frames", hint="choose another folder")
    check_place(folder)


def judge_regions(clustered: Clustered) -> Judged:
    """Hold finished clusters of superpixels against the masks of the data set.

    Raises:
        DataError: it has none.
    """
    assert isinstance(clustered.frames, RegionSet), "regions were clustered"
    found = judge_masks(clustered.frames, clustered.grouping.assignment, clustered.plan.source)
    return Judged(found, found.labels, found.pictures)


def judge_clusters(clustered: Clustered, truth: Truth) -> Judged:
    """Hold finished clusters against labels.

    Raises:
        DataError: no picture has a label.
    """
    positions, labels = truth.judged(clustered.embeddings.names)
    return Judged(judge(clustered.grouping.assignment[positions], labels), truth.labels, len(positions))


def write_outcome(clustered: Clustered, target: Target, judged: Judged | None = None) -> ClusterFolder:
    """Write the clusters folder and, where asked, the key frames.

    Raises:
        UsageError: the place cannot be written, or holds something that is not to be lost.
    """

    def save(folder: Path) -> None:
        if clustered.refinement is not None:
            from edgevision.discovery.clustering.refine import write_refined_run

            write_refined_run(folder / SCAN_RUN, clustered.refinement)
        if isinstance(clustered.frames, RegionSet):
            clustered.frames.maps.save(folder / REGION_MAPS)
        if clustered.scenes:
            _write_scenes(folder / SCENES, clustered.scenes, clustered.embeddings.names)
        write_cluster_report(folder / REPORT, target.folder.name, clustered, judged, target.command)

    record = {"command": target.command, **clustered.facts}
    parts = clustered.embeddings, clustered.grouping, clustered.statistics
    folder = write_clusters(NewClusterFolder(target.folder, *parts, record, target.force), save)
    if target.keyframes is not None and clustered.scenes:
        _write_keyframes(target.keyframes, clustered)
    return folder


def metrics_of(clustered: Clustered, judged: Judged | None) -> dict[str, Any]:
    """For `--report` and `--format json`."""
    statistics = clustered.statistics
    metrics: dict[str, Any] = {
        clustered.plan.things: len(clustered.embeddings.names),
        "clusters": clustered.grouping.count,
        "method": clustered.grouping.method,
        "purity": None if math.isnan(statistics.purity) else statistics.purity,
        "sizes": [facts.size for facts in statistics.clusters],
        "outliers": len(statistics.outliers),
        "centroid_agreement": clustered.centroid_agreement,
        "space": vars(clustered.embeddings.space),
    }
    if isinstance(clustered.frames, RegionSet):
        metrics["pictures"] = len(clustered.frames.pictures.items)
    if clustered.scenes:
        metrics["scenes"] = len(clustered.scenes)
        metrics["distinct_scenes"] = sum(scene.same_as is None for scene in clustered.scenes)
    if judged is not None:
        truth = {"labels": list(judged.labels), "pictures": judged.pictures}
        metrics["truth"] = {**judged.judgement.to_json(), **truth}
    return metrics


def _write_keyframes(folder: Path, clustered: Clustered) -> None:
    """The key frame of each scene that shows something new, as scene-0007.png."""
    new = {scene.keyframe: scene.number for scene in clustered.scenes if scene.same_as is None}
    numbers = {clustered.frames.items[position].name: number for position, number in new.items()}
    with atomic_folder(folder) as place:
        for item, image in clustered.frames.images([clustered.frames.items[position] for position in sorted(new)]):
            cv2.imwrite(str(place / f"scene-{numbers[item.name]:04d}.png"), image)


def _write_scenes(path: Path, scenes: Sequence[Scene], names: Sequence[str]) -> None:
    header = ["scene", "video", "start_s", "end_s", "frames", "keyframe", "cluster", "same_as"]
    rows = [
        [scene.number, scene.video, f"{scene.start_s:.3f}", f"{scene.end_s:.3f}", len(scene.positions),
         names[scene.keyframe], scene.cluster, "" if scene.same_as is None else scene.same_as]
        for scene in scenes
    ]  # fmt: skip
    write_csv(path, header, rows)
