"""The losses: cross-entropy with class weights and label smoothing, soft Dice for masks, or both.

Every loss takes truth as integers, (N,) or (N, h, w) with 255 for pixels to ignore, and the network's output,
probabilities (N, classes) or logits (N, h, w, classes), and returns one float32 number per sample, (N,).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edgevision.tensorflow_setup import keras, tf
from edgevision.training.fit_plan import FitPlan
from edgevision.training.metrics import IGNORED

Loss = Callable[[Any, Any], Any]


def make_loss(plan: FitPlan) -> Loss:
    """The loss that `plan` asks for."""
    if plan.task == "classify":
        return _classification_loss(plan)
    parts: list[Loss] = []
    if "cross-entropy" in plan.loss:
        parts.append(_pixel_cross_entropy(plan))
    if "dice" in plan.loss:
        parts.append(_soft_dice(plan.classes))

    def loss(truth: Any, logits: Any) -> Any:
        return tf.add_n([part(truth, logits) for part in parts])

    return loss


def _classification_loss(plan: FitPlan) -> Loss:
    def loss(truth: Any, probabilities: Any) -> Any:
        labels = tf.cast(tf.reshape(truth, [-1]), tf.int32)
        wanted = tf.one_hot(labels, plan.classes)
        entropy = keras.losses.categorical_crossentropy(wanted, probabilities, label_smoothing=plan.label_smoothing)
        return entropy * _weights_of(labels, plan)

    return loss


def _pixel_cross_entropy(plan: FitPlan) -> Loss:
    """Mean over the labelled pixels of each sample, weighted by class."""

    def loss(truth: Any, logits: Any) -> Any:
        labels, known = _labels_and_known(truth)
        wanted = tf.one_hot(labels, plan.classes)
        entropy = keras.losses.categorical_crossentropy(
            wanted, tf.cast(logits, tf.float32), from_logits=True, label_smoothing=plan.label_smoothing
        )
        total = tf.reduce_sum(entropy * known * _weights_of(labels, plan), axis=[1, 2])
        return total / tf.maximum(tf.reduce_sum(known, axis=[1, 2]), 1.0)

    return loss


def _soft_dice(classes: int) -> Loss:
    """One minus the mean over classes of the soft Dice coefficient (Milletari et al. 2016), per sample."""

    def loss(truth: Any, logits: Any) -> Any:
        labels, known = _labels_and_known(truth)
        wanted = tf.one_hot(labels, classes) * known[..., None]
        shares = tf.nn.softmax(tf.cast(logits, tf.float32)) * known[..., None]
        overlap = tf.reduce_sum(wanted * shares, axis=[1, 2])
        size = tf.reduce_sum(wanted + shares, axis=[1, 2])
        dice = (2.0 * overlap + 1.0) / (size + 1.0)  # one pixel each, so that an absent class is right at zero
        return 1.0 - tf.reduce_mean(dice, axis=-1)

    return loss


def _labels_and_known(truth: Any) -> tuple[Any, Any]:
    """Class indices with 0 in place of 255, and float32 1 where a pixel counts."""
    truth = tf.cast(truth, tf.int32)
    known = tf.not_equal(truth, IGNORED)
    return tf.where(known, truth, 0), tf.cast(known, tf.float32)


def _weights_of(labels: Any, plan: FitPlan) -> Any:
    if plan.class_weights is None:
        return tf.ones_like(labels, tf.float32)
    return tf.gather(tf.constant(plan.class_weights, tf.float32), labels)
