import dataclasses

import numpy as np
import pytest

from edgevision.tensorflow_setup import keras, tf
from edgevision.training.checkpoint import CheckpointFolder
from edgevision.training.fit import FitHooks, fit, make_deterministic
from edgevision.training.fit_plan import FitPlan
from edgevision_runtime.errors import ModelError, UsageError

PLAN = FitPlan(task="classify", classes=2, epochs=4, learning_rate=0.01)


def tiny_model(width=4):
    return keras.Sequential(
        [
            keras.layers.Input((4, 4, 1)),
            keras.layers.Rescaling(1 / 127.5, -1),
            keras.layers.Conv2D(width, 3, padding="same", use_bias=False),
            keras.layers.BatchNormalization(momentum=0.9),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(2, activation="softmax"),
        ]
    )


def bright_and_dark(count=32, batch=8):
    """Dark pictures are class 0, bright ones class 1."""
    generator = np.random.default_rng(0)
    labels = np.arange(count) % 2
    images = generator.uniform(0, 100, (count, 4, 4, 1)) + 150 * labels[:, None, None, None]
    return tf.data.Dataset.from_tensor_slices((images.astype(np.float32), labels)).batch(batch)


def fitted(plan=PLAN, hooks=None, seed=1):
    make_deterministic(seed)
    model = tiny_model()
    return model, fit(model, plan, bright_and_dark(), bright_and_dark(), hooks)


def equal(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first.get_weights(), second.get_weights(), strict=True))


class Interrupt(keras.callbacks.Callback):
    """Ends the training in the middle of an epoch, as Ctrl-C does."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if self.current == self.epoch and batch == 2:
            raise KeyboardInterrupt

    def on_epoch_begin(self, epoch, logs=None):
        self.current = epoch + 1


def test_bright_and_dark_are_told_apart_and_every_epoch_is_recorded():
    _, result = fitted(dataclasses.replace(PLAN, epochs=30))

    assert [record.epoch for record in result.history] == list(range(1, 31))
    assert result.best.val_metric == 1.0  # the classes do not overlap
    assert result.history[0].learning_rate > result.history[-1].learning_rate  # cosine


def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not():
    first, _ = fitted(seed=1)
    again, _ = fitted(seed=1)
    other, _ = fitted(seed=2)

    assert equal(first, again)
    assert not equal(first, other)


def test_a_training_that_was_interrupted_ends_as_if_it_had_not_been(tmp_path):
    whole, whole_result = fitted()
    folder = CheckpointFolder(tmp_path)

    with pytest.raises(KeyboardInterrupt):
        fitted(hooks=FitHooks(callbacks=[Interrupt(epoch=3)], checkpoints=folder))
    resumed, result = fitted(hooks=FitHooks(checkpoints=folder))

    assert [record.epoch for record in result.history] == [1, 2, 3, 4]
    assert [r.loss for r in result.history] == [r.loss for r in whole_result.history]
    assert equal(whole, resumed)  # this data is not shuffled, so that nothing but the state decides


def test_a_finished_training_is_not_trained_again(tmp_path):
    folder = CheckpointFolder(tmp_path)
    model, result = fitted(hooks=FitHooks(checkpoints=folder))

    steps = []
    again, result_again = fitted(hooks=FitHooks(checkpoints=folder, on_progress=steps.append))

    assert steps == []
    assert result_again == result
    assert equal(model, again)


def test_a_checkpoint_of_another_network_is_refused(tmp_path):
    folder = CheckpointFolder(tmp_path)
    fitted(hooks=FitHooks(checkpoints=folder))

    with pytest.raises(ModelError, match="another network"):
        fit(tiny_model(width=5), PLAN, bright_and_dark(), bright_and_dark(), FitHooks(checkpoints=folder))


def test_the_weights_of_the_best_epoch_come_back():
    plan = dataclasses.replace(PLAN, epochs=6, learning_rate=0.5, schedule="constant")

    model, result = fitted(plan)

    kept = model.evaluate(bright_and_dark(), verbose=0, return_dict=True)
    # 1e-5: the loss is a float32 mean over batches, taken in training and here in the same order
    assert kept["loss"] == pytest.approx(result.best.val_loss, rel=1e-5)
    assert result.best.val_metric == max(record.val_metric for record in result.history)


def test_epochs_before_best_from_epoch_are_never_the_best():
    _, result = fitted(dataclasses.replace(PLAN, best_from_epoch=3))

    assert result.best_epoch == 4


def test_training_stops_when_the_validation_metric_no_longer_gets_better():
    plan = dataclasses.replace(PLAN, epochs=40, learning_rate=1e-9, early_stopping=2, schedule="constant")

    _, result = fitted(plan)

    assert result.has_stopped_early
    assert len(result.history) == result.best_epoch + 2


def test_a_loss_that_is_no_number_ends_with_what_to_do():
    with pytest.raises(UsageError, match="lower the learning rate"):
        fitted(dataclasses.replace(PLAN, learning_rate=1e38, optimizer="sgd"))


def test_an_empty_training_split_is_named():
    with pytest.raises(UsageError, match="training split is empty"):
        fit(tiny_model(), PLAN, bright_and_dark().take(0), bright_and_dark())


def test_a_sample_pulls_as_much_as_it_weighs():
    images = np.stack([np.full((4, 4, 1), value, np.float32) for value in (20, 40, 200, 230)])
    labels = np.array([0, 1, 1, 0])
    twice = (np.concatenate([images, images[:2]]), np.concatenate([labels, labels[:2]]))
    weighted = (images, labels, np.array([2, 2, 1, 1], np.float32) * (4 / 6))  # a step is a mean over its pictures

    steps = []
    for arrays in (twice, weighted):
        make_deterministic(0)
        model = keras.Sequential([keras.layers.Input((4, 4, 1)), keras.layers.Rescaling(1 / 255),
                                  keras.layers.Flatten(), keras.layers.Dense(2, activation="softmax")])  # fmt: skip
        plan = dataclasses.replace(PLAN, epochs=1, optimizer="sgd", learning_rate=1.0, restore_best=False)
        fit(model, plan, tf.data.Dataset.from_tensor_slices(arrays).batch(6), bright_and_dark())
        steps.append(model.get_weights())

    for first, second in zip(*steps, strict=True):
        assert first == pytest.approx(second, abs=1e-6)  # sums of floats in another order
