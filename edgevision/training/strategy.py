"""On which devices and machines a training runs, through tf.distribute."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgevision.tensorflow_setup import tf
from edgevision_runtime.errors import UsageError


@dataclass(frozen=True, eq=False)
class Placement:
    """A tf.distribute strategy, and this process' place in it."""

    strategy: Any
    worker: int = 0
    workers: int = 1

    @property
    def is_chief(self) -> bool:
        """Whether this process writes the run; there is exactly one."""
        return self.worker == 0

    def describe(self) -> str:
        """What a person wants to know before a long training."""
        gpus = [tf.config.experimental.get_device_details(gpu) for gpu in tf.config.list_physical_devices("GPU")]
        names = ", ".join(str(details.get("device_name", "GPU")) for details in gpus)
        where = (
            f"the GPU ({names})" if len(gpus) == 1 else f"{len(gpus)} GPUs ({names})" if gpus else "the CPU (no GPU)"
        )
        if self.workers > 1:
            return f"training on {where}, worker {self.worker + 1} of {self.workers}"
        replicas = self.strategy.num_replicas_in_sync
        return f"training on {where}" + (f", {replicas} replicas" if replicas > 1 else "")

    def agree_on_least(self, number: int) -> int:
        """The least of the numbers that the workers hold; all must call it."""
        if self.workers == 1:
            return number
        values = self.strategy.run(lambda: tf.constant([number], tf.int64))
        return int(tf.reduce_min(self.strategy.gather(values, axis=0)))

    def distributable(self, data: Any) -> Any:
        """A data set whose batches, not files, are shared out among the workers."""
        if self.workers == 1:
            return data
        options = tf.data.Options()
        options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
        return data.with_options(options)


def place(name: str) -> Placement:
    """Set up `none`, `mirrored` (all GPUs of this machine) or `multiworker` (TF_CONFIG says which machines).

    `multiworker` must be set up before anything else touches TensorFlow, and waits for the other workers.

    Raises:
        UsageError: multiworker without a cluster in TF_CONFIG.
    """
    if name == "mirrored":
        return Placement(tf.distribute.MirroredStrategy())
    if name == "multiworker":
        return _multiworker()
    return Placement(tf.distribute.get_strategy())


def _multiworker() -> Placement:
    try:
        resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
        cluster = resolver.cluster_spec().as_dict()
        task = (resolver.task_type, resolver.task_id)
    except (ValueError, TypeError, AttributeError) as error:
        raise UsageError(
            f"TF_CONFIG cannot be read: {error}", expected="TensorFlow's JSON of cluster and task"
        ) from error
    members = [("chief", i) for i in range(len(cluster.get("chief", [])))]
    members += [("worker", i) for i in range(len(cluster.get("worker", [])))]
    if task not in members:
        raise UsageError(
            "--strategy multiworker finds no place for this process in TF_CONFIG",
            expected='{"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", "index": 0}}',
        )
    strategy = tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)
    return Placement(strategy, worker=members.index(task), workers=len(members))
