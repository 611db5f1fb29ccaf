"""How long Keras → int8 .tflite takes here and by TensorFlow's own converter, in one process: ratios, no absolutes.

    python benchmarks/convert.py --images 100 --repeats 3

MobileNetV2 at 224×224 with seeded weights and seeded images. Both sides start from the same `.keras` file, both give
int8 with the same calibration images; TensorFlow is imported before either clock starts. Ours includes what
`edgevision convert` does besides: the float file, and running float and int8 on 16 images to compare them.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from machine import machine

from edgevision_converters import ranges
from edgevision_converters.convert import convert
from edgevision_converters.flatbuffer import normalized
from edgevision_converters.plan import ConvertPlan
from edgevision_converters.sources import open_source
from edgevision_converters.tensorflow_setup import keras as keras2
from edgevision_converters.tensorflow_setup import tf

TOOLS = ("tensorflow", "ai-edge-quantizer", "ai-edge-litert", "numpy")
GOALS = {"wall": 0.65, "calibration_cpu_per_image": 0.2}


def main() -> None:
    """Measure and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=1, help="median over this many interleaved repeats")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--keras", choices=["2", "3"], default="2", help="which Keras the model is of")
    print(json.dumps(measure(parser.parse_args()), indent=1))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Interleave both sides `repeats` times and take medians."""
    images, repeats, size = options.images, options.repeats, options.size
    keras = keras2 if options.keras == "2" else importlib.import_module("keras")
    samples = [np.random.default_rng(index).integers(0, 256, (size, size, 3), np.uint8) for index in range(images)]
    seconds: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        network(keras, size).save(path)
        _tensorflow_int8(keras, path, samples[:1])  # both sides once, so that neither pays for first use
        _ours(path, samples[:1])
        for _ in range(repeats):
            for name, value in _one_round(keras, path, samples).items():
                seconds.setdefault(name, []).append(value)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    ratios = {
        "wall": medians["ours_wall"] / medians["tensorflow_wall"],
        "cpu": medians["ours_cpu"] / medians["tensorflow_cpu"],  # what the wall ratio is on a quiet machine
        "calibration_cpu_per_image": medians["ours_calibration_cpu"] / medians["tensorflow_calibration_cpu"],
    }
    return {
        "benchmark": "convert",
        "model": f"MobileNetV2 {size}, Keras {options.keras}, seeded weights",
        "images": images,
        "repeats": repeats,
        "ratios": {name: round(value, 4) for name, value in ratios.items()},
        "goals": GOALS,
        "met": {name: ratios[name] <= goal for name, goal in GOALS.items()},
        "seconds": {name: round(value, 4) for name, value in medians.items()},
        "machine": {**machine(*TOOLS), "load": round(os.getloadavg()[0], 2)},
    }


def network(keras: Any, size: int) -> Any:
    """The network to convert."""
    keras.utils.set_random_seed(1)
    inputs = keras.Input((size, size, 3))
    scaled = keras.layers.Rescaling(1 / 127.5, -1.0)(inputs)
    backbone = keras.applications.MobileNetV2(input_shape=(size, size, 3), weights=None, classes=1000)
    return keras.Model(inputs, backbone(scaled))


def _one_round(keras: Any, path: Path, samples: list[Any]) -> dict[str, float]:
    ours_wall, ours_cpu = _clock(lambda: _ours(path, samples))
    tensorflow_wall, tensorflow_cpu = _clock(lambda: _tensorflow_int8(keras, path, samples))
    float_file = normalized(open_source(path).to_tflite((1, *samples[0].shape)))
    _, calibration_cpu = _clock(lambda: ranges.tflite_ranges(float_file, samples))
    few = samples[: max(1, len(samples) // 4)]  # the same conversion with fewer images: the rest is calibration
    _, fixed_cpu = _clock(lambda: _tensorflow_int8(keras, path, few))
    return {
        "ours_wall": ours_wall,
        "tensorflow_wall": tensorflow_wall,
        "ours_cpu": ours_cpu,
        "tensorflow_cpu": tensorflow_cpu,
        "ours_calibration_cpu": calibration_cpu / len(samples),
        "tensorflow_calibration_cpu": (tensorflow_cpu - fixed_cpu) / max(1, len(samples) - len(few)),
    }


def _ours(path: Path, samples: list[Any]) -> int:
    plan = ConvertPlan(formats=("tflite",), precisions=("float32", "int8"), io_dtype="int8", input_range=(0.0, 255.0))
    return len(convert(path, plan, samples).models)


def _tensorflow_int8(keras: Any, path: Path, samples: list[Any]) -> int:
    """What TensorFlow's guide to full-integer quantization tells to do."""

    def representative() -> Iterator[list[Any]]:
        for sample in samples:
            yield [sample.astype(np.float32)[None]]

    model = keras.models.load_model(path, compile=False)
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    with contextlib.redirect_stdout(io.StringIO()):  # Keras 3 lists its variables
        return len(converter.convert())


def _clock(work: Callable[[], object]) -> tuple[float, float]:
    """(wall, CPU) seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


if __name__ == "__main__":
    main()
