"""Run every variant on every engine over the same images, and write down what each said.

An image is decoded once and goes through the contract once; all variants see that one tensor. What is kept of an image
is a few numbers, so the memory does not grow with the images' size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from edgevision.fidelity.tally import Answers, tally_for
from edgevision_runtime.bench import Advance, Skipped
from edgevision_runtime.engines import open_engine
from edgevision_runtime.errors import DataError, MissingDependency, ModelError
from edgevision_runtime.types import Engine, ModelSpec, Variant

if TYPE_CHECKING:
    from edgevision_runtime.types import Image, Tensor


class LabelledImage(Protocol):
    """One image and what it shows: `edgevision.data.Sample` is one."""

    @property
    def image(self) -> Path:
        """Its file."""
        ...

    def read_image(self) -> Image:
        """uint8 (height, width, 3) BGR."""
        ...


Truth = Callable[[LabelledImage], Any]  # an image's class index or mask (h, w), in the bundle's labels
Embed = Callable[["tuple[Tensor, ...]"], "Tensor"]  # a contender's outputs to an embedding, float32 (dimension,)


@dataclass(frozen=True)
class Contender:
    """One variant, loaded on one engine."""

    variant: Variant
    engine: Engine
    size_bytes: int

    @property
    def name(self) -> str:
        """Such as int8.tflite@litert."""
        return f"{self.variant.name}@{self.engine.name}"


@dataclass(frozen=True)
class Timing:
    """Where the time went, in seconds; `contract_runs` is the number of times the contract was run."""

    decode_s: float
    contract_s: float
    infer_s: float
    rest_s: float  # postprocess and counting
    contract_runs: int

    @property
    def overhead(self) -> float:
        """Everything but decoding, over the bare sum of all inferences."""
        return (self.contract_s + self.infer_s + self.rest_s) / self.infer_s if self.infer_s else float("nan")


@dataclass(frozen=True)
class Observations:
    """Everything that was seen."""

    answers: tuple[Answers, ...]  # one per contender, the reference first
    timing: Timing
    embeddings: Tensor | None = None  # float32 (contenders, images, dimension); None: the bundle has none


def open_contenders(
    variants: Sequence[Variant], read: Callable[[str], bytes], engines: Sequence[tuple[str, str]], threads: int,
    stack: ExitStack,
) -> tuple[list[Contender], list[Skipped]]:  # fmt: skip
    """Load every variant on every engine of `engines` (name, format) that takes its format; `stack` closes them."""
    contenders, skipped = [], []
    for variant in variants:
        content = read(variant.path)
        for name, model_format in engines:
            if model_format != variant.format:
                continue
            try:
                engine = stack.enter_context(open_engine(name, content, threads=threads))
            except (MissingDependency, ModelError) as error:
                skipped.append(Skipped(variant.name, name, str(error)))
                continue
            contenders.append(Contender(variant, engine, len(content)))
    return contenders, skipped


def observe(
    spec: ModelSpec,
    contenders: Sequence[Contender],
    images: Sequence[LabelledImage],
    truth: Truth,
    advance: Advance,
    embed: Embed | None = None,
) -> Observations:
    """Show every image to every contender; the first contender is the reference.

    Raises:
        DataError: an image or mask that cannot be read, or does not pass the contract; names the file.
    """
    tally = tally_for(spec)
    decode_s = contract_s = 0.0
    infer_ms = np.zeros((len(contenders), len(images)))
    embeddings: list[list[Tensor]] = []
    began_s = perf_counter()
    for index, image in enumerate(images):
        start_s = perf_counter()
        frame = image.read_image()
        expected = truth(image)
        decoded_s = perf_counter()
        tensor = _prepare(spec, frame, image.image)
        prepared_s = perf_counter()
        outputs = []
        for row, contender in enumerate(contenders):
            before_s = perf_counter()
            outputs.append(contender.engine.infer(tensor))
            infer_ms[row, index] = (perf_counter() - before_s) * 1e3
        tally.add(expected, outputs)
        if embed is not None:
            embeddings.append([embed(output) for output in outputs])
        decode_s, contract_s = decode_s + decoded_s - start_s, contract_s + prepared_s - decoded_s
        advance(image.image.name)
    infer_s = float(infer_ms.sum()) / 1e3
    rest_s = perf_counter() - began_s - decode_s - contract_s - infer_s
    timing = Timing(decode_s, contract_s, infer_s, rest_s, contract_runs=len(images))
    answers = tuple(tally.answers(row, infer_ms[row]) for row in range(len(contenders)))
    return Observations(answers, timing, np.stack(embeddings, axis=1) if embeddings else None)


def _prepare(spec: ModelSpec, frame: Image, path: Path) -> Tensor:
    try:
        return spec.preprocess(frame)
    except ModelError as error:
        raise DataError(f"{path} does not pass the contract: {error}") from error
