"""A network of edgevision without its head, as a backbone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision.discovery.backbones import BATCH, fingerprint_of
from edgevision.runs import RunDirectory
from edgevision.tensorflow_setup import keras, tf
from edgevision.training.architectures import ARCHITECTURES, ArchitectureOptions, build
from edgevision.training.imagenet import WEIGHTS
from edgevision.training.load import load_model
from edgevision.training.weights import load_weights
from edgevision_runtime.contract import Preprocess
from edgevision_runtime.errors import ModelError
from edgevision_runtime.operations import Color, Resize

if TYPE_CHECKING:
    from edgevision.discovery.whitening import Vectors, Weighing
    from edgevision_runtime.types import Image

IMAGENET = "imagenet"  # short for the pinned weights below
DEFAULT_PINNED = "mobilenet_v2-imagenet"


class KerasBackbone:
    """The features of a tf_keras model; BatchNorm in inference mode."""

    def __init__(self, model: keras.Model, preprocess: Preprocess, title: str, weighing: Weighing = "equal") -> None:
        self.model, self.preprocess, self.title, self.weighing = model, preprocess, title, weighing
        self.fingerprint = fingerprint_of(title, preprocess, model.get_weights())
        self._infer = tf.function(lambda tensors: model(tensors, training=False), reduce_retracing=True)

    @classmethod
    def of_run(cls, path: Path) -> KerasBackbone:
        """A run directory's network up to its embedding layer.

        Raises:
            ModelError: it cannot be read, or its architecture has no such layer.
        """
        run = RunDirectory.open(path)
        model, name = load_model(run), run.record.get("architecture", {}).get("name", "")
        weighing: Weighing = "equal" if run.stage == "pretrained" else "own"
        return cls(without_head(model, name), run.spec.preprocess, f"{path.name} ({name or 'unknown'})", weighing)

    @classmethod
    def pinned(cls, name: str) -> KerasBackbone:
        """A network with weights of a pinned package, at its own picture size."""
        name = DEFAULT_PINNED if name == IMAGENET else name
        architecture = ARCHITECTURES[WEIGHTS[name].architectures[0]]
        height, width = architecture.default_size
        model = build(architecture.name, ArchitectureOptions((height, width, 3), 1000))
        load_weights(model, architecture.name, name)
        preprocess = Preprocess((Resize((height, width), "squash", "bilinear"), Color("rgb")))
        return cls(without_head(model, architecture.name), preprocess, name)

    def features(self, images: Sequence[Image]) -> Vectors:
        """See `Backbone`."""
        tensors = np.stack([np.asarray(self.preprocess(image), np.float32) for image in images])
        return _in_batches(lambda batch: self._infer(tf.constant(batch)), tensors)


def features_of(model: keras.Model, tensors: Any) -> Vectors:
    """What the model gives for tensors (n, h, w, c) that went through its contract, batch by batch: float32 (n, d)."""
    return _in_batches(lambda batch: model(batch.astype(np.float32), training=False), tensors)


def _in_batches(infer: Callable[[Any], Any], tensors: Any) -> Vectors:
    batches = (tensors[start : start + BATCH] for start in range(0, len(tensors), BATCH))
    return np.concatenate([np.asarray(infer(batch)) for batch in batches])


def pinned_names() -> tuple[str, ...]:
    """What `KerasBackbone.pinned` takes."""
    return (IMAGENET, *WEIGHTS)


def without_head(model: keras.Model, architecture: str) -> keras.Model:
    """The model up to its embedding, (N, d): maps are averaged over their places.

    Raises:
        ModelError: it has no layer that its architecture calls the embedding.
    """
    row = ARCHITECTURES.get(architecture)
    layer_name = row.embedding if row is not None else "pool"
    if layer_name not in [layer.name for layer in model.layers]:
        raise ModelError(
            f"{model.name} has no layer {layer_name!r} to take features from",
            expected="a run of an architecture of edgevision",
            hint="`edgevision train --arch` lists them",
        )
    features: Any = model.get_layer(layer_name).output
    if len(features.shape) == 4:
        features = keras.layers.GlobalAveragePooling2D(name="embedding_pool")(features)
    return keras.Model(model.input, features, name=f"{model.name}_features")
