"""The images that quantization learns its ranges from: real ones, through the contract, never from the test split."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from edgevision.data.dataset import Sample, open_dataset
from edgevision.data.splits import read_splits
from edgevision_runtime.contract import Preprocess
from edgevision_runtime.errors import DataError
from edgevision_runtime.types import Tensor


@dataclass(frozen=True, eq=False)
class CalibrationImages:
    """Prepared samples and where they came from."""

    tensors: list[Tensor]  # what the contract made, without batch axis
    source: str
    split: str  # train, or all when the data is not split
    paths: tuple[str, ...]
    left_out: tuple[str, ...] = ()  # files that cannot be used, with the reason


def calibration_images(
    source: str, preprocess: Preprocess, *, count: int, seed: int, splits: Path | None = None
) -> CalibrationImages:
    """Pick `count` images of the training split (of all, when there are no splits), seeded and spread over the classes.

    Raises:
        DataError: there are none, or one cannot be read.
    """
    dataset = open_dataset(source)
    if splits is not None and splits.is_file():
        dataset = read_splits(splits, dataset)
    training = [sample for sample in dataset.samples if sample.split == "train"]
    chosen = _spread(training or list(dataset.samples), count, seed)
    if not chosen:
        raise DataError(f"{source}: no image to calibrate with", expected="a folder of pictures like the real ones")
    return CalibrationImages(
        tensors=[preprocess(sample.read_image()) for sample in chosen],
        source=source,
        split="train" if training else "all",
        paths=tuple(str(sample.image) for sample in chosen),
        left_out=tuple(f"{skipped.path.name}: {skipped.reason}" for skipped in dataset.skipped),
    )


def _spread(samples: list[Sample], count: int, seed: int) -> list[Sample]:
    """Up to `count` samples, taken from the classes in turn, each class shuffled with the seed."""
    classes: dict[int | None, list[Sample]] = {}
    for sample in sorted(samples, key=lambda sample: str(sample.image)):
        classes.setdefault(sample.label, []).append(sample)
    for position, members in enumerate(classes.values()):
        random.Random(f"{seed}/{position}").shuffle(members)
    chosen: list[Sample] = []
    queues = [iter(members) for members in classes.values()]
    while queues and len(chosen) < count:
        for queue in list(queues):
            taken = next(queue, None)
            if taken is None:
                queues.remove(queue)
            elif len(chosen) < count:
                chosen.append(taken)
    return chosen


def noise_images(preprocess: Preprocess, *, count: int, seed: int) -> CalibrationImages:
    """Random frames through the contract: for a check of float agreement when there are no images."""
    import numpy as np

    height, width = preprocess.size or (64, 64)
    generator = np.random.default_rng(seed)
    frames = generator.integers(0, 256, (count, height, width, 3), dtype=np.uint8)
    return CalibrationImages([preprocess(frame) for frame in frames], "random noise", "none", ())
