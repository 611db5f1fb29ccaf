import numpy as np
import pytest

from edgevision.compression.pruning import Pruning, Ramp, callbacks, check_sparsity, prunable_layers, strip, with_masks
from edgevision.compression.sparsity import is_two_of_four, layer_sparsities, overall_sparsity
from edgevision.tensorflow_setup import keras
from edgevision_runtime.errors import CheckFailed, ModelError, UsageError
from tests.edgevision.compression import networks

layers = keras.layers
STEPS = 8  # two epochs of four


def pruned(model, pruning):
    wrapped = with_masks(model, pruning, Ramp.of(pruning, STEPS))
    networks.fit_a_little(wrapped, epochs=2, callbacks=callbacks())
    return strip(wrapped), wrapped


@pytest.mark.parametrize(
    "pruning",
    [Pruning(0.5), Pruning(0.8, frequency=3), Pruning(0.7, schedule="constant")],
    ids=["polynomial", "every third step", "constant"],
)
def test_every_pruned_kernel_reaches_its_sparsity(pruning):
    model, _ = pruned(networks.plain(), pruning)

    for layer in layer_sparsities(model):
        # to the weight: what is kept is a whole number
        assert layer.zeros == round(layer.weights * pruning.sparsity), layer


def test_stripping_leaves_plain_layers_that_answer_the_same():
    source = networks.plain()

    model, wrapped = pruned(source, Pruning(0.5))

    assert [type(layer) for layer in model.layers] == [type(layer) for layer in source.layers]
    assert [layer.name for layer in model.layers] == [layer.name for layer in source.layers]
    batch = networks.pictures(4)
    assert np.isfinite(model(batch)).all()
    assert np.array_equal(model(batch), wrapped(batch))


def test_two_of_four_neighbouring_input_channels_are_zero():
    pruning = Pruning(0.5, structure="2:4")

    model, _ = pruned(networks.plain(), pruning)

    assert is_two_of_four(model.get_layer("second").kernel.numpy())
    assert is_two_of_four(model.get_layer("logits").kernel.numpy())
    assert prunable_layers(model, pruning) == (
        ["second", "logits"],
        [("first", "3 input channels are not a multiple of 4")],
    )


def test_rescaling_normalization_and_depthwise_are_left_alone():
    chosen, left = prunable_layers(networks.every_kind(), Pruning())

    assert chosen == ["stem", "branch", "gate", "separable", "head"]
    assert [name for name, _ in left] == ["depthwise"]


def test_the_last_change_of_the_masks_leaves_room_to_recover():
    ramp = Ramp.of(Pruning(frequency=10), steps=100)

    assert ramp == Ramp(frequency=10, end=70)
    assert ramp.settled_epoch(steps_per_epoch=25) == 3
    assert Ramp.of(Pruning(frequency=1000), steps=4) == Ramp(frequency=2, end=2)


def test_a_kernel_that_is_not_sparse_enough_fails_the_check():
    with pytest.raises(CheckFailed, match=r"'first' has 0\.0% zeros"):
        check_sparsity(networks.plain(), ["first"], Pruning(0.5))


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"sparsity": 0.0}, "sparsity"),
        ({"sparsity": 1.0}, "sparsity"),
        ({"sparsity": float("nan")}, "sparsity"),
        ({"schedule": "cubic"}, "schedule"),
        ({"structure": "4:8"}, "structure"),
        ({"frequency": 0}, "frequency"),
        ({"structure": "2:4", "sparsity": 0.7}, "two of four"),
    ],
)
def test_a_pruning_that_cannot_be_is_refused(settings, what):
    with pytest.raises(UsageError, match=what):
        Pruning(**settings)


def test_a_network_without_kernels_is_refused():
    image = keras.Input((4, 4, 3))

    with pytest.raises(ModelError, match="no layer to prune"):
        with_masks(keras.Model(image, layers.Flatten()(image)), Pruning(), Ramp(1, 1))


def test_zeros_are_counted_by_hand():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(2, use_bias=False, name="dense")])
    model.get_layer("dense").set_weights([np.array([[1, 0], [0, 0], [2, 0], [3, 0]], np.float32)])

    (layer,) = layer_sparsities(model)

    assert (layer.weights, layer.zeros, layer.share) == (8, 5, 0.625)
    assert overall_sparsity([layer]) == 0.625
    assert not is_two_of_four(model.get_layer("dense").kernel.numpy())  # three of the first column remain
