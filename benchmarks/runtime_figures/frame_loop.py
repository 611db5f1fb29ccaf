"""What a frame costs end to end, as a ratio to the bare invocation of the same interpreter in the same process.

Method: paired, interleaved blocks; a ring of fresh frames, because one hot frame flatters the resize threefold; OpenCV
and the interpreter single-threaded; medians of thread CPU time; the median ratio of a few repeats.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from edgevision_runtime.annotate import PALETTE
from edgevision_runtime.bundle import Bundle
from edgevision_runtime.overlay import Overlay
from edgevision_runtime.predictor import Choice, Predictor
from edgevision_runtime.types import Frame, Segmentation

RING = 8
Arm = Callable[[int], object]
Other = Callable[["Subject", Any], Arm]  # of the frames and the very interpreter that the bare invocation is timed on


class Plan(NamedTuple):
    """How much to measure."""

    block: int = 25
    blocks: int = 10
    repeats: int = 3


class Subject(NamedTuple):
    """One bundle's variant with frames of one size."""

    bundle: Bundle
    variant: str
    frames: list[Any]


def ring(height: int, width: int) -> list[Any]:
    """Eight different frames with the structure of pictures, not of noise alone."""
    random = np.random.default_rng(0)
    coarse = [random.integers(0, 256, (height // 8, width // 8, 3), np.uint8) for _ in range(RING)]
    return [cv2.resize(image, (width, height), interpolation=cv2.INTER_CUBIC) for image in coarse]


def medians_us(arms: dict[str, Arm], plan: Plan) -> dict[str, list[float]]:
    """Median thread CPU time of each arm in µs, one for each repeat; blocks of the arms take turns."""
    found: dict[str, list[float]] = {name: [] for name in arms}
    for arm in arms.values():
        for index in range(RING):
            arm(index)
    for _ in range(plan.repeats):
        taken: dict[str, list[int]] = {name: [] for name in arms}
        for _ in range(plan.blocks):
            for name, arm in arms.items():
                _block(arm, plan.block, taken[name])
        for name, values in taken.items():
            found[name].append(statistics.median(values) / 1e3)
    return found


def _block(arm: Arm, count: int, taken: list[int]) -> None:
    for index in range(count):
        started = time.thread_time_ns()
        arm(index % RING)
        taken.append(time.thread_time_ns() - started)


def measure(subject: Subject, plan: Plan, others: dict[str, Other] | None = None) -> dict[str, Any]:
    """Ratios of our loop, with an overlay where there is a mask, and of `others`, to the bare invocation."""
    choice = Choice(subject.bundle.variant(subject.variant), "litert", "asked for")
    with Predictor(subject.bundle, choice) as predictor:
        arms = {
            "bare": _bare(predictor),
            "ours": _ours(predictor, subject),
            "resize": _resize(subject, cv2.INTER_LINEAR_EXACT),  # the contract's
            "inexact resize": _resize(subject, cv2.INTER_LINEAR),
        }
        if subject.bundle.spec.task == "segment":
            arms["ours with overlay"] = _overlaid(predictor, subject)
            arms["ours with overlay of an object"] = _overlaid(predictor, subject, shown=_object_mask(predictor))
        arms.update({name: make(subject, _interpreter(predictor)) for name, make in (others or {}).items()})
        taken = medians_us(arms, plan)
        described = predictor.prepare.describe()
    paired = {name: [a / b for a, b in zip(values, taken["bare"], strict=True)] for name, values in taken.items()}
    ratios = {name: round(statistics.median(values), 3) for name, values in paired.items() if name != "bare"}
    spread = {name: [round(min(v), 3), round(max(v), 3)] for name, v in paired.items() if name != "bare"}
    own = [a - b - c for a, b, c in zip(taken["ours"], taken["bare"], taken["resize"], strict=True)]
    return {
        "ratios": ratios,
        "lowest_highest": spread,
        "us": {name: round(statistics.median(values), 1) for name, values in taken.items()},
        "own_overhead_us": round(statistics.median(own), 1),
        "fast_path": list(described),
    }


def _interpreter(predictor: Predictor) -> Any:
    return predictor.engine._interpreter  # type: ignore[attr-defined]  # two interpreters differ by some per cent


def _bare(predictor: Predictor) -> Arm:
    interpreter = _interpreter(predictor)
    return lambda index: interpreter.invoke()


def _ours(predictor: Predictor, subject: Subject) -> Arm:
    frames = _frames(subject)
    return lambda index: predictor.predict(frames[index])


def _overlaid(predictor: Predictor, subject: Subject, shown: Any = None) -> Arm:
    """Draws what the network says (with seeded weights: a class on every pixel, as noise), or the mask `shown`."""
    draw, frames = Overlay(subject.bundle.spec.preprocess, PALETTE), _frames(subject)

    def arm(index: int) -> object:
        answer = predictor.predict(frames[index])
        assert isinstance(answer, Segmentation)
        return draw(frames[index].image, answer.mask if shown is None else shown)

    return arm


def _object_mask(predictor: Predictor) -> Any:
    """An ellipse on a quarter of the mask, of class 1: what a person or a vehicle near the camera covers."""
    (_, height, width, *_), half = predictor.engine.outputs[0].shape, math.sqrt(1 / math.pi) / 2
    mask = np.zeros((height, width), np.uint8)
    centre, axes = (width // 2, height // 2), (round(width * half), round(height * half))
    return cv2.ellipse(mask, centre, axes, 0, 0, 360, 1, -1)


def _resize(subject: Subject, kernel: int) -> Arm:
    """A resize to the contract's size by itself, as OpenCV's documentation has it."""
    height, width = subject.bundle.spec.preprocess.size or (0, 0)
    out, frames = np.empty((height, width, 3), np.uint8), subject.frames
    return lambda index: cv2.resize(frames[index], (width, height), dst=out, interpolation=kernel)


def textbook(subject: Subject, interpreter: Any) -> Arm:
    """The loop that tutorials show: whole frame to RGB, (inexact) resize, float, quantize, copy, sort."""
    given, got = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    height, width = given["shape"][1:3]
    frames = subject.frames

    def arm(index: int) -> object:
        image = cv2.resize(cv2.cvtColor(frames[index], cv2.COLOR_BGR2RGB), (int(width), int(height)))
        tensor = image.astype(np.float32)
        scale, zero_point = given["quantization"]
        if scale:
            tensor = np.clip(np.round(tensor / scale + zero_point), -128, 127).astype(given["dtype"])
        interpreter.set_tensor(given["index"], np.expand_dims(tensor, 0))
        interpreter.invoke()
        output = interpreter.get_tensor(got["index"])[0].astype(np.float32)
        scale, zero_point = got["quantization"]
        output = (output - zero_point) * scale if scale else output
        return output.argmax(axis=-1) if output.ndim == 3 else np.argsort(output)[::-1][:5]

    return arm


def textbook_with_overlay(subject: Subject, interpreter: Any) -> Arm:
    """The same with each class's colour mixed in by numpy over the whole frame."""
    answer, frames = textbook(subject, interpreter), subject.frames
    palette = np.array([PALETTE[index % len(PALETTE)] for index in range(256)], np.uint8)

    def arm(index: int) -> object:
        frame = frames[index]
        size = frame.shape[1], frame.shape[0]
        mask = cv2.resize(np.asarray(answer(index), np.uint8), size, interpolation=cv2.INTER_NEAREST)
        return (frame * 0.55 + palette[mask] * 0.45).astype(np.uint8)

    return arm


def _frames(subject: Subject) -> list[Frame]:
    return [Frame(image, index, time.monotonic(), "ring") for index, image in enumerate(subject.frames)]


def classification(folder: Path, plan: Plan) -> dict[str, Any]:
    """The rows of the classifier, one for each variant and frame size."""
    mobilenet, small = Bundle.open(folder / "mobilenet.evb"), Bundle.open(folder / "small.evb")
    others = {"textbook": textbook}
    hd, lores = ring(720, 1280), ring(240, 320)
    return {
        "int8 720p": measure(Subject(mobilenet, "int8.tflite", hd), plan, others),
        "int8 640x480": measure(Subject(mobilenet, "int8.tflite", ring(480, 640)), plan, others),
        "int8 320x240": measure(Subject(mobilenet, "int8.tflite", lores), plan, others),
        "float32 720p": measure(Subject(mobilenet, "float32.tflite", hd), plan, others),
        "small int8 720p": measure(Subject(small, "int8.tflite", hd), plan, others),
    }


def segmentation(folder: Path, plan: Plan) -> dict[str, Any]:
    """The rows of the segmenters at 720p, with and without overlay; the first two are held to the goals."""
    hd, rows, plan = ring(720, 1280), {}, plan._replace(block=8)  # ten times a classifier's time
    others = {"textbook": textbook, "textbook with overlay": textbook_with_overlay}
    fewer = plan._replace(blocks=-(-plan.blocks // 2))
    for name, variant, how_much in (
        ("deeplab3-full", "int8.tflite", plan),
        ("deeplab3", "int8.tflite", plan),
        ("deeplab3", "float32.tflite", fewer),
        ("deeplab", "int8.tflite", fewer),
        ("deeplab257", "float32.tflite", fewer),
    ):
        if (folder / f"{name}.evb").exists():
            subject = Subject(Bundle.open(folder / f"{name}.evb"), variant, hd)
            rows[f"{name} {variant}"] = measure(subject, how_much, others)
    return rows
