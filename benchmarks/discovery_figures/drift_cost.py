"""What noticing costs a device, as a share of the bare invocation of the same network in the same process.

Each frame is inferred and then looked at, in turns, so that neither finds the other's cache warm; thread CPU time, one
thread, MobileNetV2 in int8 at 96 and at 224 pixels, frames of 720p. What costs more, such as a window's end, is in the
mean. Measured are

drift           all that a run does for it at 30 frames a second, embeddings included, with a reference as `drift fit`
                makes it of a video by itself: it takes one frame each 0.2 s
drift, each     watching where each frame counts (a reference of pictures), without reading their embeddings
embedding       reading that of a frame (the whitening of 1280 features), which happens when somebody asks for it
selection       comparing a frame's with those of 1000 kept ones

    cd benchmarks && python -m discovery_figures.drift_cost
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from runtime_figures.frame_loop import RING, ring

from discovery_figures.command_line import BUNDLE, SEEDS, print_figures
from discovery_figures.device_bundle import device_bundle
from edgevision.cli.drift import EVERY_S
from edgevision.discovery.drift import FitPlan, Seen, fit_reference
from edgevision.discovery.whitening import normalized
from edgevision_runtime.bundle import Bundle
from edgevision_runtime.choice import choose
from edgevision_runtime.embedding import EmbeddingReader, read_whitening
from edgevision_runtime.messages import Result
from edgevision_runtime.noticing.drift import DriftMonitor
from edgevision_runtime.noticing.picture import measure_picture
from edgevision_runtime.noticing.reference import DriftReference
from edgevision_runtime.noticing.selection import KeptVectors
from edgevision_runtime.predictor import Predictor
from edgevision_runtime.types import Frame

SIZES = (96, 224)
FRAMES, KEPT = 768, 1000  # whole windows of 64, also of each sixth frame
FPS = 30
GOALS = {"drift": 0.02}  # of an invocation, at most


def figures(seeds: Sequence[int] = (0, 1, 2), folder: Path | None = None) -> dict[str, Any]:
    """Medians over the seeds, which are repeats here, by the network's size."""
    with tempfile.TemporaryDirectory() as temporary:
        place = folder or Path(temporary)
        runs = {size: [_shares(device_bundle(place, size), seed) for seed in seeds] for size in SIZES}
    medians = {
        str(size): {name: round(statistics.median(run[name] for run in found), 4) for name in found[0]}
        for size, found in runs.items()
    }
    passed = {size: row["drift"] <= GOALS["drift"] for size, row in medians.items()}
    return {"medians": medians, "seeds": {str(size): found for size, found in runs.items()}, "goals": GOALS,
            "passed": passed}  # fmt: skip


def _shares(bundle: Bundle, seed: int) -> dict[str, float]:
    """What each of the three costs as a share of an invocation, and all in µs."""
    cv2.setNumThreads(1)
    images = ring(720, 1280)
    facts = bundle.embedding
    assert facts is not None
    with Predictor(bundle, choose(bundle)) as predictor:
        frames = [Frame(image, index, 0.0, "camera") for index, image in enumerate(images)]
        answers = [predictor.predict(frame) for frame in frames]
        output = predictor.engine.outputs[facts.output]
        reader = EmbeddingReader(facts.output, output, read_whitening(bundle))
        stored = tuple(np.ones(one.shape[1:], one.dtype) for one in predictor.engine.outputs)
        results = [
            Result(
                replace(frames[index % RING], captured_s=index / FPS),
                replace(answers[index % RING], make_embedding=reader.later(stored)),
                bundle.spec, "m", "c", 0.0, facts.fingerprint,
            )
            for index in range(FRAMES + RING)
        ]  # fmt: skip
        known = [replace(result, prediction=answers[index % RING]) for index, result in enumerate(results)]
        reference, kept = _reference(bundle, images, seed), _kept(facts.dimension, seed)
        paced = DriftMonitor(lambda result: reference)
        each = DriftMonitor(lambda result: reference, is_paced=False)
        interpreter: Any = predictor.engine._interpreter  # type: ignore[attr-defined]
        arms: dict[str, Callable[[int], object]] = {
            "invoke": lambda index: interpreter.invoke(),
            "drift": lambda index: (reader.later(stored), paced.observe(results[index])),
            "drift, each": lambda index: each.observe(known[index]),
            "embedding": lambda index: reader.later(stored)(),
            "selection": lambda index: kept.likeness(answers[index % RING].embedding),
        }
        spent = _spent_us(arms)
    shares = {name: round(value / spent["invoke"], 4) for name, value in spent.items() if name != "invoke"}
    return {**shares, **{f"{name}_us": round(value, 1) for name, value in spent.items()}}


def _spent_us(arms: dict[str, Callable[[int], object]]) -> dict[str, float]:
    """Mean thread CPU time of each arm; they take turns with each frame."""
    spent = dict.fromkeys(arms, 0)
    for index in range(FRAMES + RING):
        for name, arm in arms.items():
            began = time.thread_time_ns()
            arm(index)
            if index >= RING:  # the first round warms up
                spent[name] += time.thread_time_ns() - began
    return {name: value / FRAMES / 1e3 for name, value in spent.items()}


def _reference(bundle: Bundle, images: Sequence[Any], seed: int) -> DriftReference:
    assert bundle.embedding is not None
    chance = np.random.default_rng(seed)
    vectors = normalized(chance.normal(0, 1, (256, bundle.embedding.dimension)).astype(np.float32))
    pictures = np.stack([measure_picture(images[number % RING]) for number in range(256)])
    seen = Seen(vectors, pictures, (1280, 720), EVERY_S)
    return fit_reference(seen, bundle.embedding.fingerprint, FitPlan(seed=seed), "ring")


def _kept(dimension: int, seed: int) -> KeptVectors:
    kept = KeptVectors(dimension)
    for number, vector in enumerate(normalized(np.random.default_rng(seed).normal(0, 1, (KEPT, dimension)))):
        kept.add(str(number), vector.astype(np.float32))
    return kept


if __name__ == "__main__":
    print_figures(figures, __doc__, SEEDS, BUNDLE)
