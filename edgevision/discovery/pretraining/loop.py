"""The loop of label-free learning: the same seed gives the same bits, also over a kill and a resume.

The order of the pictures and the views follow from the seed, the epoch and the step alone; what an epoch leaves is in
its checkpoint.
"""

from __future__ import annotations

import json
import math
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import numpy.typing as npt

from edgevision.discovery.pretraining.objectives import Objective
from edgevision.tensorflow_setup import keras, tf
from edgevision.training.strategy import Placement
from edgevision_runtime.atomic import atomic_folder
from edgevision_runtime.errors import DataError, ModelError, UsageError

WARMUP = 0.05  # share of all steps in which the rate rises
WEIGHT_DECAY = 1e-4
TIMED_STEPS = 5


@dataclass(frozen=True)
class LoopPlan:
    """How long and how fast."""

    epochs: int
    batch: int = 256
    learning_rate: float = 2e-3
    seed: int = 0


@dataclass(frozen=True)
class EpochLoss:
    """One row of history.csv."""

    epoch: int  # 1, 2, 3 …
    loss: float
    seconds: float


OnStep = Callable[[int, int, EpochLoss | None], None]  # epoch, step of all steps in it, the epoch's record at its end


class Loop:
    """One stage of learning: an objective, a plan, and where its checkpoints are kept."""

    def __init__(self, objective: Objective, pictures: int, plan: LoopPlan, placement: Placement, folder: Path) -> None:
        self.batch = min(plan.batch, pictures)
        if self.batch < 2:
            raise DataError(f"{pictures} pictures to learn from", expected="at least two")
        self.steps = pictures // self.batch
        self.history: list[EpochLoss] = []
        self._objective, self._pictures, self._plan, self._placement = objective, pictures, plan, placement
        self._folder = folder
        self._variables = [v for network in objective.networks for v in network.trainable_variables]
        with placement.strategy.scope():
            self._optimizer = keras.optimizers.AdamW(plan.learning_rate, weight_decay=WEIGHT_DECAY)
            self._optimizer.build(self._variables)
        self._step = self._compiled_step()

    def run(self, on_step: OnStep) -> None:
        """Learn until the plan's last epoch, from the newest checkpoint on.

        Raises:
            UsageError: the loss became infinite.
            ModelError: a checkpoint that is of another network.
        """
        self._resume()
        while len(self.history) < self._plan.epochs:
            epoch, began_s, losses = len(self.history) + 1, monotonic(), []
            for number, arrays in enumerate(self._batches(epoch)):
                losses.append(self._take_step(arrays, (epoch - 1) * self.steps + number))
                on_step(epoch, number + 1, None)
            record = EpochLoss(epoch, float(np.mean([float(loss) for loss in losses])), monotonic() - began_s)
            if not math.isfinite(record.loss):
                raise UsageError(f"the loss became {record.loss} in epoch {epoch}", hint="lower the learning rate")
            self.history.append(record)
            self._save()
            on_step(epoch, self.steps, record)

    def seconds_per_epoch(self) -> float:
        """How long an epoch takes here, by a few steps whose effect is undone."""
        before = [variable.numpy() for variable in self._all_variables()]
        batches = iter(self._batches(1))
        self._take_step(next(batches), 0)  # compiles
        began_s = monotonic()
        taken = sum(1 for _, arrays in zip(range(TIMED_STEPS), batches, strict=False) if self._waits(arrays)) or 1
        seconds = (monotonic() - began_s) / taken * self.steps
        for variable, value in zip(self._all_variables(), before, strict=True):
            variable.assign(value)
        return seconds

    def _waits(self, arrays: Any) -> bool:
        float(self._take_step(arrays, 0))
        return True

    def _compiled_step(self) -> Callable[..., Any]:
        strategy, replicas = self._placement.strategy, self._placement.strategy.num_replicas_in_sync

        def one(arrays: Any, seed: Any) -> Any:
            with tf.GradientTape() as tape:
                loss = self._objective.loss(arrays, seed)
                shared = loss / replicas  # the optimizer adds up what the replicas give
            self._optimizer.apply_gradients(zip(tape.gradient(shared, self._variables), self._variables, strict=True))
            return loss

        def step(arrays: Any, seed: Any) -> Any:
            losses = strategy.run(one, args=(arrays, seed))
            return strategy.reduce(tf.distribute.ReduceOp.MEAN, losses, axis=None)

        compiled: Callable[..., Any] = tf.function(step)
        return compiled

    def _take_step(self, arrays: Any, step: int) -> Any:
        self._optimizer.learning_rate.assign(self._rate(step))
        return self._step(arrays, tf.constant([step, self._plan.seed], tf.int32))

    def _rate(self, step: int) -> float:
        """Linear warm-up, then half a cosine down to nothing."""
        share = step / max(1, self.steps * self._plan.epochs)
        return self._plan.learning_rate * min(1.0, (share + 1e-3) / WARMUP) * 0.5 * (1 + math.cos(math.pi * share))

    def _batches(self, epoch: int) -> Any:
        order = np.random.default_rng((self._plan.seed, epoch)).permutation(self._pictures)[: self.steps * self.batch]
        example = self._objective.gather(order[:1], epoch)
        kinds = [tf.as_dtype(array.dtype) for array in example]

        def gather(positions: Any) -> Any:
            arrays = tf.numpy_function(lambda chosen: self._objective.gather(chosen, epoch), [positions], kinds)
            return tuple(
                tf.ensure_shape(array, (None, *known.shape[1:])) for array, known in zip(arrays, example, strict=True)
            )

        data = tf.data.Dataset.from_tensor_slices(order).batch(self.batch, drop_remainder=True).map(gather).prefetch(2)
        return self._placement.strategy.experimental_distribute_dataset(self._placement.distributable(data))

    def _all_variables(self) -> list[Any]:
        """Everything that a step changes."""
        own = self._optimizer.variables
        networks = [variable for network in self._objective.networks for variable in network.variables]
        return [*networks, *(own() if callable(own) else own)]

    def _save(self) -> None:
        values: dict[str, npt.NDArray[Any]] = {
            f"{position:05d}": variable.numpy() for position, variable in enumerate(self._all_variables())
        }
        if not self._placement.is_chief:
            return
        with atomic_folder(self._folder / f"epoch-{len(self.history):05d}") as folder:
            np.savez(folder / "state.npz", **values)  # type: ignore[arg-type]
            (folder / "history.json").write_text(json.dumps([asdict(one) for one in self.history]), encoding="utf-8")
        for older in self._checkpoints()[:-1]:
            shutil.rmtree(older)

    def _resume(self) -> None:
        found = self._checkpoints()
        if not found:
            return
        try:
            history = json.loads((found[-1] / "history.json").read_text(encoding="utf-8"))
            with np.load(found[-1] / "state.npz", allow_pickle=False) as archive:
                values = [archive[name] for name in sorted(archive.files)]
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise ModelError(
                f"{found[-1]}: {error}", expected="a checkpoint", hint="start over with --force"
            ) from error
        variables = self._all_variables()
        if [value.shape for value in values] != [tuple(variable.shape) for variable in variables]:
            raise ModelError(f"{found[-1]} is of another network", hint="start over with --force")
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        self.history = [EpochLoss(**one) for one in history]

    def _checkpoints(self) -> list[Path]:
        return sorted(self._folder.glob("epoch-[0-9]*"))
