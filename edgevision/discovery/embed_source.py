"""From a folder, a video or a named set to its embeddings, with whatever looks at pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from edgevision.discovery.backbones import open_backbone
from edgevision.discovery.embeddings import Embeddings, EmbedPlan, OnProgress, embed, say_nothing
from edgevision.discovery.frames import check_source, open_frames
from edgevision.discovery.whitening import DIMENSION
from edgevision_runtime.errors import UsageError


@dataclass(frozen=True)
class EmbedRequest:
    """What is to be embedded, and how.

    Raises:
        UsageError: a dimension and a space that has one.
    """

    source: str  # as `open_frames` takes it
    model: str = "hog"  # as `open_backbone` takes it
    dimension: int | None = None  # None: DIMENSION
    space: Path | None = None  # embeddings whose whitening is taken over
    every_s: float | None = None  # of videos one frame each so many seconds

    def __post_init__(self) -> None:
        if self.dimension is not None and self.space is not None:
            raise UsageError("--dimension and --space", expected="one of the two: a space has its dimension")


@dataclass(frozen=True)
class EmbedHooks:
    """Whom it tells what."""

    log: Callable[[str], None] = lambda text: None
    warn: Callable[[str], None] = lambda text: None
    on_pictures: OnProgress = say_nothing


def embed_source(request: EmbedRequest, hooks: EmbedHooks | None = None) -> tuple[Embeddings, list[str]]:
    """(embeddings of what can be decoded, the rest in words, which is also warned of).

    Raises:
        UsageError: no such model, or the space of another one.
        DataError: no such source, or nothing to look at in it.
    """
    hooks = hooks or EmbedHooks()
    space = None if request.space is None else Embeddings.load(request.space)
    check_source(request.source)
    backbone = open_backbone(request.model)  # before a set is fetched, or videos are counted through
    frames = open_frames(request.source, request.every_s)
    hooks.log(f"{len(frames.items)} pictures through {backbone.title}")
    if request.dimension is not None and backbone.weighing == "untouched":
        hooks.warn(f"--dimension does nothing: {backbone.title} stay as they are, which serves them best")
    found = embed(frames, backbone, EmbedPlan(request.dimension or DIMENSION, space), hooks.on_pictures)
    for problem in frames.unreadable:
        hooks.warn(f"left out: {problem}")
    model = Path(request.model)
    return replace(found, model=str(model.absolute()) if model.exists() else request.model), frames.unreadable
