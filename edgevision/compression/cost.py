"""What a network costs: its size as a file, plain and compressed, and its latency on this machine."""

from __future__ import annotations

import gzip
import statistics
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from edgevision_converters import float_tflite
from edgevision_converters.inspect import describe, require_precision
from edgevision_runtime.engines import open_engine

ROUNDS = 40
_BUDGET_S = 6.0  # for all rounds of all files


@dataclass(frozen=True)
class Size:
    """Bytes of a file, plain and gzipped (as it travels)."""

    plain_bytes: int
    gzip_bytes: int

    @classmethod
    def of(cls, data: bytes) -> Size:
        """Measure."""
        return cls(len(data), len(gzip.compress(data, compresslevel=9, mtime=0)))

    def to_json(self) -> dict[str, int]:
        """For metrics.json."""
        return asdict(self)


def float_tflite_of(model: Any) -> bytes:
    """The float .tflite of a network, batch 1."""
    return float_tflite.export(_traced(model), _names(model))


def int8_tflite_of(model: Any) -> bytes:
    """The int8 .tflite of a quantization-aware network, by the ranges it has learned.

    Raises:
        ModelError: an operator would compute in float.
    """
    data = float_tflite.export(_traced(model), _names(model), learned_int8=True)
    require_precision(describe(data), "int8")
    return data


def keras_size(model: Any) -> Size:
    """The size of the `.keras` file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        return Size.of(path.read_bytes())


def median_latencies_ms(files: Mapping[str, bytes], sample: Any) -> dict[str, float]:
    """Median inference on LiteRT, one thread, the files taken in turn so that a noisy moment hits all alike."""
    engines = {name: open_engine("litert", data, threads=1) for name, data in files.items()}
    try:
        times: dict[str, list[float]] = {name: [] for name in files}
        for name in files:
            engines[name].infer(sample)  # warm
        started_s = perf_counter()
        for _ in range(ROUNDS):
            for name, engine in engines.items():
                begun_s = perf_counter()
                engine.infer(sample)
                times[name].append((perf_counter() - begun_s) * 1e3)
            if perf_counter() - started_s > _BUDGET_S:
                break
        return {name: statistics.median(values) for name, values in times.items()}
    finally:
        for engine in engines.values():
            engine.close()


def largest_difference(model: Any, data: bytes, samples: list[Any]) -> float:
    """The largest |network − file| over `samples`, tensors as the contract makes them."""
    with open_engine("litert", data) as engine:
        differences = []
        for sample in samples:
            expected = np.asarray(model(np.asarray(sample, np.float32)[None], training=False))[0]
            differences.append(float(np.abs(engine.infer(sample)[0] - expected).max()))
    return max(differences)


def _traced(model: Any) -> Any:
    shape = (1, *tuple(model.inputs[0].shape)[1:])
    return float_tflite.trace(lambda image: model(image, training=False), shape)


def _names(model: Any) -> list[str]:
    return [str(name) for name in model.output_names]
