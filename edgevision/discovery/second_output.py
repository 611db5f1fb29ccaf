"""A second output for the network of a run: the features before its head, which whitening makes an embedding.

The features leave the graph as they are; whoever reads them whitens them in float32. In the graph, in int8, a dense
layer that blows up the smallest directions loses more of them. A layer that is called `embedding`, as that of named
clusters, is taken as it is. A network that learned without labels has no head; it gets one that tells to which group of
the calibration pictures a frame is nearest, so that it can be converted, verified and run as any other.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision.discovery.backbones import fingerprint_of
from edgevision.discovery.embeddings import Space
from edgevision.discovery.keras_backbone import features_of, without_head
from edgevision.discovery.whitening import DIMENSION, Whitening, normalized
from edgevision.packing.embedding import EmbeddingDraft
from edgevision.runs import RunDirectory
from edgevision.tensorflow_setup import keras
from edgevision.training.load import load_model
from edgevision_runtime.errors import DataError
from edgevision_runtime.postprocess import Postprocess
from edgevision_runtime.spec import EMBED, make_spec
from edgevision_runtime.types import EmbeddingOutput

if TYPE_CHECKING:
    from edgevision.discovery.whitening import Vectors
    from edgevision.packing.source_model import SourceModel
    from edgevision_runtime.types import ModelSpec, Tensor

LAYER = "embedding"  # of a network that has a space of its own
OUTPUT = 1  # the head is 0
WHITENING = "reference/whitening.npy"
FEWEST_IMAGES = 2 * DIMENSION  # to learn that many directions from
GROUPS = 8  # of a network without a head
MEDIAN_ODDS = 9.0  # of the nearest group against the next


@contextmanager
def with_embedding(
    source: SourceModel, run_path: Path, tensors: Sequence[Tensor]
) -> Iterator[tuple[SourceModel, EmbeddingDraft]]:
    """The source with a second output, while it is read; `tensors` are calibration images through its contract.

    Raises:
        ModelError: the network has no layer to take features from.
        DataError: too few images to whiten by.
    """
    run = RunDirectory.open(run_path)
    model = load_model(run)
    features, draft = _embedding_of(model, run, np.stack([np.asarray(tensor, np.float32) for tensor in tensors]))
    spec, head = source.spec, model.output
    if spec.task == EMBED:
        spec, head = _group_spec(spec), _group_head(features, draft)
    with TemporaryDirectory() as folder:
        path = Path(folder) / run.model_path.name
        keras.Model(model.input, [head, features], name=model.name).save(path)
        yield replace(source, path=path, spec=spec), draft


def _embedding_of(model: Any, run: RunDirectory, images: Vectors) -> tuple[Any, EmbeddingDraft]:
    """The layer's output, and what is known of it after looking at the images."""
    preprocess = run.spec.preprocess
    if LAYER in [layer.name for layer in model.layers]:
        last = keras.Model(model.input, model.get_layer(LAYER).output)
        own = fingerprint_of(LAYER, preprocess, last.get_weights())
        space = {"fingerprint": own, "backbone_fingerprint": own, **run.record.get("space", {})}
        vectors = normalized(features_of(last, images))
        facts = EmbeddingOutput(OUTPUT, vectors.shape[1], space["fingerprint"], space["backbone_fingerprint"])
        return last.output, EmbeddingDraft(facts, vectors)
    if len(images) < FEWEST_IMAGES:
        raise DataError(f"{len(images)} calibration images", expected=f"{FEWEST_IMAGES} or more for an embedding")
    backbone = without_head(model, run.record.get("architecture", {}).get("name", ""))
    values = features_of(backbone, images)
    whitening = Whitening.fit(values)
    space_of = Space.of("", fingerprint_of("", preprocess, backbone.get_weights()), whitening)
    vectors = whitening(values)
    facts = EmbeddingOutput(
        OUTPUT, vectors.shape[1], space_of.fingerprint, space_of.backbone_fingerprint, whitening=WHITENING
    )
    matrix = np.concatenate([whitening.kernel, whitening.bias[None]])
    return backbone.output, EmbeddingDraft(facts, vectors, matrix, {WHITENING: _npy(matrix)})


def _group_spec(spec: ModelSpec) -> ModelSpec:
    labels = tuple(f"group {number}" for number in range(1, GROUPS + 1))
    return make_spec("classify", labels, spec.preprocess, Postprocess("classify"))


def _group_head(features: Any, draft: EmbeddingDraft) -> Any:
    """A softmax over groups of the calibration images; the nearest by cosine is the likeliest."""
    from sklearn.cluster import KMeans

    assert draft.whitening is not None
    centres = normalized(KMeans(GROUPS, n_init=4, random_state=0).fit(draft.vectors).cluster_centers_)
    likeness = np.sort(draft.vectors @ centres.T, axis=1)
    # features of other lengths are sharper or softer; the order of the groups is the same
    gain = math.log(MEDIAN_ODDS) / max(1e-6, float(np.median(likeness[:, -1] - likeness[:, -2])))
    gain /= math.sqrt(draft.facts.dimension)  # the length of a whitened vector
    logits = keras.layers.Dense(GROUPS, name="head_groups")
    probabilities = keras.layers.Softmax(dtype="float32", name="head_softmax")(logits(features))
    logits.set_weights([gain * draft.whitening[:-1] @ centres.T, gain * draft.whitening[-1] @ centres.T])
    return probabilities


def _npy(array: Tensor) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()
