"""The named clusters as an ordinary classifier: backbone, whitening, length 1, the nearest centroid, its name.

Of vectors z of length 1 the nearest centroid c is the one with the largest 2 c·z − |c|²: one dense layer. A name takes
the best of its clusters, so that the answer is that of the nearest centroid, and the softmax over names has a
temperature at which the median picture is 9 : 1 sure.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgevision.discovery.naming.names import REJECTED, UNNAMED
from edgevision.discovery.naming.state import Integers
from edgevision.discovery.whitening import Vectors, Whitening
from edgevision.runs import NewRun, RunDirectory, check_writable, write_run
from edgevision_runtime.errors import UsageError

if TYPE_CHECKING:
    from edgevision.discovery.keras_backbone import KerasBackbone
    from edgevision.discovery.naming.named_clusters import NamedClusters

MEDIAN_ODDS = 9.0  # of the nearest name against the next
LEAST_TEMPERATURE = 1e-3


@dataclass(frozen=True, eq=False)
class Centroids:
    """Named points of an embedding."""

    points: Vectors  # (k, d)
    label: Integers  # (k,) position in the labels
    labels: tuple[str, ...]

    @classmethod
    def of(cls, named: NamedClusters) -> Centroids:
        """Of the clusters that have a name; rejected ones and those without are not in it.

        Raises:
            UsageError: fewer than two names.
        """
        state = named.state
        labels = tuple(sorted(state.used_names))
        if len(labels) < 2:
            raise UsageError(f"{len(labels)} names", expected="two or more to tell apart")
        numbers, points = named.screens.centroids(state)
        rows = [row for row, number in enumerate(numbers) if state.names[number] not in (UNNAMED, REJECTED)]
        label = np.array([labels.index(state.names[numbers[row]]) for row in rows])
        return cls(points[rows], label, labels)

    def scores(self, vectors: Vectors) -> npt.NDArray[np.float64]:
        """For each vector (n, d) and label the largest 2 c·z − |c|² of its clusters, float64 (n, labels)."""
        points = self.points.astype(np.float64)
        each = 2 * vectors.astype(np.float64) @ points.T - (points**2).sum(axis=1)
        return np.stack([each[:, self.label == one].max(axis=1) for one in range(len(self.labels))], axis=1)

    def temperature(self, vectors: Vectors) -> float:
        """At which the median of these vectors is `MEDIAN_ODDS` : 1 sure of its name against the next."""
        best = np.sort(self.scores(vectors), axis=1)
        gap = float(np.median(best[:, -1] - best[:, -2]))
        return max(LEAST_TEMPERATURE, gap / math.log(MEDIAN_ODDS))


def centroid_model(backbone: Any, whitening: Whitening, centroids: Centroids, temperature: float) -> Any:
    """A tf_keras classifier (N, labels) on a tf_keras backbone of features (N, d); layer `embedding` is the space."""
    from edgevision.tensorflow_setup import keras

    layers = keras.layers
    x = layers.Dense(whitening.kernel.shape[1], name="whitening")(backbone.output)
    x = layers.UnitNormalization(name="embedding")(x)
    order, width = _padded(centroids)
    x = layers.Dense(len(order), name="head_centroids")(x)
    if width > 1:
        x = layers.Reshape((len(centroids.labels), width, 1), name="head_by_name")(x)
        x = layers.MaxPooling2D((1, width), name="head_nearest")(x)  # pooling is quantized well everywhere
        x = layers.Flatten(name="head_names")(x)
    model = keras.Model(backbone.input, layers.Softmax(dtype="float32", name="head_softmax")(x), name="centroids")
    model.get_layer("whitening").set_weights([whitening.kernel, whitening.bias])
    points = centroids.points[order].astype(np.float64) / temperature
    bias = -(centroids.points[order].astype(np.float64) ** 2).sum(axis=1) / temperature
    model.get_layer("head_centroids").set_weights([(2 * points.T).astype(np.float32), bias.astype(np.float32)])
    return model


def _padded(centroids: Centroids) -> tuple[list[int], int]:
    """(rows of the points, as many for each label in turn: its first one stands in for missing ones; how many)."""
    rows = [np.flatnonzero(centroids.label == one).tolist() for one in range(len(centroids.labels))]
    width = max(len(one) for one in rows)
    return [row for one in rows for row in one + one[:1] * (width - len(one))], width


def open_keras_backbone(named: NamedClusters, text: str | None) -> KerasBackbone:
    """The network that made the embeddings: `text`, or what the clusters folder notes.

    Raises:
        UsageError: nobody noted it, it is no network, or it is another one than the embeddings are of.
    """
    space = named.folder.embeddings.space
    text = text or named.folder.model
    if not text:
        raise UsageError(f"nobody noted which model made {space.backbone}", expected="--model RUN or NAME")
    from edgevision.discovery.backbones import open_backbone
    from edgevision.discovery.keras_backbone import KerasBackbone

    backbone = open_backbone(text)
    if not isinstance(backbone, KerasBackbone):
        raise UsageError(
            f"{backbone.title} is no network that a classifier can stand on",
            expected="clusters of a run directory or of pinned weights",
            hint="`edgevision train` learns one from the data set instead",
        )
    if backbone.fingerprint != space.backbone_fingerprint:
        raise UsageError(
            f"{text} is not what the clusters were made with ({space.backbone}), or has changed since",
            expected=f"the backbone with fingerprint {space.backbone_fingerprint[:8]}",
        )
    return backbone


@dataclass(frozen=True)
class CentroidPlan:
    """What is written where."""

    output: Path  # the run directory
    data: str  # pictures that `convert` calibrates with: the data set that was written
    model: str | None = None  # as `open_keras_backbone` takes it
    command: str = ""
    force: bool = False


@dataclass(frozen=True, eq=False)
class CentroidParts:
    """What a classifier is made of."""

    centroids: Centroids
    backbone: KerasBackbone

    @classmethod
    def of(cls, named: NamedClusters, plan: CentroidPlan) -> CentroidParts:
        """Open them: whatever is wrong with the classifier is told before anything is written.

        Raises:
            UsageError: fewer than two names, no network, or the place cannot be written.
        """
        check_writable(plan.output, force=plan.force)
        return cls(Centroids.of(named), open_keras_backbone(named, plan.model))


def write_centroid_run(named: NamedClusters, plan: CentroidPlan, parts: CentroidParts | None = None) -> RunDirectory:
    """Write the classifier as a run directory, of which `edgevision convert` makes a bundle.

    Raises:
        UsageError: see `CentroidParts.of`.
    """
    parts = parts or CentroidParts.of(named, plan)
    centroids, backbone, embeddings = parts.centroids, parts.backbone, named.folder.embeddings
    temperature = centroids.temperature(embeddings.vectors)
    model = centroid_model(backbone.model, embeddings.whitening, centroids, temperature)
    from edgevision_runtime.postprocess import Postprocess
    from edgevision_runtime.spec import make_spec

    spec = make_spec("classify", centroids.labels, backbone.preprocess, Postprocess("classify"))
    record = _record(named, plan, centroids, temperature) | {
        "architecture": _architecture(backbone, named, plan, model)
    }
    metrics = {"schema": "edgevision.metrics/1", "task": "classify", "labels": list(centroids.labels), "splits": {}}

    def save(folder: Path) -> None:
        model.save(folder / "model.keras")
        (folder / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")

    return write_run(NewRun(plan.output, spec, record, force=plan.force), save)


def _record(named: NamedClusters, plan: CentroidPlan, centroids: Centroids, temperature: float) -> dict[str, Any]:
    from edgevision.training.run_files import tool_versions

    clusters = {label: int((centroids.label == one).sum()) for one, label in enumerate(centroids.labels)}
    return {
        "command": plan.command,
        "arguments": {"clusters": str(named.folder.path), "model": plan.model},
        "stage": "trained",
        "parent": None,
        "seed": named.folder.record.get("seed"),
        "data": {"source": plan.data, "root": str(Path(plan.data).absolute()), "images": {}},
        "centroids": {"clusters": clusters, "temperature": temperature, "median_odds": MEDIAN_ODDS},
        "space": vars(named.folder.embeddings.space),
        "tools": tool_versions(),
    }


def _architecture(backbone: KerasBackbone, named: NamedClusters, plan: CentroidPlan, model: Any) -> dict[str, Any]:
    """That of the backbone: its layers bear their names, so that weights can be taken from here too."""
    run = Path(plan.model or named.folder.model)
    known = RunDirectory.open(run).record.get("architecture", {}) if (run / "run.json").is_file() else {}
    return {
        "name": known.get("name", backbone.title),
        "width": known.get("width", 1.0),
        "parameters": int(model.count_params()),
        "weights": None,
        "head": "centroids",
    }
