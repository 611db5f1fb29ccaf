"""What noticing costs a device, as a share of the bare invocation of the same network in the same process.

Each frame is inferred and then looked at, in turns, so that neither finds the other's cache warm; thread CPU time, one
thread, MobileNetV2 in int8 at 96 and at 224 pixels, frames of 720p. A window's end and each eighth frame, which cost
more, are in the mean. Three things are measured: reading the embedding (the whitening of 1280 features), watching for
drift, and comparing with 1000 kept frames.

    cd benchmarks && python -m discovery_figures.drift_cost
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from runtime_figures.frame_loop import RING, ring

from discovery_figures.command_line import BUNDLE, SEEDS, print_figures
from discovery_figures.device_bundle import device_bundle
from edgevision.discovery.drift import FitPlan, Seen, fit_reference
from edgevision.discovery.whitening import normalized
from edgevision_runtime.bundle import Bundle
from edgevision_runtime.choice import choose
from edgevision_runtime.embedding import EmbeddingReader, read_whitening
from edgevision_runtime.messages import Result
from edgevision_runtime.noticing.drift import DriftMonitor
from edgevision_runtime.noticing.picture import measure_picture
from edgevision_runtime.noticing.selection import KeptVectors
from edgevision_runtime.predictor import Predictor
from edgevision_runtime.types import Frame

SIZES = (96, 224)
FRAMES, KEPT = 640, 1000
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
        results = [
            Result(frame, answer, bundle.spec, "m", "c", 0.0, facts.fingerprint)
            for frame, answer in zip(frames, answers, strict=True)
        ]
        monitor, kept = _monitor(bundle, images, seed), _kept(facts.dimension, seed)
        output = predictor.engine.outputs[facts.output]
        reader = EmbeddingReader(facts.output, output, read_whitening(bundle))
        stored = tuple(np.ones(one.shape[1:], one.dtype) for one in predictor.engine.outputs)
        interpreter: Any = predictor.engine._interpreter  # type: ignore[attr-defined]
        arms: dict[str, Callable[[int], object]] = {
            "invoke": lambda index: interpreter.invoke(),
            "embedding": lambda index: reader(stored),
            "drift": lambda index: monitor.observe(results[index]),
            "selection": lambda index: kept.likeness(answers[index].embedding),
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
            arm(index % RING)
            if index >= RING:  # the first round warms up
                spent[name] += time.thread_time_ns() - began
    return {name: value / FRAMES / 1e3 for name, value in spent.items()}


def _monitor(bundle: Bundle, images: Sequence[Any], seed: int) -> DriftMonitor:
    assert bundle.embedding is not None
    chance = np.random.default_rng(seed)
    vectors = normalized(chance.normal(0, 1, (256, bundle.embedding.dimension)).astype(np.float32))
    pictures = np.stack([measure_picture(images[number % RING]) for number in range(256)])
    seen = Seen(vectors, pictures, (1280, 720), None)
    reference = fit_reference(seen, bundle.embedding.fingerprint, FitPlan(seed=seed), "ring")
    return DriftMonitor(lambda result: reference, is_paced=False)


def _kept(dimension: int, seed: int) -> KeptVectors:
    kept = KeptVectors(dimension)
    for number, vector in enumerate(normalized(np.random.default_rng(seed).normal(0, 1, (KEPT, dimension)))):
        kept.add(str(number), vector.astype(np.float32))
    return kept


if __name__ == "__main__":
    print_figures(figures, __doc__, SEEDS, BUNDLE)
