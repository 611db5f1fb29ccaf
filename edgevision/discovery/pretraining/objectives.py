"""What label-free learning trains: a backbone with something behind it that is thrown away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from edgevision.data.augment import Augmentation
from edgevision.discovery.pretraining import losses
from edgevision.tensorflow_setup import keras, tf

Pictures = npt.NDArray[np.uint8]  # (n, h, w, c), through the contract
Positions = npt.NDArray[np.int64]

PROJECTION = 256  # width of the projector; as in the papers' small variants
SECOND_VIEW = 1_000_003  # added to a step's seed: the two views of a step draw differently
SCAN_HEADS = 3  # of which the one with the lowest loss is kept: labels are not needed to choose it


class Objective(Protocol):
    """A loss with the networks that it trains."""

    networks: tuple[Any, ...]  # keras models; the first is the backbone

    def gather(self, positions: Positions, epoch: int) -> tuple[npt.NDArray[Any], ...]:
        """What a step needs of these pictures: arrays whose first axis is that of `positions`."""
        ...

    def loss(self, arrays: tuple[Any, ...], seed: Any) -> Any:
        """The loss of a batch, a float32 scalar; `seed` is two integers."""
        ...


@dataclass(frozen=True, eq=False)
class Material:
    """The backbone, what it looks at, and how that may be changed."""

    backbone: Any  # keras model: float32 (n, h, w, c) of 0..255 → (n, d)
    pictures: Pictures
    views: Augmentation
    color: str  # rgb | bgr: the order of three channels

    def view(self, images: Any, seed: Any) -> Any:
        """One view of each picture, float32 of 0..255."""
        return self.views(images, None, seed, self.color)[0]


class TwoViews:
    """Two views of each picture through backbone and projector; the loss compares them."""

    def __init__(self, material: Material, compare: Callable[[Any, Any], Any]) -> None:
        self._material, self._compare = material, compare
        self._projector = projector(material.backbone.output_shape[-1])
        self.networks = (material.backbone, self._projector)

    def gather(self, positions: Positions, epoch: int) -> tuple[npt.NDArray[Any], ...]:
        """See `Objective`."""
        return (self._material.pictures[positions],)

    def loss(self, arrays: tuple[Any, ...], seed: Any) -> Any:
        """See `Objective`."""
        (images,) = arrays
        both = tf.concat([self._material.view(images, seed), self._material.view(images, seed + SECOND_VIEW)], axis=0)
        projected = self._projector(self._material.backbone(both, training=True), training=True)
        first, second = tf.split(projected, 2)
        return self._compare(first, second)


class Distillation:
    """A view of each picture through backbone and a dense layer, held against the teacher's embedding of it."""

    def __init__(self, material: Material, targets: npt.NDArray[np.float32]) -> None:
        self._material, self._targets = material, targets
        self._head = keras.Sequential([keras.layers.Dense(targets.shape[1], name="to_teacher")], name="to_teacher")
        self._head.build((None, material.backbone.output_shape[-1]))
        self.networks = (material.backbone, self._head)

    def gather(self, positions: Positions, epoch: int) -> tuple[npt.NDArray[Any], ...]:
        """See `Objective`."""
        return self._material.pictures[positions], self._targets[positions]

    def loss(self, arrays: tuple[Any, ...], seed: Any) -> Any:
        """See `Objective`."""
        images, targets = arrays
        features = self._material.backbone(self._material.view(images, seed), training=True)
        return losses.distill(self._head(features, training=True), targets)


class Scan:
    """A view of a picture and one of a neighbour should fall into one cluster; three heads learn side by side."""

    def __init__(self, material: Material, neighbours: Positions, clusters: int) -> None:
        self._material, self._neighbours = material, neighbours
        self.heads = [_head(material.backbone.output_shape[-1], clusters, number) for number in range(SCAN_HEADS)]
        self.networks = (material.backbone, *self.heads)

    def gather(self, positions: Positions, epoch: int) -> tuple[npt.NDArray[Any], ...]:
        """See `Objective`; another neighbour in each epoch."""
        drawn = np.random.default_rng((epoch, *positions[:1])).integers(0, self._neighbours.shape[1], len(positions))
        others = self._neighbours[positions, drawn]
        return self._material.pictures[positions], self._material.pictures[others]

    def loss(self, arrays: tuple[Any, ...], seed: Any) -> Any:
        """See `Objective`."""
        images, others = arrays
        views = [self._material.view(images, seed), self._material.view(others, seed + SECOND_VIEW)]
        features = self._material.backbone(tf.concat(views, axis=0), training=True)
        total = []
        for head in self.heads:
            first, second = tf.split(tf.nn.softmax(head(features, training=True)), 2)
            total.append(losses.scan(first, second))
        return tf.add_n(total) / len(total)

    def final_losses(self, features: npt.NDArray[np.float32]) -> tuple[float, ...]:
        """The loss of each head over all pictures as they are, each with all its neighbours; `features` (n, d)."""
        found = []
        for head in self.heads:
            shares = tf.nn.softmax(head(features, training=False))
            pairs = [losses.scan(shares, tf.gather(shares, column)) for column in self._neighbours.T]
            found.append(float(tf.reduce_mean(pairs)))
        return tuple(found)


def projector(features: int) -> Any:
    """Dense 256, BatchNorm, ReLU, Dense 256: what the loss sees instead of the features, and is thrown away."""
    layers = keras.layers
    network = keras.Sequential(
        [
            layers.Dense(PROJECTION, use_bias=False, name="projector_1"),
            layers.BatchNormalization(momentum=0.9, name="projector_1_bn"),
            layers.ReLU(name="projector_1_act"),
            layers.Dense(PROJECTION, name="projector_2"),
        ],
        name="projector",
    )
    network.build((None, features))
    return network


def _head(features: int, clusters: int, number: int) -> Any:
    head = keras.Sequential([keras.layers.Dense(clusters, name="clusters")], name=f"scan_{number}")
    head.build((None, features))
    return head
