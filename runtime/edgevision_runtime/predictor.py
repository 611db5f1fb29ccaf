"""From a frame to a prediction: the contract, an engine and the postprocessing of one bundle, in that order."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from edgevision_runtime.bundle import Bundle
from edgevision_runtime.engines import engines_for, how_to_run, open_engine, require_engine
from edgevision_runtime.errors import MissingDependency, UsageError
from edgevision_runtime.fast_answer import PreparedOutput
from edgevision_runtime.fast_path import PreparedInput
from edgevision_runtime.types import (
    Classification,
    Engine,
    Frame,
    ModelSpec,
    Prediction,
    Segmentation,
    Stages,
    Tensor,
    Variant,
)  # fmt: skip


@dataclass(frozen=True)
class Choice:
    """Which variant runs on which engine, and why."""

    variant: Variant
    engine: str
    reason: str


def choose(bundle: Bundle, *, variant: str | None = None, engine: str | None = None) -> Choice:
    """Pick a variant and an engine: what was asked for, else the bundle's default for the first installed engine.

    Raises:
        UsageError: there is no such variant or engine, or the one does not run the other.
        MissingDependency: the engine is not installed, or no installed engine runs any variant.
    """
    if engine is not None:
        require_engine(engine)
    if variant is not None:
        wanted = bundle.variant(variant)
        names = engines_for(wanted.format)
        if engine is not None and engine not in names:
            raise UsageError(f"engine {engine} does not run {variant}", expected=" | ".join(names) or wanted.format)
        if not names:
            raise MissingDependency(f"no installed engine runs {variant}", hint=how_to_run([wanted.format]))
        return Choice(wanted, engine or names[0], "asked for")
    for name, default in bundle.manifest.default_variants.items():
        candidate = bundle.variant(default)
        if engine in (None, name) and name in engines_for(candidate.format):
            reason = "asked for" if engine else "the first installed engine that the bundle has a default for"
            return Choice(candidate, name, reason)
    formats = {variant.format for variant in bundle.variants}
    if engine is not None:
        raise UsageError(
            f"engine {engine} runs none of the variants", expected=" | ".join(v.name for v in bundle.variants)
        )
    raise MissingDependency(f"no installed engine runs {' or '.join(sorted(formats))}", hint=how_to_run(formats))


class Predictor:
    """One variant of a bundle, loaded once. A context manager."""

    def __init__(self, bundle: Bundle, choice: Choice, *, threads: int = 1) -> None:
        self.spec: ModelSpec = bundle.spec
        self.choice = choice
        self.engine: Engine = open_engine(choice.engine, bundle.read(choice.variant.path), threads=threads)
        self.prepare = PreparedInput(self.spec.preprocess, self.engine.input)
        answer = PreparedOutput(self.spec.postprocess, self.engine.outputs)
        self._read = answer.mask if self.spec.task == "segment" else answer.scores
        self._prepared_s = self._inferred_s = 0.0

    def predict(self, frame: Frame, now: Callable[[], float] = time.monotonic) -> Prediction:
        """Classify or segment one frame; its age is told by `now`, the camera's clock."""
        started_s = time.monotonic()
        stored = self.prepare(frame.image)
        self._prepared_s = time.monotonic()
        answer = self.engine.infer_stored(stored, self._read_timed)
        ended_s, age_ms = time.monotonic(), (now() - frame.captured_s) * 1e3
        stages = Stages(
            (self._prepared_s - started_s) * 1e3,
            (self._inferred_s - self._prepared_s) * 1e3,
            (ended_s - self._inferred_s) * 1e3,
        )
        facts = frame.index, frame.captured_s, age_ms, (ended_s - started_s) * 1e3, stages, answer, self.spec.labels
        if self.spec.task == "segment":
            return Segmentation(*facts, self.spec.preprocess.window(answer.shape, *frame.image.shape[:2]))
        return Classification(*facts)

    def _read_timed(self, outputs: tuple[Tensor, ...]) -> Tensor:
        self._inferred_s = time.monotonic()
        return self._read(outputs)

    def __enter__(self) -> Predictor:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the engine."""
        self.engine.close()
