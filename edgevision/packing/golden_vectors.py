"""Make golden vectors: held-out frames with the tensor and the outputs that every device must reproduce."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence

from edgevision.data.dataset import Sample
from edgevision_runtime.bundle import Bundle
from edgevision_runtime.engines import engines_for, open_engine
from edgevision_runtime.errors import DataError, ModelError
from edgevision_runtime.golden import FOLDER, GoldenOutput, GoldenVector, golden_to_json, tensor_sha256, tolerance
from edgevision_runtime.types import Engine, Tensor, Variant

MINIMUM = 3


def golden_vectors(bundle: Bundle, samples: Sequence[Sample], count: int) -> dict[str, bytes]:
    """The members `golden/…` for up to `count` of the samples, for every variant on every engine installed here.

    Raises:
        DataError: fewer than three samples.
        ModelError: a variant that no installed engine runs.
    """
    import cv2

    chosen = choose_frames(samples, count)
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
        for variant, engine in engines:
            output, arrays = _record(stem, variant, engine, tensor)
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
    for _, engine in engines:
        engine.close()
    return members


def choose_frames(samples: Sequence[Sample], count: int) -> list[Sample]:
    """One of each class in turn, in the order of their paths; without classes, evenly spread."""
    ordered = sorted(samples, key=lambda sample: str(sample.image))
    by_class: dict[int | None, list[Sample]] = {}
    for sample in ordered:
        by_class.setdefault(sample.label, []).append(sample)
    if len(by_class) <= 1:
        step = max(1, len(ordered) // count)
        return ordered[::step][:count]
    turns = [
        members[i] for i in range(max(map(len, by_class.values()))) for members in by_class.values() if i < len(members)
    ]
    return turns[: max(count, min(len(by_class), 2 * count))]


def _open_engines(bundle: Bundle) -> list[tuple[Variant, Engine]]:
    opened = []
    for variant in bundle.variants:
        names = engines_for(variant.format)
        if not names:
            raise ModelError(
                f"no engine here runs {variant.name}, so it would have no golden vectors",
                hint='pip install "edgevision-runtime[litert,onnx]"',
            )
        opened += [(variant, open_engine(name, bundle.read(variant.path))) for name in names]
    return opened


def _record(stem: str, variant: Variant, engine: Engine, tensor: Tensor) -> tuple[GoldenOutput, dict[str, bytes]]:
    outputs = engine.infer(tensor)
    names = tuple(f"{stem}.{variant.name}.{engine.name}.{i}.npy" for i in range(len(outputs)))
    record = GoldenOutput(
        variant=variant.name,
        engine=engine.name,
        engine_version=engine.version,
        kernels=engine.kernels,
        members=names,
        tolerances=tuple(tolerance(variant, i, engine.name, values) for i, values in enumerate(outputs)),
    )
    return record, {name: _npy(values) for name, values in zip(names, outputs, strict=True)}


def _npy(array: Tensor) -> bytes:
    import numpy as np

    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()
