"""Sources of every kind and their conversions, made once a session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edgevision_converters.plan import Conversion, ConvertPlan, ModelFacts
from tests.converters import networks

FACTS = ModelFacts(
    name="lights",
    labels=networks.LABELS,
    preprocess={"schema": "edgevision.preprocess/1", "operations": [{"op": "color", "to": "rgb"}]},
)
KINDS = ("keras2.keras", "keras2.h5", "saved_model", "keras3.keras", "float.tflite", "float.onnx")


def plan(**changes: object) -> ConvertPlan:
    """Both formats, float32 and int8 with int8 I/O, inputs of 0..255."""
    defaults = {
        "formats": ("tflite", "onnx"),
        "precisions": ("float32", "int8"),
        "io_dtype": "int8",
        "input_range": (0.0, 255.0),
        "facts": FACTS,
    }
    return ConvertPlan(**(defaults | changes))  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def keras2_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The classifier as tf_keras saves it."""
    from edgevision_converters.tensorflow_setup import keras

    path = tmp_path_factory.mktemp("keras2") / "keras2.keras"
    networks.classifier(keras).save(path)
    return path


@pytest.fixture(scope="session")
def all_targets(keras2_path: Path) -> Conversion:
    """The tf_keras classifier in every format and precision."""
    from edgevision_converters.convert import convert

    precisions = ("float32", "float16", "int8", "dynamic", "int16x8")
    return convert(keras2_path, plan(precisions=precisions), networks.pictures(20))


@pytest.fixture(scope="session")
def source_path(
    keras2_path: Path, all_targets: Conversion, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """Where the classifier lies as one of KINDS; Keras 3 has its own of the same shape."""
    folder = tmp_path_factory.mktemp("sources")

    def make(kind: str) -> Path:
        path = folder / kind
        if path.exists():
            return path
        if kind.startswith("float."):
            path.write_bytes(content(all_targets, f"float32.{kind.split('.')[1]}"))
            return path
        if kind == "keras3.keras":
            import keras as keras3

            networks.classifier(keras3).save(path)
            return path
        from edgevision_converters.tensorflow_setup import keras, tf

        model = keras.models.load_model(keras2_path, compile=False)
        tf.saved_model.save(model, str(path)) if kind == "saved_model" else model.save(path)
        return path

    return make


def content(conversion: Conversion, name: str) -> bytes:
    """The bytes of one variant."""
    return next(model.data for model in conversion.models if model.variant.name == name)
