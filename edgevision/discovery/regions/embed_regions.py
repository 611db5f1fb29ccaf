"""From pictures to the embeddings of their superpixels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgevision.discovery.embed_source import EmbedHooks
from edgevision.discovery.embeddings import Embeddings, Space
from edgevision.discovery.frames import FrameSet, open_frames
from edgevision.discovery.regions.describe import PlaceMaps, RegionDescriber, TextureMaps, balanced
from edgevision.discovery.regions.region_maps import MARK, RegionMaps, encode
from edgevision.discovery.regions.region_set import RegionSet
from edgevision.discovery.regions.superpixels import SUPERPIXELS, superpixels, working_copy
from edgevision.discovery.whitening import DIMENSION, Vectors, Whitening
from edgevision_runtime.errors import DataError, UsageError

TEXTURE = "hog"  # as `--model`: what is said of regions without a network
MOST_WHITENED = 20_000  # superpixels that the space is learned from; of more, as many drawn at random


@dataclass(frozen=True)
class RegionRequest:
    """What is to be divided, and how its parts are described."""

    source: str  # as `open_frames` takes it
    model: str | None = None  # as `open_backbone` takes it; None: imagenet, or hog where that cannot be had
    superpixels: int = SUPERPIXELS  # of each picture, about
    dimension: int | None = None  # of what a network saw; colour and place are 8 more. None: DIMENSION
    space: Embeddings | None = None  # whose whitening is taken over; None: learned from these superpixels
    every_s: float | None = None  # of videos one frame each so many seconds
    seed: int = 0


def embed_regions(request: RegionRequest, hooks: EmbedHooks | None = None) -> tuple[Embeddings, RegionSet]:
    """(embeddings of the superpixels of what can be decoded, the superpixels).

    Raises:
        UsageError: a model that does not look at places.
        DataError: no such source, or nothing to look at in it.
        ModelError: a model that cannot be read, or has no maps.
    """
    hooks = hooks or EmbedHooks()
    frames = open_frames(request.source, request.every_s)
    maps, model = _open_maps(request.model, hooks)
    describer = RegionDescriber(maps)
    if request.dimension is not None and not describer.whitens:
        hooks.warn(f"--dimension does nothing: {describer.title} are few numbers already")
    hooks.log(f"{len(frames.items)} pictures in superpixels, described by {describer.title}")
    names, encoded, features = _described(frames, describer, request, hooks)
    for problem in frames.unreadable:
        hooks.warn(f"left out: {problem}")
    whitening = _whitening(request, describer, features)
    space = Space.of(describer.title, describer.fingerprint, whitening)
    root = str(frames.root.absolute())
    embeddings = Embeddings(whitening(features), names, space, frames.source, whitening, root, model)
    regions = RegionSet.of(frames.source, Path(root), RegionMaps.of(names, encoded))
    regions.unreadable.extend(frames.unreadable)
    return embeddings, regions


def _whitening(request: RegionRequest, describer: RegionDescriber, features: Vectors) -> Whitening:
    if request.space is not None:
        if request.space.space.backbone_fingerprint != describer.fingerprint:
            raise UsageError(f"the space is that of {request.space.space.backbone}, here is {describer.title}",
                             expected="the model that the space was made with")  # fmt: skip
        return request.space.whitening
    drawn = np.random.default_rng(request.seed).permutation(len(features))[:MOST_WHITENED]
    dimension = (request.dimension or DIMENSION) if describer.whitens else None
    return balanced(features[np.sort(drawn)], dimension)


def _described(
    frames: FrameSet, describer: RegionDescriber, request: RegionRequest, hooks: EmbedHooks
) -> tuple[tuple[str, ...], list[bytes], Vectors]:
    """(names of the superpixels, the map of each picture, what is said of each superpixel)."""
    names: list[str] = []
    encoded: list[bytes] = []
    features: list[Vectors] = []
    for item, image in frames.images():
        picture = working_copy(image)
        labels = superpixels(picture, request.superpixels)
        features.append(describer(picture, labels))
        encoded.append(encode(labels))
        names += [f"{item.name}{MARK}{number}" for number in range(len(features[-1]))]
        hooks.on_pictures(len(encoded), len(frames.items))
    if not names:
        raise DataError(f"{frames.source}: no picture could be decoded", hint="; ".join(frames.unreadable[:3]))
    if len(names) < 2:
        raise DataError(f"{frames.source} is one superpixel", expected="pictures of more than a few pixels")
    return tuple(names), encoded, np.concatenate(features)


def _open_maps(model: str | None, hooks: EmbedHooks) -> tuple[PlaceMaps, str]:
    """(what looks at places, as `--model` names it)."""
    if model == TEXTURE:
        return TextureMaps(), TEXTURE
    from edgevision.discovery.keras_backbone import IMAGENET

    try:
        name = model or IMAGENET
        return _network(name), str(Path(name).absolute()) if Path(name).exists() else name
    except DataError as error:
        if model is not None:
            raise
        hooks.warn(f"ImageNet's weights cannot be had ({error.what}): regions are told apart by texture, colour and "
                   "place alone, which is worse")  # fmt: skip
        return TextureMaps(), TEXTURE


def _network(model: str) -> PlaceMaps:
    from edgevision.discovery.backbones import open_backbone
    from edgevision.discovery.keras_backbone import KerasBackbone
    from edgevision.discovery.regions.dense_maps import DenseMaps

    backbone = open_backbone(model)
    if not isinstance(backbone, KerasBackbone):
        raise UsageError(f"--segment with the model {model}", expected="a run directory, pinned weights, or hog",
                         hint="regions need a network that keeps places apart")  # fmt: skip
    return DenseMaps(backbone)
