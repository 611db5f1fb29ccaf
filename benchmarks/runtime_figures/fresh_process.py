"""What a process costs: time and memory up to its first prediction, memory for each camera, what is installed."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import cv2
from packaging.requirements import Requirement

import edgevision_runtime
from edgevision_runtime.bundle import Bundle
from edgevision_runtime.bundle_writer import BundleContent, write_bundle
from runtime_figures.frame_loop import ring

SCRIPT = Path(__file__).with_name("eight_lines.py")
OURS = "import sys; sys.path[:] = filter(None, sys.path); from edgevision_runtime.cli import main; main()"
ENGINE = ("ai-edge-litert", "numpy", "opencv-python-headless")


class Start(NamedTuple):
    """One process, up to a line on stdout."""

    wall_ms: float
    cpu_ms: float
    rss_mb: float


def process_start(folder: Path, repeats: int) -> dict[str, Any]:
    """Medians and ratios of fresh processes that take turns, warm files; a 720p JPEG, MobileNetV2-224 int8.

    The eight lines are run as they stand, and with OPENBLAS_NUM_THREADS=1, which our command sets for itself. Our
    bundle holds int8 alone, as the script's file does, and a second one float32 too.
    """
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        commands = _commands(folder, place)
        found: dict[str, list[Start]] = {key: [] for key in commands}
        for _ in range(repeats + 1):  # the first round fills the caches
            for key, (command, environment) in commands.items():
                found[key].append(_first_line(command, environment))
    medians = {
        key: Start(*(statistics.median(values) for values in zip(*starts[1:], strict=True)))
        for key, starts in found.items()
    }
    ours, script, tuned = medians["ours"], medians["script"], medians["script, one OpenBLAS thread"]
    return {
        "wall": round(ours.wall_ms / script.wall_ms, 3),
        "cpu": round(ours.cpu_ms / script.cpu_ms, 3),
        "wall_tuned": round(ours.wall_ms / tuned.wall_ms, 3),
        "rss_more_mb": round(ours.rss_mb - script.rss_mb, 2),
        "processes": {key: {k: round(v, 1) for k, v in start._asdict().items()} for key, start in medians.items()},
    }


def _commands(folder: Path, place: Path) -> dict[str, tuple[list[str], dict[str, str]]]:
    both = Bundle.open(folder / "mobilenet.evb")
    variant = both.variant("int8.tflite")
    data = both.read(variant.path)
    content = BundleContent(
        both.name, both.version, both.manifest.created, both.spec, ((variant, data),), {"litert": variant.name}
    )
    write_bundle(place / "int8.evb", content)
    (place / "int8.tflite").write_bytes(data)
    (place / "frames").mkdir()
    for index, frame in enumerate(ring(720, 1280)[:2]):
        cv2.imwrite(str(place / "frames" / f"{index}.jpg"), frame)
    environment = {k: v for k, v in os.environ.items() if k not in ("OPENBLAS_NUM_THREADS", "PYTHONDONTWRITEBYTECODE")}
    script = [sys.executable, str(SCRIPT), str(place / "int8.tflite"), str(place / "frames" / "0.jpg")]
    # the second frame is ten seconds away, so that the process can be looked at after the first
    options = ["--source", str(place / "frames"), "--fps", "0.1", "--quiet"]
    ours = [sys.executable, "-c", OURS, "run"]
    return {
        "script": (script, environment),
        "script, one OpenBLAS thread": (script, {**environment, "OPENBLAS_NUM_THREADS": "1"}),
        "ours": ([*ours, str(place / "int8.evb"), *options], environment),
        "ours, int8 and float32 in the bundle": ([*ours, str(folder / "mobilenet.evb"), *options], environment),
    }


def _first_line(command: list[str], environment: dict[str, str]) -> Start:
    return _after_lines(command, environment, 1)


def _after_lines(command: list[str], environment: dict[str, str], count: int) -> Start:
    started = time.perf_counter()
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    )
    assert process.stdout is not None
    line = [process.stdout.readline() for _ in range(count)][-1]
    wall_ms = (time.perf_counter() - started) * 1e3
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii") if line else ""
    cpu_ms = _cpu_ms(process.pid) if line else 0.0
    process.kill()
    _, errors = process.communicate()
    if not line:
        raise RuntimeError(f"{command[-6:]} said nothing: {errors.decode()[-500:]}")
    resident = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert resident is not None
    return Start(wall_ms, cpu_ms, int(resident[1]) * 1024 / 1e6)


def _cpu_ms(pid: int) -> float:
    """CPU time of a process with all its threads so far, by the clock that clock_getcpuclockid(3) names."""
    return time.clock_gettime(~pid << 3 | 2) * 1e3


def extra_camera(folder: Path, repeats: int) -> dict[str, Any]:
    """MB that each camera after the first adds to a run of one interpreter, less its frame buffers.

    Pictures of 320 x 240 at 10 per second; a camera's buffers are three frames: the one being captured, the one that
    waits, and the one that was answered last.
    """
    height, width, cameras, frames = 240, 320, 4, 40
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        for camera in range(cameras):
            (place / f"camera{camera}").mkdir()
            for index in range(frames):
                cv2.imwrite(str(place / f"camera{camera}" / f"{index}.jpg"), ring(height, width)[index % 8])
        sources = [["--source", str(place / f"camera{camera}")] for camera in range(cameras)]
        common = [sys.executable, "-c", OURS, "run", str(folder / "mobilenet.evb"), "--fps", "10", "--policy", "latest"]
        found: dict[int, list[float]] = {1: [], cameras: []}
        for _ in range(repeats):
            for count, values in found.items():
                command = [*common, "--quiet", *chain.from_iterable(sources[:count])]
                values.append(_after_lines(command, dict(os.environ), count * frames // 2).rss_mb)
    one, several = statistics.median(found[1]), statistics.median(found[cameras])
    buffers_mb = 3 * height * width * 3 / 1e6
    each_mb = (several - one) / (cameras - 1)
    return {
        "each_mb": round(each_mb, 2),
        "less_buffers_mb": round(each_mb - buffers_mb, 2),
        "one_mb": round(one, 1),
        "four_mb": round(several, 1),
    }


def installed_size() -> dict[str, Any]:
    """MB of the wheels that our command needs, and of LiteRT, numpy and OpenCV with all that they need."""
    floor = _needed(list(ENGINE))
    package = Path(edgevision_runtime.__file__).parent
    ours = sum(path.stat().st_size for path in package.rglob("*") if path.is_file() and path.suffix != ".pyc")
    more = _needed([*ENGINE, *(metadata.requires("edgevision-runtime") or [])]) - floor
    floor_mb = sum(_size(name) for name in floor) / 1e6
    more_mb = (ours + sum(_size(name) for name in more)) / 1e6
    return {
        "ratio": round((floor_mb + more_mb) / floor_mb, 4),
        "floor_mb": round(floor_mb, 1),
        "more_mb": round(more_mb, 2),
        "more": sorted(more),
    }


def _needed(requirements: list[str]) -> set[str]:
    """The distributions that these ask for, themselves included; extras are left out."""
    found: set[str] = set()
    waiting = [Requirement(text) for text in requirements]
    while waiting:
        requirement = waiting.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        name = requirement.name.lower().replace("_", "-")
        if name not in found:
            found.add(name)
            waiting += [Requirement(text) for text in metadata.requires(name) or []]
    return found


def _size(name: str) -> int:
    files = metadata.files(name) or []
    paths = [Path(str(file.locate())) for file in files if file.suffix != ".pyc"]
    return sum(path.stat().st_size for path in paths if path.is_file())
