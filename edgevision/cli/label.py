"""The verbs that name clusters: `label` serves the page, `apply` makes a data set of the names."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgevision.cli.console import Advance, Console, table, this_command
from edgevision.cli.options import console_options, force_option, output_option, refuse_to_replace, report_option
from edgevision_runtime.errors import UsageError

if TYPE_CHECKING:
    from edgevision.discovery.naming.dataset import Applied, ApplyPlan
    from edgevision.discovery.naming.named_clusters import NamedClusters
    from edgevision.reports.envelope import Report, Stopwatch

FEWEST_WORTH_A_BAR = 500  # pictures; fewer are written in a moment

LABEL_EPILOG = """\b
Examples:
  edgevision label clusters/
  edgevision label clusters/ --no-browser --port 8080
Without a browser: write the names into clusters/names.csv; `-` leaves a cluster out."""

APPLY_EPILOG = """\b
Examples:
  edgevision apply clusters/ -o dataset/
  edgevision apply clusters/ -o dataset/ --abstain 0.3 --centroid-model runs/named
Of `cluster --segment` it makes images with masks, and leaves open pixels out of them."""

clusters_argument = click.argument("clusters", type=click.Path(path_type=Path))


@click.command(epilog=LABEL_EPILOG)
@clusters_argument
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="0 takes any free one.")
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@console_options
def label(console: Console, clusters: Path, port: int, no_browser: bool) -> None:
    """Name the clusters of CLUSTERS on a page of this machine; Ctrl-C ends, everything is saved."""
    from edgevision.discovery.naming.named_clusters import NamedClusters
    from edgevision.discovery.naming.routes import NamingRoutes, Subject
    from edgevision.discovery.naming.server import PageServer
    from edgevision.discovery.naming.thumbnails import Thumbnails

    named = NamedClusters.open(clusters)
    following = _following(clusters)
    subject = Subject(str(named.folder.embeddings.source), named.folder.embeddings.names, following, named.things)
    routes = NamingRoutes(subject, named.store, named.screens, Thumbnails(named.frames()))
    server = PageServer(routes.answer, port)
    server.start()
    for notice in named.store.notices:
        console.log(notice)
    console.log("name the clusters on this page; Ctrl-C ends, every name is saved at once")
    console.result(server.url, {"url": server.url})
    if not no_browser:
        _open_browser(server.url)
    with suppress(KeyboardInterrupt):
        threading.Event().wait()
    server.close()
    _show_progress(console, named, following)


def _open_browser(url: str) -> None:
    """In a window; a browser that would take this terminal is left alone."""
    import webbrowser

    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return  # none is installed: the address is on the screen
    if type(browser) is not webbrowser.GenericBrowser:  # of which the module makes those for the terminal
        browser.open(url)


def _following(clusters: Path) -> str:
    return f"edgevision apply {shlex.quote(str(clusters))} -o dataset/"


def _show_progress(console: Console, named: NamedClusters, following: str) -> None:
    from edgevision.discovery.naming.progress import Progress

    progress = Progress.of(named.state, named.things)
    names = named.state.used_names.most_common()
    document = {**vars(progress), "names": dict(names), "saved": str(named.store.names_path)}
    console.result(progress.in_words, document)
    console.next_step(named.store.names_path, following)


@click.command(epilog=APPLY_EPILOG)
@clusters_argument
@output_option("The data set to write: a folder for each name, or images/ and masks/ of regions.")
@click.option(
    "--abstain",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.2,
    show_default=True,
    help="Share of the pictures nobody saw to leave open: those nearest to another name.",
)
@click.option(
    "--centroid-model",
    type=click.Path(path_type=Path),
    metavar="RUN",
    help="Also make a classifier of the named clusters at once, a run directory for `convert`.",
)
@click.option(
    "--model", metavar="RUN|NAME", help="What the clusters were made with, for that classifier. [default: as they note]"
)
@report_option
@force_option
@console_options
def apply(console: Console, clusters: Path, output: Path, report: Path | None, **given: Any) -> None:
    """Label the pictures or regions of CLUSTERS by the names of their clusters, and write them as a data set."""
    if given["model"] and not given["centroid_model"]:
        raise UsageError("--model is for the classifier", expected="--centroid-model RUN beside it")
    from edgevision.discovery.naming.dataset import ApplyPlan, check_data_place
    from edgevision.discovery.naming.following import following_commands
    from edgevision.discovery.naming.named_clusters import NamedClusters
    from edgevision.reports.envelope import Stopwatch

    watch = Stopwatch()
    named = NamedClusters.open(clusters)
    if named.folder.has_regions and given["centroid_model"]:
        raise UsageError(f"--centroid-model of {clusters}, which holds clusters of regions",
                         expected="`edgevision train --task segment` on the data set")  # fmt: skip
    for notice in named.store.notices:
        console.log(notice)
    _say_what_is_open(console, named)
    plan = ApplyPlan(output, given["abstain"], given["force"])
    check_data_place(output, force=plan.force)
    make_classifier = _classifier(console, named, output, given)
    applied = _apply(console, named, plan)
    _show_applied(console, applied)
    make_classifier()
    envelope = _envelope(watch, clusters, applied, following_commands(named, output, given["centroid_model"]))
    for place in filter(None, (output / "report.json", report)):
        envelope.write(place)
    console.next_step(output, "\n      ".join(envelope.next))


def _apply(console: Console, named: NamedClusters, plan: ApplyPlan) -> Applied:
    from edgevision.discovery.naming.dataset import apply_names

    with ExitStack() as open_bar:
        bars: list[Advance] = []

        def on_progress(done: int, total: int) -> None:
            if not bars and total > FEWEST_WORTH_A_BAR:
                bars.append(open_bar.enter_context(console.progress(total, "writing pictures")))
            for advance in bars:
                advance("")

        if not named.folder.has_regions:
            return apply_names(named, plan, on_progress)
        from edgevision.discovery.regions.masks import apply_masks

        return apply_masks(named, plan, on_progress)


def _say_what_is_open(console: Console, named: NamedClusters) -> None:
    from edgevision.discovery.naming.progress import Progress

    progress = Progress.of(named.state, named.things)
    console.log(progress.in_words)
    if not progress.is_done:
        count = progress.clusters - progress.named - progress.rejected
        console.warn(f"{count} clusters have no name yet: their {named.things} are not in the data set")


def _show_applied(console: Console, applied: Applied) -> None:
    counts = applied.counts()
    rows = [[name, *by.values()] for name, by in counts.items()]
    console.result(
        table(["name", "by a person", "by its cluster", "left open"], rows, right=(1, 2, 3)), applied.metrics()
    )
    things = "pictures"
    if applied.masks is not None:
        things = "regions"
        console.log(f"{applied.masks['images']} pictures with masks, {applied.masks['pixels_left_open']:.1%} of their "
                    "pixels left open (255)")  # fmt: skip
    for problem in applied.missing:
        console.warn(f"left out: {problem}")
    for name, by in counts.items():
        if by["abstained"] > by["person"] + by["cluster"]:
            console.warn(
                f"most {things} of {name!r} are too near to another name: split its clusters, or check their names"
            )


def _classifier(console: Console, named: NamedClusters, output: Path, given: dict[str, Any]) -> Callable[[], None]:
    """What makes the classifier that is asked for, if any; what is wrong with it is told now."""
    if not given["centroid_model"]:
        return lambda: None
    from edgevision.discovery.naming.centroid import CentroidParts, CentroidPlan, write_centroid_run

    refuse_to_replace(output, given["centroid_model"], "--centroid-model")
    plan = CentroidPlan(given["centroid_model"], str(output), given["model"], this_command(), given["force"])
    parts = CentroidParts.of(named, plan)

    def make() -> None:
        run = write_centroid_run(named, plan, parts)
        told = run.record["centroids"]
        clusters = sum(told["clusters"].values())
        console.log(f"{run.path}: nearest of {clusters} clusters, {len(told['clusters'])} names, "
                    f"temperature {told['temperature']:.3g}")  # fmt: skip

    return make


def _envelope(watch: Stopwatch, clusters: Path, applied: Applied, following: tuple[str, ...]) -> Report:
    from edgevision.reports.envelope import Finding, Report

    warnings = tuple(Finding("W401", problem) for problem in applied.missing)
    inputs = {"clusters": {"path": str(clusters)}}
    return Report("apply", "pass", watch.started, watch.duration_s, inputs, metrics=applied.metrics(),
                  warnings=warnings, next=following)  # fmt: skip
