"""What the device runtime costs beside the bare interpreter: ratios, in one run, with the goals they are held to.

    python benchmarks/runtime.py [--quick] [--mediapipe]

A frame's cost is measured in this process against `invoke()` of the same interpreter: interleaved blocks of 25, eight
fresh frames in turn, one thread, medians of thread CPU time, the median ratio of three repeats. Starts are fresh
processes that take turns with the eight-line script in `runtime_figures/`. Seeded networks are made first, by
TensorFlow in a process of its own. `--mediapipe` installs MediaPipe into a throw-away environment and runs it beside.
"""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before numpy is imported: what is measured has one thread

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import venv
from importlib import metadata
from pathlib import Path
from typing import Any

import cv2
from runtime_figures import fresh_process
from runtime_figures.frame_loop import Plan, classification, segmentation

from edgevision_runtime.bundle import Bundle

HERE = Path(__file__).parent
GOALS = {  # at most
    "int8 720p": 1.22,
    "int8 320x240": 1.07,
    "float32 720p": 1.13,
    "own overhead µs": 40.0,
    "segmentation 720p": 1.07,
    "segmentation 720p with overlay": 1.15,
    "process start": 1.15,
    "RSS more MB": 10.0,
    "installed size": 1.05,
}


def main() -> None:
    """Measure and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a third of the blocks, one repeat")
    parser.add_argument("--mediapipe", action="store_true", help="install MediaPipe into a throw-away environment")
    parser.add_argument("--networks", type=Path, help="where the measured bundles are kept; default: made anew")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = options.networks or Path(name)
        print(json.dumps(measure(folder, options), indent=1, ensure_ascii=False))


def measure(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Every row, and which goals are met."""
    plan = Plan(blocks=4, repeats=1) if options.quick else Plan()
    load_before = os.getloadavg()[0]
    made = subprocess.run(
        [sys.executable, "-m", "runtime_figures.networks", str(folder)],
        cwd=HERE, check=True, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    classify, segment = classification(folder, plan), segmentation(folder, plan)
    start, size = fresh_process.process_start(folder, 3 if options.quick else 9), fresh_process.installed_size()
    values = _values(classify, segment, start, size)
    return {
        "benchmark": "runtime",
        "values": values,
        "goals": GOALS,
        "met": {name: values[name] <= goal for name, goal in GOALS.items()},
        "classification": classify,
        "segmentation": segment,
        "process_start": start,
        "installed_size": size,
        "mediapipe": _mediapipe(folder, plan) if options.mediapipe else "not asked for (--mediapipe)",
        "not_had": [line for line in made.stderr.splitlines() if ".evb" in line or line.startswith("deeplab257")],
        "machine": {**machine(), "load": [round(load_before, 2), round(os.getloadavg()[0], 2)]},
    }


def _values(
    classify: dict[str, Any], segment: dict[str, Any], start: dict[str, Any], size: dict[str, Any]
) -> dict[str, float]:
    """The rows that have a goal. Own overhead: of the small network, where 20 µs are not lost in the noise."""
    deeplab = segment["deeplab3 int8.tflite"]["ratios"]
    return {
        **{row: classify[row]["ratios"]["ours"] for row in ("int8 720p", "int8 320x240", "float32 720p")},
        "own overhead µs": classify["small int8 720p"]["own_overhead_us"],
        "segmentation 720p": deeplab["ours"],
        "segmentation 720p with overlay": deeplab["ours with overlay"],
        "process start": start["wall"],
        "RSS more MB": start["rss_more_mb"],
        "installed size": size["ratio"],
    }


def _mediapipe(folder: Path, plan: Plan) -> Any:
    """The same float model by MediaPipe's ImageClassifier, as a ratio to the bare invocation beside it."""
    bundle = Bundle.open(folder / "mobilenet.evb")
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        venv.create(place / "environment", with_pip=True)
        python = place / "environment" / "bin" / "python"
        install = [str(python), "-m", "pip", "install", "--quiet", "mediapipe", "ai-edge-litert"]
        installed = subprocess.run(install, capture_output=True, text=True, check=False)
        if installed.returncode != 0:
            return f"cannot be installed: {installed.stderr.strip().splitlines()[-1]}"
        found: dict[str, Any] = {}
        for variant in ("float32.tflite", "int8.tflite"):
            (place / variant).write_bytes(bundle.read(f"models/{variant}"))
            script = [str(python), str(HERE / "runtime_figures" / "peer_mediapipe.py"), str(place / variant)]
            run = subprocess.run(
                [*script, str(plan.blocks), str(plan.repeats)], capture_output=True, text=True, check=False
            )
            lines = (run.stderr if run.returncode else run.stdout).strip().splitlines()
            found[variant] = lines[-1] if run.returncode else json.loads(lines[-1])
        return found


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text(encoding="utf-8").splitlines() if facts.exists() else []
    cpu = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())
    tools = ("ai-edge-litert", "numpy", "opencv-python-headless", "click")
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "tools": {name: metadata.version(name) for name in tools},
    }


if __name__ == "__main__":
    main()
