"""Naming 50 clusters of MNIST: how right the labels are, what a student learns from them, and the classifier in int8.

A person is played by the truth: each cluster is named after most of its medoid and four exemplars. Only those five are
looked at; the test pictures are others than those that were clustered.
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
from edgevision.data.dataset import Dataset, open_dataset
from edgevision.data.splits import choose
from edgevision.discovery.backbones import open_backbone
from edgevision.discovery.clustering.folder import NewClusterFolder, write_clusters
from edgevision.discovery.clustering.kmeans import group
from edgevision.discovery.clustering.statistics import describe
from edgevision.discovery.embeddings import embed
from edgevision.discovery.frames import open_frames
from edgevision.discovery.naming.centroid import CentroidPlan, write_centroid_run
from edgevision.discovery.naming.dataset import ApplyPlan, apply_names
from edgevision.discovery.naming.named_clusters import NamedClusters
from edgevision.discovery.pretraining.plan import PretrainPlan
from edgevision.discovery.pretraining.pretrain import pretrain
from edgevision.tensorflow_setup import keras
from edgevision.training.evaluate import evaluate
from edgevision.training.load import load_model
from edgevision.training.plan import DataPlan, NetworkPlan, TrainPlan
from edgevision.training.train import train
from edgevision.training.unfinished import Target
from edgevision_converters.convert import convert
from edgevision_converters.plan import ConvertPlan
from edgevision_runtime.engines import open_engine

POOL, TEST = 8000, 2000  # pictures
CLUSTERS, SEEN, ABSTAIN = 50, 5, 0.2
STUDENT_EPOCHS = 10
STUDENT_AUGMENT = "rotate=10,zoom=0.1"  # a mirrored digit is another one: no flips
GOALS = {"kept_right": 0.97, "student": 0.94, "int8_agreement": 0.98, "embedding_cosine": 0.99}  # at least


@dataclass(frozen=True)
class Bench:
    """Where the pictures are, and the truth of the test."""

    folder: Path
    test: Dataset


def figures(seeds: Sequence[int] = (0, 1, 2), folder: Path | None = None) -> dict[str, Any]:
    """Medians over the seeds, with each seed's figures beside them."""
    with tempfile.TemporaryDirectory() as temporary:
        place = folder or Path(temporary)
        bench = Bench(place, _pictures(place))
        runs = [_figures_of(bench, seed) for seed in seeds]
    medians = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    passed = {name: medians[name] >= goal for name, goal in GOALS.items()}
    return {"median": medians, "seeds": dict(zip(map(str, seeds), runs, strict=True)), "goals": GOALS, "passed": passed}


def _pictures(place: Path) -> Dataset:
    """MNIST's pictures, linked: pool/ to cluster (the folders are its truth), test/ to judge on."""
    found = open_dataset("mnist")
    for split, count, name in (("train", POOL, "pool"), ("test", TEST, "test")):
        for sample in choose(found.of_split(split), count, seed=0):
            assert sample.label is not None
            target = place / name / found.labels[sample.label] / sample.image.name
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists():
                os.link(sample.image, target)
    return open_dataset(place / "test")


def _figures_of(bench: Bench, seed: int) -> dict[str, float]:
    began_s = process_time()
    run = bench.folder / f"ssl{seed}"
    if not run.exists():
        plan = PretrainPlan(str(bench.folder / "pool"), architecture="cnn_dense", color="gray", seed=seed)
        pretrain(plan, Target(run))
    learned_s = process_time()
    named = _named(bench, run, seed)
    clustered_s = process_time()
    found = _labels(named, bench.folder / f"set{seed}")
    found |= _classifier(bench, named, seed)
    judged_s = process_time()
    found["student"] = _student(bench, run, seed)
    seconds = {
        "pretrain": learned_s - began_s,
        "cluster": clustered_s - learned_s,
        "student": process_time() - judged_s,
    }
    return found | {f"{name}_cpu_s": round(value, 1) for name, value in seconds.items()}


def _named(bench: Bench, run: Path, seed: int) -> NamedClusters:
    """50 clusters, each named after most of the five pictures that a person saw."""
    embeddings = embed(open_frames(str(bench.folder / "pool")), open_backbone(str(run)))
    grouping = group(embeddings.vectors, CLUSTERS, seed)
    statistics_of = describe(embeddings.vectors, grouping, seed)
    record = {"k": CLUSTERS, "seed": seed}
    path = bench.folder / f"clusters{seed}"
    if (path / "names.csv").exists():
        (path / "names.csv").unlink()  # of an earlier measurement
    write_clusters(NewClusterFolder(path, embeddings, grouping, statistics_of, record, force=True))
    named = NamedClusters.open(path)
    for number, screen in named.screens.of(named.state).items():
        seen = Counter(_truth(embeddings.names[one]) for one in (screen.medoid, *screen.exemplars)[:SEEN])
        named.store.name([number], seen.most_common(1)[0][0])
    return named


def _truth(name: str) -> str:
    return name.partition("/")[0]


def _labels(named: NamedClusters, output: Path) -> dict[str, float]:
    names = named.folder.embeddings.names
    applied = apply_names(named, ApplyPlan(output, ABSTAIN, force=True)).propagation
    right = np.array([
        one >= 0 and applied.labels[one] == _truth(name) for one, name in zip(applied.label, names, strict=True)
    ])  # fmt: skip
    is_kept = np.array([by in ("person", "cluster") for by in applied.by])
    is_person = np.array([by == "person" for by in applied.by])
    return {
        "all_right": float(right.mean()),
        "kept_right": float(right[is_kept].mean()),
        "kept_share": float(is_kept.mean()),
        "seen_right": float(right[is_person].mean()),
        "names": float(len(applied.labels)),
    }


def _classifier(bench: Bench, named: NamedClusters, seed: int) -> dict[str, float]:
    """The centroid classifier on the test pictures, float and int8, and the embedding of either."""
    data = bench.folder / f"set{seed}"
    run = write_centroid_run(
        named, CentroidPlan(bench.folder / f"named{seed}", str(data), str(bench.folder / f"ssl{seed}"), force=True)
    )
    model = load_model(run)
    tensors = np.stack([run.spec.preprocess(sample.read_image()) for sample in bench.test.samples])
    truth = np.array([bench.test.labels.index(_truth(bench.test.relative(one))) for one in bench.test.samples])
    labels = np.array([bench.test.labels.index(label) for label in run.spec.labels])
    samples = [run.spec.preprocess(one.read_image()) for one in choose(open_dataset(data).samples, 200, seed)]
    outputs = {}
    for name, layer in (("scores", "head_softmax"), ("embedding", "embedding")):
        part = keras.Model(model.input, model.get_layer(layer).output)
        part.save(bench.folder / f"{name}.keras")
        made = convert(bench.folder / f"{name}.keras", ConvertPlan(precisions=("int8",), input_range=(0, 255)), samples)
        with open_engine("litert", made.models[0].data) as engine:
            eight = np.stack([np.asarray(engine.infer(one)[0]) for one in tensors])
        outputs[name] = part.predict(tensors.astype(np.float32), verbose=0), eight
    (exact, scores), (vectors, eight) = outputs["scores"], outputs["embedding"]
    cosine = (vectors * eight).sum(axis=1) / np.linalg.norm(vectors, axis=1) / np.linalg.norm(eight, axis=1)
    return {
        "classifier": float((labels[exact.argmax(axis=1)] == truth).mean()),
        "classifier_int8": float((labels[scores.argmax(axis=1)] == truth).mean()),
        "int8_agreement": float((exact.argmax(axis=1) == scores.argmax(axis=1)).mean()),
        "embedding_cosine": float(cosine.mean()),
    }


def _student(bench: Bench, run: Path, seed: int) -> float:
    """Accuracy on the test pictures of a network that learned from the data set, beginning with the backbone."""
    plan = TrainPlan(
        DataPlan(str(bench.folder / f"set{seed}"), (0.9, 0.1, 0.0), augment=STUDENT_AUGMENT),
        NetworkPlan("cnn_dense", weights=str(run)),
        color="gray",
        epochs=STUDENT_EPOCHS,
        seed=seed,
    )
    result = train(plan, Target(bench.folder / f"student{seed}", force=True))
    assert result.run is not None
    judged = evaluate(result.model, result.run.spec, bench.test.samples, "test")
    return float(judged.metrics["accuracy"])


if __name__ == "__main__":
    print_figures(figures, __doc__, SEEDS, RUNS)
