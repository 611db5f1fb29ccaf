from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgevision_converters import flatbuffer
from edgevision_converters.convert import convert
from edgevision_converters.plan import Conversion
from edgevision_converters.sources.keras_file import KerasSource
from edgevision_runtime.engines import open_engine
from tests.converters import networks
from tests.converters.conftest import content, plan


@pytest.fixture(scope="module")
def aware_path(keras2_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The classifier with ranges that it has seen on 16 pictures, as `edgevision quantize` writes it."""
    from edgevision.compression.qat import Quantization, observe_ranges, quantization_aware
    from edgevision_converters.tensorflow_setup import keras

    model = quantization_aware(keras.models.load_model(keras2_path, compile=False), Quantization((0.0, 255.0)))
    pictures = np.stack(networks.pictures(16)).astype(np.float32)
    observe_ranges(model, [pictures[:8], pictures[8:]])
    path = tmp_path_factory.mktemp("aware") / "model.keras"
    model.save(path)
    return path


@pytest.fixture(scope="module")
def converted(aware_path: Path) -> Conversion:
    return convert(aware_path, plan(), networks.pictures(8))


def test_learned_ranges_are_kept(aware_path: Path, converted: Conversion) -> None:
    source, picture = KerasSource(aware_path), networks.pictures(1)[0]

    with open_engine("litert", content(converted, "int8.tflite")) as engine:
        scores = engine.infer(picture)[0]

    assert "ranges: learned in training" in converted.models[1].notes
    # what was trained with fake quantization is what runs: at most two output steps of 1/256 apart
    np.testing.assert_allclose(scores, source.predict_quantized(picture)[0], atol=2 / 256)


def test_the_input_of_a_quantization_aware_model_has_scale_1(converted: Conversion) -> None:
    variant = converted.models[1].variant

    assert (variant.inputs[0].dtype, variant.inputs[0].scale, variant.inputs[0].zero_point) == ("int8", 1.0, -128)


def test_the_float_file_is_the_network_without_fake_quantization(keras2_path: Path, converted: Conversion) -> None:
    picture = networks.pictures(1)[0]

    with open_engine("litert", content(converted, "float32.tflite")) as engine:
        scores = engine.infer(picture)[0]

    # nothing was trained after fake quantization was put in: float rounding only
    np.testing.assert_allclose(scores, KerasSource(keras2_path).predict(picture)[0], atol=1e-5)


def test_a_plain_tfmot_model_is_taken_too(tmp_path: Path) -> None:
    from edgevision_converters.tensorflow_setup import keras  # first: it chooses Keras 2 for tfmot

    import tensorflow_model_optimization as tfmot  # isort: skip

    keras.utils.set_random_seed(2)
    layers = keras.layers
    plain = keras.Sequential(
        [
            layers.InputLayer(networks.SHAPE),
            layers.Conv2D(4, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(networks.CLASSES, activation="softmax"),
        ]
    )
    model = tfmot.quantization.keras.quantize_model(plain)
    pictures = [picture.astype(np.float32) / 255 for picture in networks.pictures(8)]
    model(np.stack(pictures), training=True)
    model.save(tmp_path / "tfmot.h5")

    made = convert(tmp_path / "tfmot.h5", plan(formats=("tflite",), input_range=(0.0, 1.0)), pictures)

    assert made.report["source"]["kind"] == "Keras 2 model with learned ranges"
    assert made.reference_difference["float32.tflite"] <= 1e-5  # float rounding


def test_int8_onnx_computes_with_the_learned_ranges(aware_path: Path, converted: Conversion) -> None:
    import onnx

    tflite = flatbuffer.read(content(converted, "int8.tflite")).subgraphs[0]
    model = onnx.ModelProto.FromString(content(converted, "int8.onnx"))
    weights = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    scales = {float(weights[n.input[1]]) for n in model.graph.node if n.op_type == "QuantizeLinear"}
    picture = networks.pictures(1)[0]

    with open_engine("onnx", content(converted, "int8.onnx")) as engine:
        scores = engine.infer(picture)[0]

    assert "learned in training" in converted.models[3].notes[0]
    # every convolution's output has the scale that TensorFlow Lite has, to float32 rounding
    outputs = [t for t in tflite.tensors if t.type == flatbuffer.INT8 and list(t.shape or [])[1:3] == [12, 8]]
    for tensor in outputs:
        assert any(scale == pytest.approx(float(tensor.quantization.scale[0]), rel=1e-5) for scale in scales)
    np.testing.assert_allclose(scores, KerasSource(aware_path).predict_quantized(picture)[0], atol=3 / 256)
