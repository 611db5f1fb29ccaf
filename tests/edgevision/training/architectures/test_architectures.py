"""Promises that every architecture keeps, over the whole table."""

import numpy as np
import pytest

from edgevision.tensorflow_setup import keras, tf
from edgevision.training.architectures import (
    ARCHITECTURES,
    ArchitectureOptions,
    backbone_layers,
    build,
    find_architecture,
)
from edgevision_converters.float_onnx import tflite_to_onnx
from edgevision_converters.float_tflite import export, trace
from edgevision_converters.inspect import describe
from edgevision_runtime.errors import UsageError

BIG = ("vgg16", "resnet50", "inception_v3")
SMALL = [name for name in ARCHITECTURES if name not in BIG]


def small_options(name: str, channels: int) -> ArchitectureOptions:
    row = ARCHITECTURES[name]
    size = max(32, row.minimum_size)
    width = 0.25 if row.widths[0] < 1 else 1.0
    return ArchitectureOptions((size, size, channels), classes=3, width=width)


@pytest.fixture(scope="module")
def built() -> dict[str, keras.Model]:
    """Every architecture for one input channel, as narrow as it goes."""
    return {name: build(name, small_options(name, 1)) for name in ARCHITECTURES}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_rescaling_is_the_first_layer(built, name):
    first, second = built[name].layers[:2]

    assert isinstance(first, keras.layers.InputLayer)
    assert isinstance(second, keras.layers.Rescaling)
    assert built[name].inputs[0].dtype == tf.float32


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_classifiers_give_probabilities_and_segmenters_a_mask_of_the_inputs_size(built, name):
    task, (height, width, _) = ARCHITECTURES[name].task, small_options(name, 1).input_shape

    shape = built[name].output_shape

    assert shape == ((None, 3) if task == "classify" else (None, height, width, 3))
    assert isinstance(built[name].layers[-1], keras.layers.Softmax) == (task == "classify")


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_batch_normalization_follows_the_data_fast_enough_for_short_runs(built, name):
    norms = [layer for layer in built[name].layers if isinstance(layer, keras.layers.BatchNormalization)]

    assert {layer.momentum for layer in norms} <= {0.9}
    assert norms or name in ("mlp", "vgg16")


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_only_head_layers_depend_on_the_classes(built, name):
    options = small_options(name, 1)
    other = build(name, ArchitectureOptions(options.input_shape, classes=5, width=options.width))

    def shapes(model):
        return {layer.name: [tuple(weight.shape) for weight in layer.weights] for layer in model.layers}

    first, second = shapes(built[name]), shapes(other)
    differing = {layer for layer in first if first[layer] != second.get(layer)}

    assert first.keys() == second.keys()
    assert differing
    assert all(layer.startswith("head_") for layer in differing)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_embedding_layer_and_a_backbone_to_freeze_exist(built, name):
    embedding = built[name].get_layer(ARCHITECTURES[name].embedding)
    backbone = backbone_layers(built[name])

    assert len(embedding.output_shape) == (2 if ARCHITECTURES[name].task == "classify" else 4)
    assert embedding in backbone
    assert len(backbone) < len(built[name].layers)


@pytest.mark.parametrize("name", SMALL)
def test_a_saved_model_computes_the_same_after_loading(name, tmp_path):
    options = small_options(name, 3)
    model = build(name, options)
    images = np.random.default_rng(0).uniform(0, 255, (2, *options.input_shape)).astype(np.float32)

    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", compile=False)

    np.testing.assert_array_equal(loaded(images), model(images))


BUILT_IN = {
    "ADD", "AVERAGE_POOL_2D", "CONCATENATION", "CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "HARD_SWISH",
    "LOGISTIC", "MAX_POOL_2D", "MEAN", "MUL", "PAD", "RESHAPE", "RESIZE_BILINEAR", "SOFTMAX",
}  # fmt: skip


@pytest.mark.parametrize("name", SMALL)
def test_tflite_needs_neither_flex_nor_custom_operators(built, name):
    model, options = built[name], small_options(name, 1)
    function = trace(lambda image: model(image, training=False), (1, *options.input_shape))

    operators = {operator.name for operator in describe(export(function, ["output"])).operators}

    assert operators <= BUILT_IN
    assert ("HARD_SWISH" in operators) == ("mobilenet_v3" in name)


def test_litert_and_onnxruntime_enlarge_masks_as_keras_does(built):
    import onnxruntime
    from ai_edge_litert.interpreter import Interpreter

    model = built["unet_tiny"]
    image = np.random.default_rng(0).uniform(0, 255, (1, 32, 32, 1)).astype(np.float32)
    tflite = export(trace(lambda x: model(x, training=False), (1, 32, 32, 1)), ["output"])

    interpreter = Interpreter(model_content=tflite)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    session = onnxruntime.InferenceSession(tflite_to_onnx(tflite))
    (from_onnx,) = session.run(None, {session.get_inputs()[0].name: image})

    # float32 sums in another order; another resize convention would differ in the first digit
    np.testing.assert_allclose(
        interpreter.get_tensor(interpreter.get_output_details()[0]["index"]), model(image), atol=1e-4
    )
    np.testing.assert_allclose(from_onnx, model(image), atol=1e-4)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("resnet8", 78_666 - 240 - 8 * 65),
        ("mobilenet_v1", 3_228_864 + 2 * 1025),
        ("mobilenet_v2", 2_257_984 + 2 * 1281),
        ("mobilenet_v3_small", 1_529_968 + 2 * 1025),
    ],
)
def test_parameter_counts_are_those_of_the_reference_code(name, parameters):
    # Keras's own models without top: MobileNet 3,228,864, MobileNetV2 2,257,984, MobileNetV3Small 1,529,968;
    # plus a head for two classes on 1024, 1280 and 1024 features. MLPerf Tiny's ResNet8 has 78,666 for ten classes,
    # 240 of them biases that the normalization behind makes superfluous
    size = ARCHITECTURES[name].minimum_size

    model = build(name, ArchitectureOptions((size, size, 3), classes=2))

    assert model.count_params() == parameters


def test_rescaling_per_channel_becomes_its_mean_for_another_channel_count():
    gray = build("mobilenet_v2", ArchitectureOptions((32, 32, 1), 2, width=0.25))
    colour = build("mobilenet_v2", ArchitectureOptions((32, 32, 3), 2, width=0.25))
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    pixel = np.array([10.0, 100.0, 200.0])

    scaled = colour.get_layer("rescaling")(np.full((1, 1, 1, 3), pixel, np.float32)).numpy().ravel()
    scaled_gray = gray.get_layer("rescaling")(np.full((1, 1, 1, 1), 100.0, np.float32)).numpy().ravel()

    np.testing.assert_allclose(scaled, (pixel / 255 - mean) / std, rtol=1e-5)  # float32
    np.testing.assert_allclose(scaled_gray, np.mean((100 / 255 - mean) / std), rtol=1e-5)


def test_a_mistyped_name_is_answered_with_the_nearest():
    with pytest.raises(UsageError, match=r"did you mean mobilenet_v2\?"):
        build("mobilnet_v2", ArchitectureOptions((32, 32, 3), 2))


def test_an_architecture_for_the_other_task_is_refused_with_those_that_fit():
    with pytest.raises(UsageError, match=r"cnn cannot segment.*unet_tiny"):
        find_architecture("cnn", "segment")


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("vgg16", ArchitectureOptions((32, 32, 3), 2, width=0.5), r"vgg16 has no width 0.5; expected 1 only"),
        ("cnn", ArchitectureOptions((32, 32, 3), 2, width=9), r"expected any from 0.1 to 4"),
        ("inception_v3", ArchitectureOptions((64, 64, 3), 2), r"64x64 is too small.*at least 75x75"),
        ("unet_tiny", ArchitectureOptions((100, 96, 3), 2), r"multiples of 8; the nearest is 104x96"),
        ("cnn", ArchitectureOptions((32, 32, 3), 1), r"1 classes; expected at least 2"),
    ],
)
def test_options_an_architecture_lacks_are_named_with_what_it_has(name, options, says):
    with pytest.raises(UsageError, match=says):
        build(name, options)
