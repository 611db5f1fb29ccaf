"""What turns pictures into features: the network before its head, of whatever somebody has.

runs/NAME           a run directory: of `pretrain`, or of `train`, without its head
model.evb           a bundle with an embedding, on the engine that a device would use
model.keras …       somebody else's model, with its contract beside it; see file_backbone.py
NAME                pinned weights, such as mobilenet_v2-imagenet or imagenet
hog                 histograms of gradients: no network, nothing to fetch
pixels              the small grey picture itself: what everything else is held against
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from edgevision_runtime.contract import Preprocess
from edgevision_runtime.errors import UsageError, did_you_mean
from edgevision_runtime.operations import Color, Resize

if TYPE_CHECKING:
    from edgevision.discovery.whitening import Vectors, Weighing, Whitening
    from edgevision_runtime.types import Image

HOG_SIZE = 64  # pixels a side
PIXELS_SIZE = 28
BATCH = 64  # pictures through a network at a time


class Backbone(Protocol):
    """A map from pictures to features."""

    title: str  # for people
    fingerprint: str  # sha256 over weights and contract: equal ones give equal features
    preprocess: Preprocess
    weighing: Weighing  # of its features, in the embedding that tells things apart best

    def features(self, images: Sequence[Image]) -> Vectors:
        """Pictures, uint8 (h, w, 3) BGR each, to float32 (n, d)."""
        ...


@runtime_checkable
class SpacedBackbone(Backbone, Protocol):
    """One whose features come with their whitening: everybody who uses it speaks of the same space."""

    whitening: Whitening
    space_fingerprint: str


def open_backbone(text: str) -> Backbone:
    """Open what `text` names, see the module.

    Raises:
        UsageError: nothing of that name.
        ModelError: a model that cannot be read, or has no features to give.
        DataError: pinned weights that cannot be had.
    """
    if text in WITHOUT_NETWORK:
        return WITHOUT_NETWORK[text]()
    path = Path(text)
    from edgevision.discovery.keras_backbone import KerasBackbone, pinned_names

    if (path / "run.json").is_file():
        return KerasBackbone.of_run(path)
    if path.suffix == ".evb":
        from edgevision.discovery.bundle_backbone import BundleBackbone

        return BundleBackbone(path)
    from edgevision.discovery.file_backbone import FileBackbone, is_model_file

    if is_model_file(path):
        return FileBackbone(path)
    if text in pinned_names():
        return KerasBackbone.pinned(text)
    known = (*WITHOUT_NETWORK, *pinned_names())
    raise UsageError(
        f"no backbone {text!r}",
        expected=f"a run directory, a bundle, a model file, or {' | '.join(known)}",
        hint=did_you_mean(text, known),
    )


class HogBackbone:
    """Histograms of oriented gradients (Dalal and Triggs 2005) of a 64 × 64 grey picture: 1764 numbers."""

    title = "hog"
    weighing: Weighing = "equal"
    preprocess = Preprocess((Resize((HOG_SIZE, HOG_SIZE), "squash", "bilinear"), Color("gray")))

    def __init__(self) -> None:
        self.fingerprint = fingerprint_of(self.title, self.preprocess)

    def features(self, images: Sequence[Image]) -> Vectors:
        """See `Backbone`."""
        from skimage.feature import hog

        pictures = (self.preprocess.to_image(image)[..., 0] for image in images)
        return np.stack([hog(picture, 9, (8, 8), (2, 2)) for picture in pictures]).astype(np.float32)


class PixelsBackbone:
    """A grey picture of 28 × 28 pixels as 784 numbers in 0..1."""

    title = "pixels"
    weighing: Weighing = "untouched"
    preprocess = Preprocess((Resize((PIXELS_SIZE, PIXELS_SIZE), "squash", "area"), Color("gray")))

    def __init__(self) -> None:
        self.fingerprint = fingerprint_of(self.title, self.preprocess)

    def features(self, images: Sequence[Image]) -> Vectors:
        """See `Backbone`."""
        pictures = [self.preprocess.to_image(image).ravel() for image in images]
        return np.asarray(np.stack(pictures) / np.float32(255), np.float32)


WITHOUT_NETWORK: dict[str, Callable[[], Backbone]] = {"hog": HogBackbone, "pixels": PixelsBackbone}


def fingerprint_of(title: str, preprocess: Preprocess, weights: Sequence[Any] = ()) -> str:
    """sha256 of a backbone's contract and its weights, arrays in their order; of the title where it has none."""
    digest = hashlib.sha256(json.dumps(preprocess.to_json(), sort_keys=True).encode())
    digest.update(b"" if weights else title.encode())
    for array in weights:
        digest.update(str(array.shape).encode() + np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
