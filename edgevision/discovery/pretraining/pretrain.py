"""Learn a backbone without labels: from a `PretrainPlan` to a run directory that `train --weights` goes on from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic, process_time
from typing import Any

import numpy as np

from edgevision.discovery.backbones import Backbone, open_backbone
from edgevision.discovery.frames import FrameItem, FrameSet, check_source, open_frames
from edgevision.discovery.keras_backbone import features_of, without_head
from edgevision.discovery.pretraining import losses
from edgevision.discovery.pretraining.loop import EpochLoss, Loop, LoopPlan
from edgevision.discovery.pretraining.objectives import Distillation, Material, Objective, Pictures, Scan, TwoViews
from edgevision.discovery.pretraining.plan import BATCH, PretrainPlan, epochs_of, scan_epochs_of
from edgevision.discovery.pretraining.scan import SCAN_RATE, best_clusters, find_start, make_scan
from edgevision.discovery.pretraining.spread import Spread
from edgevision.discovery.pretraining.views import DISTILLED, parse_views, views_for
from edgevision.discovery.whitening import Vectors, Whitening
from edgevision.runs import NewRun, RunDirectory, check_writable, write_run
from edgevision.training.architectures import ArchitectureOptions, find_architecture
from edgevision.training.fit import make_deterministic
from edgevision.training.run_files import tool_versions
from edgevision.training.strategy import place
from edgevision.training.unfinished import Target, UnfinishedTraining
from edgevision_runtime.atomic import write_text
from edgevision_runtime.contract import Preprocess
from edgevision_runtime.errors import DataError
from edgevision_runtime.operations import Color, Resize
from edgevision_runtime.postprocess import Postprocess
from edgevision_runtime.spec import make_spec

TEACHER_DIMENSION = 128  # main directions of a teacher, that a student learns
PLACEHOLDER_CLASSES = 2  # of the head that is cut off again
LOOKED_AT = 64  # pictures that decide which views suit


@dataclass(frozen=True)
class PretrainHooks:
    """Whom it tells what."""

    log: Callable[[str], None] = lambda text: None
    warn: Callable[[str], None] = lambda text: None
    on_pictures: Callable[[str, int, int], None] = lambda work, done, total: None
    on_step: Callable[[str, int, int, EpochLoss | None], None] = lambda stage, step, steps, record: None
    command: str = ""


@dataclass(frozen=True, eq=False)
class PretrainResult:
    """What came of it."""

    run: RunDirectory | None  # None on a worker that is not the chief
    features: Vectors  # of the pictures that it learned from, in their order
    frames: FrameSet
    items: tuple[FrameItem, ...]  # of them those that it learned from
    spread: Spread
    histories: dict[str, list[EpochLoss]]  # stage → epochs
    scan_losses: tuple[float, ...] = ()  # of each head, over the last epoch
    clusters: Any = field(default=None)  # SCAN's own, int64 (n,), of the head with the lowest loss


def pretrain(plan: PretrainPlan, target: Target, hooks: PretrainHooks | None = None) -> PretrainResult:
    """Learn as `plan` says and write the run directory `target.output`.

    Raises:
        UsageError: a plan, a data set or a place that cannot be.
        CheckFailed: the features collapsed; nothing is written.
    """
    return _Pretraining(plan, target, hooks or PretrainHooks()).run()


class _Pretraining:
    def __init__(self, plan: PretrainPlan, target: Target, hooks: PretrainHooks) -> None:
        self.plan, self.target, self.hooks = plan, target, hooks
        self.placement = place(plan.strategy)
        make_deterministic(plan.seed)
        self.unfinished = UnfinishedTraining.of(target.output)
        if self.placement.workers > 1:
            self.unfinished = self.unfinished.of_worker(self.placement.worker, self.placement.agree_on_least)
        self.architecture = find_architecture(plan.architecture, "classify")
        self.histories: dict[str, list[EpochLoss]] = {}
        self.started_s, self.started_cpu_s = monotonic(), process_time()

    def run(self) -> PretrainResult:
        self._refuse_early()
        self.hooks.log(self.placement.describe())
        objective = self._prepare()
        self._learn(self.plan.the_method, objective, self._loop_plan)
        scan = self._scan() if self.plan.scan else None
        features = self._features()
        spread = Spread.of(features)
        self.hooks.log(f"features: {spread.describe()}")
        spread.refuse_collapse()
        result = PretrainResult(None, features, self.frames, self.items, spread, self.histories)
        if scan is not None:
            scan_losses, clusters = best_clusters(scan, features)
            result = replace(result, scan_losses=scan_losses, clusters=clusters)
        if self.placement.is_chief:
            result = replace(result, run=self._write(result))
        self.unfinished.delete()
        return result

    def _refuse_early(self) -> None:
        """Tell what can be told without the pictures."""
        check_writable(self.target.output, force=self.target.force)
        self.unfinished.check(self.target)
        check_source(self.plan.source)
        if self.plan.views:
            parse_views(self.plan.views)

    def _prepare(self) -> Objective:
        """Read the pictures; whoever resumes another plan or gave a teacher that is none hears of it first."""
        self.contract = self._contract()
        with self.placement.strategy.scope():
            self.backbone = self._build()  # before the teacher, so that where it begins hangs on the seed alone
            teacher = self._open_teacher()
            self.frames = open_frames(self.plan.source, self.plan.every_s)  # fetches sets, counts through videos
            names = "\n".join(item.name for item in self.frames.items)
            self.unfinished.goes_on(self.plan, self.target, names)
            if teacher is not None:
                self._ask_about_one(teacher)
        self.pictures, examples = self._read_pictures()
        self.views = self.plan.views or (DISTILLED if self.plan.the_method == "distill" else views_for(examples))
        augmentation = parse_views(self.views)
        self.hooks.log(f"{len(self.pictures)} pictures; views ({self.views}): {augmentation}")
        with self.placement.strategy.scope():
            self.material = Material(self.backbone, self.pictures, augmentation, self.contract.color)
            objective = self._objective(teacher)
        if self.unfinished.prepare(self.plan, self.target, names):
            self.hooks.log(f"going on from the checkpoint in {self.unfinished.path}")
        return objective

    def _contract(self) -> Preprocess:
        size = self.plan.image_size or self.architecture.default_size
        return Preprocess((Resize(size, "squash", "bilinear"), Color(self.plan.color)))

    def _read_pictures(self) -> tuple[Pictures, list[Any]]:
        """Every picture through the contract, uint8 (n, h, w, c), and some as they are."""
        total = len(self.frames.items)
        pictures: list[Any] = []
        examples: list[Any] = []
        items: list[FrameItem] = []
        for number, (item, image) in enumerate(self.frames.images(), start=1):
            items.append(item)
            pictures.append(np.ascontiguousarray(self.contract.to_image(image)))
            if len(examples) < LOOKED_AT and (number - 1) % max(1, total // LOOKED_AT) == 0:
                examples.append(image)
            self.hooks.on_pictures("reading", number, total)
        for problem in self.frames.unreadable:
            self.hooks.warn(f"left out: {problem}")
        if len(pictures) < 2:
            raise DataError(f"{self.plan.source}: {len(pictures)} pictures", expected="at least two to learn from")
        self.items = tuple(items)
        return np.stack(pictures), examples

    def _build(self) -> Any:
        options = ArchitectureOptions(self.contract.shape, PLACEHOLDER_CLASSES, self.plan.width)
        return without_head(self.architecture.build(options), self.architecture.name)

    def _open_teacher(self) -> Backbone | None:
        if self.plan.teacher is None:
            return None
        teacher = open_backbone(self.plan.teacher)
        self.hooks.log(f"teacher: {teacher.title}")
        return teacher

    def _ask_about_one(self, teacher: Backbone) -> None:
        """Whether a teacher's contract fits may show only at a picture."""
        again = replace(self.frames, unreadable=[])  # what is left out is said while all are read
        for _, image in again.images():
            teacher.features([image])
            break

    def _objective(self, teacher: Backbone | None) -> Objective:
        if teacher is not None:
            return Distillation(self.material, self._targets_of(teacher))
        return TwoViews(self.material, losses.simclr if self.plan.the_method == "simclr" else losses.vicreg)

    def _targets_of(self, teacher: Backbone) -> Vectors:
        """The teacher's main directions of every picture; the teacher sees the original, not the student's size."""
        features = []
        for number, (_, image) in enumerate(self.frames.images(), start=1):
            features.append(teacher.features([image]))
            self.hooks.on_pictures("asking the teacher", number, len(self.frames.items))
        values = np.concatenate(features)
        return values if teacher.weighing == "untouched" else Whitening.fit(values, TEACHER_DIMENSION, "own")(values)

    def _loop_plan(self, loop_of: Callable[[LoopPlan], Loop]) -> LoopPlan:
        epochs = self.plan.epochs or epochs_of(len(self.pictures), self.plan.batch or BATCH)
        plan = LoopPlan(epochs, self.plan.the_batch, self.plan.learning_rate, self.plan.seed)
        if self.plan.minutes is None:
            return plan
        decided = self.unfinished.path / "epochs.txt"  # so that a resumed learning has as many
        if not decided.is_file():
            seconds = loop_of(plan).seconds_per_epoch()
            epochs = self.placement.agree_on_least(max(1, int(self.plan.minutes * 60 / seconds)))
            self.hooks.log(f"{epochs} epochs of about {seconds:.1f} s fit into {self.plan.minutes:g} minutes")
            write_text(decided, f"{epochs}\n")
        return replace(plan, epochs=int(decided.read_text(encoding="utf-8")))

    def _learn(
        self, stage: str, objective: Objective, planned: Callable[[Callable[[LoopPlan], Loop]], LoopPlan]
    ) -> None:
        """Run one stage from its newest checkpoint to its end."""

        def loop_of(plan: LoopPlan) -> Loop:
            return Loop(objective, len(self.pictures), plan, self.placement, self.unfinished.path / stage)

        plan = planned(loop_of)
        loop = loop_of(plan)
        total = loop.steps * plan.epochs

        def on_step(epoch: int, step: int, record: EpochLoss | None) -> None:
            self.hooks.on_step(stage, (epoch - 1) * loop.steps + step, total, record)

        loop.run(on_step)
        self.histories[stage] = loop.history

    def _scan(self) -> Scan:
        """A stage that makes neighbours of the embedding fall into one cluster."""
        start = find_start(self.material, self._features(), int(self.plan.scan or 0), self.plan.seed)
        with self.placement.strategy.scope():
            scan = make_scan(self.material, start)
        epochs = self.plan.scan_epochs or scan_epochs_of(len(self.pictures), self.plan.batch or BATCH)
        self.hooks.log(f"SCAN: {epochs} epochs for {self.plan.scan} clusters; {start.describe()}")
        plan = LoopPlan(epochs, self.plan.batch or BATCH, SCAN_RATE, self.plan.seed)
        self._learn("scan", scan, lambda loop_of: plan)
        return scan

    def _features(self) -> Vectors:
        return features_of(self.backbone, self.pictures)

    def _write(self, result: PretrainResult) -> RunDirectory:
        spec = make_spec("embed", (), self.contract, Postprocess("embed"))
        new = NewRun(self.target.output, spec, self._record(result), force=self.target.force)
        from edgevision.discovery.pretraining.run_files import write_pretraining_files

        return write_run(new, lambda folder: write_pretraining_files(folder, new, self.backbone, result))

    def _record(self, result: PretrainResult) -> dict[str, Any]:
        return {
            "command": self.hooks.command,
            "arguments": self.plan.to_json(),
            "stage": "pretrained",
            "parent": None,
            "seed": self.plan.seed,
            "architecture": {
                "name": self.architecture.name,
                "width": self.plan.width,
                "parameters": int(self.backbone.count_params()),
                "weights": None,
            },
            "data": {
                "source": self.plan.source,
                "root": str(Path(self.frames.root).absolute()),
                "images": {"unlabelled": len(self.pictures)},
                "views": {"name": self.views, "amounts": str(self.material.views)},
                "unreadable": self.frames.unreadable,
            },
            "method": self.plan.the_method,
            "teacher": self.plan.teacher,
            "epochs": {stage: len(history) for stage, history in self.histories.items()},
            "spread": vars(result.spread),
            "scan": {"clusters": self.plan.scan, "losses": list(result.scan_losses)} if self.plan.scan else None,
            "seconds": round(monotonic() - self.started_s, 1),
            "cpu_seconds": round(process_time() - self.started_cpu_s, 1),
            "tools": tool_versions(),
        }
