"""Which 20 pictures to label: the medoids of 20 clusters, or 20 drawn at random.

    cd benchmarks; python -m discovery_figures.medoids [--labels 20] [--seeds 0 1 2] [--folder DIR]

A network learns from 10,000 pictures of MNIST without labels, and embeds them. Those chosen get their labels; a linear
probe on the embedding learns from these alone and is judged on 2000 pictures of MNIST's own test split. Random draws
are the median of ten. `nearest` gives each picture the label of the medoid next to it, without any learning.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from discovery_figures.command_line import RUNS, SEEDS, option, print_figures
from discovery_figures.few_labels import Bench
from edgevision.discovery.backbones import open_backbone
from edgevision.discovery.clustering.kmeans import group
from edgevision.discovery.clustering.statistics import describe
from edgevision.discovery.embeddings import Embeddings, EmbedPlan, embed
from edgevision.discovery.frames import open_frames

GOAL = 15.0  # points more than random
DRAWS = 10


def figures(
    seeds: Sequence[int] = (0, 1, 2), folder: Path | None = None, name: str = "mnist", labels: int = 20
) -> dict[str, Any]:
    """Percent right on the test pictures by each seed, the median gain in points, CPU seconds, goal and verdict."""
    with tempfile.TemporaryDirectory() as temporary:
        bench = Bench.prepare(name, folder or Path(temporary))
        rounds = [_one_seed(bench, seed, labels) for seed in seeds]
    gain = statistics.median(found["medoids"] - found["random"] for found in rounds)
    return {
        "seeds": list(seeds),
        "labels": labels,
        **{key: [round(found[key], 2) for found in rounds] for key in rounds[0]},
        "median_gain": round(gain, 2),
        "goal": GOAL,
        "passed": gain >= GOAL,
    }


def _one_seed(bench: Bench, seed: int, labels: int) -> dict[str, float]:
    run = bench.pretrained(seed)
    began_s = process_time()
    backbone = open_backbone(str(run.path))
    pool = embed(open_frames(str(bench.folder / "pool")), backbone)
    test = embed(open_frames(str(bench.folder / "test")), backbone, EmbedPlan(space=pool))
    grouping = group(pool.vectors, labels, seed)
    medoids = np.array([cluster.medoid for cluster in describe(pool.vectors, grouping, seed).clusters])
    random = np.random.default_rng(seed)
    drawn = [random.permutation(len(pool.vectors))[:labels] for _ in range(DRAWS)]
    nearest = (test.vectors @ pool.vectors[medoids].T).argmax(axis=1)
    return {
        "medoids": _probe(pool, test, medoids),
        "random": statistics.median(_probe(pool, test, chosen) for chosen in drawn),
        "nearest": 100 * float((_truth(pool)[medoids][nearest] == _truth(test)).mean()),
        "kinds_among_medoids": float(len(set(_truth(pool)[medoids]))),
        "kinds_among_random": statistics.median(len(set(_truth(pool)[chosen])) for chosen in drawn),
        "label_free_cpu_s": float(run.record["cpu_seconds"]),
        "choosing_and_probing_cpu_s": process_time() - began_s,
    }


def _probe(pool: Embeddings, test: Embeddings, chosen: Any) -> float:
    """Percent of the test pictures that a linear classifier gets right; numbers of an embedding vary by about 1."""
    scale = np.sqrt(pool.vectors.shape[1])
    fitted = LogisticRegression(max_iter=1000).fit(scale * pool.vectors[chosen], _truth(pool)[chosen])
    return 100 * float(fitted.score(scale * test.vectors, _truth(test)))


def _truth(embeddings: Embeddings) -> Any:
    return np.array([name.partition("/")[0] for name in embeddings.names])


if __name__ == "__main__":
    print_figures(figures, __doc__, option("--labels", type=int, default=20), SEEDS, RUNS)
