"""The metric that training watches while it runs: macro F1 or mean IoU over everything seen, not a mean of batches."""

from __future__ import annotations

from typing import Any

from edgevision.tensorflow_setup import keras, tf
from edgevision.training.fit_plan import FitPlan
from edgevision.training.metrics import IGNORED


class ConfusionMetric(keras.metrics.Metric):  # type: ignore[misc]
    """Counts (classes, classes) over an epoch; `result` is the macro F1 of classes, or the mean IoU of masks.

    Classes that neither occur nor are predicted are left out of the mean, as in `metrics.py`.
    """

    def __init__(self, plan: FitPlan) -> None:
        super().__init__(name=plan.metric)
        self.plan = plan
        shape = (plan.classes, plan.classes)
        self.counts = self.add_weight(name="counts", shape=shape, initializer="zeros", dtype=tf.int64)

    def update_state(self, truth: Any, output: Any, sample_weight: Any = None) -> None:
        """Add truth (N, …) and output (N, …, classes); truth 255 does not count."""
        truth = tf.reshape(tf.cast(truth, tf.int32), [-1])
        predicted = tf.reshape(tf.argmax(output, axis=-1, output_type=tf.int32), [-1])
        known = tf.not_equal(truth, IGNORED)
        cell = tf.where(known, truth, 0) * self.plan.classes + predicted
        cells = self.plan.classes**2
        counts = tf.math.unsorted_segment_sum(tf.cast(known, tf.int64), cell, cells)
        self.counts.assign_add(tf.reshape(counts, [self.plan.classes, self.plan.classes]))

    def result(self) -> Any:
        """A float32 scalar; 0 when nothing was seen."""
        hit = tf.linalg.diag_part(self.counts)
        both = tf.reduce_sum(self.counts, axis=0) + tf.reduce_sum(self.counts, axis=1)
        occurs = tf.greater(both, 0)
        if self.plan.task == "classify":
            scores = tf.math.divide_no_nan(2.0 * tf.cast(hit, tf.float32), tf.cast(both, tf.float32))
        else:
            scores = tf.math.divide_no_nan(tf.cast(hit, tf.float32), tf.cast(both - hit, tf.float32))
        return tf.math.divide_no_nan(tf.reduce_sum(scores), tf.reduce_sum(tf.cast(occurs, tf.float32)))

    def reset_state(self) -> None:
        """Forget what was counted."""
        self.counts.assign(tf.zeros_like(self.counts))
