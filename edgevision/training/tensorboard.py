"""Write the curves of a training as TensorBoard's event files, without needing TensorBoard itself."""

from __future__ import annotations

from pathlib import Path

from edgevision.tensorflow_setup import tf
from edgevision.training.fit import FitProgress


class EventLog:
    """Scalars of each epoch, in folders `train` and `validation`, so that TensorBoard lays the two over each other."""

    def __init__(self, folder: Path) -> None:
        self.writers = {name: tf.summary.create_file_writer(str(folder / name)) for name in ("train", "validation")}

    def __call__(self, progress: FitProgress) -> None:
        """Write an epoch's record; progress within an epoch writes nothing."""
        record = progress.record
        if record is None:
            return
        metric = progress.metric
        train = {"loss": record.loss, metric: record.metric, "learning_rate": record.learning_rate}
        validation = {"loss": record.val_loss, metric: record.val_metric}
        for name, scalars in (("train", train), ("validation", validation)):
            entries = [tf.compat.v1.Summary.Value(tag=tag, simple_value=value) for tag, value in scalars.items()]
            with self.writers[name].as_default():
                tf.summary.experimental.write_raw_pb(
                    tf.compat.v1.Summary(value=entries).SerializeToString(), step=record.epoch
                )
            self.writers[name].flush()
