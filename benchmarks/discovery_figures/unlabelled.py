"""Clusters of 10,000 digits and of 10,000 clothes, no label read: VICReg and SCAN from nothing, held against pixels.

    cd benchmarks && python -m discovery_figures.unlabelled [--seeds 0 1 2] [--sets mnist fashion-mnist]

`edgevision pretrain FOLDER --arch cnn_dense --color gray --scan 10` with its defaults, through the function behind it.
A seed decides which 10,000 of the 60,000 training pictures there are, and how the learning goes. All 10,000 are learned
from and judged: accuracy of the best one-to-one pairing of clusters and labels. Processor seconds are those of the
whole process, of both cores.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import process_time
from typing import Any

from discovery_figures.command_line import SEEDS, option, print_figures
from edgevision.data.dataset import open_dataset
from edgevision.data.splits import choose
from edgevision.discovery.backbones import open_backbone
from edgevision.discovery.clustering.kmeans import group
from edgevision.discovery.embeddings import embed
from edgevision.discovery.frames import open_frames
from edgevision.discovery.judge import judge
from edgevision.discovery.pretraining.plan import PretrainPlan
from edgevision.discovery.pretraining.pretrain import PretrainHooks, pretrain
from edgevision.discovery.truth import truth_of_folders
from edgevision.tensorflow_setup import keras
from edgevision.training.unfinished import Target

PICTURES, KINDS = 10_000, 10
GOALS = {  # accuracy at least, processor seconds at most
    "mnist": {"accuracy": 0.95, "cpu_s": 240.0},
    "fashion-mnist": {"accuracy": 0.70, "cpu_s": 300.0},
}


def figures(seeds: Sequence[int] = (0, 1, 2), sets: Sequence[str] = tuple(GOALS)) -> dict[str, Any]:
    """For each set the medians over the seeds, each seed's figures, the goal, and whether it is reached."""
    return {name: _figures_of_set(name, seeds) for name in sets}


def _figures_of_set(name: str, seeds: Sequence[int]) -> dict[str, Any]:
    runs = [_figures_of(name, seed) for seed in seeds]
    medians = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
    goal = GOALS[name]
    passed = {"accuracy": medians["accuracy"] >= goal["accuracy"], "cpu_s": medians["cpu_s"] <= goal["cpu_s"]}
    return {"median": medians, "seeds": dict(zip(map(str, seeds), runs, strict=True)), "goal": goal, "passed": passed}


def _figures_of(name: str, seed: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        _link_pictures(name, folder / "pictures", seed)
        clock = _Clock()
        plan = PretrainPlan(str(folder / "pictures"), architecture="cnn_dense", color="gray", scan=KINDS, seed=seed)
        result = pretrain(plan, Target(folder / "run"), clock.hooks())
        clock.tell("page")
        keras.backend.clear_session()
        frames = open_frames(str(folder / "pictures"))
        truth = truth_of_folders([item.name for item in result.items])
        clusters, labels = result.clusters, truth.judged([item.name for item in result.items])[1]
        embeddings = embed(frames, open_backbone("pixels"))
        pixels = group(embeddings.vectors, KINDS, seed).assignment
        _, pixel_labels = truth.judged(embeddings.names)
        found = judge(clusters, labels)
        page = clock.parts.pop("page")
        return {
            "accuracy": round(found.accuracy, 4),
            "nmi": round(found.nmi, 4),
            "pixels_accuracy": round(judge(pixels, pixel_labels).accuracy, 4),
            "cpu_s": round(sum(clock.parts.values()), 1),
            **{f"{part}_cpu_s": round(seconds, 1) for part, seconds in clock.parts.items()},
            "page_cpu_s": round(page, 1),
        }


def _link_pictures(name: str, place: Path, seed: int) -> None:
    """Folders of the labels, which nothing looks at before the judging."""
    dataset = open_dataset(name)
    for sample in choose(dataset.of_split("train"), PICTURES, seed):
        assert sample.label is not None
        target = place / dataset.labels[sample.label] / sample.image.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(sample.image)


@dataclass
class _Clock:
    """Processor seconds of each part of a pretraining, by what it says of itself."""

    began_s: float = field(default_factory=process_time)
    parts: dict[str, float] = field(default_factory=dict)

    def tell(self, part: str) -> None:
        """What was used since the last call was used for this part."""
        now_s = process_time()
        self.parts[part] = self.parts.get(part, 0.0) + now_s - self.began_s
        self.began_s = now_s

    def hooks(self) -> PretrainHooks:
        """Starting, with reading, ends after the first step; what lies between the stages is neighbours and heads."""

        def on_step(stage: str, step: int, steps: int, record: Any) -> None:
            if step == 1 and record is None:
                self.tell("starting" if stage == "vicreg" else "neighbours")
            elif step == steps:
                self.tell(stage)

        return PretrainHooks(log=lambda text: self.tell("embedding") if text.startswith("features:") else None,
                             on_step=on_step)  # fmt: skip


if __name__ == "__main__":
    sets = option("--sets", nargs="+", choices=list(GOALS), default=list(GOALS))
    print_figures(figures, __doc__, SEEDS, sets)
