"""The loop: a model that a site outgrew learns again from what its camera saw, and a person names fifty clusters.

    python benchmarks/loop.py [--folder loop] [--seeds 0 1 2] [--pictures FOLDER]

Every step is a command line that a person could type; it is printed before it runs. The person is played by the truth:
they see the medoid and four exemplars of each cluster, type what at least four of the five are, and leave a mixed
cluster open. docs/loop.md shows what comes of it; --pictures makes its pictures.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import shlex
import shutil
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from discovery_figures.loop_pictures import show_clusters, show_sites
from discovery_figures.sites import Sites, make_sites
from machine import children_cpu_s

from edgevision.csv_file import write_csv

CLUSTERS, SEEN, LABELS = 50, 5, 50  # clusters to name, pictures of each that are looked at; labels of the other way
AGREE = 4  # of those must be one thing, or the cluster is mixed
ALIKE = "0.9"  # cosine from which on two frames of this model are alike; leaves a tenth of the stream
EPOCHS = 60
LEARN = ("--arch", "cnn_dense", "--color", "gray", "--augment", "rotate=10,zoom=0.1,brightness=0.2,contrast=0.2")
EDGEVISION = (sys.executable, "-c", "from edgevision.cli import main; main()")


@dataclass(frozen=True)
class Loop:
    """One turn of it, in a folder of its own."""

    folder: Path
    sites: Sites
    seed: int

    def __call__(self, *arguments: str, fails: tuple[int, ...] = ()) -> float:
        """Run a verb in the folder; returns its CPU seconds."""
        print(f"$ edgevision {shlex.join(arguments)}", file=sys.stderr, flush=True)
        before_s = children_cpu_s()
        done = subprocess.run([*EDGEVISION, *arguments], cwd=self.folder, stdout=sys.stderr)
        if done.returncode not in (0, *fails):
            raise SystemExit(f"edgevision {arguments[0]} ended with {done.returncode}")
        return children_cpu_s() - before_s

    def ship(self, run: str, version: str) -> str:
        """Convert, prove and pack a run; returns the bundle."""
        evidence = f"{run}/splits.csv"
        data = json.loads((self.folder / run / "run.json").read_text(encoding="utf-8"))["data"]["source"]
        draft, report, bundle = f"{run}-draft.evb", f"{run}-verify.json", f"{run}-{version}.evb"
        self("convert", run, "-o", draft, "--name", "digits", "--with-embedding", "--force")
        # a few dozen held-out pictures settle nothing to a point: exit 6 says so, and does not stop us
        self("verify", draft, "--data", data, "--splits", evidence, "--report", report, fails=(6,))
        self("pack", draft, "-o", bundle, "--data", data, "--splits", evidence, "--report", report,
             "--version", version, "--allow-inconclusive", "--force")  # fmt: skip
        return bundle

    def right(self, bundle: str, site: str) -> float:
        """The share of a site's test that a bundle names right, by the runtime's own answers."""
        test, answers = self.sites.test(site), self.folder / "answers.jsonl"
        self(
            "run", bundle, "--source", str(test), "--sink", f"jsonl:{answers.name}", "--no-drift", "--quiet", "--force"
        )
        truth, found = self.sites.truth(test), list(_lines(answers))
        return statistics.mean(truth[Path(line["source"]).name] == line["label"] for line in found)


def turn(folder: Path, seed: int) -> dict[str, Any]:
    """One turn of the loop; every figure of it."""
    folder.mkdir(parents=True, exist_ok=True)
    loop = Loop(folder, make_sites(folder / "sites", seed), seed)
    found: dict[str, Any] = {}
    _learn_at_home(loop)
    found["home_model_at_home"], found["home_model_away"] = (loop.right("home.evb", site) for site in ("home", "away"))
    found |= _watch_away(loop)
    found |= _name(loop)
    cpu_s = loop("train", "named", "-o", "away", *LEARN, "--weights", "home", "--epochs", str(EPOCHS),
                 "--seed", str(seed), "--force")  # fmt: skip
    bundle = loop.ship("away", "2.0.0")
    loop("selftest", bundle)
    found["named_away"], found["named_train_cpu_s"] = loop.right(bundle, "away"), round(cpu_s, 1)
    return found | _random_labels(loop)


def _learn_at_home(loop: Loop) -> None:
    loop("train", str(loop.sites.learned), "-o", "home", *LEARN, "--epochs", "15", "--seed", str(loop.seed),
         "--force")  # fmt: skip
    bundle = loop.ship("home", "1.0.0")
    loop("drift", "fit", str(loop.sites.stream("home")), "--bundle", bundle, "-o", "home.evb", "--force")


def _watch_away(loop: Loop) -> dict[str, Any]:
    """The device at the other site: does it notice, and what does it keep?"""
    shutil.rmtree(loop.folder / "kept", ignore_errors=True)
    stream = loop.sites.stream("away")
    loop("run", "home.evb", "--source", str(stream), "--events", "--sink", "jsonl:events.jsonl", "--force",
         "--sink", "save:kept?format=png", "--select-diverse", ALIKE)  # fmt: skip
    drifts = [line for line in _lines(loop.folder / "events.jsonl") if line.get("event") == "drift"]
    began = next((line for line in drifts if line["phase"] == "began"), None)
    frames = len(loop.sites.truth(stream))
    kept = len(list((loop.folder / "kept").rglob("*.png")))
    return {
        "drift_frame": None if began is None else began["frame"],
        "drift_reason": None if began is None else began["reason"],
        "frames": frames,
        "kept_share": kept / frames,
    }


def _name(loop: Loop) -> dict[str, Any]:
    """Cluster what was kept, name the clusters, and label the pictures by them."""
    shutil.rmtree(loop.folder / "clusters", ignore_errors=True)
    loop("cluster", "kept", "-o", "clusters", "-k", str(CLUSTERS), "--model", "home", "--seed", str(loop.seed))
    clusters = json.loads((loop.folder / "clusters/clusters.json").read_text(encoding="utf-8"))["clusters"]
    truth = _kept_truth(loop)
    rows = []
    for one in clusters:
        seen = [truth[name] for name in [one["medoid"], *one["exemplars"]][:SEEN]]
        name, count = Counter(seen).most_common(1)[0]
        rows.append([one["cluster"], one["size"], name if count >= AGREE else ""])
    write_csv(loop.folder / "clusters/names.csv", ("cluster", "size", "name"), rows)
    loop("apply", "clusters", "-o", "named", "--force")
    with (loop.folder / "named/provenance.csv").open(newline="", encoding="utf-8") as file:
        labelled = [row for row in csv.DictReader(file) if row["by"] in ("person", "cluster")]
    right = [truth[row["source"]] == row["label"] for row in labelled]
    return {"labelled": len(labelled), "labelled_right": statistics.mean(right)}


def _kept_truth(loop: Loop) -> dict[str, str]:
    """By the names of the kept pictures: the document beside each says which frame it was."""
    truth, folder, found = loop.sites.truth(loop.sites.stream("away")), loop.folder / "kept", {}
    for path in folder.rglob("*.json"):
        source = json.loads(path.read_text(encoding="utf-8"))["result"]["source"]
        found[path.with_suffix(".png").relative_to(folder).as_posix()] = truth[Path(source).name]
    return found


def _random_labels(loop: Loop) -> dict[str, Any]:
    """What fifty frames give that were drawn from the stream and labelled one by one: fine-tuned, and as a probe."""
    stream = loop.sites.stream("away")
    truth = loop.sites.truth(stream)
    shutil.rmtree(loop.folder / "drawn", ignore_errors=True)
    for name in random.Random(loop.seed).sample(sorted(truth), LABELS):
        target = loop.folder / "drawn" / truth[name] / name
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(stream / name, target)
    steps_ratio = _pictures(loop.folder / "named") / LABELS  # as many steps as the other way
    found: dict[str, Any] = {}
    for way, flags in (("random", ()), ("random_probe", ("--freeze",))):
        cpu_s = loop("train", "drawn", "-o", way, *LEARN, *flags, "--weights", "home", "--split", "0.9,0.1,0",
                     "--epochs", str(round(EPOCHS * steps_ratio)), "--seed", str(loop.seed), "--force")  # fmt: skip
        loop("convert", way, "-o", f"{way}.evb", "--force")
        found |= {f"{way}_away": loop.right(f"{way}.evb", "away"), f"{way}_train_cpu_s": round(cpu_s, 1)}
    return found


def _pictures(folder: Path) -> int:
    return sum(1 for path in folder.rglob("*.png"))


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def main() -> None:
    """Run the loop for each seed, and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("loop"), help="where everything is written")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="also write those of the first seed there")
    options = parser.parse_args()
    runs = {str(seed): turn((options.folder / str(seed)).resolve(), seed) for seed in options.seeds}
    shares = [name for name in next(iter(runs.values())) if name.endswith(("_away", "_home", "_right", "_share"))]
    medians = {name: statistics.median(run[name] for run in runs.values()) for name in shares}
    if options.pictures is not None:
        first = (options.folder / str(options.seeds[0])).resolve()
        show_sites(Sites(first / "sites"), options.pictures / "loop-sites.png")
        show_clusters(first / "clusters", options.pictures / "loop-clusters.png")
    print(json.dumps({"median": medians, "seeds": runs}, indent=1))


if __name__ == "__main__":
    main()
