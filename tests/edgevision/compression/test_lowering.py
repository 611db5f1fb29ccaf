import numpy as np
import pytest

from edgevision.compression.lowering import lower
from edgevision.tensorflow_setup import keras
from edgevision_runtime.errors import ModelError
from tests.edgevision.compression import networks

layers = keras.layers


def test_a_lowered_network_computes_the_same():
    model = networks.every_kind()

    lowered = lower(model)

    batch = networks.pictures(8)
    # float32 rounding of a few hundred additions in another order
    np.testing.assert_allclose(lowered(batch), model(batch), atol=2e-6)


def test_what_does_not_quantize_well_is_replaced():
    lowered = lower(networks.every_kind())

    kinds = {layer.name: type(layer).__name__ for layer in lowered.layers}
    assert kinds["rescaling"] == "DepthwiseConv2D"
    assert kinds["lone_bn"] == "DepthwiseConv2D"
    assert kinds["stem_bn"] == "BatchNormalization"
    assert (kinds["separable_depthwise"], kinds["separable_pointwise"]) == ("DepthwiseConv2D", "Conv2D")
    assert (kinds["branch"], kinds["branch_relu"]) == ("Conv2D", "ReLU")
    assert kinds["head_softmax"] == "Softmax"


def test_a_rescaling_per_channel_stays_per_channel():
    image = keras.Input((2, 2, 3))
    model = keras.Model(image, layers.Rescaling([0.1, 0.2, 0.3], [-1.0, 0.0, 1.0])(image))

    lowered = lower(model)

    pixel = np.array([10, 20, 30], np.float32)
    np.testing.assert_allclose(lowered(np.broadcast_to(pixel, (1, 2, 2, 3)))[0, 0, 0], [0.0, 4.0, 10.0], atol=1e-5)


def test_a_rescaling_of_a_vector_is_possible():
    values = keras.Input((2,))
    model = keras.Model(values, layers.Rescaling(2.0, 1.0)(values))

    assert lower(model)(np.array([[3.0, -1.0]])).numpy().tolist() == [[7.0, -1.0]]


def test_a_rescaling_of_a_sequence_is_named():
    values = keras.Input((5, 2))
    model = keras.Model(values, layers.Rescaling(2.0, name="odd")(values))

    with pytest.raises(ModelError, match=r"'odd'.*works on 3 axes"):
        lower(model)
