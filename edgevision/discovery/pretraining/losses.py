"""The losses of label-free learning, on batches of projected features."""

from __future__ import annotations

from typing import Any

from edgevision.tensorflow_setup import tf

TEMPERATURE = 0.2
INVARIANCE, VARIANCE, COVARIANCE = 25.0, 25.0, 1.0


def vicreg(first: Any, second: Any) -> Any:
    """Variance-invariance-covariance (Bardes, Ponce, LeCun 2022, equations 1 to 6) of two views, float32 (n, d) each.

    The views of a picture should agree, each dimension should spread over the batch, no two should say the same.
    """
    invariance = tf.reduce_mean(tf.math.squared_difference(first, second))
    spread = (_missing_spread(first) + _missing_spread(second)) / 2
    redundancy = _redundancy(first) + _redundancy(second)
    return INVARIANCE * invariance + VARIANCE * spread + COVARIANCE * redundancy


def simclr(first: Any, second: Any) -> Any:
    """NT-Xent (Chen et al. 2020, equation 1) of two views, float32 (n, d) each: find the other view among 2n - 1."""
    both = tf.math.l2_normalize(tf.concat([first, second], axis=0), axis=1)
    count = tf.shape(first)[0]
    similarity = tf.matmul(both, both, transpose_b=True) / TEMPERATURE
    similarity = tf.linalg.set_diag(similarity, tf.fill([2 * count], -1e9))
    other = tf.concat([tf.range(count) + count, tf.range(count)], axis=0)
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(other, similarity))


def distill(student: Any, teacher: Any) -> Any:
    """1 - cosine between what the student makes of a view and what the teacher made of the picture, (n, d) each."""
    student, teacher = tf.math.l2_normalize(student, axis=1), tf.math.l2_normalize(teacher, axis=1)
    return tf.reduce_mean(1 - tf.reduce_sum(student * teacher, axis=1))


def scan(first: Any, second: Any, entropy_weight: float = 5.0) -> Any:
    """SCAN (Van Gansbeke et al. 2020, equation 2): neighbours in one cluster, all clusters used alike.

    `first`, `second`: cluster probabilities, float32 (n, k) or (heads, n, k), of pictures and of a neighbour of each.
    One loss, or one for each head.
    """
    agreement = -tf.reduce_mean(tf.math.log(tf.reduce_sum(first * second, axis=-1) + 1e-8), axis=-1)
    mean = (tf.reduce_mean(first, axis=-2) + tf.reduce_mean(second, axis=-2)) / 2
    return agreement + entropy_weight * tf.reduce_sum(mean * tf.math.log(mean + 1e-8), axis=-1)


def _missing_spread(values: Any) -> Any:
    deviation = tf.sqrt(tf.math.reduce_variance(values, axis=0) + 1e-4)
    return tf.reduce_mean(tf.nn.relu(1 - deviation))


def _redundancy(values: Any) -> Any:
    centred = values - tf.reduce_mean(values, axis=0)
    covariance = tf.matmul(centred, centred, transpose_a=True) / tf.cast(tf.shape(values)[0] - 1, tf.float32)
    off_diagonal = tf.linalg.set_diag(covariance, tf.zeros(tf.shape(values)[1]))
    return tf.reduce_sum(tf.square(off_diagonal)) / tf.cast(tf.shape(values)[1], tf.float32)
