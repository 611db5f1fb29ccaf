import numpy as np
import pytest

from edgevision.compression.graph import consumers, copy_of, rebuild, walk
from edgevision.tensorflow_setup import keras
from edgevision_runtime.errors import ModelError
from tests.edgevision.compression import networks

layers = keras.layers


def copied(call):
    layer = copy_of(call.layer)
    made = call.repeat_with(layer)
    layer.set_weights(call.layer.get_weights())
    return made


def test_a_rebuilt_network_computes_the_same():
    model = networks.every_kind()

    twin = rebuild(model, copied)

    batch = networks.pictures(2)
    assert np.array_equal(twin(batch), model(batch))
    assert [layer.name for layer in twin.layers] == [layer.name for layer in model.layers]


def test_nested_models_come_out_flat_in_their_place():
    inner = keras.Sequential([layers.ReLU(name="act"), layers.Flatten(name="flat")], name="inner")
    model = keras.Sequential(
        [keras.Input((4, 4, 3)), layers.Conv2D(2, 3, name="conv"), inner, layers.Dense(2, name="out")]
    )

    twin = rebuild(model, copied)

    assert [layer.name for layer in walk(twin)] == ["conv", "act", "flat", "out"]


def test_the_model_s_own_output_counts_as_a_reader():
    model = networks.plain()

    readers = consumers(model)

    assert readers["head"] == [None]
    assert [layer.name for layer in readers["first"]] == ["first_bn"]


def test_a_layer_used_twice_is_named():
    image = keras.Input((4,))
    shared = layers.Dense(4, name="shared")
    model = keras.Model(image, shared(shared(image)))

    with pytest.raises(ModelError, match=r"'shared'.*more than once"):
        rebuild(model, copied)


def test_a_model_without_graph_is_refused():
    class Own(keras.Model):
        def call(self, inputs):
            return inputs

    with pytest.raises(ModelError, match="not a graph of layers"):
        rebuild(Own(name="own"), copied)
