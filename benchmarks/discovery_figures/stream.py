"""Of a stream of scenes, how many are kept by frames that are unlike all kept ones, and how many by each so-many-th.

A stream is made of 200 photographs that the bundle was not calibrated with, each in front of the camera for between one
and 80 frames; the camera shakes and turns a little, the light wanders, the sensor is noisy. The frames go through
`edgevision-runtime run` itself, into a folder that keeps what is diverse. Uniform sampling is given as many frames.

    cd benchmarks && python -m discovery_figures.stream
"""

from __future__ import annotations

import json
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import process_time
from typing import Any

import cv2
import numpy as np
from click.testing import CliRunner

from discovery_figures.command_line import BUNDLE, SEEDS, print_figures
from discovery_figures.device_bundle import device_bundle, photos
from edgevision.data.images import read_image
from edgevision_runtime.cli import edgevision_runtime

SCENES, SIDE, SHAKE = 200, 240, 8  # scenes; pixels
ALIKE = 0.85
GOALS = {"kept": 0.15, "coverage": 0.97, "above_uniform": 0.1}  # the first at most, the others at least


def figures(seeds: Sequence[int] = (0, 1, 2), folder: Path | None = None) -> dict[str, Any]:
    """Medians over the seeds, with each seed's figures beside them."""
    with tempfile.TemporaryDirectory() as temporary:
        place = folder or Path(temporary)
        runs = [_figures_of(place, seed) for seed in seeds]
    median = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    passed = {name: median[name] <= goal if name == "kept" else median[name] >= goal for name, goal in GOALS.items()}
    return {"median": median, "seeds": dict(zip(map(str, seeds), runs, strict=True)), "goals": GOALS, "passed": passed}


def _figures_of(place: Path, seed: int) -> dict[str, float]:
    bundle = device_bundle(place)
    began_s = process_time()
    with tempfile.TemporaryDirectory() as temporary:
        source, kept = Path(temporary) / "stream", Path(temporary) / "kept"
        source.mkdir()
        scene_of = []
        for number, (scene, frame) in enumerate(_stream(seed)):
            cv2.imwrite(str(source / f"{number:05}.png"), frame)
            scene_of.append(scene)
        target = f"save:{kept}?quota-mb=2000"
        command = ["run", str(bundle.path), "--source", str(source), "--select-diverse", str(ALIKE), "--sink", target]
        ended = CliRunner().invoke(edgevision_runtime, [*command, "-q"], standalone_mode=False)
        if ended.exception is not None:
            raise ended.exception
        chosen = [json.loads(path.read_text())["result"]["frame"] for path in kept.rglob("*.json")]
    scenes, count = np.array(scene_of), len(scene_of)
    uniform = np.linspace(0, count - 1, len(chosen)).round().astype(int)
    coverage, by_uniform = (len(set(scenes[rows].tolist())) / SCENES for rows in (chosen, uniform))
    return {
        "frames": count,
        "kept": round(len(chosen) / count, 4),
        "coverage": coverage,
        "uniform": by_uniform,
        "above_uniform": round(coverage - by_uniform, 4),
        "cpu_s": round(process_time() - began_s, 1),
    }


def _stream(seed: int) -> Iterator[tuple[int, Any]]:
    """(number of the scene, frame) in the order of time."""
    chance = np.random.default_rng(seed)
    paths = photos()[1]
    for scene, number in enumerate(chance.choice(len(paths), SCENES, replace=False)):
        picture = cv2.resize(read_image(paths[number]), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        yield from ((scene, frame) for frame in _shots(picture, chance))


def _shots(picture: Any, chance: np.random.Generator) -> Iterator[Any]:
    dwell = int(np.clip(round(chance.lognormal(np.log(6), 0.9)), 1, 80))
    light, shift = chance.normal(0, 0.05), np.zeros(2)
    for _ in range(dwell):
        shift, light = 0.8 * shift + chance.normal(0, 2, 2), 0.9 * light + chance.normal(0, 0.03)
        turned = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), chance.normal(0, 0.7), 1.12 + chance.normal(0, 0.01))
        turned[:, 2] += np.clip(shift, -SHAKE, SHAKE)
        seen = cv2.warpAffine(picture, turned, (SIDE, SIDE), borderMode=cv2.BORDER_REFLECT).astype(np.float32)
        seen = seen * np.exp(light) + chance.normal(0, 4, seen.shape)
        yield np.clip(seen, 0, 255).astype(np.uint8)


if __name__ == "__main__":
    print_figures(figures, __doc__, SEEDS, BUNDLE)
