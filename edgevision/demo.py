"""The demo: every verb in turn on a real data set, as a person would type it, and a page that tells what came of it."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

from edgevision_runtime.bundle import Bundle
from edgevision_runtime.errors import CheckFailed, UsageError

RunVerb = Callable[[list[str]], int]  # the arguments of `edgevision`; returns the exit code
MARKER = "demo.json"  # tells a folder that an earlier demo wrote from one that it must not touch
STREAM_FPS = 30


@dataclass(frozen=True)
class Recipe:
    """What the demo learns, and with which flags."""

    task: str
    data: str  # a named set or a folder
    name: str  # of the bundle
    train: tuple[str, ...]
    prune: tuple[str, ...]
    quantize: tuple[str, ...]
    own_images: str  # what a person's own data must look like


RECIPES = {
    "classify": Recipe(
        task="classify",
        data="traffic-lights",
        name="traffic-lights",
        train=("--arch", "cnn", "--epochs", "15"),
        prune=("--sparsity", "0.5", "--epochs", "4"),
        quantize=("--epochs", "2"),
        own_images="a folder for each class",
    ),
    "segment": Recipe(
        task="segment",
        data="lungs",
        name="lungs",
        train=("--arch", "unet_tiny", "--image-size", "96,96", "--epochs", "12"),
        prune=("--sparsity", "0.5", "--epochs", "4"),
        quantize=("--epochs", "2"),
        own_images="images/, masks/ and classes.txt",
    ),
}


@dataclass(frozen=True)
class StepDone:
    """One verb that ran."""

    verb: str
    command: str
    seconds: float


@dataclass(frozen=True)
class VariantRow:
    """One line of the table at the end."""

    name: str
    precision: str
    engine: str
    size_bytes: int
    metric: float
    metric_ci95: tuple[float, float]
    agreement: float | None  # with float; None: it is the float reference
    latency_ms: float  # median of contract + inference + postprocessing in the runtime's loop
    fps: float


@dataclass(frozen=True)
class DemoResult:
    """What the demo made."""

    folder: Path
    recipe: Recipe
    steps: tuple[StepDone, ...]
    rows: tuple[VariantRow, ...]
    verdict: str  # pass | inconclusive
    more_images: int | None
    metric: str  # accuracy | foreground_iou
    trained_metrics: dict[str, Any] = field(repr=False)

    @property
    def bundle(self) -> Path:
        """The packed bundle."""
        return self.folder / f"{self.recipe.name}-1.0.0.evb"


def prepare_folder(folder: Path) -> None:
    """Empty the folder of an earlier demo, or make a new one.

    Raises:
        UsageError: it holds something else.
    """
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARKER).is_file():
            raise UsageError(f"{folder} holds something that is not a demo", hint="choose another place: -o FOLDER")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).write_text('{"schema": "edgevision.demo/1"}\n', encoding="utf-8")


def run_demo(recipe: Recipe, folder: Path, run_verb: RunVerb, say: Callable[[str], None]) -> DemoResult:
    """Run every verb, then measure each variant in the runtime's loop.

    Raises:
        CheckFailed: a verb ended with an exit code that the demo cannot go on from.
    """
    prepare_folder(folder)
    walk = _Walk(run_verb, say)
    bundle = folder / f"{recipe.name}-1.0.0.evb"
    splits = str(folder / "learned" / "splits.csv")
    data = ["--data", recipe.data, "--splits", splits]
    report = str(folder / "verify.json")
    walk.step(["train", recipe.data, "-o", str(folder / "learned"), *recipe.train])
    walk.step(["prune", str(folder / "learned"), "-o", str(folder / "pruned"), *recipe.prune])
    walk.step(["quantize", str(folder / "pruned"), "-o", str(folder / "quantized"), *recipe.quantize])
    walk.step(["convert", str(folder / "quantized"), "-o", str(folder / "draft.evb"), "--name", recipe.name])
    html = str(folder / "verify.html")
    code = walk.step(["verify", str(folder / "draft.evb"), *data, "--report", report, "--html", html], allowed=(0, 6))
    pack = ["pack", str(folder / "draft.evb"), "-o", str(bundle), *data, "--report", report, "--version", "1.0.0"]
    walk.step([*pack, *(["--allow-inconclusive"] if code else [])])
    walk.step(["selftest", str(bundle)])
    copy_held_out(recipe, Path(splits), folder / "stream")
    sinks = ["--sink", f"jsonl:{folder / 'stream.jsonl'}", "--sink", f"video:{folder / 'stream.mp4'}"]
    walk.step(["run", str(bundle), "--source", str(folder / "stream"), "--fps", str(STREAM_FPS), *sinks])
    verified = json.loads((folder / "verify.json").read_text(encoding="utf-8"))
    return DemoResult(
        folder=folder,
        recipe=recipe,
        steps=tuple(walk.done),
        rows=tuple(_rows(Bundle.open(bundle), verified, folder / "stream")),
        verdict=verified["status"],
        more_images=verified["metrics"].get("more_images"),
        metric=verified["metrics"]["metric"],
        trained_metrics=json.loads((folder / "learned" / "metrics.json").read_text(encoding="utf-8")),
    )


def copy_held_out(recipe: Recipe, splits: Path, folder: Path) -> None:
    """Copy the test images into one folder: the stream that the runtime plays."""
    from edgevision.data.dataset import open_dataset
    from edgevision.data.splits import read_splits

    dataset = read_splits(splits, open_dataset(recipe.data))
    folder.mkdir()
    for sample in dataset.of_split("test"):
        label = "" if sample.label is None else f"{dataset.labels[sample.label]}-"
        shutil.copyfile(sample.image, folder / f"{_shuffled(sample.image.stem)}-{label}{sample.image.name}")


def _shuffled(stem: str) -> str:
    """A short prefix that mixes the classes in the stream, the same on every machine."""
    import hashlib

    return hashlib.sha256(stem.encode()).hexdigest()[:6]


class _Walk:
    """Says each command before it runs it, and how long it took."""

    def __init__(self, run_verb: RunVerb, say: Callable[[str], None]) -> None:
        self.run_verb, self.say = run_verb, say
        self.done: list[StepDone] = []

    def step(self, arguments: list[str], allowed: tuple[int, ...] = (0,)) -> int:
        command = shlex.join(["edgevision", *arguments])
        self.say(f"\n$ {command}")
        started_s = monotonic()
        code = self.run_verb(arguments)
        self.done.append(StepDone(arguments[0], command, monotonic() - started_s))
        if code not in allowed:
            raise CheckFailed(f"`edgevision {arguments[0]}` ended with exit code {code}", hint="see the lines above")
        return code


def _rows(bundle: Bundle, verified: dict[str, Any], stream: Path) -> list[VariantRow]:
    """The verified figures of each variant, beside what it does in the runtime's loop here."""
    rows = []
    for result in verified["metrics"]["results"]:
        latency_ms, fps = _measure(bundle, result["variant"], result["engine"], stream)
        agreement = result.get("agreement")
        rows.append(
            VariantRow(
                name=result["variant"],
                precision=result["precision"],
                engine=result["engine"],
                size_bytes=result["size_bytes"],
                metric=result["metric"]["value"],
                metric_ci95=tuple(result["metric"]["ci95"]),
                agreement=None if agreement is None else agreement["value"],
                latency_ms=latency_ms,
                fps=fps,
            )
        )
    return rows


def _measure(bundle: Bundle, variant: str, engine: str, stream: Path) -> tuple[float, float]:
    """(median latency in ms, frames per second) of the runtime's loop over the stream's pictures, one thread."""
    from edgevision_runtime.cameras import open_camera
    from edgevision_runtime.models import ModelSlot, load_model
    from edgevision_runtime.outputs import Outputs
    from edgevision_runtime.pipeline import Channel, run_pipeline
    from edgevision_runtime.predictor import choose
    from edgevision_runtime.status import CameraStatus

    choice = choose(bundle, variant=variant, engine=engine)
    with ModelSlot(load_model(bundle, choice)) as model, open_camera(str(stream)) as camera:
        channel = Channel(camera, [model], CameraStatus("demo", str(stream)), policy="every")
        summary = run_pipeline([channel], Outputs())
    return summary.median_latency_ms, summary.fps
