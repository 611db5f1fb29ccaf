"""Make golden vectors: held-out frames with the tensor and the outputs that every device must reproduce."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import NamedTuple

from edgevision.data.dataset import Sample
from edgevision_runtime.bundle import Bundle
from edgevision_runtime.engines import PLAIN, engines_for, open_engine
from edgevision_runtime.errors import DataError, ModelError
from edgevision_runtime.golden import (
    FOLDER,
    VARIES_BY_PROCESSOR,
    GoldenOutput,
    GoldenVector,
    golden_to_json,
    tensor_sha256,
    tolerance,
)
from edgevision_runtime.types import Engine, Tensor, Variant

MINIMUM = 3
KERNEL_MARGIN = 2.0  # others may depart this many times as far as the engine's own plain kernels do
MOST_TRIED = 100  # frames of a class that are tried for how sure the model is of them


def golden_vectors(bundle: Bundle, samples: Sequence[Sample], count: int) -> dict[str, bytes]:
    """The members `golden/…` for up to `count` of the samples, for every variant on every engine installed here.

    Raises:
        DataError: fewer than three samples.
        ModelError: a variant that no installed engine runs.
    """
    import cv2

    chosen = choose_frames(bundle, samples, count)
    if len(chosen) < MINIMUM:
        raise DataError(f"{len(chosen)} images for golden vectors", expected=f"at least {MINIMUM} held-out images")
    members: dict[str, bytes] = {}
    engines = _open_engines(bundle)
    preprocess = bundle.spec.preprocess
    for number, sample in enumerate(chosen):
        stem = f"{FOLDER}{number:03d}"
        frame = sample.read_image()
        members[f"{stem}.png"] = cv2.imencode(".png", frame)[1].tobytes()
        image = preprocess.to_image(frame)
        tensor = preprocess.to_tensor(image)
        if not preprocess.is_bit_stable:
            members[f"{stem}.image.npy"] = _npy(image)
        outputs = []
        for runner in engines:
            output, arrays = _record(stem, runner, tensor)
            outputs.append(output)
            members.update(arrays)
        vector = GoldenVector(
            frame=f"{stem}.png",
            contract=preprocess.fingerprint,
            tensor_sha256=tensor_sha256(tensor),
            image=None if preprocess.is_bit_stable else f"{stem}.image.npy",
            outputs=tuple(outputs),
        )
        members[f"{stem}.json"] = (json.dumps(golden_to_json(vector), indent=1) + "\n").encode()
    return members


def choose_frames(bundle: Bundle, samples: Sequence[Sample], count: int) -> list[Sample]:
    """The frames that say most: of each class in turn those that the model is least sure of.

    A sure answer is nearly 0 and 1 whatever the kernels do; an unsure one shows every deviation. For masks, and without
    labels, frames evenly spread over the paths.
    """
    ordered = sorted(samples, key=lambda sample: str(sample.image))
    by_class: dict[int | None, list[Sample]] = {}
    for sample in ordered:
        by_class.setdefault(sample.label, []).append(sample)
    if len(by_class) <= 1:
        step = max(1, len(ordered) // count)
        return ordered[::step][:count]
    ranked = _least_sure_first(bundle, [members[:MOST_TRIED] for members in by_class.values()])
    turns = [members[i] for i in range(max(map(len, ranked))) for members in ranked if i < len(members)]
    return turns[: max(count, min(len(by_class), 2 * count))]


def _least_sure_first(bundle: Bundle, classes: list[list[Sample]]) -> list[list[Sample]]:
    spec, variant = bundle.spec, bundle.variants[0]
    with open_engine(_engines_of(variant)[0], bundle.read(variant.path)) as engine:

        def top_score(sample: Sample) -> float:
            outputs = engine.infer(spec.preprocess(sample.read_image()))
            return float(spec.postprocess.scores(outputs).max())

        return [sorted(members, key=top_score) for members in classes]


class _Runner(NamedTuple):
    variant: Variant
    engine: Engine
    plain: Engine | None  # the same model on plain kernels; None: the engine has no choice


def _engines_of(variant: Variant) -> list[str]:
    names = engines_for(variant.format)
    if not names:
        raise ModelError(
            f"no engine here runs {variant.name}, so it would have no golden vectors",
            hint='pip install "edgevision-runtime[litert,onnx]"',
        )
    return names


def _open_engines(bundle: Bundle) -> list[_Runner]:
    opened = []
    for variant in bundle.variants:
        model = bundle.read(variant.path)
        for name in _engines_of(variant):
            plain = None if name == "tflite" else open_engine(name, model, kernels=PLAIN)
            opened.append(_Runner(variant, open_engine(name, model), plain))
    return opened


def _kernel_spread(plain: Engine | None, tensor: Tensor, outputs: tuple[Tensor, ...]) -> list[float]:
    """By how much plain kernels, which other runtimes and processors resemble, depart from these outputs on this frame.

    A step of the logits moves an unsure softmax by much and a sure one by nothing: so it is measured, frame by frame.
    """
    if plain is None:
        return [0.0] * len(outputs)
    departures = zip(plain.infer(tensor), outputs, strict=True)
    return [float(abs(other - output).max()) for other, output in departures]


def _record(stem: str, runner: _Runner, tensor: Tensor) -> tuple[GoldenOutput, dict[str, bytes]]:
    variant, engine, plain = runner
    outputs = engine.infer(tensor)
    names = tuple(f"{stem}.{variant.name}.{engine.name}.{i}.npy" for i in range(len(outputs)))
    tight = [tolerance(variant, i, engine.name, values) for i, values in enumerate(outputs)]
    spreads = _kernel_spread(plain, tensor, outputs)
    wide = tuple(base + KERNEL_MARGIN * spread for base, spread in zip(tight, spreads, strict=True))
    record = GoldenOutput(
        variant=variant.name,
        engine=engine.name,
        engine_version=engine.version,
        kernels=engine.kernels,
        members=names,
        tolerances=wide if (engine.name, variant.precision) in VARIES_BY_PROCESSOR else tuple(tight),
        other_tolerances=wide,
    )
    return record, {name: _npy(values) for name, values in zip(names, outputs, strict=True)}


def _npy(array: Tensor) -> bytes:
    import numpy as np

    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()
