"""Few labels: a probe after learning without labels, against the same network from scratch with as much computing.

    cd benchmarks; python -m discovery_figures.few_labels [--sets mnist] [--labels 80 800] [--seeds 0 1] [--folder DIR]

A network learns from the pool without labels. Then so many of its pictures, as many of each class, drawn at random, get
their labels. All arms learn from these with the same network, and are judged on the same 2000 pictures of the set's own
test split. Which 80 pictures are drawn moves every arm by some points, so that few labels are drawn several times for
each seed, and a seed's figure is the mean:

probe      `train --weights RUN`: the backbone stays, the head learns
tuned      `train --weights RUN --no-freeze`: everything learns on, with the views of the label-free learning
scratch    `train`, varied by the same views, for as many epochs as take the CPU seconds of the whole label-free run
           (reading, teacher and report included; SCAN is not, as the goals say). An epoch goes several times over few
           pictures, so that its end costs little

No label is spared for validation: val/ holds the labelled pictures again, so that of every arm the last epochs count.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import process_time
from typing import Any, NamedTuple

import numpy as np

from discovery_figures.command_line import RUNS, SEEDS, option, print_figures
from edgevision.data.dataset import Dataset, open_dataset
from edgevision.data.splits import choose
from edgevision.discovery.clustering.refine import RefinePlan, refine, write_refined_run
from edgevision.discovery.frames import open_frames
from edgevision.discovery.pretraining.plan import PretrainPlan
from edgevision.discovery.pretraining.pretrain import pretrain
from edgevision.runs import RunDirectory
from edgevision.training.hooks import TrainHooks
from edgevision.training.plan import DataPlan, NetworkPlan, TrainPlan
from edgevision.training.train import train
from edgevision.training.unfinished import Target

TEST = 2000  # pictures
PICTURES_IN_AN_EPOCH = 1600  # of scratch, at least: few labels are gone over several times
TIMED_EPOCHS = 3  # of which the first compiles
DRAWS = 3  # of the labels, for each seed
MANY = 400  # labels, of which one draw says enough
ALL = 0  # labels: those of the whole pool


@dataclass(frozen=True)
class Case:
    """A set, the network that learns it, and what counts as the same picture."""

    pool: int  # pictures without labels
    network: NetworkPlan
    views: str  # as of `pretrain`
    color: str = "gray"
    teacher: str | None = None
    epochs: int | None = None  # of the label-free learning
    clusters: int | None = None  # of SCAN
    goals: tuple[tuple[str, float], ...] = ()  # arm and labels → points more than scratch


GREY = Case(
    pool=10_000,
    network=NetworkPlan("cnn_dense", 1.0, (28, 28)),
    views="glyph",
    clusters=20,  # twice as many as there are kinds: nobody knows how many there are
    goals=(("probe after SCAN 80", 1.0),),
)
CASES = {
    "cifar-10": Case(
        pool=5000,
        network=NetworkPlan("cnn", 2.0, (32, 32)),
        views="flip,crop=0.22",
        color="rgb",
        teacher="mobilenet_v2-imagenet",
        epochs=20,
        goals=(("probe 80", 12.0), ("probe 800", 4.0)),
    ),
    "mnist": GREY,
    "fashion-mnist": replace(GREY, views="object", goals=(("probe after SCAN 80", 3.0),)),
}


class Arm(NamedTuple):
    """What a training came to."""

    accuracy: float  # percent of the test pictures
    cpu_s: float


@dataclass(frozen=True)
class Bench:
    """Where the pictures and the runs of a set are."""

    case: Case
    folder: Path
    pool: Dataset
    test: Dataset

    @classmethod
    def prepare(cls, name: str, folder: Path) -> Bench:
        """Link the pool and the test pictures into the folder, class by class."""
        found, case = open_dataset(name), CASES[name]
        place = folder / name
        for split, count, part in (("train", case.pool, "pool"), ("test", TEST, "test")):
            for sample in choose(found.of_split(split), count, seed=0):
                assert sample.label is not None
                link(sample.image, place / part / found.labels[sample.label] / sample.image.name)
        return cls(case, place, open_dataset(place / "pool"), open_dataset(place / "test"))

    def pretrained(self, seed: int) -> RunDirectory:
        """The run that learned from the pool without labels."""
        path, case, network = self.folder / f"ssl{seed}", self.case, self.case.network
        plan = PretrainPlan(
            str(self.folder / "pool"),
            architecture=str(network.architecture),
            width=network.width or 1.0,
            image_size=network.image_size,
            color=case.color,
            views=case.views,
            teacher=case.teacher,
            epochs=case.epochs,
            seed=seed,
        )
        if not path.exists():
            pretrain(plan, Target(path))
        return RunDirectory.open(path)

    def refined(self, seed: int) -> RunDirectory:
        """The same run after SCAN."""
        path, before = self.folder / f"scan{seed}", self.pretrained(seed)
        if not path.exists():
            plan = RefinePlan(int(self.case.clusters or 0), seed=seed)
            write_refined_run(path, refine(open_frames(str(self.folder / "pool")), before, plan))
        return RunDirectory.open(path)

    def labelled(self, count: int, draw: int, times: int = 1) -> Path:
        """A data set of `count` pictures of the pool, as many of each class, each `times` in train/."""
        place = self.folder / f"labels-{count}-{draw}-{times}"
        classes = len(self.pool.labels)
        for position, label in enumerate(self.pool.labels):
            samples = [sample for sample in self.pool.samples if sample.label == position]
            for sample in choose(samples, count // classes if count else len(samples), draw):
                link(sample.image, place / "val" / label / sample.image.name)
                for time in range(times):
                    link(sample.image, place / "train" / label / f"{time}-{sample.image.name}")
        for sample in self.test.samples:
            link(sample.image, place / "test" / self.test.relative(sample))
        return place


def link(source: Path, target: Path) -> None:
    """The same file under another name, unless it is there already."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        os.link(source, target)


def views_of(run: RunDirectory) -> str:
    """How the run changed pictures, as of `train --augment`."""
    return str(run.record["data"]["views"]["amounts"])


def goes_on(bench: Bench, run: RunDirectory, labels: int, draw: int, *, freeze: bool) -> Arm:
    """Probe or fine-tune, as the verb does by itself; fine-tuning varies the pictures as the run did."""
    network = NetworkPlan(weights=str(run.path), freeze=freeze)
    data = DataPlan(str(bench.labelled(labels, draw)), augment=None if freeze else views_of(run))
    return _train(bench, TrainPlan(data, network, seed=draw), f"{'probe' if freeze else 'tuned'}-{run.path.name}")


def from_scratch(bench: Bench, run: RunDirectory, labels: int, draw: int) -> Arm:
    """As many epochs as take the seconds of the processor that the run took, all told."""
    budget_s = float(run.record["cpu_seconds"])
    times = max(1, round(PICTURES_IN_AN_EPOCH / (labels or len(bench.pool.samples))))
    data = DataPlan(str(bench.labelled(labels, draw, times)), augment=views_of(run))
    plan = TrainPlan(data, bench.case.network, color=bench.case.color, epochs=TIMED_EPOCHS, seed=draw)
    ends: list[float] = []
    hooks = TrainHooks(on_progress=lambda stage, progress: ends.append(process_time()) if progress.record else None)
    tried = _train(bench, plan, "timed", hooks)
    epoch_s = (ends[-1] - ends[0]) / (TIMED_EPOCHS - 1)
    beside_s = tried.cpu_s - TIMED_EPOCHS * epoch_s
    epochs = max(1, round((budget_s - beside_s) / epoch_s))
    return _train(bench, replace(plan, epochs=epochs), "scratch")


def _train(bench: Bench, plan: TrainPlan, name: str, hooks: TrainHooks | None = None) -> Arm:
    began_s = process_time()
    result = train(plan, Target(bench.folder / name, force=True), hooks)
    return Arm(100 * float(result.evaluations[-1].metrics["accuracy"]), process_time() - began_s)


def arms(bench: Bench, labels: Sequence[int], seed: int) -> dict[str, Arm]:
    """Each arm by its name and labels, the mean over the draws; what the folder holds already is not measured again."""
    found: dict[str, Arm] = {}
    for count in labels:
        draws = range(seed * DRAWS, (seed + 1) * DRAWS) if 0 < count < MANY else (seed,)
        drawn = [_kept_arms(bench, count, seed, draw) for draw in draws]
        for arm in drawn[0]:
            found[arm] = Arm(*np.mean([one[arm] for one in drawn], axis=0).tolist())
    return found


def _kept_arms(bench: Bench, count: int, seed: int, draw: int) -> dict[str, Arm]:
    kept = bench.folder / f"arms-{count}-{seed}-{draw}.json"
    if not kept.exists():
        kept.write_text(json.dumps(_arms_with(bench, count, seed, draw)), encoding="utf-8")
    return {arm: Arm(*measured) for arm, measured in json.loads(kept.read_text(encoding="utf-8")).items()}


def _arms_with(bench: Bench, count: int, seed: int, draw: int) -> dict[str, Arm]:
    run, shown = bench.pretrained(seed), count or "all"
    runs = {"": run} | ({" after SCAN": bench.refined(seed)} if bench.case.clusters else {})
    found = {f"probe{title} {shown}": goes_on(bench, one, count, draw, freeze=True) for title, one in runs.items()}
    found[f"tuned {shown}"] = goes_on(bench, run, count, draw, freeze=False)
    found[f"scratch {shown}"] = from_scratch(bench, run, count, draw)
    return found


def figures(
    seeds: Sequence[int] = (0, 1, 2),
    folder: Path | None = None,
    sets: Sequence[str] = tuple(CASES),
    labels: Sequence[int] = (80, 800),
) -> dict[str, Any]:
    """Of each set: each seed's accuracies and seconds, the median gains over scratch in points, goals and verdicts."""
    document: dict[str, Any] = {"seeds": list(seeds), "draws": DRAWS}
    with tempfile.TemporaryDirectory() as temporary:
        for name in sets:
            bench = Bench.prepare(name, folder or Path(temporary))
            document[name] = _summary(bench, [arms(bench, labels, seed) for seed in seeds], seeds)
    return document


def _summary(bench: Bench, rounds: Sequence[dict[str, Arm]], seeds: Sequence[int]) -> dict[str, Any]:
    gains: dict[str, list[float]] = {}
    for found in rounds:
        for arm, measured in found.items():
            if not arm.startswith("scratch"):
                scratch = found[f"scratch {arm.split()[-1]}"]
                gains.setdefault(arm, []).append(measured.accuracy - scratch.accuracy)
    median = {arm: round(statistics.median(values), 2) for arm, values in gains.items()}
    learned = [bench.pretrained(seed).record["cpu_seconds"] for seed in seeds]
    refined = [bench.refined(seed).record["cpu_seconds"] for seed in seeds] if bench.case.clusters else []
    return {
        "accuracy": {arm: [round(found[arm].accuracy, 2) for found in rounds] for arm in rounds[0]},
        "cpu_s": {arm: [round(found[arm].cpu_s, 1) for found in rounds] for arm in rounds[0]},
        "label_free_cpu_s": learned,
        "scan_cpu_s": refined,
        "median_gain": median,
        "goals": dict(bench.case.goals),
        "passed": {arm: median[arm] >= goal for arm, goal in bench.case.goals if arm in median},
    }


if __name__ == "__main__":
    sets = option("--sets", nargs="+", choices=list(CASES), default=list(CASES))
    labels = option("--labels", type=int, nargs="+", default=[80, 800], help="0: those of the whole pool")
    print_figures(figures, __doc__, sets, labels, SEEDS, RUNS)
