"""Embeddings on disk: vectors, the names of their pictures, and the space that they live in."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from edgevision.discovery.backbones import Backbone, SpacedBackbone
from edgevision.discovery.frames import FrameSet
from edgevision.discovery.whitening import DIMENSION, Vectors, Whitening
from edgevision_runtime.atomic import atomic_file, refuse_to_overwrite
from edgevision_runtime.errors import DataError, UsageError

SCHEMA = "edgevision.embeddings/1"
SUFFIX = ".npz"  # by which a source is known to be embedded already
ENTRIES = frozenset(  # of the archive
    ("vectors", "names", "kernel", "bias", "source", "root", "model",
     "backbone", "backbone_fingerprint", "fingerprint")
)  # fmt: skip
PICTURES_AT_A_TIME = 128  # decoded pictures in memory
OnProgress = Callable[[int, int], None]  # pictures done, pictures in all


def say_nothing(done: int, total: int) -> None:
    """For those who do not watch."""


@dataclass(frozen=True)
class Space:
    """Where vectors can be compared: one backbone with one whitening."""

    backbone: str  # its title, for people
    backbone_fingerprint: str  # of its weights and its contract
    fingerprint: str  # of the backbone and the whitening

    @classmethod
    def of(cls, title: str, backbone_fingerprint: str, whitening: Whitening) -> Space:
        """The space of a backbone's features behind a whitening."""
        digest = hashlib.sha256(backbone_fingerprint.encode())
        digest.update(whitening.kernel.tobytes() + whitening.bias.tobytes())
        return cls(title, backbone_fingerprint, digest.hexdigest())


@dataclass(frozen=True, eq=False)
class Embeddings:
    """One vector for each picture."""

    vectors: Vectors  # (n, k), rows of length 1
    names: tuple[str, ...]  # as FrameItem.name
    space: Space
    source: str  # what was embedded
    whitening: Whitening
    root: str = ""  # folder that the names are relative to; "": unknown
    model: str = ""  # what `open_backbone` took; "": unknown

    def __post_init__(self) -> None:
        if len(self.vectors) != len(self.names) or self.vectors.ndim != 2:
            raise ValueError(f"{len(self.names)} names for vectors of shape {self.vectors.shape}")

    def save(self, path: Path, *, force: bool = False) -> None:
        """Write an .npz, whole or not at all. Raises UsageError when it cannot be."""
        refuse_to_overwrite(path, force=force)
        facts = {"schema": SCHEMA, "source": self.source, "root": self.root, "model": self.model}
        arrays: dict[str, Any] = {name: np.array(value) for name, value in {**facts, **vars(self.space)}.items()}
        with atomic_file(path) as temporary, temporary.open("wb") as file:
            np.savez(
                file,
                vectors=self.vectors,
                names=np.array(self.names, dtype=np.str_),
                kernel=self.whitening.kernel,
                bias=self.whitening.bias,
                **arrays,
            )

    @classmethod
    def load(cls, path: Path) -> Embeddings:
        """Read what `save` wrote.

        Raises:
            DataError: it is not that.
        """
        expected = "an .npz of `edgevision embed`"
        try:
            with np.load(path, allow_pickle=False) as archive:
                found = {name: archive[name] for name in archive.files}
        except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
            raise DataError(f"{path} cannot be read: {error}", expected=expected) from error
        if str(found.get("schema")) != SCHEMA or not found.keys() >= ENTRIES:
            raise DataError(f"{path} is not a file of embeddings", expected=expected)
        space = Space(*(str(found[name]) for name in ("backbone", "backbone_fingerprint", "fingerprint")))
        names = tuple(str(name) for name in found["names"])
        whitening = Whitening(found["kernel"], found["bias"])
        source, root, model = (str(found[name]) for name in ("source", "root", "model"))
        return cls(found["vectors"], names, space, source, whitening, root, model)


@dataclass(frozen=True)
class EmbedPlan:
    """How features become an embedding."""

    dimension: int = DIMENSION
    space: Embeddings | None = None  # whose whitening is taken over; None: learned from these pictures


def embed(
    frames: FrameSet, backbone: Backbone, plan: EmbedPlan | None = None, on_progress: OnProgress = say_nothing
) -> Embeddings:
    """One vector for each picture that can be decoded; the others are in `frames.unreadable`.

    Raises:
        DataError: nothing could be decoded, or the features say nothing.
        UsageError: the space that was asked for is another backbone's.
    """
    plan = plan or EmbedPlan()
    if isinstance(backbone, SpacedBackbone) and (plan.space is None or speaks(backbone, plan.space.space)):
        return _in_its_own_space(frames, backbone, on_progress)
    if plan.space is not None and plan.space.space.backbone_fingerprint != backbone.fingerprint:
        raise UsageError(
            f"the space is that of {plan.space.space.backbone}, the backbone is {backbone.title}",
            expected="the backbone that the space was made with",
        )
    names, features = _features_of(frames, backbone, on_progress)
    if plan.space is not None:
        whitening = plan.space.whitening
    else:
        weighing = backbone.weighing if len(names) > 1 else "untouched"
        whitening = Whitening.fit(features, plan.dimension, weighing)
    space = Space.of(backbone.title, backbone.fingerprint, whitening)
    return Embeddings(whitening(features), names, space, frames.source, whitening, str(frames.root.absolute()))


def speaks(backbone: SpacedBackbone, space: Space) -> bool:
    """Whether a backbone's own space is this one."""
    return backbone.space_fingerprint == space.fingerprint


def _in_its_own_space(frames: FrameSet, backbone: SpacedBackbone, on_progress: OnProgress) -> Embeddings:
    names, features = _features_of(frames, backbone, on_progress)
    whitening = backbone.whitening
    space = Space(backbone.title, backbone.fingerprint, backbone.space_fingerprint)
    return Embeddings(whitening(features), names, space, frames.source, whitening, str(frames.root.absolute()))


def _features_of(frames: FrameSet, backbone: Backbone, on_progress: OnProgress) -> tuple[tuple[str, ...], Vectors]:
    names: list[str] = []
    features: list[Vectors] = []
    pictures = frames.images()
    while batch := list(islice(pictures, PICTURES_AT_A_TIME)):
        names += [item.name for item, _ in batch]
        features.append(backbone.features([image for _, image in batch]))
        on_progress(len(names), len(frames.items))
    if not names:
        raise DataError(f"{frames.source}: no picture could be decoded", hint="; ".join(frames.unreadable[:3]))
    return tuple(names), np.concatenate(features)


def require_same_space(first: Space, second: Space) -> None:
    """Refuse to compare vectors of two spaces.

    Raises:
        UsageError: names both.
    """
    if first.fingerprint != second.fingerprint:
        raise UsageError(
            f"embeddings of two spaces: {first.backbone} ({first.fingerprint[:8]}) and "
            f"{second.backbone} ({second.fingerprint[:8]})",
            expected="one backbone with one whitening",
            hint="embed both with the same --model, and the second with --space of the first",
        )
