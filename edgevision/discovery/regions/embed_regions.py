"""From pictures to the embeddings of their superpixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgevision.discovery.embed_source import EmbedHooks
from edgevision.discovery.embeddings import Embeddings, Space
from edgevision.discovery.frames import FrameSet, check_source, open_frames
from edgevision.discovery.regions.describe import PlaceMaps, RegionDescriber, TextureMaps, balanced
from edgevision.discovery.regions.region_maps import MARK, RegionMaps, encode
from edgevision.discovery.regions.region_set import RegionSet
from edgevision.discovery.regions.superpixels import SUPERPIXELS, superpixels, working_copy
from edgevision.discovery.whitening import DIMENSION, Vectors, Whitening
from edgevision_runtime.errors import DataError, UsageError

TEXTURE = "hog"  # as `--model`: what is said of regions without a network
MOST_WHITENED = 20_000  # superpixels, about, that the space is learned from: those of pictures drawn at random


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
    check_source(request.source)
    maps, model = _open_maps(request.model, hooks)  # before a set is fetched, or videos are counted through
    frames = open_frames(request.source, request.every_s)
    describer = RegionDescriber(maps)
    if request.dimension is not None and describer.weighing == "untouched":
        hooks.warn(f"--dimension does nothing: {describer.title} are few numbers already")
    hooks.log(f"{len(frames.items)} pictures in superpixels, described by {describer.title}")
    divider = _Divider(frames, describer, request, hooks)
    whitening = divider.learn_space()
    names, encoded, vectors = divider.divide(whitening)
    for problem in frames.unreadable:
        hooks.warn(f"left out: {problem}")
    space = Space.of(describer.title, describer.fingerprint, whitening)
    root = str(frames.root.absolute())
    embeddings = Embeddings(vectors, names, space, frames.source, whitening, root, model)
    regions = RegionSet.of(frames.source, Path(root), RegionMaps.of(names, encoded))
    regions.unreadable.extend(frames.unreadable)
    return embeddings, regions


class _Divider:
    """Divides pictures; of no more than some it holds at a time what is said of their superpixels."""

    def __init__(self, frames: FrameSet, describer: RegionDescriber, request: RegionRequest, hooks: EmbedHooks) -> None:
        self._frames, self._describer, self._request, self._hooks = frames, describer, request, hooks
        count = -(-MOST_WHITENED // request.superpixels)
        order = np.random.default_rng(request.seed).permutation(len(frames.items))
        self._drawn = set(order[:count].tolist())
        self._described: dict[str, tuple[bytes, Vectors]] = {}  # pictures → map, features of its superpixels

    def learn_space(self) -> Whitening:
        """From pictures drawn at random.

        Raises:
            DataError: none of them can be decoded, or they say nothing.
            UsageError: the space that was asked for is another model's.
        """
        for name, data, features in self._look(self._drawn):
            self._described[name] = data, features
        if not self._described:
            hint = "; ".join(self._frames.unreadable[:3])
            raise DataError(f"{self._frames.source}: no picture could be decoded", hint=hint)
        return _whitening(
            self._request, self._describer, np.concatenate([features for _, features in self._described.values()])
        )

    def divide(self, whitening: Whitening) -> tuple[tuple[str, ...], list[bytes], Vectors]:
        """(names of the superpixels, the map of each picture, the superpixels in that space)."""
        found = {name: (data, whitening(features)) for name, (data, features) in self._described.items()}
        self._described.clear()
        for name, data, features in self._look(set(range(len(self._frames.items))) - self._drawn):
            found[name] = data, whitening(features)
        pictures = [item.name for item in self._frames.items if item.name in found]
        names = tuple(f"{name}{MARK}{number}" for name in pictures for number in range(len(found[name][1])))
        return names, [found[name][0] for name in pictures], np.concatenate([found[name][1] for name in pictures])

    def _look(self, positions: set[int]) -> Iterator[tuple[str, bytes, Vectors]]:
        done = 0 if positions is self._drawn else len(self._drawn)
        for item, image in self._frames.images(self._frames.items[position] for position in sorted(positions)):
            picture = working_copy(image)
            labels = superpixels(picture, self._request.superpixels)
            yield item.name, encode(labels), self._describer(picture, labels)
            done += 1
            self._hooks.on_pictures(done, len(self._frames.items))


def _whitening(request: RegionRequest, describer: RegionDescriber, features: Vectors) -> Whitening:
    if request.space is not None:
        if request.space.space.backbone_fingerprint != describer.fingerprint:
            raise UsageError(f"the space is that of {request.space.space.backbone}, here is {describer.title}",
                             expected="the model that the space was made with")  # fmt: skip
        return request.space.whitening
    if len(features) < 2:
        raise DataError(f"{request.source} is one superpixel", expected="pictures of more than a few pixels")
    return balanced(features, describer.weighing, request.dimension or DIMENSION)


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
