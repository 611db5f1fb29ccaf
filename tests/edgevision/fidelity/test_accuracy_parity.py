"""Float against int8, both tasks, both formats, held by our own `parity` fixture as a user's suite would."""

import pytest

from edgevision.data.dataset import open_dataset
from edgevision_runtime.contract import Preprocess
from edgevision_runtime.operations import Color, Resize
from edgevision_runtime.postprocess import Postprocess
from edgevision_runtime.types import ModelSpec

SIZE = 16


def classifier(keras, classes):
    """Pixels 0..255 in, probabilities out."""
    return keras.Sequential(
        [
            keras.layers.Input((SIZE, SIZE, 3)),
            keras.layers.Rescaling(1 / 127.5, -1),
            keras.layers.Conv2D(8, 3, strides=2, padding="same", activation="relu"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(classes, activation="softmax"),
        ]
    )


def segmenter(keras, classes):
    """Pixels 0..255 in, logits per pixel out."""
    return keras.Sequential(
        [
            keras.layers.Input((SIZE, SIZE, 3)),
            keras.layers.Rescaling(1 / 127.5, -1),
            keras.layers.Conv2D(8, 3, padding="same", activation="relu"),
            keras.layers.Conv2D(classes, 1),
        ]
    )


def trained(spec, data, folder):
    """Train for seconds on all of `data`, and save."""
    import numpy as np

    from edgevision.tensorflow_setup import keras

    keras.utils.set_random_seed(0)
    samples = open_dataset(str(data)).samples
    images = np.stack([spec.preprocess(sample.read_image()) for sample in samples]).astype(np.float32)
    if spec.task == "classify":
        truth = np.array([sample.label for sample in samples])
        model = classifier(keras, len(spec.labels))
        loss = keras.losses.SparseCategoricalCrossentropy()
    else:
        truth = np.stack([spec.preprocess.to_mask(sample.read_mask(spec.labels)) for sample in samples])
        model = segmenter(keras, len(spec.labels))
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.02), loss)
    model.fit(images, truth, batch_size=16, epochs=8, verbose=0)
    path = folder / "model.keras"
    model.save(path)
    return path


def converted(spec, data, folder):
    """Train, convert to float32 and int8 in both formats, and write the bundle."""
    from edgevision.packing.calibration_images import calibration_images
    from edgevision.packing.draft import DraftPlan, make_draft
    from edgevision.packing.source_model import SourceModel

    source = SourceModel(trained(spec, data, folder), spec, "2026-01-01T00:00:00Z")
    plan = DraftPlan("tiny", "1.0.0", ("tflite", "onnx"), ("float32", "int8"), "int8", 1)
    calibration = calibration_images(str(data), spec.preprocess, count=20, seed=0)
    bundle, _ = make_draft(folder / "tiny.evb", source, plan, calibration, lambda label, done, total: None)
    return bundle.path


@pytest.mark.parametrize("task", ["classify", "segment"])
def test_int8_keeps_up_with_float_on_both_engines(task, parity, color_pictures, spot_pictures, tmp_path):
    data = color_pictures if task == "classify" else spot_pictures
    kernel = "bilinear" if task == "classify" else "nearest"
    contract = Preprocess((Resize((SIZE, SIZE), "squash", kernel), Color("rgb")))
    spec = ModelSpec(task, open_dataset(str(data)).labels, contract, Postprocess(task))
    bundle = converted(spec, data, tmp_path)

    found = parity(bundle, data=data, max_drop=0.02, min_agreement=0.95)

    assert {result.name for result in found.results} == {
        "float32.tflite@litert", "int8.tflite@litert", "float32.onnx@onnx", "int8.onnx@onnx",
    }  # fmt: skip
    assert found.results[0].metric.value > 0.9  # plain colours and bright spots: it did learn
