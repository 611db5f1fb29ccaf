"""Measure one model file on one engine, in a process of its own, so that cold load and peak memory are real.

It reads a job as JSON from stdin and writes the measurement as JSON to stdout.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision_runtime.contract import Preprocess
from edgevision_runtime.engines import Extras, open_engine
from edgevision_runtime.engines.delegate import parse_delegate
from edgevision_runtime.errors import EdgeVisionError
from edgevision_runtime.postprocess import Postprocess
from edgevision_runtime.types import Engine

if TYPE_CHECKING:
    from edgevision_runtime.types import Image

FRAMES = 8  # different frames in turn: one hot buffer would flatter the resize
PERCENTILES = (50, 90, 95, 99)


def measure(job: dict[str, Any]) -> dict[str, Any]:
    """Load, run once cold, warm up, then time `runs` frames; all times in milliseconds.

    `job`: model (path), engine, threads, runs, warmup, frame_size (h, w), preprocess and postprocess (JSON), seed.
    """
    preprocess = Preprocess.from_json(job["preprocess"])
    postprocess = Postprocess.from_json(job["postprocess"])
    random = np.random.default_rng(job["seed"])
    frames = [random.integers(0, 256, (*job["frame_size"], 3), dtype=np.uint8) for _ in range(FRAMES)]
    tensors = [preprocess(frame) for frame in frames]  # also imports OpenCV, which is no part of the model's load
    content = Path(job["model"]).read_bytes()
    before_mb = _resident_mb("VmRSS")
    start_s = perf_counter()
    extras = Extras(
        None if job["delegate"] is None else parse_delegate(job["delegate"]),
        None if job["engine_cache"] is None else Path(job["engine_cache"]),
    )
    with open_engine(job["engine"], content, threads=job["threads"], extras=extras) as engine:
        load_ms = (perf_counter() - start_s) * 1e3
        start_s = perf_counter()
        engine.infer(tensors[0])
        first_ms = (perf_counter() - start_s) * 1e3
        for index in range(job["warmup"]):
            engine.infer(tensors[index % FRAMES])
        infer_ms, frame_ms = _timed(engine, frames, preprocess, postprocess, job["runs"])
        peak_mb = _resident_mb("VmHWM")
        return {
            "engine_version": engine.version,
            "kernels": engine.kernels,
            "load_ms": load_ms,
            "first_ms": first_ms,
            "mean_ms": float(np.mean(infer_ms)),
            **{f"p{p}_ms": float(np.percentile(infer_ms, p)) for p in PERCENTILES},
            "frame_p50_ms": float(np.median(frame_ms)),
            "fps": 1e3 / float(np.median(frame_ms)),  # one pause of the machine would ruin the mean
            "rss_peak_mb": peak_mb,
            "rss_model_mb": None if peak_mb is None or before_mb is None else max(0.0, peak_mb - before_mb),
            "samples_ms": [round(value, 4) for value in infer_ms],
        }


def _timed(
    engine: Engine, frames: list[Image], preprocess: Preprocess, postprocess: Postprocess, runs: int
) -> tuple[list[float], list[float]]:
    """Milliseconds of `infer` alone, and of contract + infer + postprocess, for `runs` frames."""
    answer = postprocess.scores if postprocess.head == "classify" else postprocess.mask
    infer_ms, frame_ms = [], []
    for index in range(runs):
        start_s = perf_counter()
        tensor = preprocess(frames[index % FRAMES])
        before_s = perf_counter()
        outputs = engine.infer(tensor)
        after_s = perf_counter()
        answer(outputs)
        infer_ms.append((after_s - before_s) * 1e3)
        frame_ms.append((perf_counter() - start_s) * 1e3)
    return infer_ms, frame_ms


def _resident_mb(field: str) -> float | None:
    """VmRSS (now) or VmHWM (peak) of this process in MB, 10⁶ bytes; None where there is no /proc.

    Not `getrusage`: on Linux its peak is inherited from the process that started this one.
    """
    status = Path("/proc/self/status")
    if not status.is_file():
        return None
    found = re.search(rf"^{field}:\s+(\d+) kB$", status.read_text(encoding="ascii", errors="replace"), re.MULTILINE)
    return int(found[1]) * 1024 / 1e6 if found else None


def main() -> int:
    """Run the job on stdin; an expected failure is one line on stderr and its exit code."""
    try:
        result = measure(json.load(sys.stdin))
    except EdgeVisionError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    json.dump(result, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
