"""The verbs that learn without labels."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgevision.cli.console import Advance, Console
from edgevision.cli.options import (
    all_of,
    console_options,
    force_option,
    output_option,
    parse_size,
    report_option,
    seed_option,
)
from edgevision_runtime.errors import UsageError

if TYPE_CHECKING:
    from edgevision.discovery.clustering.cluster import Clustered, ClusterHooks, ClusterPlan
    from edgevision.discovery.clustering.report import Judged
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
                 help="What looks at the pictures: a run directory, pinned weights, hog or pixels."),
    click.option("--dimension", type=click.IntRange(1), help="Numbers of an embedding, at most. [default: 32]"),
    click.option("--space", type=click.Path(path_type=Path), metavar="EMB.npz",
                 help="Whiten as these embeddings are, to compare with them. [default: by these pictures]"),
    click.option("--every", "every_s", type=click.FloatRange(0, min_open=True), metavar="SECONDS",
                 help="Between the frames of videos. [default: each frame]"),
)  # fmt: skip

CLUSTER_EPILOG = """\b
Examples:
  edgevision cluster frames/ --model runs/ssl -o clusters/ -k 50
  edgevision cluster emb.npz -o clusters/ -k 30
  edgevision cluster drive.mp4 --every 0.2 -o scenes/ --keyframes keyframes/
  edgevision cluster mnist --model runs/ssl -k 10 --scan --truth -o digits/

More clusters than there are things is right: several may get the same name."""

cluster_options = (
    click.option("-k", "k", type=click.IntRange(1), default=50, show_default=True, help="How many clusters."),
    click.option("--model", metavar="RUN|NAME", help="What looks at the pictures, as of embed. [default: hog]"),
    *embed_options[1:],
    click.option("--scan", is_flag=True, help="Train the run's network on until neighbours share one of k clusters."),
    click.option("--scan-epochs", type=click.IntRange(1), help="[default: 30]"),
    click.option("--truth", "has_truth", is_flag=True,
                 help="Then judge by the names of the class folders; clusters stay as they are."),
    click.option("--truth-csv", type=click.Path(path_type=Path, dir_okay=False),
                 help="The same with the columns name,label of this file."),
    click.option("--keyframes", type=click.Path(path_type=Path, file_okay=False),
                 help="Also write the key frames of the scenes into this folder."),
)  # fmt: skip

pretrain_options = (
    click.option("--method", type=click.Choice(["vicreg", "simclr", "distill"]),
                 help="[default: distill with a teacher, vicreg without]"),
    click.option("--teacher", metavar="NAME|RUN|BUNDLE", help="Learn what this one sees, such as imagenet."),
    click.option("--arch", "architecture", default="cnn", show_default=True, help="The backbone, as of train."),
    click.option("--width", type=float, default=1.0, show_default=True, help="Width multiplier of the architecture."),
    click.option("--image-size", metavar="H,W", help="Pixels the network sees. [default: the architecture's]"),
    click.option("--color", type=click.Choice(["rgb", "bgr", "gray"]), default="rgb", show_default=True),
    click.option("--every", "every_s", type=click.FloatRange(0, min_open=True),
                 help="Seconds between the frames of videos. [default: each frame]"),
    click.option("--views", metavar="glyph|object|photo|AMOUNTS",
                 help="How a picture may change and be the same. [default: by the pictures]"),
    click.option("--epochs", type=click.IntRange(1), help="[default: 30]"),
    click.option("--minutes", type=float, help="As many epochs as fit into this time."),
    click.option("--batch", type=click.IntRange(2), default=256, show_default=True),
    click.option("--learning-rate", type=float, default=0.002, show_default=True),
    click.option("--scan", type=click.IntRange(2), metavar="K", help="Then pull neighbours into K clusters (SCAN)."),
    click.option("--scan-epochs", type=click.IntRange(1), default=30, show_default=True),
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
    from edgevision_runtime.atomic import check_place, refuse_to_overwrite

    refuse_to_overwrite(output, force=force)
    check_place(output)
    from edgevision.discovery.embed_source import EmbedHooks, EmbedRequest, embed_source
    from edgevision.reports.envelope import Stopwatch

    watch, request = Stopwatch(), EmbedRequest(data, **given)
    with ExitStack() as open_bar:
        bars = _Bars(console, open_bar)
        hooks = EmbedHooks(console.log, console.warn, lambda done, total: bars.on_pictures("embedding", done, total))
        embeddings, unreadable = embed_source(request, hooks)
    embeddings.save(output, force=force)
    count, dimension = embeddings.vectors.shape
    metrics = {"pictures": count, "dimension": dimension, "space": vars(embeddings.space)}
    title, fingerprint = embeddings.space.backbone, embeddings.space.fingerprint[:8]
    console.result(f"{count} vectors of {dimension} numbers, space {fingerprint} of {title}", metrics)
    following = f"edgevision cluster {output} -o clusters/"
    if report is not None:
        _report("embed", watch, data, metrics, unreadable, following).write(report)
    console.next_step(output, following)


@click.command(epilog=CLUSTER_EPILOG)
@click.argument("data")
@output_option("The clusters folder to write.")
@all_of(*cluster_options)
@seed_option
@report_option
@force_option
@console_options
def cluster(console: Console, data: str, output: Path, report: Path | None, **given: Any) -> None:
    """Group the pictures or video frames of DATA, or the vectors of an .npz, into clusters to name."""
    force, keyframes = given.pop("force"), given.pop("keyframes")
    truth_flags = given.pop("has_truth"), given.pop("truth_csv")
    plan = _cluster_plan(data, given)
    from edgevision.discovery.clustering.folder import check_writable
    from edgevision_runtime.atomic import refuse_to_overwrite

    check_writable(output, force=force)
    if keyframes is not None:
        refuse_to_overwrite(keyframes, force=force)
    from edgevision.discovery.clustering.cluster import form_clusters
    from edgevision.discovery.clustering.outcome import Target, metrics_of, write_outcome
    from edgevision.reports.envelope import Stopwatch

    watch = Stopwatch()
    with _cluster_hooks(console) as hooks:
        found = form_clusters(plan, hooks)
    judged = _judged(found, *truth_flags)
    if not found.are_pictures_at_hand:
        console.warn(f"the pictures of {data} are not at hand in {found.embeddings.root}: the report shows none")
    console.log("writing the report")
    write_outcome(found, Target(output, keyframes, force, shlex.join(["edgevision", *sys.argv[1:]])), judged)
    metrics = metrics_of(found, judged)
    console.result(_cluster_text(metrics), metrics)
    following = f"edgevision label {output}"
    if report is not None:
        _report("cluster", watch, data, metrics, found.unreadable, following).write(report)
    console.next_step(f"{output} (report.html in it)", following)


def _cluster_plan(data: str, given: dict[str, Any]) -> ClusterPlan:
    from edgevision.discovery.clustering.cluster import ClusterPlan
    from edgevision.discovery.pretraining.plan import SCAN_EPOCHS

    scans, epochs = given.pop("scan"), given.pop("scan_epochs")
    if epochs is not None and not scans:
        raise UsageError("--scan-epochs without --scan", expected="both, or neither")
    return ClusterPlan(data, scan_epochs=(epochs or SCAN_EPOCHS) if scans else None, **given)


@contextmanager
def _cluster_hooks(console: Console) -> Iterator[ClusterHooks]:
    from edgevision.discovery.clustering.cluster import ClusterHooks

    with ExitStack() as open_bar:
        bars = _Bars(console, open_bar)
        yield ClusterHooks(console.log, console.warn, bars.on_pictures, bars.on_step)


def _judged(found: Clustered, has_truth: bool, truth_csv: Path | None) -> Judged | None:
    """Read after the clusters are found, so that nothing of it can reach them."""
    if not has_truth and truth_csv is None:
        return None
    from edgevision.discovery.clustering.outcome import judge_clusters
    from edgevision.discovery.truth import truth_of_csv, truth_of_folders

    truth = truth_of_folders(found.embeddings.names) if truth_csv is None else truth_of_csv(truth_csv)
    return judge_clusters(found, truth)


def _cluster_text(metrics: dict[str, Any]) -> str:
    sizes = metrics["sizes"]
    lines = [
        f"{metrics['clusters']} clusters of {metrics['pictures']} pictures by {metrics['method']}, "
        f"{min(sizes)} to {max(sizes)} each; neighbour purity {metrics['purity']:.1%}; {metrics['outliers']} outliers"
    ]
    if "scenes" in metrics:
        lines.append(f"{metrics['scenes']} scenes, {metrics['distinct_scenes']} of them different")
    if truth := metrics.get("truth"):
        lines.append(
            f"against true labels: accuracy {truth['accuracy']:.1%}, {truth['named_accuracy']:.1%} with each cluster "
            f"named after most of it; NMI {truth['nmi']:.3f}, ARI {truth['ari']:.3f}"
        )
    return "\n".join(lines)


def _report(
    command: str, watch: Stopwatch, data: str, metrics: dict[str, Any], unreadable: Sequence[str], following: str
) -> Report:
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
        bars = _Bars(console, open_bar)
        yield PretrainHooks(
            log=console.log,
            warn=console.warn,
            on_pictures=bars.on_pictures,
            on_step=bars.on_step,
            command=shlex.join(["edgevision", *sys.argv[1:]]),
        )


class _Bars:
    """One bar at a time, named after what is going on."""

    def __init__(self, console: Console, open_bar: ExitStack) -> None:
        self.console, self.open_bar = console, open_bar
        self.present = ""
        self.advance: Advance = lambda note: None
        self.note = ""
        self.done = 0

    def on_pictures(self, work: str, done: int, total: int) -> None:
        self._bar(work, total)
        for _ in range(done - self.done):
            self.advance("")
        self.done = done

    def on_step(self, stage: str, step: int, steps: int, record: EpochLoss | None) -> None:
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
