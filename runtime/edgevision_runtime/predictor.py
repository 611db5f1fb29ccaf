"""From a frame to a prediction: the contract, an engine and the postprocessing of one bundle, in that order."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from edgevision_runtime.bundle import Bundle
from edgevision_runtime.choice import Choice, choose
from edgevision_runtime.engines import open_engine
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
    TensorSpec,
)  # fmt: skip

if TYPE_CHECKING:
    from edgevision_runtime.embedding import EmbeddingReader

__all__ = ["Choice", "Predictor", "choose"]


class Predictor:
    """One variant of a bundle, loaded once. A context manager."""

    def __init__(self, bundle: Bundle, choice: Choice, *, threads: int = 1) -> None:
        self.spec: ModelSpec = bundle.spec
        self.choice = choice
        content = bundle.read(choice.variant.path)
        self.engine: Engine = open_engine(choice.engine, content, threads=threads, extras=choice.extras)
        self.prepare = PreparedInput(self.spec.preprocess, self.engine.input)
        answer = PreparedOutput(self.spec.postprocess, self.engine.outputs)
        self._read = answer.mask if self.spec.task == "segment" else answer.scores
        self._embedding_reader = _reader_for(bundle, self.engine.outputs)
        self._make_embedding: Callable[[], Tensor] | None = None  # of the frame at hand
        self._prepared_s = self._inferred_s = 0.0
        self._shown: tuple[tuple[tuple[int, ...], tuple[int, ...]], tuple[slice, slice]] | None = None

    def predict(self, frame: Frame, now: Callable[[], float] = time.monotonic) -> Prediction:
        """Classify or segment one frame; its age is told by `now`, the camera's clock."""
        started_s = time.monotonic()
        self.prepare.write(frame.image, self.engine.memory)
        self._prepared_s = time.monotonic()
        answer = self.engine.infer_written(self._read_timed)
        ended_s, age_ms = time.monotonic(), (now() - frame.captured_s) * 1e3
        stages = Stages(
            (self._prepared_s - started_s) * 1e3,
            (self._inferred_s - self._prepared_s) * 1e3,
            (ended_s - self._inferred_s) * 1e3,
        )
        facts = frame.index, frame.captured_s, age_ms, (ended_s - started_s) * 1e3, stages, answer, self.spec.labels
        if self.spec.task == "segment":
            return Segmentation(*facts, self._window(answer.shape, frame.image.shape[:2]), self._make_embedding)
        return Classification(*facts, self._make_embedding)

    def _window(self, shape: tuple[int, int], size: tuple[int, int]) -> tuple[slice, slice]:
        """See `Preprocess.window`; asked again only when the frame's size changes."""
        if self._shown is None or self._shown[0] != (shape, size):
            self._shown = (shape, size), self.spec.preprocess.window(shape, *size)
        return self._shown[1]

    def _read_timed(self, outputs: tuple[Tensor, ...]) -> Tensor:
        self._inferred_s = time.monotonic()
        if self._embedding_reader is not None:
            self._make_embedding = self._embedding_reader.later(outputs)
        return self._read(outputs)

    def __enter__(self) -> Predictor:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the engine."""
        self.engine.close()


def _reader_for(bundle: Bundle, outputs: tuple[TensorSpec, ...]) -> EmbeddingReader | None:
    """The reader of a bundle's embedding for the outputs of a loaded variant; None: it has none."""
    if bundle.embedding is None:
        return None
    from edgevision_runtime.embedding import EmbeddingReader, read_whitening  # a start without one does not wait for it

    output = bundle.embedding.output
    return EmbeddingReader(output, outputs[output], read_whitening(bundle))
