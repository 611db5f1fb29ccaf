"""Naming clusters of regions on chest X-rays: how right the masks are, and a net that learned from them.

A person is played by the true masks: each cluster is named after most of its medoid and four exemplars. Beside it the
same net learns from 1, 3, 10 and all true masks: the same pictures a step, the same steps, the same augmentation. Both
are judged on the true masks of pictures of other patients than those that were clustered or learned from.
"""

from __future__ import annotations

import os
import statistics
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

from discovery_figures.command_line import RUNS, SEEDS, print_figures
from edgevision.data.classes_file import write_classes
from edgevision.data.dataset import Dataset, Sample, open_dataset
from edgevision.data.splits import SplitPlan, choose, split
from edgevision.discovery.clustering.folder import NewClusterFolder, write_clusters
from edgevision.discovery.clustering.kmeans import Integers, group
from edgevision.discovery.clustering.statistics import describe
from edgevision.discovery.embeddings import Embeddings
from edgevision.discovery.naming.dataset import ApplyPlan
from edgevision.discovery.naming.named_clusters import NamedClusters
from edgevision.discovery.naming.propagate import NO_LABEL
from edgevision.discovery.regions.embed_regions import RegionRequest, embed_regions
from edgevision.discovery.regions.judge_masks import Pixels, region_pixels, scores
from edgevision.discovery.regions.masks import apply_masks
from edgevision.discovery.regions.region_maps import REGION_MAPS, numbers_of_pictures
from edgevision.discovery.regions.region_set import RegionSet
from edgevision.runs import RunDirectory
from edgevision.training.evaluate import evaluate
from edgevision.training.load import load_model
from edgevision.training.plan import DataPlan, NetworkPlan, TrainPlan
from edgevision.training.train import train
from edgevision.training.unfinished import Target
from edgevision_runtime.types import ModelSpec

DATA, CLUSTERS, SEEN, ABSTAIN = "lungs", 64, 5, 0.2
SHARES = (0.65, 0.1, 0.25)  # pictures to learn from, to choose the epoch by, to judge on
TRUE_MASKS = (1, 3, 10, None)  # of the pictures to learn from; None: all
EPOCHS = 15
GOALS = {"student_beside_10_masks": -3.0}  # at least, in points of pixel accuracy


@dataclass(frozen=True, eq=False)
class Divided:
    """Pictures in regions, with the pixels of each true class in each."""

    embeddings: Embeddings
    regions: RegionSet
    pixels: Pixels


@dataclass(frozen=True, eq=False)
class Bench:
    """What all seeds share."""

    folder: Path
    pool: Dataset  # its masks are read for the names, and by the arms that learn from true masks
    test: Dataset
    divided: Divided
    divided_test: Divided


def figures(seeds: Sequence[int] = (0, 1, 2), folder: Path | None = None) -> dict[str, Any]:
    """Medians over the seeds, with each seed's figures beside them."""
    with tempfile.TemporaryDirectory() as temporary:
        began_s = process_time()
        bench = _bench(folder or Path(temporary))
        divided_s = process_time() - began_s
        runs = [_figures_of(bench, seed) for seed in seeds]
    medians = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    passed = {name: medians[name] >= goal for name, goal in GOALS.items()}
    return {
        "divide_cpu_s": round(divided_s, 1),
        "pictures": {"pool": len(bench.pool.samples), "test": len(bench.test.samples)},
        "median": medians,
        "seeds": dict(zip(map(str, seeds), runs, strict=True)),
        "goals": GOALS,
        "passed": passed,
    }


def _bench(place: Path) -> Bench:
    found = open_dataset(DATA)
    found = split(found, SplitPlan(0, SHARES, found.group_by))
    pool = _linked(found, [*found.of_split("train"), *found.of_split("val")], place / "pool")
    test = _linked(found, found.of_split("test"), place / "test")
    divided = _divided(pool, None)
    return Bench(place, pool, test, divided, _divided(test, divided.embeddings))


def _divided(data: Dataset, space: Embeddings | None) -> Divided:
    embeddings, regions = embed_regions(RegionRequest(str(data.root), "imagenet", space=space))
    return Divided(embeddings, regions, region_pixels(regions, data))


def _linked(data: Dataset, samples: Sequence[Sample], target: Path, times: int = 1) -> Dataset:
    """A data set of these pictures and their masks, each there so many times."""
    for kind in ("images", "masks"):
        (target / kind).mkdir(parents=True, exist_ok=True)
    write_classes(target, data.labels)
    for sample in samples:
        assert sample.mask is not None
        for copy in range(times):
            for kind, path in (("images", sample.image), ("masks", sample.mask)):
                name = path.name if times == 1 else f"{copy:03d}-{path.name}"
                if not (target / kind / name).exists():
                    os.link(path, target / kind / name)
    return open_dataset(target)


def _figures_of(bench: Bench, seed: int) -> dict[str, float]:
    began_s = process_time()
    named = _named(bench, seed)
    names = _classes_of_clusters(named, bench.pool.labels)
    found = _judged_clusters(bench, named, names)
    clustered_s = process_time()
    apply_masks(named, ApplyPlan(bench.folder / f"set{seed}", ABSTAIN, force=True))
    student = _learned(bench, bench.folder / f"set{seed}", seed)
    found |= {"student": student[0], "student_miou": student[1], "cluster_cpu_s": clustered_s - began_s}
    found["student_cpu_s"] = process_time() - clustered_s
    for count in TRUE_MASKS:
        accuracy, mean_iou = _learned(bench, _true_masks(bench, count, seed), seed)
        arm = "all" if count is None else str(count)
        found |= {f"true_{arm}": accuracy, f"true_{arm}_miou": mean_iou}
    found["student_beside_10_masks"] = 100 * (found["student"] - found["true_10"])
    print({name: round(value, 4) for name, value in found.items()}, flush=True)
    return found


def _named(bench: Bench, seed: int) -> NamedClusters:
    """Clusters, each named after most of the five regions that a person saw."""
    divided = bench.divided
    grouping = group(divided.embeddings.vectors, CLUSTERS, seed)
    told = describe(divided.embeddings.vectors, grouping, apart=numbers_of_pictures(divided.embeddings.names))
    path = bench.folder / f"clusters{seed}"
    if (path / "names.csv").exists():
        (path / "names.csv").unlink()  # of an earlier measurement
    record = {"k": CLUSTERS, "seed": seed, "segment": {}}
    new = NewClusterFolder(path, divided.embeddings, grouping, told, record, force=True)
    write_clusters(new, lambda folder: divided.regions.maps.save(folder / REGION_MAPS))
    named = NamedClusters.open(path)
    for number, screen in named.screens.of(named.state).items():
        seen = Counter(int(divided.pixels[one].argmax()) for one in (screen.medoid, *screen.exemplars)[:SEEN])
        named.store.name([number], bench.pool.labels[seen.most_common(1)[0][0]])
    return named


def _classes_of_clusters(named: NamedClusters, labels: tuple[str, ...]) -> Integers:
    return np.array([labels.index(named.state.names[number]) for number in range(named.folder.grouping.count)])


def _judged_clusters(bench: Bench, named: NamedClusters, names: Integers) -> dict[str, float]:
    """How right masks of whole clusters are, on the pictures that were clustered and on the test pictures."""
    found: dict[str, float] = {}
    centroids = named.folder.grouping.centroids
    vectors = bench.divided_test.embeddings.vectors
    nearest = ((centroids**2).sum(axis=1) - 2 * vectors @ centroids.T).argmin(axis=1)
    for what, divided, assignment in (
        ("pool", bench.divided, named.folder.grouping.assignment),
        ("test", bench.divided_test, nearest),
    ):
        confusion = np.zeros((len(centroids), len(bench.pool.labels)), np.int64)
        np.add.at(confusion, assignment, divided.pixels)
        best = divided.pixels.max(axis=1).sum() / divided.pixels.sum()
        by_majority, by_names = scores(confusion, confusion.argmax(axis=1)), scores(confusion, names)
        found |= {f"{what}_majority": by_majority[0], f"{what}_majority_miou": by_majority[1]}
        found |= {f"{what}_named": by_names[0], f"{what}_named_miou": by_names[1], f"{what}_ceiling": float(best)}
        if what == "pool":
            found["names_as_majority"] = float((names == confusion.argmax(axis=1)).mean())
    return found | _kept(bench, named)


def _kept(bench: Bench, named: NamedClusters) -> dict[str, float]:
    """How right the pixels are that are not left open."""
    propagation = named.propagate(ABSTAIN)
    kept = np.array([by in ("person", "cluster") for by in propagation.by]) & (propagation.label != NO_LABEL)
    called = np.array([bench.pool.labels.index(label) for label in propagation.labels])[propagation.label[kept]]
    pixels = bench.divided.pixels[kept]
    right = pixels[np.arange(len(pixels)), called].sum() / pixels.sum()
    return {"kept_right": float(right), "kept_share": float(pixels.sum() / bench.divided.pixels.sum())}


def _true_masks(bench: Bench, count: int | None, seed: int) -> Path:
    """A data set of `count` pictures with their true masks, repeated to be as many pictures as all are."""
    place = bench.folder / f"true{count or 'all'}-{seed}"
    samples = bench.pool.samples if count is None else choose(bench.pool.samples, count, seed)
    _linked(bench.pool, samples, place, 1 if count is None else round(len(bench.pool.samples) / count))
    return place


def _learned(bench: Bench, data: Path, seed: int) -> tuple[float, float]:
    """(pixel accuracy, mean IoU) on the test pictures of a small net that learned from `data`."""
    net = bench.folder / f"net-{data.name}-{seed}"
    if (net / "run.json").is_file() and data.name.startswith("true"):  # of an earlier measurement
        run = RunDirectory.open(net)
        return _judged_net(bench, load_model(run), run.spec)
    plan = TrainPlan(DataPlan(str(data), (0.9, 0.1, 0.0)), NetworkPlan("unet_tiny"), epochs=EPOCHS, seed=seed)
    result = train(plan, Target(net, force=True))
    assert result.run is not None
    return _judged_net(bench, result.model, result.run.spec)


def _judged_net(bench: Bench, model: Any, spec: ModelSpec) -> tuple[float, float]:
    assert spec.labels == bench.test.labels, "the classes are in the order of the truth"
    judged = evaluate(model, spec, bench.test.samples, "test")
    known = judged.truth != 255
    return float((judged.truth == judged.predicted)[known].mean()), float(judged.metrics["mean"]["iou"])


if __name__ == "__main__":
    print_figures(figures, __doc__, SEEDS, RUNS)
