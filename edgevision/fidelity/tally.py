"""Count what the contenders said of one image after another, and keep only the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from edgevision_runtime.types import ModelSpec

if TYPE_CHECKING:
    from edgevision_runtime.types import Image, Tensor

IGNORED = 255  # a pixel of a mask that nobody labelled, or that the contract padded

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ClassAnswers:
    """What one contender said of all images; every array is (images,)."""

    infer_ms: Floats
    truth: Ints
    predicted: Ints  # the class with the highest score
    score: Floats  # that class's score
    reference_score: Floats  # its score for the class that the reference names


@dataclass(frozen=True)
class MaskAnswers:
    """What one contender said of all images, in pixels of the model's input."""

    infer_ms: Floats  # (images,)
    intersections: Floats  # (images, classes): pixels of a class in the truth and in its mask
    unions: Floats  # (images, classes): … in the truth or in its mask
    agreeing: Floats  # (images,): pixels of its mask that are the same in the reference's; padding is left out
    pixels: Floats  # (images,): pixels of its mask, without padding
    iou_with_reference: Floats  # (images,): mean over the classes that either mask shows


Answers = ClassAnswers | MaskAnswers


class Tally(Protocol):
    """Takes the outputs of all contenders for one image after another."""

    def add(self, expected: Any, outputs: Sequence[tuple[Tensor, ...]]) -> None:
        """One image: its truth and what each contender put out, the reference first."""
        ...

    def answers(self, row: int, infer_ms: Floats) -> Answers:
        """Of the contender at position `row`."""
        ...


def tally_for(spec: ModelSpec) -> Tally:
    """The tally of a task."""
    return _ClassTally(spec) if spec.task == "classify" else _MaskTally(spec)


class _ClassTally:
    """Truth is a class index."""

    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec
        self.truth: list[int] = []
        self.rows: list[list[tuple[int, float, float]]] = []

    def add(self, expected: int, outputs: Sequence[tuple[Tensor, ...]]) -> None:
        scores = [self.spec.postprocess.scores(output) for output in outputs]
        named = [int(row.argmax()) for row in scores]
        self.truth.append(expected)
        self.rows.append(
            [(best, float(row[best]), float(row[named[0]])) for row, best in zip(scores, named, strict=True)]
        )

    def answers(self, row: int, infer_ms: Floats) -> ClassAnswers:
        predicted, score, reference_score = zip(*(image[row] for image in self.rows), strict=True)
        return ClassAnswers(
            infer_ms,
            truth=np.array(self.truth, np.int64),
            predicted=np.array(predicted, np.int64),
            score=np.array(score),
            reference_score=np.array(reference_score),
        )


class _MaskTally:
    """Truth is a mask of the frame's size; it moves through the contract as the frame does."""

    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec
        self.rows: list[list[tuple[Floats, Floats, float, float, float]]] = []

    def add(self, expected: Image, outputs: Sequence[tuple[Tensor, ...]]) -> None:
        classes = len(self.spec.labels)
        truth = self.spec.preprocess.to_mask(expected, fill=IGNORED)
        masks = [self.spec.postprocess.mask(output) for output in outputs]
        window = self.spec.preprocess.window(masks[0].shape, *expected.shape)
        reference = masks[0][window]
        row = []
        for mask in masks:
            both, either = overlaps(truth, enlarge(mask, truth.shape), classes)
            seen = mask[window]
            shared, shown = overlaps(reference, seen, classes)
            iou = float((shared[shown > 0] / shown[shown > 0]).mean())
            row.append((both, either, float((seen == reference).sum()), float(seen.size), iou))
        self.rows.append(row)

    def answers(self, row: int, infer_ms: Floats) -> MaskAnswers:
        columns = zip(*(image[row] for image in self.rows), strict=True)
        return MaskAnswers(infer_ms, *(np.array(column) for column in columns))


def overlaps(truth: Image, mask: Image, classes: int) -> tuple[Floats, Floats]:
    """Per class the pixels in both masks and in either, float64 (classes,); pixels whose truth is 255 do not count."""
    pairs = truth.astype(np.uint16) * np.uint16(classes) + mask  # 255 comes to lie behind all pairs of classes
    counts = np.bincount(pairs.ravel(), minlength=classes * classes)[: classes * classes]
    confusion = counts.reshape(classes, classes).astype(np.float64)
    both = confusion.diagonal().copy()
    return both, confusion.sum(0) + confusion.sum(1) - both


def enlarge(mask: Image, shape: tuple[int, ...]) -> Image:
    """A mask of a model with an output stride, at (height, width) of its input; nearest neighbour."""
    if mask.shape == shape:
        return mask
    rows = ((np.arange(shape[0]) + 0.5) * mask.shape[0] / shape[0]).astype(np.int64)
    columns = ((np.arange(shape[1]) + 0.5) * mask.shape[1] / shape[1]).astype(np.int64)
    return mask[np.ix_(rows, columns)]
