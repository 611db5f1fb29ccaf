"""The SCAN stage (Van Gansbeke et al. 2020): a backbone learns on until neighbours fall into one cluster.

What it can find is bounded by its neighbours and hangs on where the heads begin. Of grey pictures neighbours are alike
both in the learned features and in their gradients, which err differently: on 10,000 clothes 81 % of 20 neighbours are
then of the same kind instead of 76 %. And many heads are tried first on the features as they are, which takes seconds,
of which those with the lowest loss begin: the one chosen was 70 % right where the average was 60 %, on MNIST 97 and 95.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgevision.discovery.backbones import HogBackbone
from edgevision.discovery.pretraining import losses
from edgevision.discovery.pretraining.objectives import Material, Pictures, Positions, Scan
from edgevision.discovery.whitening import Vectors, Whitening
from edgevision.tensorflow_setup import keras, tf

NEIGHBOURS = 20  # of each picture, at most
SHARE_OF_CLUSTER = 0.1  # of the pictures of a cluster of middle size that are neighbours, at most
DIMENSION = 64  # of the whitened features, and of the gradients, in which they are looked for
AT_A_TIME = 20_000  # pictures whose gradients are held: 140 MB
SCAN_RATE = 1e-3
BEGINS_AT = 0.1  # of the weights of heads that fit: else they are sure from the start and the network learns nothing
TRIED = 40  # heads, where there are few clusters
TRIED_OUTPUTS = 400  # of all heads together, where there are many
TRY_STEPS, TRY_BATCH, TRY_RATE = 600, 1024, 5e-3

Head = tuple[Vectors, Vectors]  # kernel (d, k), bias (k,)


@dataclass(frozen=True, eq=False)
class ScanStart:
    """Where SCAN begins: what `find_start` found."""

    neighbours: Positions  # (n, some)
    heads: tuple[Head, ...]  # the lowest loss first
    has_gradients: bool  # whether those say who is a neighbour, beside the features

    def describe(self) -> str:
        """For the log."""
        space = "features and gradients" if self.has_gradients else "features"
        return f"{self.neighbours.shape[1]} neighbours of each picture by {space}, the best of {len(self.heads)} heads"


def find_start(material: Material, features: Vectors, clusters: int, seed: int) -> ScanStart:
    """Neighbours of the pictures, and heads that fit the `features`, float32 (n, d); outside a strategy's scope."""
    count = max(1, min(NEIGHBOURS, int(SHARE_OF_CLUSTER * len(features) / clusters)))
    neighbours = neighbours_of(likeness(features, material.pictures), count)
    heads = tuple(try_heads(features, neighbours, clusters, seed))
    return ScanStart(neighbours, heads, _is_grey(material.pictures))


def make_scan(material: Material, start: ScanStart) -> Scan:
    """The objective, with the heads as they begin: right, and unsure."""
    scan = Scan(material, start.neighbours, len(start.heads[0][1]))
    for head, weights in zip(scan.heads, start.heads, strict=False):
        head.set_weights([BEGINS_AT * values for values in weights])
    return scan


def likeness(features: Vectors, pictures: Pictures) -> Vectors:
    """What neighbours are near in: whitened features, and of grey pictures their whitened gradients, both alike."""
    parts = [Whitening.fit(features, DIMENSION)(features)]
    if _is_grey(pictures) and (gradients := _gradients(pictures)) is not None:
        parts.append(gradients)
    return np.concatenate(parts, axis=1)


def _is_grey(pictures: Pictures) -> bool:
    return bool(pictures.shape[-1] == 1)


def _gradients(pictures: Pictures) -> Vectors | None:
    """Whitened histograms of gradients, float32 (n, d), by those of some where there are many; None: nothing varies."""
    hog = HogBackbone()

    def of(some: Pictures) -> Vectors:
        return hog.features([np.repeat(picture, 3, axis=2) for picture in some])

    values = of(pictures[:: math.ceil(len(pictures) / AT_A_TIME)])
    if not np.ptp(values, axis=0).any():
        return None
    whitening = Whitening.fit(values, DIMENSION)
    if len(pictures) <= AT_A_TIME:
        return whitening(values)
    starts = range(0, len(pictures), AT_A_TIME)
    return np.concatenate([whitening(of(pictures[start : start + AT_A_TIME])) for start in starts])


def neighbours_of(vectors: Vectors, count: int) -> Positions:
    """The nearest pictures of each, int64 (n, `count` or as many others as there are)."""
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=min(count + 1, len(vectors))).fit(vectors)
    found = np.asarray(search.kneighbors(vectors, return_distance=False), np.int64)
    found[:, 0] = np.where((found == np.arange(len(found))[:, None]).any(axis=1), found[:, 0], np.arange(len(found)))
    others = found != np.arange(len(found))[:, None]  # of equal pictures another one may come before the picture itself
    return np.asarray(found[others].reshape(len(found), -1))


def try_heads(features: Vectors, neighbours: Positions, clusters: int, seed: int) -> list[Head]:
    """Heads that learned on features as they are, the lowest loss first."""
    return _Trial(features, neighbours, clusters, seed).run()


def best_clusters(scan: Scan, features: Vectors) -> tuple[tuple[float, ...], Positions]:
    """(loss of each head, clusters (n,) of the one with the lowest): the best or near it, and no label is needed."""
    losses = scan.final_losses(features)
    logits = np.asarray(scan.heads[int(np.argmin(losses))](features, training=False))
    return losses, logits.argmax(axis=1)


class _Trial:
    """Many heads side by side, one dense layer; the features are scaled for it and the scale is folded in after."""

    def __init__(self, features: Vectors, neighbours: Positions, clusters: int, seed: int) -> None:
        self.mean, self.deviation = features.mean(axis=0), features.std(axis=0) + 1e-6
        self.values = tf.constant((features - self.mean) / self.deviation)
        self.neighbours, self.clusters, self.chance = neighbours, clusters, np.random.default_rng((seed, clusters))
        self.count = max(3, min(TRIED, TRIED_OUTPUTS // clusters))
        kernels = keras.initializers.GlorotUniform(seed)
        self.layer = keras.layers.Dense(self.count * clusters, kernel_initializer=kernels)
        self.layer.build((None, features.shape[1]))
        self.optimizer = keras.optimizers.Adam(TRY_RATE)
        self.optimizer.build(self.layer.trainable_variables)

    def run(self) -> list[Head]:
        step, total = tf.function(self._step), len(self.neighbours)
        for number in range(TRY_STEPS):
            positions = self.chance.integers(0, total, min(TRY_BATCH, total))
            others = self.neighbours[positions, self.chance.integers(0, self.neighbours.shape[1], len(positions))]
            self.optimizer.learning_rate.assign(TRY_RATE * 0.5 * (1 + math.cos(math.pi * number / TRY_STEPS)))
            step(tf.constant(positions), tf.constant(others))
        everything = np.arange(total)
        found = np.mean([self._losses(everything, column).numpy() for column in self.neighbours.T], axis=0)
        kernel = self.layer.kernel.numpy().reshape(-1, self.count, self.clusters) / self.deviation[:, None, None]
        bias = self.layer.bias.numpy().reshape(self.count, self.clusters) - np.einsum("d,dhk->hk", self.mean, kernel)
        return [(kernel[:, head], bias[head]) for head in np.argsort(found, kind="stable")]

    def _step(self, positions: Any, others: Any) -> None:
        variables = self.layer.trainable_variables
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(self._losses(positions, others))
        self.optimizer.apply_gradients(zip(tape.gradient(total, variables), variables, strict=True))

    def _losses(self, positions: Any, others: Any) -> Any:
        """One for each head."""
        first, second = (self._shares(tf.gather(self.values, part)) for part in (positions, others))
        return losses.scan(first, second)

    def _shares(self, values: Any) -> Any:
        """Probabilities of the clusters, float32 (heads, n, k)."""
        logits = tf.reshape(self.layer(values), [-1, self.count, self.clusters])
        return tf.transpose(tf.nn.softmax(logits), [1, 0, 2])
