"""What the device runtime costs beside the bare interpreter: ratios, in one run, with the goals they are held to.

    python benchmarks/runtime.py [--quick] [--only NAME]

A frame's cost is measured in this process against `invoke()` of the same interpreter: interleaved blocks of 25, eight
fresh frames in turn, one thread, medians of thread CPU time, the median ratio of three repeats. Starts are fresh
processes that take turns with the eight-line script in `runtime_figures/`. Ages are those of `run`'s own loop over real
videos, with an invocation that sleeps. Seeded networks are made first, by TensorFlow in a process of its own, and
MediaPipe is installed into a throw-away environment. docs/performance.md says what the figures mean.
"""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before numpy is imported: what is measured has one thread

import argparse
import json
import operator
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import cv2
from machine import machine
from runtime_figures import frame_age, fresh_process, peers
from runtime_figures.frame_loop import Plan, classification, segmentation

HERE = Path(__file__).parent
TOOLS = ("ai-edge-litert", "numpy", "opencv-python-headless", "click")


class Figure(NamedTuple):
    """A number that is held to a goal."""

    name: str
    group: str  # measured together
    keys: tuple[str, ...]  # where it stands in what the group found
    goal: float
    is_least: bool = False  # the goal is the least that will do, not the most


def _loop(name: str, group: str, row: str, arm: str, goal: float) -> Figure:
    return Figure(name, group, (row, "ratios", arm), goal)


FIGURES = (
    _loop("int8 720p", "classification", "int8 720p", "ours", 1.22),
    _loop("int8 320x240", "classification", "int8 320x240", "ours", 1.07),
    _loop("float32 720p", "classification", "float32 720p", "ours", 1.13),
    # of the small network, where 20 µs are not lost in the noise
    Figure("own overhead µs", "classification", ("small int8 720p", "own_overhead_us"), 40.0),
    *(
        _loop(f"segmentation 720p{which}{how}", "segmentation", f"{network} int8.tflite", f"ours{how}", goal)
        for which, network in (("", "deeplab3-full"), (", half width", "deeplab3"))
        for how, goal in (("", 1.07), (" with overlay", 1.15), (" with overlay of an object", 1.15))
    ),
    Figure("process start, CPU time", "start", ("cpu",), 1.15),
    Figure("process start, wall time", "start", ("wall",), 1.15),
    Figure("process start, wall time, both with one OpenBLAS thread", "start", ("wall_tuned",), 1.15),
    Figure("RSS more MB", "start", ("rss_more_mb",), 10.0),
    Figure("RSS of a further camera less its buffers MB", "camera", ("less_buffers_mb",), 2.0),
    Figure("installed size", "installed", ("ratio",), 1.05),
    *(
        Figure(f"ms of age p99 over its bound at {service} ms", "age", (f"{service} ms", "p99_over_bound_ms"), 10.0)
        for service in frame_age.SERVICES_MS
    ),
    *(
        Figure(f"fps of possible at {service} ms", "age", (f"{service} ms", "fps_of_possible"), 0.98, is_least=True)
        for service in frame_age.SERVICES_MS
    ),
    Figure("4 cameras: Jain's fairness", "cameras", ("jain",), 0.98, is_least=True),
    Figure("4 cameras: age p99 of its bound", "cameras", ("p99_of_bound",), 1.0),
)  # fmt: skip

GROUPS: dict[str, Callable[[Path, bool], Any]] = {
    "classification": lambda folder, is_quick: classification(folder, _plan(is_quick)),
    "segmentation": lambda folder, is_quick: segmentation(folder, _plan(is_quick)),
    "start": lambda folder, is_quick: fresh_process.process_start(folder, 3 if is_quick else 9),
    "camera": lambda folder, is_quick: fresh_process.extra_camera(folder, 1 if is_quick else 3),
    "installed": lambda folder, is_quick: fresh_process.installed_size(),
    "age": lambda folder, is_quick: frame_age.single(folder, *((4, 1) if is_quick else (8, 3))),
    "cameras": lambda folder, is_quick: frame_age.shared(folder, *((4, 1) if is_quick else (8, 3))),
    "mediapipe": lambda folder, is_quick: peers.mediapipe(folder, _plan(is_quick)),
}


def main() -> None:
    """Measure and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a third of the time, one repeat, no MediaPipe")
    parser.add_argument("--only", action="append", metavar="NAME", help="a group or a part of a figure's name; repeat")
    parser.add_argument("--networks", type=Path, help="where the measured bundles are kept; default: made anew")
    options = parser.parse_args()
    groups = _chosen(options.only, options.quick)
    if not groups:
        parser.error(f"--only {' '.join(options.only)}: none of {', '.join([*GROUPS, *(f.name for f in FIGURES)])}")
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as name:
        print(json.dumps(measure(options.networks or Path(name), groups, options.quick), indent=1, ensure_ascii=False))


def measure(folder: Path, groups: list[str], is_quick: bool) -> dict[str, Any]:
    """Every figure of the groups with its verdict, and what else they found."""
    started_s, load = time.monotonic(), [os.getloadavg()[0]]
    made = subprocess.run(
        [sys.executable, "-m", "runtime_figures.networks", str(folder)],
        cwd=HERE, check=True, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    found = {}
    for group in groups:
        found[group] = GROUPS[group](folder, is_quick)
        load.append(os.getloadavg()[0])
    return {
        "benchmark": "runtime",
        "figures": [_verdict(figure, found[figure.group]) for figure in FIGURES if figure.group in groups],
        **found,
        "not_had": [line for line in made.stderr.splitlines() if line.startswith(("deeplab257", "video"))],
        "took_s": round(time.monotonic() - started_s),
        "machine": {**machine(*TOOLS), "load": [round(value, 2) for value in load]},
    }


def _plan(is_quick: bool) -> Plan:
    return Plan(blocks=4, repeats=1) if is_quick else Plan()


def _chosen(wanted: list[str] | None, is_quick: bool) -> list[str]:
    """The groups to measure, in their order."""
    if wanted is None:
        return [group for group in GROUPS if not (is_quick and group == "mediapipe")]
    named = {figure.group for figure in FIGURES for name in wanted if name in figure.name}
    return [group for group in GROUPS if group in named or group in wanted]


def _verdict(figure: Figure, found: Any) -> dict[str, Any]:
    for key in figure.keys:
        found = found[key]
    is_met = (operator.ge if figure.is_least else operator.le)(found, figure.goal)
    bound = "at_least" if figure.is_least else "at_most"
    return {"figure": figure.name, "value": found, bound: figure.goal, "verdict": "met" if is_met else "MISSED"}


if __name__ == "__main__":
    main()
