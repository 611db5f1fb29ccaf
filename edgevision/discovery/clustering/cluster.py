"""From a `ClusterPlan` to clusters: embed, group, say what is typical, and cut videos into scenes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision.discovery.clustering.kmeans import WHOLE_LIMIT_BYTES, Grouping, by_size, group
from edgevision.discovery.clustering.scenes import Scene, find_scenes
from edgevision.discovery.clustering.statistics import Statistics, describe
from edgevision.discovery.embed_source import EmbedHooks, EmbedRequest, embed_source
from edgevision.discovery.embeddings import SUFFIX, Embeddings
from edgevision.discovery.frames import FrameSet, named_frames, open_frames
from edgevision.discovery.regions.region_maps import is_region, numbers_of_pictures
from edgevision.discovery.regions.superpixels import SUPERPIXELS
from edgevision.discovery.whitening import DIMENSION
from edgevision_runtime.errors import UsageError

if TYPE_CHECKING:
    from edgevision.discovery.clustering.refine import Refinement
    from edgevision.discovery.pretraining.loop import EpochLoss
    from edgevision.discovery.regions.region_set import RegionSet

CLUSTERS = 50


@dataclass(frozen=True)
class ClusterPlan:
    """Everything that decides what comes of it; labels are nothing of it.

    Raises:
        UsageError: a value that cannot be.
    """

    source: str  # as `open_frames` takes it, or an .npz of embeddings
    k: int = CLUSTERS
    model: str | None = None  # as `open_backbone` takes it; None: hog
    dimension: int | None = None
    space: Path | None = None
    every_s: float | None = None
    scan: bool = False  # SCAN instead of k-means
    scan_epochs: int | None = None
    seed: int = 0
    segment: bool = False  # superpixels instead of whole pictures
    superpixels: int | None = None  # of a picture, about; None: SUPERPIXELS

    def __post_init__(self) -> None:
        if self.k < 1:
            raise UsageError(f"{self.k} clusters", expected="at least 1")
        given = {"--model": self.model, "--dimension": self.dimension, "--space": self.space, "--every": self.every_s,
                 "--scan": self.scan or None, "--segment": self.segment or None}  # fmt: skip
        if self.is_embedded and (wrong := [flag for flag, value in given.items() if value is not None]):
            raise UsageError(f"{' and '.join(wrong)} with {self.source}, which is embedded already",
                             expected="the pictures, or the .npz alone")  # fmt: skip
        if self.scan_epochs is not None and not self.scan:
            raise UsageError("--scan-epochs without --scan", expected="both, or neither")
        if self.scan and (self.k < 2 or self.space is not None):
            raise UsageError("--scan makes a space of its own, with at least 2 clusters", expected="-k, no --space")
        if self.segment and (self.scan or self.space is not None):
            raise UsageError(
                "--segment with --scan or --space", expected="regions alone: they have a space of their own"
            )
        if self.superpixels is not None and not self.segment:
            raise UsageError("--superpixels without --segment", expected="both, or neither")

    @property
    def is_embedded(self) -> bool:
        """Whether the source is a file of embeddings."""
        return Path(self.source).suffix == SUFFIX and Path(self.source).is_file()

    @property
    def things(self) -> str:
        """What is clustered, in a word."""
        return "regions" if self.segment else "pictures"


@dataclass(frozen=True)
class ClusterHooks:
    """Whom it tells what."""

    log: Callable[[str], None] = lambda text: None
    warn: Callable[[str], None] = lambda text: None
    on_pictures: Callable[[str, int, int], None] = lambda work, done, total: None
    on_step: Callable[[str, int, int, EpochLoss | None], None] = lambda stage, step, steps, record: None


@dataclass(frozen=True, eq=False)
class Clustered:
    """What came of it."""

    plan: ClusterPlan
    embeddings: Embeddings
    frames: FrameSet  # in the order of the embeddings
    grouping: Grouping
    statistics: Statistics
    scenes: tuple[Scene, ...]
    unreadable: list[str]
    refinement: Refinement | None = None
    facts: dict[str, Any] = field(default_factory=dict)  # for clusters.json

    @property
    def are_pictures_at_hand(self) -> bool:
        """Whether there is anything to show."""
        return any(item.path.is_file() for item in self.frames.items)

    @property
    def centroid_agreement(self) -> float:
        """Share of the pictures whose nearest centroid is that of their cluster; 1 after k-means."""
        return float((self.statistics.margin >= 0).mean())


def form_clusters(plan: ClusterPlan, hooks: ClusterHooks | None = None) -> Clustered:
    """Find the clusters; nothing is written.

    Raises:
        UsageError: a plan that cannot be.
        DataError: a source that cannot be used.
        ModelError: a model that cannot be read, or has no features.
    """
    hooks = hooks or ClusterHooks()
    seen = _look(plan, hooks)
    embeddings, refinement, regions = seen.embeddings, seen.refinement, seen.regions
    vectors = embeddings.vectors
    if plan.k > len(vectors):
        hooks.warn(f"{len(vectors)} {plan.things}: {len(vectors)} clusters instead of {plan.k}")
    if refinement is not None:
        grouping = by_size(vectors, refinement.clusters, "SCAN")
    else:
        grouping = group(vectors, plan.k, plan.seed)
        if vectors.nbytes > WHOLE_LIMIT_BYTES:
            hooks.log(f"vectors of more than {WHOLE_LIMIT_BYTES >> 20} MiB: mini-batch k-means")
    if grouping.count < min(plan.k, len(vectors)):
        hooks.warn(f"{grouping.count} clusters instead of {plan.k}: the others stayed empty")
    if regions is None:
        statistics = describe(vectors, grouping)
        frames = named_frames(embeddings.source, Path(embeddings.root), embeddings.names)
        scenes = find_scenes(frames.items, embeddings, grouping.assignment)
    else:
        statistics = describe(vectors, grouping, apart=numbers_of_pictures(embeddings.names))
        frames, scenes = regions, ()
    facts: dict[str, Any] = {"k": plan.k, "seed": plan.seed, "every_s": plan.every_s, "unreadable": seen.unreadable}
    if regions is not None:
        facts["segment"] = {"pictures": len(regions.pictures.items), "superpixels": plan.superpixels or SUPERPIXELS}
    if refinement is not None:
        lowest = int(np.argmin(refinement.losses))
        facts |= {"scan": {"losses": list(refinement.losses), "head": lowest, "epochs": len(refinement.history)}}
    return Clustered(plan, embeddings, frames, grouping, statistics, scenes, seen.unreadable, refinement, facts)


@dataclass(frozen=True, eq=False)
class _Seen:
    """The source as vectors."""

    embeddings: Embeddings
    unreadable: list[str]
    refinement: Refinement | None = None  # after SCAN
    regions: RegionSet | None = None  # of --segment


def _look(plan: ClusterPlan, hooks: ClusterHooks) -> _Seen:
    if plan.is_embedded:
        embeddings = _loaded(Path(plan.source))
        hooks.log(f"{len(embeddings.names)} vectors of {embeddings.space.backbone}")
        return _Seen(embeddings, [])
    if plan.scan:
        refinement, unreadable = _refined(plan, hooks)
        return _Seen(refinement.embeddings, unreadable, refinement)
    if plan.segment:
        embeddings, regions = _divided(plan, hooks)
        return _Seen(embeddings, regions.unreadable, regions=regions)
    return _Seen(*_embedded(plan, hooks))


def _embedded(plan: ClusterPlan, hooks: ClusterHooks) -> tuple[Embeddings, list[str]]:
    request = EmbedRequest(plan.source, plan.model or "hog", plan.dimension, plan.space, plan.every_s)
    tell = EmbedHooks(hooks.log, hooks.warn, lambda done, total: hooks.on_pictures("embedding", done, total))
    return embed_source(request, tell)


def _divided(plan: ClusterPlan, hooks: ClusterHooks) -> tuple[Embeddings, RegionSet]:
    from edgevision.discovery.regions.embed_regions import RegionRequest, embed_regions

    count = plan.superpixels or SUPERPIXELS
    request = RegionRequest(plan.source, plan.model, count, plan.dimension, every_s=plan.every_s, seed=plan.seed)
    tell = EmbedHooks(hooks.log, hooks.warn, lambda done, total: hooks.on_pictures("dividing", done, total))
    return embed_regions(request, tell)


def _loaded(path: Path) -> Embeddings:
    embeddings = Embeddings.load(path)
    if all(is_region(name) for name in embeddings.names):
        raise UsageError(f"{path} holds regions of pictures, not pictures", expected="the pictures, with --segment")
    return embeddings


def _refined(plan: ClusterPlan, hooks: ClusterHooks) -> tuple[Refinement, list[str]]:
    if plan.model is None or not (Path(plan.model) / "run.json").is_file():
        raise UsageError(f"--scan with the model {plan.model or 'hog'}", expected="--model RUN, a network to train on",
                         hint="`edgevision pretrain` makes one")  # fmt: skip
    from edgevision.discovery.clustering.refine import RefineHooks, RefinePlan, refine
    from edgevision.runs import RunDirectory

    run = RunDirectory.open(Path(plan.model))
    frames = open_frames(plan.source, plan.every_s)
    how = RefinePlan(plan.k, plan.scan_epochs, dimension=plan.dimension or DIMENSION, seed=plan.seed)
    tell = RefineHooks(hooks.log, lambda done, total: hooks.on_pictures("reading", done, total), hooks.on_step)
    refinement = refine(frames, run, how, tell)
    for problem in frames.unreadable:
        hooks.warn(f"left out: {problem}")
    return refinement, frames.unreadable
