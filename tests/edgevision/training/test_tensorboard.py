import pytest

from edgevision.tensorflow_setup import tf
from edgevision.training.checkpoint import EpochRecord
from edgevision.training.fit import FitProgress
from edgevision.training.tensorboard import EventLog


def scalars(folder):
    """(step, tag, value) of the one event file in `folder`."""
    (file,) = folder.glob("events.out.tfevents.*")
    events = [tf.compat.v1.Event.FromString(raw.numpy()) for raw in tf.data.TFRecordDataset(str(file))]
    return [(event.step, value.tag, value.simple_value) for event in events for value in event.summary.value]


def test_each_epoch_writes_its_curves_for_training_and_validation(tmp_path):
    log = EventLog(tmp_path)

    log(FitProgress(epoch=1, epochs=2, step=1, steps=4, metric="macro_f1"))
    log(FitProgress(1, 2, 4, 4, "macro_f1", EpochRecord(1, 0.5, 0.75, 0.25, 0.875, 0.125, 3.0)))

    assert scalars(tmp_path / "train") == [(1, "loss", 0.5), (1, "macro_f1", 0.75), (1, "learning_rate", 0.125)]
    assert scalars(tmp_path / "validation") == [(1, "loss", 0.25), (1, "macro_f1", pytest.approx(0.875))]
