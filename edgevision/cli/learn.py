"""The verbs that learn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import click

from edgevision.cli.console import Advance, Console, table, this_command
from edgevision.cli.options import (
    all_of,
    console_options,
    force_option,
    output_option,
    parse_numbers,
    parse_size,
    report_option,
    seed_option,
)
from edgevision_runtime.errors import UsageError

if TYPE_CHECKING:
    from edgevision.training.fit import FitProgress
    from edgevision.training.hooks import TrainHooks
    from edgevision.training.plan import TrainPlan
    from edgevision.training.train import TrainResult
    from edgevision_runtime.contract import Preprocess

FEWEST_WORTH_A_BAR = 200  # images; fewer are read in a moment

EPILOG = """\b
Examples:
  edgevision train traffic-lights -o runs/lights
  edgevision train photos/ -o runs/mine --arch mobilenet_v2 --weights imagenet --freeze --fine-tune-epochs 5
  edgevision train lungs -o runs/lungs --task segment --image-size 96"""

network_options = (
    click.option("--task", type=click.Choice(["classify", "segment"]), help="What the data must be for."),
    click.option("--arch", help="Architecture. [default: cnn to classify, unet_tiny to segment]"),
    click.option("--width", type=float, help="Width multiplier of the architecture. [default: 1]"),
    click.option("--image-size", metavar="H,W", help="Pixels the network sees. [default: the architecture's]"),
    click.option("--weights", metavar="imagenet|NAME|PATH", help="Start from weights learned elsewhere."),
    click.option(
        "--freeze/--no-freeze",
        default=None,
        help="Train only what is behind the backbone. [default: no; after pretrain, by the number of labels]",
    ),
    click.option(
        "--fine-tune-epochs", type=click.IntRange(0), default=0, help="Then train everything, at a tenth of the rate."
    ),
)
data_options = (
    click.option(
        "--augment",
        metavar="NAME=AMOUNT,…",
        help="none | light | strong | such as flip,rotate=10,brightness=0.2. [default: light]",
    ),
    click.option("--split", default="0.7,0.15,0.15", show_default=True, help="Shares of train, val and test."),
    click.option("--group-by", metavar="REGEX", help="Keep file names with the same match on one side of the split."),
    click.option("--preprocess", type=click.Path(path_type=Path), help="The whole contract, as JSON."),
    click.option("--resize", type=click.Choice(["squash", "fit_shortest", "letterbox"]), help="[default: squash]"),
    click.option("--color", type=click.Choice(["rgb", "bgr", "gray"]), help="[default: rgb]"),
)
fit_options = (
    click.option("--epochs", type=click.IntRange(1), help="[default: 20]"),
    click.option("--batch", type=click.IntRange(1), help="Pictures in a step. [default: 32 to classify, 8 to segment]"),
    click.option("--learning-rate", type=float, help="[default: 0.001 to classify, 0.002 to segment]"),
    click.option("--optimizer", type=click.Choice(["adam", "sgd"]), default="adam", show_default=True),
    click.option("--schedule", type=click.Choice(["constant", "cosine", "step"]), default="cosine", show_default=True),
    click.option("--early-stopping", type=click.IntRange(1), metavar="N", help="Stop after N epochs without gain."),
    click.option(
        "--loss",
        type=click.Choice(["cross-entropy", "dice", "cross-entropy+dice"]),
        help="[default: cross-entropy to classify, cross-entropy+dice to segment]",
    ),
    click.option("--label-smoothing", type=float, default=0.0, show_default=True),
    click.option(
        "--class-weights", metavar="balanced|none|FILE", help="[default: balanced to classify, none to segment]"
    ),
)
machine_options = (
    click.option("--mixed-precision", is_flag=True, help="Compute in 16 bits; weights stay float32."),
    click.option(
        "--strategy", type=click.Choice(["none", "mirrored", "multiworker"]), default="none", show_default=True
    ),
    click.option("--tensorboard", is_flag=True, help="Write a TensorBoard log into the run."),
    click.option("--resume", is_flag=True, help="Go on with an interrupted training of the same plan."),
)


@click.command(epilog=EPILOG)
@click.argument("data")
@output_option("The run directory to write.")
@all_of(*network_options, *data_options, *fit_options, *machine_options)
@seed_option
@report_option
@force_option
@console_options
def train(console: Console, output: Path, report: Path | None, tensorboard: bool, **arguments: Any) -> None:
    """Train a model on DATA: a folder per class, images/ + masks/ + classes.txt, or a named data set."""
    resume, force = arguments.pop("resume"), arguments.pop("force")
    plan = _plan(**arguments)
    from edgevision.training.train import train as run_training
    from edgevision.training.unfinished import Target, UnfinishedTraining

    try:
        with _hooks(console, tensorboard) as hooks:
            result = run_training(plan, Target(output, resume, force), hooks)
    except KeyboardInterrupt:
        if UnfinishedTraining.of(output).has_checkpoints:
            console.warn(f"interrupted; finished epochs are kept: the same command with --resume goes on ({output})")
        else:
            console.warn("interrupted before the first epoch was finished: nothing is kept")
        raise
    _show(console, result, report)


def _plan(data: str, **given: Any) -> TrainPlan:
    """The plan that the flags ask for."""
    from edgevision.training.plan import DataPlan, NetworkPlan, TrainPlan

    shares = parse_numbers(given.pop("split"))
    if len(shares) != 3:
        raise UsageError(f"--split has {len(shares)} shares", expected="train,val,test such as 0.7,0.15,0.15")
    size = given.pop("image_size")
    return TrainPlan(
        data=DataPlan(data, (shares[0], shares[1], shares[2]), given.pop("group_by"), given.pop("augment")),
        network=NetworkPlan(
            architecture=given.pop("arch"),
            image_size=parse_size(size) if size else None,
            **{name: given.pop(name) for name in ("width", "weights", "freeze", "fine_tune_epochs")},
        ),
        preprocess=_contract(given, has_size=size is not None),
        resize=given.pop("resize") or "squash",
        color=given.pop("color"),
        **given,
    )


def _contract(given: dict[str, Any], *, has_size: bool) -> Preprocess | None:
    """The contract of `--preprocess FILE`, which says size, resize and colour by itself."""
    path: Path | None = given.pop("preprocess")
    if path is None:
        return None
    if has_size or given["resize"] or given["color"]:
        raise UsageError(
            "--preprocess is the whole contract", expected="no --image-size, --resize or --color beside it"
        )
    from edgevision_runtime.spec import read_preprocess

    return read_preprocess(path)


@contextmanager
def _hooks(console: Console, tensorboard: bool) -> Iterator[TrainHooks]:
    """Progress bars per stage, a line per epoch with -v."""
    from edgevision.training.hooks import TrainHooks

    with ExitStack() as open_bar:
        bars = _Bars(console, open_bar)
        yield TrainHooks(
            log=console.log,
            warn=console.warn,
            on_progress=bars.on_progress,
            on_images=bars.on_images,
            command=this_command(),
            tensorboard=tensorboard,
        )


class _Bars:
    """One bar at a time, named after what is going on."""

    def __init__(self, console: Console, open_bar: ExitStack) -> None:
        self.console, self.open_bar = console, open_bar
        self.bars: dict[str, Advance] = {}
        self.notes: dict[str, str] = {}
        self.finished: set[str] = set()
        self.lock = Lock()

    def on_images(self, work: str, done: int, total: int) -> None:
        if total < FEWEST_WORTH_A_BAR or work not in ("checking", "preparing train"):
            return
        with self.lock:  # images are prepared by several threads
            if work in self.finished:
                return  # prepared once more, for another stage
            self._bar(work, total)("")
            if done == total:
                self.finished.add(work)
                self.open_bar.close()

    def on_progress(self, stage: str, progress: FitProgress) -> None:
        advance = self._bar(stage, (progress.epochs - progress.epoch + 1) * progress.steps)
        if progress.record is None:
            advance(f"epoch {progress.epoch}/{progress.epochs}{self.notes.get(stage, '')}")
            return
        record = progress.record
        self.notes[stage] = f", val {progress.metric} {record.val_metric:.3f}"
        self.console.detail(
            f"{stage} epoch {record.epoch}/{progress.epochs}: loss {record.loss:.4f}, val {record.val_loss:.4f}, "
            f"{progress.metric} {record.metric:.3f}, val {record.val_metric:.3f}, {record.seconds:.1f} s"
        )

    def _bar(self, stage: str, total: int) -> Advance:
        if stage not in self.bars:
            self.open_bar.close()  # the bar before this one
            self.bars[stage] = self.open_bar.enter_context(self.console.progress(total, stage))
        return self.bars[stage]


def _show(console: Console, result: TrainResult, report: Path | None) -> None:
    """The metrics as a table on stdout, and what comes next."""
    if result.run is None:
        console.log("this worker is done; the chief writes the run")
        return
    from edgevision.training.summary import metrics_table

    run = result.run
    headers, rows = metrics_table(result.evaluations)
    console.result(table(headers, rows, right=range(1, len(headers))), {"run": str(run.path), **run.metrics()})
    following = f"edgevision convert {run.path} -o {run.path.name}.evb"
    if report is not None:
        from edgevision.reports.envelope import Report

        inputs = {"data": {"path": run.record["data"]["source"]}}
        started, seconds = run.record["created"], run.record["seconds"]
        Report("train", "pass", started, seconds, inputs, metrics=run.metrics(), next=(following,)).write(report)
    console.next_step(run.path, following)
