"""From samples to batches: the contract on all cores, kept as uint8, then shuffled, augmented and made tensors."""

from __future__ import annotations

import atexit
import itertools
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgevision.data.augment import Augmentation
from edgevision.data.dataset import Sample
from edgevision.tensorflow_setup import tf
from edgevision_runtime.contract import Preprocess
from edgevision_runtime.errors import DataError
from edgevision_runtime.types import ModelSpec

NO_LABEL = -1


@dataclass(frozen=True)
class Cache:
    """Where prepared pictures are kept between epochs."""

    limit_bytes: int = 2 << 30  # of memory; above it they go to a file
    folder: Path | None = None  # for that file; None: the system's temporary folder, removed when the program ends
    log: Callable[[str], None] = lambda text: None
    on_prepared: Callable[[int, int], None] = lambda done, total: None  # pictures through the contract; any thread


IN_MEMORY = Cache()


def image_pipeline(
    samples: Sequence[Sample],
    spec: ModelSpec,
    batch: int,
    augment: Augmentation | None = None,
    shuffle_seed: int | None = None,
    cache: Cache = IN_MEMORY,
) -> Any:
    """A `tf.data.Dataset` of (images, truth), one pass a time over all samples; the last batch may be smaller.

    To learn from (with `shuffle_seed`), samples that do not all weigh 1 have their weights, float32 (n,), as a third.

    Images are float32 in the contract's layout: 0..255 when it does not normalize. Truth is int32 (n,), -1 without a
    label, or uint8 masks (n, h, w) with 255 = ignore. Every sample goes through `spec.preprocess.to_image`, whose
    uint8 result is cached; augmentation works on that. With `shuffle_seed` each pass has another order, and the series
    of orders and augmentations is the same from run to run; without it the order is that of `samples`.

    Raises:
        DataError: no samples.
        ContractError: the contract has no fixed output size.
    """
    if not samples:
        raise DataError("there are no images to prepare", expected="at least one")
    data = _cached(_prepared(samples, spec, cache), len(samples), spec, cache)
    if shuffle_seed is not None and any(sample.weight != 1 for sample in samples):
        data = _weighted(data, samples)
    if shuffle_seed is not None:
        data = data.shuffle(_shuffle_span(len(samples), batch, spec, cache), seed=shuffle_seed)
    data = data.batch(batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    if augment is not None:
        data = _augmented(data, augment, spec, shuffle_seed or 0)
    finish = _tensor_maker(spec.preprocess)
    data = data.map(lambda images, *rest: (finish(images), *rest), num_parallel_calls=tf.data.AUTOTUNE)
    options = tf.data.Options()
    options.deterministic = True
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return data.with_options(options).prefetch(tf.data.AUTOTUNE)


def _prepared(samples: Sequence[Sample], spec: ModelSpec, cache: Cache) -> Any:
    """uint8 images (h, w, c) and their truth, one by one, in order."""
    preprocess, has_masks = spec.preprocess, spec.task == "segment"
    image_shape = _image_shape(preprocess)
    count = itertools.count(1)  # next() is atomic

    def load_image(position: Any) -> Any:
        image = preprocess.to_image(samples[position].read_image())
        cache.on_prepared(next(count), len(samples))
        return np.ascontiguousarray(image)

    def load_mask(position: Any) -> Any:
        return np.ascontiguousarray(preprocess.to_mask(samples[position].read_mask(spec.labels)))

    def load(position: Any, label: Any) -> Any:
        image = tf.ensure_shape(tf.numpy_function(load_image, [position], tf.uint8, stateful=False), image_shape)
        if not has_masks:
            return image, label
        return image, tf.ensure_shape(
            tf.numpy_function(load_mask, [position], tf.uint8, stateful=False), image_shape[:2]
        )

    # stateful=False: reading a file depends on nothing else, so that deterministic training may still do it in parallel
    labels = [NO_LABEL if sample.label is None else sample.label for sample in samples]
    positions = tf.data.Dataset.from_tensor_slices((np.arange(len(samples)), np.array(labels, np.int32)))
    return positions.map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


def _weighted(data: Any, samples: Sequence[Sample]) -> Any:
    """(image, truth, weight), one by one."""
    weights = tf.data.Dataset.from_tensor_slices(np.array([sample.weight for sample in samples], np.float32))
    return tf.data.Dataset.zip((data, weights)).map(lambda pair, weight: (*pair, weight))


def _image_shape(preprocess: Preprocess) -> tuple[int, int, int]:
    """(h, w, c) of `to_image`, whatever the layout."""
    shape = preprocess.shape
    return (shape[1], shape[2], shape[0]) if preprocess.layout == "NCHW" else shape


def _item_bytes(spec: ModelSpec) -> int:
    height, width, channels = _image_shape(spec.preprocess)
    return height * width * (channels + (spec.task == "segment"))


def _cached(data: Any, count: int, spec: ModelSpec, cache: Cache) -> Any:
    needed = count * _item_bytes(spec)
    if needed <= cache.limit_bytes:
        return data.cache()
    folder = Path(tempfile.mkdtemp(prefix="edgevision-cache-", dir=cache.folder))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    limit = cache.limit_bytes / 1e9
    cache.log(f"{count} prepared images are {needed / 1e9:.1f} GB, more than {limit:.1f} GB: kept in {folder}")
    return data.cache(str(folder / "images"))


def _shuffle_span(count: int, batch: int, spec: ModelSpec, cache: Cache) -> int:
    """How many images are mixed at a time: all of them when they are in memory."""
    return min(count, max(cache.limit_bytes // _item_bytes(spec), 8 * batch))


def _augmented(data: Any, augment: Augmentation, spec: ModelSpec, seed: int) -> Any:
    color = "rgb" if spec.preprocess.color == "gray" else spec.preprocess.color
    seeds = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True).batch(2)

    def change(batch: Any, pair: Any) -> Any:
        images, truth, *weights = batch
        if spec.task == "segment":
            return (*augment(images, truth, pair, color), *weights)
        return (augment(images, None, pair, color)[0], truth, *weights)

    return tf.data.Dataset.zip((data, seeds)).map(change, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


def _tensor_maker(preprocess: Preprocess) -> Callable[[Any], Any]:
    """`preprocess.to_tensor` for batches of whole steps 0..255, bit for bit, as float32."""
    normalize = preprocess.normalize

    def make(images: Any) -> Any:
        if normalize is None:
            tensors = tf.cast(images, tf.float32)
        else:
            channels = preprocess.channels
            table = tf.constant(normalize.table(channels).T.reshape(-1))  # 256 steps of channel 0, then of channel 1 …
            tensors = tf.gather(table, tf.cast(images, tf.int32) + 256 * np.arange(channels, dtype=np.int32))
        return tf.transpose(tensors, [0, 3, 1, 2]) if preprocess.layout == "NCHW" else tensors

    return make
