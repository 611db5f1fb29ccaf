"""How old answers are when they come, and how fairly cameras share one interpreter.

Real videos are decoded in real time by as many capture threads as there are cameras; the loop is the one that `run`
uses. Only the invocation is a stand-in: it sleeps for a known time, so that the bounds can be computed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from edgevision_runtime.bundle import Bundle
from edgevision_runtime.cameras import Camera, open_camera
from edgevision_runtime.cameras.options import CameraOptions
from edgevision_runtime.messages import Event, Result
from edgevision_runtime.models import ModelSlot, load_model
from edgevision_runtime.outputs import Outputs
from edgevision_runtime.pipeline import Channel, RunLimits, run_pipeline
from edgevision_runtime.predictor import choose
from edgevision_runtime.status import CameraStatus
from edgevision_runtime.types import Frame, Tensor

FPS = 30.0
SERVICES_MS = (10, 50, 100)
SHARED_SERVICE_MS = 20
CAMERAS = 4
WARM_UP_S = 1.0  # after the first answer, of which nothing counts


class Run(NamedTuple):
    """What came out of one run, after the warm-up."""

    ages_ms: dict[str, list[float]]  # by camera
    services_ms: list[float]  # what the sleeps really took, which is the machine's doing
    duration_s: float


def single(folder: Path, seconds: float, repeats: int) -> dict[str, Any]:
    """One camera at 30 fps, for each time of service: age and rate, the medians of the repeats."""
    rows = {}
    for service_ms in SERVICES_MS:
        runs = [_measure(folder, 1, service_ms, seconds) for _ in range(repeats)]
        ages = [ages for run in runs for ages in run.ages_ms.values()]
        fps = [len(ages) / run.duration_s for run in runs for ages in run.ages_ms.values()]
        bound_ms = service_ms + 1e3 / FPS
        p99_ms = float(np.median([np.percentile(found, 99) for found in ages]))
        rows[f"{service_ms} ms"] = {
            "p50_ms": round(float(np.median([np.median(found) for found in ages])), 1),
            "p99_ms": round(p99_ms, 1),
            "p99_over_bound_ms": round(p99_ms - bound_ms, 1),
            "service_p99_ms": round(float(np.median([np.percentile(run.services_ms, 99) for run in runs])), 1),
            "fps": round(float(np.median(fps)), 2),
            "fps_of_possible": round(float(np.median(fps)) / min(FPS, 1e3 / service_ms), 3),
        }
    return rows


def shared(folder: Path, seconds: float, repeats: int) -> dict[str, Any]:
    """Four cameras at 30 fps on one interpreter of 20 ms: fairness by Jain's index, and age."""
    runs = [_measure(folder, CAMERAS, SHARED_SERVICE_MS, seconds) for _ in range(repeats)]
    fps = [[len(ages) / run.duration_s for ages in run.ages_ms.values()] for run in runs]
    p99 = [np.percentile([age for ages in run.ages_ms.values() for age in ages], 99) for run in runs]
    bound_ms = CAMERAS * SHARED_SERVICE_MS + 1e3 / FPS
    return {
        "jain": round(float(np.median([jain(rates) for rates in fps])), 4),
        "fps": [round(rate, 1) for rate in fps[0]],
        "p99_ms": round(float(np.median(p99)), 1),
        "p99_of_bound": round(float(np.median(p99)) / bound_ms, 3),
        "capacity_used": round(float(np.median([sum(rates) for rates in fps])) * SHARED_SERVICE_MS / 1e3, 3),
    }


def jain(rates: list[float]) -> float:
    """Jain's fairness index: 1 when all are equal, 1/n when one has everything."""
    return sum(rates) ** 2 / (len(rates) * sum(rate**2 for rate in rates))


class _Sleeper:
    """An engine that takes a known time and answers nothing in particular; all around it is real."""

    def __init__(self, engine: Any, service_s: float) -> None:
        self._engine, self._service_s = engine, service_s
        self.taken_ms: list[float] = []
        self._outputs = tuple(
            np.zeros([max(size, 1) for size in spec.shape[1:]], spec.dtype) for spec in engine.outputs
        )

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def infer_stored(self, stored: Tensor, read: Callable[[tuple[Tensor, ...]], Any]) -> Any:
        """See `Engine`."""
        started_s = time.monotonic()
        time.sleep(self._service_s)
        self.taken_ms.append((time.monotonic() - started_s) * 1e3)
        return read(self._outputs)

    def infer_written(self, read: Callable[[tuple[Tensor, ...]], Any]) -> Any:
        """See `Engine`; what was written stays unread."""
        return self.infer_stored(np.empty(0), read)


class _Replay:
    """A video that plays again and again, as a live camera: what comes late is lost, not caught up with."""

    is_live, total, fps = True, None, FPS
    unreadable: tuple[str, ...] = ()

    def __init__(self, path: Path) -> None:
        self._path, self._is_stopped = str(path), False
        self._camera: Camera = self._open()
        self.clock = self._camera.clock

    def _open(self) -> Camera:
        return open_camera(self._path, options=CameraOptions(fps=FPS))

    def __iter__(self) -> Iterator[Frame]:
        index = 0
        while not self._is_stopped:
            with self._camera as camera:
                for frame in camera:
                    yield Frame(frame.image, index, frame.captured_s, frame.source)
                    index += 1
                    if self._is_stopped:
                        return
            self._camera = self._open()

    def stop(self) -> None:
        """See `Camera`."""
        self._is_stopped = True


class _Ages:
    """A sink that notes when what came, and how old it was."""

    needs_image = False

    def __init__(self) -> None:
        self.seen: list[tuple[float, str, float]] = []

    def write(self, result: Result) -> None:
        """See `Sink`."""
        self.seen.append((time.monotonic(), result.camera, result.prediction.age_ms))

    def tell(self, event: Event) -> None:
        """See `Sink`."""

    def close(self) -> None:
        """See `Sink`."""


def _measure(folder: Path, cameras: int, service_ms: float, seconds: float) -> Run:
    bundle, ages = Bundle.open(folder / "small.evb"), _Ages()
    loaded = load_model(bundle, choose(bundle, variant="int8.tflite", engine="litert"))
    predictor = loaded.predictors[0]
    sleeper = predictor.engine = _Sleeper(predictor.engine, service_ms / 1e3)  # type: ignore[assignment]
    with ExitStack() as opened:
        slot = opened.enter_context(ModelSlot(loaded))
        names = [f"camera {index}" for index in range(cameras)]
        channels = [
            Channel(_Replay(folder / "video.mp4"), [slot], CameraStatus(name, "replay"))  # type: ignore[arg-type]
            for name in names
        ]
        run_pipeline(channels, Outputs([ages]), RunLimits(duration_s=seconds + WARM_UP_S))
    begins_s, ends_s = ages.seen[0][0] + WARM_UP_S, ages.seen[-1][0]
    counted = [(name, age_ms) for at_s, name, age_ms in ages.seen if at_s > begins_s]
    by_camera = {name: [age for of, age in counted if of == name] for name in names}
    return Run(by_camera, sleeper.taken_ms, max(ends_s - begins_s, math.ulp(1.0)))
