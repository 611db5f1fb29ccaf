"""Train a model on labelled images or masks: from a `TrainPlan` to a run directory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any

from edgevision.data.augment import Augmentation
from edgevision.data.packages import FetchOptions
from edgevision.data.pipeline import Cache, image_pipeline
from edgevision.runs import NewRun, RunDirectory, check_writable
from edgevision.tensorflow_setup import keras, tf
from edgevision.training.architectures import Architecture, ArchitectureOptions, backbone_layers, find_architecture
from edgevision.training.class_weights import class_weights
from edgevision.training.evaluate import Evaluation, evaluate
from edgevision.training.fit import FitHooks, FitProgress, FitResult, fit, make_deterministic
from edgevision.training.fit_plan import FitPlan
from edgevision.training.going_on import decide_freezing, pretrained_run, with_network_of
from edgevision.training.hooks import TrainHooks
from edgevision.training.plan import TrainPlan
from edgevision.training.probe import Probe, features_before_head, has_linear_head
from edgevision.training.run_files import Outcome, StageHistory, tool_versions, write_training_run
from edgevision.training.strategy import Placement, place
from edgevision.training.tensorboard import EventLog
from edgevision.training.training_data import (
    describe_duplicates,
    find_duplicates,
    fingerprint,
    open_training_data,
    split_counts,
)
from edgevision.training.unfinished import Target, UnfinishedTraining
from edgevision.training.weights import load_weights
from edgevision_runtime.postprocess import Postprocess
from edgevision_runtime.spec import make_spec
from edgevision_runtime.types import ModelSpec

RESUMED = 100_003  # a resumed training shuffles and augments anew, not as in its first epochs
MOST_DUPLICATES = 100  # that run.json lists


@dataclass(frozen=True, eq=False)
class TrainResult:
    """A finished training. Of several workers only the chief has a run and evaluations."""

    model: Any  # tf_keras, float32, not compiled
    run: RunDirectory | None
    evaluations: tuple[Evaluation, ...]  # val, and test when there is a test split


@dataclass(frozen=True)
class _Stage:
    name: str  # train | head | fine-tune
    plan: FitPlan
    is_frozen: bool


def train(plan: TrainPlan, target: Target, hooks: TrainHooks | None = None) -> TrainResult:
    """Train as `plan` says and write the run directory `target.output`.

    Raises:
        UsageError: a plan, a data set or a place that cannot be.
        ModelError: weights or a checkpoint that cannot be used.
    """
    return _Training(plan, target, hooks or TrainHooks()).run()


class _Training:
    def __init__(self, plan: TrainPlan, target: Target, hooks: TrainHooks) -> None:
        self.plan, self.target, self.hooks = plan, target, hooks
        self.placement: Placement = place(plan.strategy)
        make_deterministic(plan.seed)
        self.unfinished = UnfinishedTraining.of(target.output)
        if self.placement.workers > 1:
            self.unfinished = self.unfinished.of_worker(self.placement.worker, self.placement.agree_on_least)
        self.started_s = monotonic()

    def run(self) -> TrainResult:
        check_writable(self.target.output, force=self.target.force)
        self.unfinished.check(self.target)
        self._check_names()
        pretrained = pretrained_run(self.plan)
        if pretrained is not None:
            self.plan = with_network_of(pretrained, self.plan)
        self.hooks.log(self.placement.describe())
        self.dataset = open_training_data(self.plan, self.hooks)
        if pretrained is not None:
            self.plan, why = decide_freezing(pretrained, self.plan, len(self.dataset.of_split("train")))
            self.hooks.log(why)
        self.plan = self.plan.complete(self.dataset.task)
        self.architecture = self._find_architecture()
        self.spec = self._make_spec()
        self.duplicates = find_duplicates(self.dataset, self.hooks) if self.placement.is_chief else []
        self.augmentation = Augmentation.parse(str(self.plan.data.augment))
        stages = self._stages()
        if self.unfinished.prepare(self.plan, self.target, fingerprint(self.dataset)):
            self.hooks.log(f"going on from the checkpoint in {self.unfinished.path}")
        elif self.target.resume:
            self.hooks.log("no checkpoint to resume from: starting at the first epoch")
        try:
            result = self._fit_and_write(stages)
        finally:
            if not self.unfinished.has_checkpoints:
                self.unfinished.delete()
        self.unfinished.delete()
        return result

    def _fit_and_write(self, stages: list[_Stage]) -> TrainResult:
        model, histories = self._fit(stages)
        exported = self.architecture.build(self._options())
        exported.set_weights(model.get_weights())  # on every worker: reading averages may need all of them
        return self._write(exported, histories) if self.placement.is_chief else TrainResult(exported, None, ())

    def _check_names(self) -> None:
        """Refuse an unknown augmentation or architecture before data is read."""
        task: Any = self.plan.task
        if self.plan.data.augment is not None:
            Augmentation.parse(self.plan.data.augment)
        if self.plan.network.architecture is not None:
            find_architecture(self.plan.network.architecture, task)

    def _find_architecture(self) -> Architecture:
        task: Any = self.dataset.task
        return find_architecture(str(self.plan.network.architecture), task)

    def _make_spec(self) -> ModelSpec:
        contract = self.plan.contract(self.architecture.default_size)
        return make_spec(self.dataset.task, self.dataset.labels, contract, Postprocess(self.dataset.task))

    def _options(self) -> ArchitectureOptions:
        contract = self.spec.preprocess
        height, width = contract.size or self.architecture.default_size
        return ArchitectureOptions(
            (height, width, contract.channels), len(self.spec.labels), self.plan.network.width or 1.0
        )

    def _stages(self) -> list[_Stage]:
        plan, dataset = self.plan, self.dataset
        choice = str(plan.class_weights)
        weights = class_weights(choice, dataset)
        self.given_weights = weights if choice not in ("balanced", "none") else None
        if weights:
            shown = ", ".join(f"{label} {weight:.3g}" for label, weight in zip(dataset.labels, weights, strict=True))
            self.hooks.log(f"class weights ({choice}): {shown}")
        first, freeze = plan.fit_plan(len(dataset.labels), weights), bool(plan.network.freeze)
        stages = [_Stage("head" if freeze else "train", first, freeze)]
        if plan.network.fine_tune_epochs:
            stages.append(_Stage("fine-tune", plan.fine_tune_plan(first), is_frozen=False))
        return stages

    def _fit(self, stages: list[_Stage]) -> tuple[Any, list[StageHistory]]:
        """Build, load weights, and fit stage after stage."""
        with self._precision(), self.placement.strategy.scope():
            model = self.architecture.build(self._options())
            if self.plan.network.weights:
                loaded = load_weights(
                    model, self.architecture.name, self.plan.network.weights, FetchOptions(log=self.hooks.log)
                )
                for line in loaded.describe():
                    self.hooks.log(line)
            histories = [self._fit_stage(model, stage, number) for number, stage in enumerate(stages)]
        return model, histories

    def _fit_stage(self, model: Any, stage: _Stage, number: int) -> StageHistory:
        _set_frozen(model, is_frozen=stage.is_frozen, keeps_statistics=bool(self.plan.network.freeze))
        checkpoints = self.unfinished.checkpoints(stage.name)
        done = checkpoints.epochs_done()
        if done:
            self.hooks.log(f"{stage.name}: {done} of {stage.plan.epochs} epochs are done")
        seed = self.plan.seed + number + RESUMED * done
        listeners: list[Callable[[FitProgress], None]] = [lambda progress: self.hooks.on_progress(stage.name, progress)]
        if self.hooks.tensorboard and self.placement.is_chief:
            listeners.append(EventLog(self.unfinished.tensorboard / stage.name))

        def on_progress(progress: FitProgress) -> None:
            for listener in listeners:
                listener(progress)

        hooks = FitHooks(on_progress=on_progress, checkpoints=checkpoints)
        if stage.is_frozen and self.augmentation is None and has_linear_head(model):
            result = self._fit_probe(model, stage.plan, seed, hooks)
        else:
            train_data, val_data = self._pipeline("train", self.augmentation, seed), self._pipeline("val", None, None)
            result = fit(model, stage.plan, train_data, val_data, hooks)
        if result.has_stopped_early:
            self.hooks.log(f"stopped after epoch {len(result.history)}: no better since epoch {result.best_epoch}")
        return StageHistory(stage.name, stage.plan.metric, result.history, result.best_epoch)

    def _fit_probe(self, model: Any, plan: FitPlan, seed: int, hooks: FitHooks) -> FitResult:
        """Fit the head on features that are computed once: no layer before it moves, and no picture is varied."""
        features = {
            name: features_before_head(model, self._pipeline(name, None, None), self.dataset.of_split(name))
            for name in ("train", "val")
        }
        probe = Probe(model, features["train"])
        train_data = probe.batches(features["train"], self._batch, shuffle_seed=seed)
        val_data = probe.batches(features["val"], self._batch)
        distributable = self.placement.distributable
        result = fit(probe.head, plan, distributable(train_data), distributable(val_data), hooks)
        probe.write_back()
        return result

    @property
    def _batch(self) -> int:
        assert self.plan.batch is not None, "the plan is complete"
        return self.plan.batch

    def _pipeline(self, name: str, augmentation: Augmentation | None, seed: int | None) -> Any:
        samples = self.dataset.of_split(name)
        cache = Cache(
            log=self.hooks.log, on_prepared=lambda done, total: self.hooks.on_images(f"preparing {name}", done, total)
        )
        data = image_pipeline(samples, self.spec, self._batch, augment=augmentation, shuffle_seed=seed, cache=cache)
        return self.placement.distributable(data)

    @contextmanager
    def _precision(self) -> Iterator[None]:
        """Compute in 16 bits where that was asked for; weights stay float32."""
        if not self.plan.mixed_precision:
            yield
            return
        policy = "mixed_float16" if tf.config.list_physical_devices("GPU") else "mixed_bfloat16"
        self.hooks.log(f"computing in {policy.removeprefix('mixed_')}, weights in float32")
        keras.mixed_precision.set_global_policy(policy)
        try:
            yield
        finally:
            keras.mixed_precision.set_global_policy("float32")

    def _write(self, model: Any, histories: list[StageHistory]) -> TrainResult:
        self.hooks.log("judging the best epoch's weights")
        splits = [name for name in ("val", "test") if any(s.split == name for s in self.dataset.samples)]
        evaluations = tuple(
            evaluate(model, self.spec, self.dataset.of_split(name), name, self._batch) for name in splits
        )
        duplicates = self.duplicates
        notes = [f"Trained in {monotonic() - self.started_s:.0f} s, {self.placement.describe()}."]
        notes += [describe_duplicates(self.dataset, duplicates)] if duplicates else []
        notes += [f"Skipped: {one.reason}" for one in self.dataset.skipped]
        record = self._record(model, histories)
        new = NewRun(self.target.output, self.spec, record, force=self.target.force)
        log_folder = self.unfinished.tensorboard
        outcome = Outcome(model, self.dataset, histories, evaluations, {"tensorboard": log_folder}, notes)
        return TrainResult(model, write_training_run(new, outcome), evaluations)

    def _record(self, model: Any, histories: list[StageHistory]) -> dict[str, Any]:
        dataset, network, duplicates = self.dataset, self.plan.network, self.duplicates
        return {
            "command": self.hooks.command,
            "arguments": {**self.plan.to_json(), "class_weight_values": self.given_weights},
            "stage": "trained",
            "parent": None,
            "seed": self.plan.seed,
            "architecture": {
                "name": self.architecture.name,
                "width": network.width,
                "parameters": int(model.count_params()),
                "weights": network.weights,
            },
            "data": {
                "source": self.plan.data.source,
                "root": str(dataset.root.absolute()),
                "augment": self.plan.data.augment,
                "images": split_counts(dataset),
                "skipped": [{"path": str(one.path), "reason": one.reason} for one in dataset.skipped],
                "near_duplicates": {
                    "pairs": len(duplicates),
                    "nearest": [
                        [dataset.relative(pair.first), dataset.relative(pair.second), pair.distance]
                        for pair in duplicates[:MOST_DUPLICATES]
                    ],
                },
            },
            "best_epoch": [
                {"stage": one.stage, "epoch": one.best_epoch, one.metric: one.best.val_metric} for one in histories
            ],
            "seconds": round(monotonic() - self.started_s, 1),
            "tools": tool_versions(),
        }


def _set_frozen(model: Any, *, is_frozen: bool, keeps_statistics: bool) -> None:
    """Freeze or thaw the backbone; with `keeps_statistics` its BatchNorm stays frozen, in inference mode, even then."""
    for layer in backbone_layers(model):
        is_kept = keeps_statistics and isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = not is_frozen and not is_kept
