"""Judge a trained model on one split: per-sample answers for the report, and the numbers for metrics.json."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgevision.data.pipeline import image_pipeline
from edgevision.training.metrics import confusion_matrix, evaluate_classification, evaluate_segmentation
from edgevision_runtime.types import ModelSpec

if TYPE_CHECKING:
    from edgevision.data.dataset import Sample


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a model answered on one split, sample by sample, and what that is worth."""

    task: str
    labels: tuple[str, ...]
    split: str  # val | test
    samples: tuple[Sample, ...]
    truth: npt.NDArray[Any]  # classify: int64 (N,); segment: uint8 (N, h, w), 255 = ignored
    predicted: npt.NDArray[Any]  # like truth, without 255
    scores: npt.NDArray[np.float32]  # classify: (N, classes); segment: (N, 0)
    quality: npt.NDArray[np.float32]  # (N,): the score of the true class, or the sample's own mean IoU; low is bad
    metrics: dict[str, Any]

    def worst(self, count: int) -> list[int]:
        """Positions of the `count` worst samples, worst first; for classes only those that are wrong."""
        order = [int(position) for position in np.argsort(self.quality, kind="stable")]
        if self.task == "classify":
            order = [position for position in order if self.truth[position] != self.predicted[position]]
        return order[:count]


def evaluate(model: Any, spec: ModelSpec, samples: Sequence[Sample], split: str, batch: int = 32) -> Evaluation:
    """Run `model` over `samples` in their order, through the contract of `spec`, without augmentation."""
    data = image_pipeline(samples, spec, batch=batch, augment=None, shuffle_seed=None)
    truth, outputs = [], []
    for images, expected in data:
        truth.append(np.asarray(expected))
        output = model.predict_on_batch(images)
        outputs.append(output if spec.task == "classify" else output.argmax(axis=-1).astype(np.uint8))
    judge = _judge_classes if spec.task == "classify" else _judge_masks
    return judge(spec, tuple(samples), split, np.concatenate(truth), np.concatenate(outputs))


def _judge_classes(
    spec: ModelSpec, samples: tuple[Sample, ...], split: str, truth: npt.NDArray[Any], scores: npt.NDArray[Any]
) -> Evaluation:
    truth = truth.reshape(-1).astype(np.int64)
    return Evaluation(
        task=spec.task,
        labels=spec.labels,
        split=split,
        samples=samples,
        truth=truth,
        predicted=scores.argmax(axis=1),
        scores=scores.astype(np.float32),
        quality=scores[np.arange(len(truth)), truth].astype(np.float32),
        metrics=evaluate_classification(scores, truth, spec.labels),
    )


def _judge_masks(
    spec: ModelSpec, samples: tuple[Sample, ...], split: str, truth: npt.NDArray[Any], masks: npt.NDArray[Any]
) -> Evaluation:
    classes = len(spec.labels)
    each = [confusion_matrix(one, mask, classes) for one, mask in zip(truth, masks, strict=True)]
    quality = [evaluate_segmentation(confusion, spec.labels)["mean"]["iou"] for confusion in each]
    return Evaluation(
        task=spec.task,
        labels=spec.labels,
        split=split,
        samples=samples,
        truth=truth.astype(np.uint8),
        predicted=masks,
        scores=np.zeros((len(samples), 0), np.float32),
        quality=np.array([1.0 if value is None else value for value in quality], np.float32),
        metrics={"samples": len(samples)} | evaluate_segmentation(np.sum(each, axis=0), spec.labels),
    )
