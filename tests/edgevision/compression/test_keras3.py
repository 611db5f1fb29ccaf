import keras as keras3
import numpy as np
import pytest

from edgevision.compression.keras3 import TOLERANCE, carry_over, is_keras3, rebuild_keras3
from edgevision.tensorflow_setup import keras as keras2
from edgevision_runtime.errors import CheckFailed, ModelError
from tests.edgevision.compression import networks

layers = keras3.layers


def every_kind():
    image = keras3.Input((16, 16, 3))
    x = layers.RandomFlip(name="flip")(layers.Rescaling(1 / 127.5, -1.0)(image))
    x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(8, 3, padding="same", use_bias=False)(x)))
    x = layers.DepthwiseConv2D(3, strides=2, padding="same", activation="hard_silu")(x)
    x = layers.LeakyReLU(0.1)(layers.Add()([x, layers.Conv2D(8, 1, activation="relu6")(x)]))
    gate = layers.Conv2D(8, 1, activation="hard_sigmoid")(layers.GlobalAveragePooling2D(keepdims=True)(x))
    x = (1.0 - layers.Multiply()([x, gate])) * 0.5 + 2.0
    block = keras3.Sequential(
        [
            keras3.Input((8, 8, 8)),
            layers.SeparableConv2D(8, 3, padding="same", activation="silu"),
            layers.UpSampling2D(interpolation="bilinear"),
            layers.MaxPooling2D(),
            layers.Conv2DTranspose(8, 3, padding="same", activation="gelu"),
        ]
    )
    x = layers.AveragePooling2D(2)(layers.Concatenate()([x, block(x)]))
    x = layers.Dropout(0.2)(layers.Flatten()(x))
    return keras3.Model(image, layers.Dense(3, activation="softmax")(x))


def test_the_twin_answers_as_the_keras_3_model_does(tmp_path):
    every_kind().save(tmp_path / "model.keras")

    rebuilt = rebuild_keras3(tmp_path / "model.keras")

    assert isinstance(rebuilt.model, keras2.Model)
    assert rebuilt.largest_difference(networks.pictures(8)) <= TOLERANCE
    assert rebuilt.dropped == ("flip (RandomFlip)",)
    assert not [layer for layer in rebuilt.model.layers if isinstance(layer, keras2.Model)]


def test_an_h5_file_of_keras_3_is_rebuilt_too(tmp_path):
    image = keras3.Input((16, 16, 3))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, activation="relu")(image))
    keras3.Model(image, layers.Dense(3, activation="softmax")(x)).save(tmp_path / "model.h5")

    assert is_keras3(tmp_path / "model.h5")
    assert rebuild_keras3(tmp_path / "model.h5").largest_difference(networks.pictures(8)) <= TOLERANCE


def test_a_normalization_layer_keeps_its_statistics():
    normalization = layers.Normalization(mean=[1.0, 2.0, 3.0], variance=[4.0, 9.0, 16.0])
    image = keras3.Input((2, 2, 3))

    rebuilt = carry_over(keras3.Model(image, normalization(image)))

    pixel = np.broadcast_to(np.array([3, 5, 7], np.float32), (1, 2, 2, 3))
    np.testing.assert_allclose(rebuilt.model(pixel)[0, 0, 0], [1.0, 1.0, 1.0], rtol=1e-6)


def test_hard_sigmoid_is_that_of_keras_3_not_that_of_keras_2():
    values = keras3.Input((1,))

    rebuilt = carry_over(keras3.Model(values, layers.Activation("hard_sigmoid")(values)))

    # relu6(1 + 3) / 6; Keras 2 would say 0.2 + 0.5
    assert float(rebuilt.model(np.array([[1.0]]))[0, 0]) == pytest.approx(4 / 6)


@pytest.mark.parametrize(
    ("layer", "named"),
    [
        (layers.GroupNormalization(2, name="groups"), r"'groups' \(GroupNormalization\)"),
        (layers.Conv2D(2, 1, activation="mish", name="odd"), "'odd'.*'mish'"),
        (layers.MaxPooling2D(data_format="channels_first", name="turned"), "'turned'.*channels_first"),
    ],
)
def test_a_layer_that_cannot_be_carried_over_is_named_with_what_to_do(layer, named):
    model = keras3.Sequential([keras3.Input((4, 4, 4)), layer])

    with pytest.raises(ModelError, match=named) as caught:
        carry_over(model)

    assert "edgevision convert" in str(caught.value)


def test_an_operation_that_is_no_layer_is_named():
    image = keras3.Input((4, 4, 3))
    model = keras3.Model(image, keras3.ops.sin(image))

    with pytest.raises(ModelError, match=r"\(Sin\) cannot be carried over"):
        carry_over(model)


def test_a_layer_used_twice_is_named():
    values = keras3.Input((4,))
    shared = layers.Dense(4, name="shared")

    with pytest.raises(ModelError, match=r"'shared'.*more than once"):
        carry_over(keras3.Model(values, shared(shared(values))))


def test_a_twin_that_answers_otherwise_is_refused():
    rebuilt = carry_over(every_kind())
    dense = rebuilt.model.layers[-2]
    dense.set_weights([weight + 0.1 * np.arange(3) for weight in dense.get_weights()])

    with pytest.raises(CheckFailed, match="differs from the Keras 3 model"):
        rebuilt.check(networks.pictures(2))


def test_a_lambda_layer_is_refused_in_one_line(tmp_path):
    keras3.Sequential([keras3.Input((4,)), layers.Lambda(lambda x: x)]).save(tmp_path / "model.keras")

    with pytest.raises(ModelError, match="Keras 3 cannot load it") as caught:
        rebuild_keras3(tmp_path / "model.keras")

    assert "\n" not in str(caught.value)


def test_the_writer_of_a_file_is_told_apart(tmp_path):
    keras3.Sequential([keras3.Input((4,)), layers.Dense(2)]).save(tmp_path / "three.keras")
    keras2.Sequential([keras2.Input((4,)), keras2.layers.Dense(2)]).save(tmp_path / "two.keras")
    (tmp_path / "broken.keras").write_bytes(b"PK\x03\x04 and no more")

    found = {path.name: is_keras3(path) for path in tmp_path.iterdir()}

    assert found == {"three.keras": True, "two.keras": False, "broken.keras": False}
