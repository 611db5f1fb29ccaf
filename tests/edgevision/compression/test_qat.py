import numpy as np
import pytest

from edgevision.compression.cost import int8_tflite_of, largest_difference
from edgevision.compression.qat import Quantization, covering_range, observe_ranges, quantization_aware
from edgevision.compression.scope import quantization_scope, scope_for
from edgevision.compression.sparsity import layer_sparsities
from edgevision.tensorflow_setup import keras
from edgevision.training.architectures import ArchitectureOptions, find_architecture
from edgevision_converters.fake_quantization import without_quantization
from edgevision_converters.inspect import describe
from edgevision_runtime.errors import ModelError, UsageError
from tests.edgevision.compression import networks

layers = keras.layers
PIXELS = Quantization((0.0, 255.0))


@pytest.fixture(scope="module")
def fitted():
    model = quantization_aware(networks.every_kind(), PIXELS)
    observe_ranges(model, [networks.pictures(32)])
    networks.fit_a_little(model)
    return model


def test_every_operator_of_the_int8_file_is_int8_and_it_answers_as_the_network_does(fitted):
    data = int8_tflite_of(fitted)  # refuses a float operator

    facts = describe(data)
    assert facts.actual_precision == "int8"
    assert (facts.inputs[0].scale, facts.inputs[0].zero_point) == (1.0, -128)
    assert (facts.outputs[0].scale, facts.outputs[0].zero_point) == (1 / 256, -128)
    # the file rounds the probabilities to 1/256, and may be one step off where a sum lies between two
    assert largest_difference(fitted, data, list(networks.pictures(4))) <= 2 / 256


# each family's smallest; the others are built of the same blocks
@pytest.mark.parametrize(
    ("name", "size", "width"),
    [("mlp", 16, 0.25), ("resnet8", 16, 0.25), ("mobilenet_v3_small", 32, 0.25), ("unet_tiny", 32, 0.25)],
)
def test_an_architecture_becomes_int8_as_a_whole(name, size, width):
    architecture = find_architecture(name)
    model = architecture.build(ArchitectureOptions((size, size, 3), 3, width=max(width, architecture.widths[0])))
    networks.with_statistics(model)
    batch = networks.pictures(4, size)

    aware = quantization_aware(model, PIXELS)
    observe_ranges(aware, [batch])
    data = int8_tflite_of(aware)

    assert describe(data).actual_precision == "int8"
    output = describe(data).outputs[0]
    # two steps of the output tensor, and rounding on the way
    assert largest_difference(aware, data, list(batch[:2])) <= 6 * output.scale


def test_branches_that_part_at_a_pooling_and_join_again_are_int8_without_conversions_in_float():
    model = quantization_aware(networks.pooled_branches(), PIXELS)
    observe_ranges(model, [networks.pictures(8)])

    data = int8_tflite_of(model)

    assert describe(data).actual_precision == "int8"
    # an average in int8 is rounded, which the network does not imitate: a step of the output more
    assert largest_difference(model, data, list(networks.pictures(4))) <= 3 / 256


def test_a_saved_network_is_read_again_with_and_without_the_run(fitted, tmp_path):
    path = tmp_path / "model.keras"
    fitted.save(path)

    with quantization_scope():
        again = keras.models.load_model(path, compile=False)
    with scope_for(path):
        by_path = keras.models.load_model(path, compile=False)

    batch = networks.pictures(2)
    assert np.array_equal(again(batch), fitted(batch))
    assert np.array_equal(by_path(batch), fitted(batch))


def test_the_float_network_inside_has_the_trained_weights(fitted):
    plain = without_quantization(fitted)

    assert not [layer for layer in plain.layers if type(layer).__name__.startswith("Quantized")]
    kernel = next(w for w in fitted.get_layer("branch").weights if w.name.endswith("kernel:0"))
    assert np.array_equal(plain.get_layer("branch").kernel, kernel)
    batch = networks.pictures(4)
    # what 8 bits cost a network of this size
    assert np.abs(plain(batch) - fitted(batch)).max() < 0.1


def test_ranges_are_those_of_the_first_batch_before_training():
    model = quantization_aware(networks.plain(), PIXELS)

    observe_ranges(model, [networks.pictures(8)])

    activation = model.get_layer("first_act")
    low, high = (float(w.numpy()) for w in activation.weights if "output_m" in w.name)
    inner = keras.Model(model.inputs, model.get_layer("first_bn").output)
    # the kernel's own rounding moves the largest value by a few per mille
    assert (low, high) == (0.0, pytest.approx(float(inner(networks.pictures(8)).numpy().max()), rel=0.01))


def test_frozen_normalization_keeps_its_statistics_and_training_does_not_touch_the_rescaling():
    model = quantization_aware(networks.plain(), PIXELS)
    observe_ranges(model, [networks.pictures(8)])
    before = [w.numpy() for name in ("first_bn", "rescaling") for w in model.get_layer(name).weights]

    networks.fit_a_little(model)

    after = [w.numpy() for name in ("first_bn", "rescaling") for w in model.get_layer(name).weights]
    same = [np.array_equal(a, b) for a, b in zip(before, after, strict=True)]
    # the rescaling's kernel range is written at the first training step
    assert all(same[:4])
    kernel = next(w for w in model.get_layer("rescaling").weights if w.name.endswith("depthwise_kernel:0"))
    assert np.allclose(kernel, 1 / 127.5)


def test_statistics_are_learned_on_when_asked():
    model = quantization_aware(networks.plain(), Quantization((0.0, 255.0), freezes_normalization=False))
    before = model.get_layer("first_bn").moving_mean.numpy()

    networks.fit_a_little(model)

    assert not np.allclose(before, model.get_layer("first_bn").moving_mean.numpy())


def test_zeros_survive_training_and_reading(tmp_path):
    sparse = networks.plain()
    for name in ("first", "second", "logits"):
        kernel, *rest = sparse.get_layer(name).get_weights()
        kernel[np.abs(kernel) < np.median(np.abs(kernel))] = 0.0
        sparse.get_layer(name).set_weights([kernel, *rest])
    before = {layer.layer: layer.zeros for layer in layer_sparsities(sparse)}

    model = quantization_aware(sparse, Quantization((0.0, 255.0), keeps_zeros=True))
    observe_ranges(model, [networks.pictures(8)])
    networks.fit_a_little(model, epochs=2)
    model.save(tmp_path / "model.keras")

    with quantization_scope():
        again = keras.models.load_model(tmp_path / "model.keras", compile=False)
    assert {layer.layer: layer.zeros for layer in layer_sparsities(again)} == before
    assert before["second"] == 8 * 8 * 9 // 2


def test_a_layer_that_cannot_be_quantized_is_named_with_what_to_do():
    image = keras.Input((8, 8, 3))
    x = layers.LayerNormalization(name="normalize")(layers.Conv2D(4, 3, activation="selu", name="odd")(image))
    model = keras.Model(image, layers.Dense(2)(layers.Flatten()(x)))

    with pytest.raises(ModelError) as caught:
        quantization_aware(model, PIXELS)

    assert "'odd' (Conv2D with activation 'selu')" in str(caught.value)
    assert "'normalize' (LayerNormalization)" in str(caught.value)
    assert "edgevision convert" in str(caught.value)


def test_quantizing_twice_is_refused(fitted):
    with pytest.raises(UsageError, match="already"):
        quantization_aware(fitted, PIXELS)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-1.0, 1.0, (-1.0, 128 / 127)),  # 127 steps of 1/127 below zero, 128 above
        (0.0, 1.0, (0.0, 1.0)),
        (-2.0, 0.0, (-2.0, 0.0)),
        (0.5, 1.0, (0.0, 1.0)),  # zero must have a step
    ],
)
def test_zero_is_a_step_of_a_covering_range(low, high, expected):
    assert covering_range(low, high) == pytest.approx(expected)
