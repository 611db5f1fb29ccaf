"""The page of clusters: contact sheet, map, sizes; scenes of videos; and how well clusters fit labels, where asked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgevision.discovery.clustering.album import LARGE, Album, fitted, strip
from edgevision.discovery.clustering.cluster import Clustered
from edgevision.discovery.clustering.scenes import JUMP, Scene
from edgevision.discovery.clustering.statistics import BORDERLINES, EXEMPLARS, OUTLIER_QUANTILE
from edgevision.discovery.judge import Judgement
from edgevision.discovery.regions.coloured import coloured_section
from edgevision.discovery.regions.judge_masks import MaskJudgement
from edgevision.discovery.regions.region_set import RegionSet
from edgevision.reports.cluster_plots import MOST_VIDEOS, Span, clock, cluster_confusion, cluster_sizes, timeline
from edgevision.reports.html import Figure, Gallery, KeyFigure, Page, Picture, Section, Table, write_html
from edgevision.reports.maps import MOST_POINTS, THUMBNAIL, embedding_map, flatten_to_map
from edgevision.reports.pictures import thumbnail
from edgevision.reports.wording import percent
from edgevision_runtime.types import Image

FARTHEST = f"{100 * (1 - OUTLIER_QUANTILE):.0f} %"
MOST_OUTLIERS = 18
MOST_CLUSTERS = 200  # on the contact sheet
MOST_SCENES = 60  # in the table
KEYFRAME = 110  # pixels of its height on the timeline


@dataclass(frozen=True, eq=False)
class Judged:
    """Clusters held against labels."""

    judgement: Judgement | MaskJudgement
    labels: tuple[str, ...]
    pictures: int  # that have a label, or a mask


def write_cluster_report(path: Path, name: str, clustered: Clustered, judged: Judged | None, command: str) -> None:
    """Write report.html of the clusters folder `name`."""
    album = Album(clustered.frames, _shown(clustered))
    sections = [_summary(clustered)]
    if judged is not None:
        sections.append(_judged(judged))
    if isinstance(clustered.frames, RegionSet):
        sections.append(coloured_section(clustered.frames, clustered.grouping.assignment))
    if clustered.scenes:
        sections += [_scenes(clustered, album), _scene_table(clustered)]
    sections += [_sheet(clustered, album), _map(clustered)]
    if clustered.statistics.outliers:
        sections.append(_outliers(clustered, album))
    sections += [_settings(clustered, command), Section("Next", commands=_next(clustered, name))]
    embeddings = clustered.embeddings
    what = f"{len(embeddings.names):,} {clustered.plan.things} of {embeddings.source}"
    subtitle = f"{clustered.grouping.count} clusters of {what}"
    write_html(path, Page(name, subtitle, sections))


def _shown(clustered: Clustered) -> list[int]:
    found = [position for facts in clustered.statistics.clusters[:MOST_CLUSTERS]
             for position in (facts.medoid, *facts.exemplars, *facts.borderline)]  # fmt: skip
    return [*found, *clustered.statistics.outliers[:MOST_OUTLIERS], *(scene.keyframe for scene in clustered.scenes)]


def _summary(clustered: Clustered) -> Section:
    statistics, space = clustered.statistics, clustered.embeddings.space
    tiles = [
        KeyFigure(clustered.plan.things.capitalize(), f"{len(clustered.embeddings.names):,}", _left_out(clustered)),
        KeyFigure("Clusters", str(clustered.grouping.count), f"by {clustered.grouping.method}"),
        KeyFigure("Neighbour purity", percent(statistics.purity), "of the 10 nearest lie in the same cluster"),
        KeyFigure("Outliers", str(len(statistics.outliers)), f"the {FARTHEST} farthest from a centre"),
    ]
    if clustered.scenes:
        distinct = sum(scene.same_as is None for scene in clustered.scenes)
        tiles.append(KeyFigure("Scenes", str(len(clustered.scenes)), f"{distinct} of them different"))
    text = (
        f"Seen through {space.backbone}, space `{space.fingerprint[:8]}`. No label was read to find these clusters. "
        "Several clusters may show the same thing: give them the same name."
    )
    if clustered.refinement is not None:
        agreement = percent(clustered.centroid_agreement)
        text += (
            f"\n\nSCAN trained the network on for {clustered.grouping.count} clusters and decided who belongs where; "
            f"{agreement} of the pictures are also nearest to the centre of their cluster."
        )
    facts = statistics.clusters
    chart = cluster_sizes([one.size for one in facts], [one.purity for one in facts], clustered.plan.things)
    caption = "Clusters by size, and the share of neighbours in the same cluster: what is low lies between others."
    return Section("Summary", text, tiles, figures=[Figure(caption, chart, is_wide=True)])


def _left_out(clustered: Clustered) -> str:
    return f"{len(clustered.unreadable)} could not be read" if clustered.unreadable else ""


def _judged(judged: Judged) -> Section:
    found = judged.judgement
    what, counted = ("Masks", "Pixels") if isinstance(found, MaskJudgement) else ("Labels", "Pictures")
    paired = KeyFigure("Accuracy", percent(found.accuracy), "best one-to-one pairing with labels")
    tiles = [KeyFigure("Named accuracy", percent(found.named_accuracy), "each cluster called what most of it is")]
    if isinstance(found, MaskJudgement):
        tiles += [
            KeyFigure("Named mean IoU", percent(found.named_mean_iou), "the same, over the classes"),
            KeyFigure("Ceiling", percent(found.best_accuracy), "accuracy if each superpixel had the right name"),
            paired,
        ]
    else:
        tiles = [
            paired,
            *tiles,
            KeyFigure("NMI", f"{found.nmi:.3f}", "normalized mutual information"),
            KeyFigure("ARI", f"{found.ari:.3f}", "adjusted Rand index"),
        ]
    text = f"{what} of {judged.pictures:,} pictures were read after the clusters were found, to judge them only."
    caption = f"{counted} of each label in each cluster, shaded by share of the cluster."
    figure = Figure(caption, cluster_confusion(found.confusion, judged.labels), is_wide=len(judged.labels) > 6)
    return Section("Against true labels", text, tiles, figures=[figure])


def _scenes(clustered: Clustered, album: Album) -> Section:
    spans = [
        Span(scene.video, scene.start_s, scene.end_s, scene.cluster, _keyframe(album, scene))
        for scene in clustered.scenes
    ]
    videos = len({scene.video for scene in clustered.scenes})
    caption = "Scenes, coloured and numbered by the cluster of most of their frames, with key frames that differ."
    if videos > MOST_VIDEOS:
        caption += f" The first {MOST_VIDEOS} of {videos} videos."
    text = f"A scene ends where the embedding jumps, by {JUMP:g} times what the frames around it vary."
    return Section("Scenes", text, figures=[Figure(caption, timeline(spans), is_wide=True)])


def _scene_table(clustered: Clustered) -> Section:
    longest_s = max(scene.end_s for scene in clustered.scenes)
    rows = [
        [str(scene.number), scene.video, clock(round(scene.start_s, 1), longest_s),
         clock(round(scene.end_s - scene.start_s, 1), longest_s), f"{len(scene.positions):,}", str(scene.cluster),
         "" if scene.same_as is None else f"scene {scene.same_as}"]
        for scene in clustered.scenes[:MOST_SCENES]
    ]  # fmt: skip
    table = Table(
        ("Scene", "Video", "Start", "Length", "Frames", "Cluster", "Shows the same as"), rows, (0, 2, 3, 4, 5)
    )
    text = "All scenes are in `scenes.csv`."
    if len(clustered.scenes) > MOST_SCENES:
        text += f" The first {MOST_SCENES} of {len(clustered.scenes)} are here."
    return Section("Scene by scene", text, table=table)


def _keyframe(album: Album, scene: Scene) -> Image | None:
    is_new = scene.same_as is None and scene.keyframe in album.pictures
    return album.tile(scene.keyframe, KEYFRAME)[..., ::-1] if is_new else None


def _sheet(clustered: Clustered, album: Album) -> Section:
    shown = clustered.statistics.clusters[:MOST_CLUSTERS]
    columns = (
        -(-max(len(facts.exemplars) for facts in shown) // 2) if len(shown) else EXEMPLARS // 2,
        -(-max(len(facts.borderline) for facts in shown) // 2) if len(shown) else BORDERLINES // 2,
    )
    pictures = []
    for number, facts in enumerate(shown):
        image = strip(facts, album, columns)
        name = clustered.embeddings.names[facts.medoid]
        purity = "" if math.isnan(facts.purity) else f" · purity {percent(facts.purity)}"
        pictures.append(Picture(_jpeg(image), f"Cluster {number} · {facts.size:,}{purity}\n{name}"))
    text = (
        f"The most typical of each cluster's {clustered.plan.things} is large, with its name below; beside it those "
        "that are next, each unlike the others; framed in orange those that nearly fell into another cluster."
    )
    if len(clustered.statistics.clusters) > MOST_CLUSTERS:
        text += f" The {MOST_CLUSTERS} largest of {len(clustered.statistics.clusters)}."
    if not album.pictures:
        text += "\n\nThe pictures were not at hand, so that none is shown."
    return Section("The clusters", text, gallery=Gallery(pictures, columns=2))


def _map(clustered: Clustered) -> Section:
    vectors, assignment = clustered.embeddings.vectors, clustered.grouping.assignment
    chosen = np.sort(np.random.default_rng(0).permutation(len(vectors))[:MOST_POINTS])
    album = Album(clustered.frames, chosen.tolist()).pictures
    chosen = np.array([position for position in chosen.tolist() if position in album] or chosen.tolist())
    blank = np.full((THUMBNAIL, THUMBNAIL, 3), 255, np.uint8)
    small = [fitted(album.get(position, blank), (THUMBNAIL, THUMBNAIL))[..., ::-1] for position in chosen.tolist()]
    groups = [int(assignment[position]) for position in chosen]
    picture = embedding_map(flatten_to_map(vectors[chosen]), small, groups)
    text = (
        f"{clustered.plan.things.capitalize()} where their embeddings lie; near ones are alike to the network. "
        "Colours are those of clusters."
    )
    if len(chosen) < len(vectors):
        text += f" {len(chosen):,} drawn at random."
    return Section("The map", text, figures=[Figure("t-SNE of the embedding.", picture, is_wide=True)])


def _outliers(clustered: Clustered, album: Album) -> Section:
    statistics, names = clustered.statistics, clustered.embeddings.names
    pictures = [
        Picture(_jpeg(album.tile(position, LARGE)),
                f"{names[position]}\n{statistics.distance[position]:.2f} from cluster "
                f"{clustered.grouping.assignment[position]}")
        for position in statistics.outliers[:MOST_OUTLIERS]
        if position in album.pictures
    ]  # fmt: skip
    text = (
        f"{len(statistics.outliers)} {clustered.plan.things} lie farther than {statistics.outlier_distance:.2f} from "
        f"the centre of their cluster, as {FARTHEST} do. The farthest first; `assignments.csv` has them all."
    )
    return Section("Outliers", text, gallery=Gallery(pictures, columns=6))


def _jpeg(image: Image) -> bytes:
    return thumbnail(image, max(image.shape[:2]))


def _settings(clustered: Clustered, command: str) -> Section:
    given = {**vars(clustered.plan), "source": clustered.embeddings.source, "command": command}
    rows = [(key.replace("_", " "), str(value)) for key, value in given.items() if value not in (None, "")]
    return Section("Settings", table=Table(("Setting", "Value"), rows))


def _next(clustered: Clustered, name: str) -> str:
    return f"edgevision label {name}/"
