"""The verb that groups pictures and video frames."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgevision.cli.console import Console, this_command
from edgevision.cli.discover import Bars, embed_options, verb_report
from edgevision.cli.options import (
    all_of,
    console_options,
    force_option,
    output_option,
    refuse_to_replace,
    report_option,
    seed_option,
)
from edgevision_runtime.errors import EdgeVisionError, UsageError

if TYPE_CHECKING:
    from edgevision.discovery.clustering.cluster import Clustered, ClusterHooks
    from edgevision.discovery.clustering.report import Judged

CLUSTER_EPILOG = """\b
Examples:
  edgevision cluster frames/ --model runs/ssl -o clusters/ -k 50
  edgevision cluster emb.npz -o clusters/ -k 30
  edgevision cluster drive.mp4 --every 0.2 -o scenes/ --keyframes keyframes/
  edgevision cluster mnist --model runs/ssl -k 10 --scan --truth -o digits/
  edgevision cluster --segment lungs -k 64 -o regions/

More clusters than there are things is right: several may get the same name."""

cluster_options = (
    click.option("-k", "k", type=click.IntRange(1), default=50, show_default=True, help="How many clusters."),
    click.option("--model", metavar="RUN|NAME",
                 help="What looks at the pictures, as of embed. [default: hog; imagenet with --segment]"),
    *embed_options[1:],
    click.option("--scan", is_flag=True, help="Train the run's network on until neighbours share one of k clusters."),
    click.option("--scan-epochs", type=click.IntRange(1), help="[default: about 400 steps, at least 8 epochs]"),
    click.option("--segment", is_flag=True, help="Cluster regions of the pictures (superpixels): names make masks."),
    click.option("--superpixels", type=click.IntRange(2, 4096), metavar="N",
                 help="Of each picture, about, with --segment. [default: 200]"),
    click.option("--truth", "has_truth", is_flag=True,
                 help="Then judge by the class folders, or masks; clusters stay as they are."),
    click.option("--truth-csv", type=click.Path(path_type=Path, exists=True, dir_okay=False),
                 help="The same with the columns name,label of this file."),
    click.option("--keyframes", type=click.Path(path_type=Path, file_okay=False),
                 help="Also write the key frames of the scenes into this folder."),
)  # fmt: skip


@click.command(epilog=CLUSTER_EPILOG)
@click.argument("data")
@output_option("The clusters folder to write.")
@all_of(*cluster_options)
@seed_option
@report_option
@force_option
@console_options
def cluster(console: Console, data: str, output: Path, report: Path | None, **given: Any) -> None:
    """Group the pictures or video frames of DATA, their regions, or the vectors of an .npz, into clusters to name."""
    force, keyframes = given.pop("force"), given.pop("keyframes")
    truth_flags = given.pop("has_truth"), given.pop("truth_csv")
    from edgevision.discovery.clustering.cluster import ClusterPlan, form_clusters
    from edgevision.discovery.clustering.folder import check_writable

    plan = ClusterPlan(data, **given)
    if plan.segment and (truth_flags[1] is not None or keyframes is not None):
        raise UsageError("--segment with --truth-csv or --keyframes", expected="--truth, for sets with masks")
    check_writable(output, force=force)
    from edgevision.discovery.clustering.outcome import Target, check_keyframes, metrics_of, write_outcome
    from edgevision.reports.envelope import Stopwatch

    if keyframes is not None:
        check_keyframes(keyframes, force=force)
        refuse_to_replace(output, keyframes, "--keyframes")
    watch = Stopwatch()
    with _cluster_hooks(console) as hooks:
        found = form_clusters(plan, hooks)
    judged, problem = _judged(found, *truth_flags)
    if not found.are_pictures_at_hand:
        console.warn(f"the pictures of {data} are not at hand in {found.embeddings.root}: the report shows none")
    if keyframes is not None and not found.scenes:
        console.warn(f"{data} holds no videos, so that there are no key frames to write")
    console.log("writing the report")
    write_outcome(found, Target(output, keyframes, force, this_command()), judged)
    metrics = metrics_of(found, judged)
    console.result(_cluster_text(metrics), metrics)
    following = f"edgevision label {output}"
    if report is not None:
        verb_report("cluster", watch, data, metrics, found.unreadable, following).write(report)
    console.next_step(f"{output} (report.html in it)", following)
    if problem is not None:
        raise problem


@contextmanager
def _cluster_hooks(console: Console) -> Iterator[ClusterHooks]:
    from edgevision.discovery.clustering.cluster import ClusterHooks

    with ExitStack() as open_bar:
        bars = Bars(console, open_bar)
        yield ClusterHooks(console.log, console.warn, bars.on_pictures, bars.on_step)


def _judged(found: Clustered, has_truth: bool, truth_csv: Path | None) -> tuple[Judged | None, EdgeVisionError | None]:
    """Read labels after the clusters are found, so that nothing of them can reach those.

    A problem with the labels is handed back: it must not lose the clusters.
    """
    if not has_truth and truth_csv is None:
        return None, None
    from edgevision.discovery.clustering.outcome import judge_clusters, judge_regions
    from edgevision.discovery.truth import truth_of_csv, truth_of_folders

    try:
        if found.plan.segment:
            return judge_regions(found), None
        truth = truth_of_folders(found.embeddings.names) if truth_csv is None else truth_of_csv(truth_csv)
        return judge_clusters(found, truth), None
    except EdgeVisionError as error:
        return None, error


def _cluster_text(metrics: dict[str, Any]) -> str:
    sizes = metrics["sizes"]
    purity = "unknown" if metrics["purity"] is None else f"{metrics['purity']:.1%}"
    what = f"{metrics['pictures']} pictures"
    if "regions" in metrics:
        what = f"{metrics['regions']} regions of {what}"
    lines = [
        f"{metrics['clusters']} clusters of {what} by {metrics['method']}, "
        f"{min(sizes)} to {max(sizes)} each; neighbour purity {purity}; {metrics['outliers']} outliers"
    ]
    if "scenes" in metrics:
        lines.append(f"{metrics['scenes']} scenes, {metrics['distinct_scenes']} of them different")
    truth = metrics.get("truth")
    if truth and "mean_iou" in truth:
        lines.append(
            f"against true masks, each cluster named after most of it: {truth['named_accuracy']:.1%} of the pixels "
            f"right, mean IoU {truth['named_mean_iou']:.1%}; no naming of these regions is above "
            f"{truth['best_accuracy']:.1%}; clusters and classes one to one: {truth['accuracy']:.1%}, "
            f"mean IoU {truth['mean_iou']:.1%}"
        )
    elif truth:
        lines.append(
            f"against true labels: accuracy {truth['accuracy']:.1%}, {truth['named_accuracy']:.1%} with each cluster "
            f"named after most of it; NMI {truth['nmi']:.3f}, ARI {truth['ari']:.3f}"
        )
    return "\n".join(lines)
