import numpy as np

from edgevision.tensorflow_setup import keras, tf
from edgevision.training.architectures import ArchitectureOptions, build
from edgevision.training.probe import Features, Probe, features_before_head, has_linear_head


class Weighed:
    """As much of a sample as features need."""

    def __init__(self, weight: float) -> None:
        self.weight = weight


def features_of(model, pictures):
    data = tf.data.Dataset.from_tensor_slices((pictures, np.arange(len(pictures)) % 2)).batch(4)
    return features_before_head(model, data, [Weighed(1.0)] * len(pictures))


def test_the_head_that_was_fitted_to_standardized_features_scores_the_pictures_alike():
    pictures = np.random.default_rng(0).uniform(0, 255, (10, 8, 8, 1)).astype(np.float32)
    model = build("cnn", ArchitectureOptions((8, 8, 1), 2, width=0.25))
    features = features_of(model, pictures)
    probe = Probe(model, features)
    dense = probe.head.get_layer("head_logits")
    dense.set_weights([np.random.default_rng(1).normal(size=dense.kernel.shape), np.array([0.5, -0.5])])
    expected = np.concatenate([probe.head(values).numpy() for values, _ in probe.batches(features, 4)])

    probe.write_back()

    # the same sums in another order: float32 rounding
    np.testing.assert_allclose(model(pictures, training=False).numpy(), expected, atol=1e-5)


def test_batch_norm_infers_while_features_are_computed():
    pictures = np.random.default_rng(0).uniform(0, 255, (6, 8, 8, 1)).astype(np.float32)
    model = build("cnn_dense", ArchitectureOptions((8, 8, 1), 2, width=0.25))
    before = [weight.copy() for weight in model.get_weights()]

    features = features_of(model, pictures)

    expected = keras.Model(model.input, model.get_layer("pool").output)(pictures, training=False).numpy()
    np.testing.assert_allclose(features.values, expected, atol=1e-6)  # float32 rounding
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_a_feature_that_never_varies_changes_nothing():
    model = build("cnn", ArchitectureOptions((8, 8, 1), 2, width=0.25))
    dimension = model.get_layer("head_logits").kernel.shape[0]
    values = np.zeros((4, dimension), np.float32)
    values[:, 0] = [0, 2, 0, 2]
    values[:, 1] = 7
    features = Features(values, np.array([0, 1, 0, 1], np.int32), np.ones(4, np.float32))

    ((standardized, _),) = Probe(model, features).batches(features, 4)

    assert standardized[:, 0].numpy().tolist() == [-1, 1, -1, 1]
    assert not standardized[:, 1:].numpy().any()


def test_samples_keep_their_weights_in_the_loss():
    model = build("cnn", ArchitectureOptions((8, 8, 1), 2, width=0.25))
    values = np.arange(3 * model.get_layer("head_logits").kernel.shape[0], dtype=np.float32).reshape(3, -1)
    features = Features(values, np.array([0, 1, 1], np.int32), np.array([1.0, 0.25, 0.5], np.float32))

    ((_, truth, weights),) = Probe(model, features).batches(features, 4, shuffle_seed=0)

    assert sorted(zip(truth.numpy().tolist(), weights.numpy().tolist(), strict=True)) == [(0, 1.0), (1, 0.25), (1, 0.5)]


def test_a_segmenter_has_no_linear_head():
    assert has_linear_head(build("mobilenet_v2", ArchitectureOptions((32, 32, 3), 2, width=0.25)))
    assert not has_linear_head(build("unet_tiny", ArchitectureOptions((16, 16, 3), 2, width=0.5)))
