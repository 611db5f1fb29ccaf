"""The verbs that learn without labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgevision.cli.console import Advance, Console, this_command
from edgevision.cli.options import (
    all_of,
    console_options,
    force_option,
    output_option,
    parse_size,
    report_option,
    seed_option,
)

if TYPE_CHECKING:
    from edgevision.discovery.pretraining.loop import EpochLoss
    from edgevision.discovery.pretraining.pretrain import PretrainHooks, PretrainResult
    from edgevision.reports.envelope import Report, Stopwatch

PRETRAIN_EPILOG = """\b
Examples:
  edgevision pretrain frames/ -o runs/ssl --arch cnn
  edgevision pretrain photos -o runs/ssl --teacher mobilenet_v2-imagenet --minutes 5
  edgevision pretrain mnist -o runs/ssl --arch cnn_dense --color gray --scan 10"""

EMBED_EPILOG = """\b
Examples:
  edgevision embed frames/ --model runs/ssl -o emb.npz
  edgevision embed tuesday.mp4 --model runs/ssl --every 0.5 --space emb.npz -o tuesday.npz"""

embed_options = (
    click.option("--model", default="hog", show_default=True, metavar="RUN|NAME",
                 help="What looks at the pictures: a run, bundle, model file, pinned weights, hog or pixels."),
    click.option("--dimension", type=click.IntRange(1), help="Numbers of an embedding, at most. [default: 32]"),
    click.option("--space", type=click.Path(path_type=Path), metavar="EMB.npz",
                 help="Whiten as these embeddings are, to compare with them. [default: by these pictures]"),
    click.option("--every", "every_s", type=click.FloatRange(0, min_open=True), metavar="SECONDS",
                 help="Between the frames of videos. [default: each frame]"),
)  # fmt: skip

pretrain_options = (
    click.option("--method", type=click.Choice(["vicreg", "simclr", "distill"]),
                 help="[default: distill with a teacher, vicreg without]"),
    click.option("--teacher", metavar="NAME|RUN|BUNDLE|FILE",
                 help="Learn what this one sees, such as imagenet. See docs/discover.md for model files."),
    click.option("--arch", "architecture", default="cnn", show_default=True, help="The backbone, as of train."),
    click.option("--width", type=float, default=1.0, show_default=True, help="Width multiplier of the architecture."),
    click.option("--image-size", metavar="H,W", help="Pixels the network sees. [default: the architecture's]"),
    click.option("--color", type=click.Choice(["rgb", "bgr", "gray"]), default="rgb", show_default=True),
    click.option("--every", "every_s", type=click.FloatRange(0, min_open=True),
                 help="Seconds between the frames of videos. [default: each frame]"),
    click.option("--views", metavar="glyph|object|photo|AMOUNTS",
                 help="How a picture may change and be the same. [default: by the pictures]"),
    click.option("--epochs", type=click.IntRange(1), help="[default: about 800 steps, at least 15 epochs]"),
    click.option("--minutes", type=float, help="As many epochs as fit into this time."),
    click.option("--batch", type=click.IntRange(2), help="Pictures in a step. [default: 64 to distill, else 256]"),
    click.option("--learning-rate", type=float, default=0.002, show_default=True),
    click.option("--scan", type=click.IntRange(2), metavar="K", help="Then pull neighbours into K clusters (SCAN)."),
    click.option("--scan-epochs", type=click.IntRange(1), help="[default: about 400 steps, at least 8 epochs]"),
    click.option("--strategy", type=click.Choice(["none", "mirrored", "multiworker"]), default="none",
                 show_default=True),
    click.option("--resume", is_flag=True, help="Go on with an interrupted learning of the same plan."),
)  # fmt: skip


@click.command(epilog=EMBED_EPILOG)
@click.argument("data")
@output_option("The .npz to write.")
@all_of(*embed_options)
@report_option
@force_option
@console_options
def embed(console: Console, data: str, output: Path, report: Path | None, force: bool, **given: Any) -> None:
    """Turn the pictures or videos of DATA into vectors that can be compared; no label is read."""
    from edgevision_runtime.atomic import check_file_place

    check_file_place(output, force=force)
    from edgevision.discovery.embed_source import EmbedHooks, EmbedRequest, embed_source
    from edgevision.discovery.embeddings import SUFFIX
    from edgevision.reports.envelope import Stopwatch
    from edgevision_runtime.errors import UsageError

    if output.suffix != SUFFIX:
        raise UsageError(f"-o {output}", expected=f"a name that ends in {SUFFIX}, by which `cluster` knows vectors")
    watch, request = Stopwatch(), EmbedRequest(data, **given)
    with ExitStack() as open_bar:
        bars = Bars(console, open_bar)
        hooks = EmbedHooks(console.log, console.warn, lambda done, total: bars.on_pictures("embedding", done, total))
        embeddings, unreadable = embed_source(request, hooks)
    embeddings.save(output, force=force)
    count, dimension = embeddings.vectors.shape
    metrics = {"pictures": count, "dimension": dimension, "space": vars(embeddings.space)}
    title, fingerprint = embeddings.space.backbone, embeddings.space.fingerprint[:8]
    console.result(f"{count} vectors of {dimension} numbers, space {fingerprint} of {title}", metrics)
    following = f"edgevision cluster {output} -o clusters/"
    if report is not None:
        verb_report("embed", watch, data, metrics, unreadable, following).write(report)
    console.next_step(output, following)


def verb_report(
    command: str, watch: Stopwatch, data: str, metrics: dict[str, Any], unreadable: Sequence[str], following: str
) -> Report:
    """What `--report` writes; what was left out stands among the warnings."""
    from edgevision.reports.envelope import Finding, Report

    warnings = tuple(Finding("W401", problem) for problem in unreadable)
    inputs = {"data": {"path": data}}
    return Report(command, "pass", watch.started, watch.duration_s, inputs, metrics=metrics, warnings=warnings,
                  next=(following,))  # fmt: skip


@click.command(epilog=PRETRAIN_EPILOG)
@click.argument("data")
@output_option("The run directory to write.")
@all_of(*pretrain_options)
@seed_option
@report_option
@force_option
@console_options
def pretrain(console: Console, data: str, output: Path, report: Path | None, **given: Any) -> None:
    """Learn a backbone from the pictures or videos of DATA; no label is read."""
    from edgevision.discovery.pretraining.plan import PretrainPlan

    resume, force, size = given.pop("resume"), given.pop("force"), given.pop("image_size")
    plan = PretrainPlan(data, image_size=parse_size(size) if size else None, **given)
    from edgevision.discovery.pretraining.pretrain import pretrain as learn
    from edgevision.training.unfinished import Target

    with _pretrain_hooks(console) as hooks:
        result = learn(plan, Target(output, resume, force), hooks)
    _show_pretrained(console, result, report)


@contextmanager
def _pretrain_hooks(console: Console) -> Iterator[PretrainHooks]:
    from edgevision.discovery.pretraining.pretrain import PretrainHooks

    with ExitStack() as open_bar:
        bars = Bars(console, open_bar)
        yield PretrainHooks(
            log=console.log,
            warn=console.warn,
            on_pictures=bars.on_pictures,
            on_step=bars.on_step,
            command=this_command(),
        )


class Bars:
    """One bar at a time, named after what is going on."""

    def __init__(self, console: Console, open_bar: ExitStack) -> None:
        self.console, self.open_bar = console, open_bar
        self.present = ""
        self.advance: Advance = lambda note: None
        self.note = ""
        self.done = 0

    def on_pictures(self, work: str, done: int, total: int) -> None:
        """So many of all pictures have been looked at."""
        self._bar(work, total)
        for _ in range(done - self.done):
            self.advance("")
        self.done = done

    def on_step(self, stage: str, step: int, steps: int, record: EpochLoss | None) -> None:
        """A step is done, or with a record an epoch."""
        if record is not None:
            self.note = f"epoch {record.epoch}, loss {record.loss:.4g}"
            self.console.detail(f"{stage} {self.note}, {record.seconds:.1f} s")
            return
        self._bar(stage, steps - step + 1)
        self.advance(self.note)

    def _bar(self, name: str, total: int) -> None:
        if name != self.present:
            self.open_bar.close()  # the bar before this one
            self.present, self.note, self.done = name, "", 0
            self.advance = self.open_bar.enter_context(self.console.progress(total, name))


def _show_pretrained(console: Console, result: PretrainResult, report: Path | None) -> None:
    if result.run is None:
        console.log("this worker is done; the chief writes the run")
        return
    run, metrics = result.run, result.run.metrics()
    losses = ", ".join(f"{stage} loss {loss:.4g}" for stage, loss in metrics["loss"].items())
    console.result(f"{losses}; {result.spread.describe()}", {"run": str(run.path), **metrics})
    following = f"edgevision cluster {run.record['data']['source']} --model {run.path} -o clusters/"
    if report is not None:
        from edgevision.reports.envelope import Report

        inputs = {"data": {"path": run.record["data"]["source"]}}
        started, seconds = run.record["created"], run.record["seconds"]
        Report("pretrain", "pass", started, seconds, inputs, metrics=metrics, next=(following,)).write(report)
    console.next_step(f"{run.path} (report.html in it)", following)
