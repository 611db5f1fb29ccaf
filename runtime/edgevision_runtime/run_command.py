"""`run`: classify or segment what cameras, videos or folders show."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgevision_runtime.cli_main import stop_on_signals
from edgevision_runtime.engine_options import engine_options
from edgevision_runtime.noticing.flags import notice_flags
from edgevision_runtime.preview.flags import preview_flags
from edgevision_runtime.watching.flags import watch_flags

if TYPE_CHECKING:
    from edgevision_runtime.health.sd_notify import ServiceSocket
    from edgevision_runtime.run_setup import Run

PATH = click.Path(path_type=Path)


@click.command()
@click.argument("bundle_path", metavar="BUNDLE", type=PATH)
@click.option("--public-key", type=PATH, help="Check the signatures with this Ed25519 key (PEM).")
@click.option("--source", "sources", multiple=True, help="A camera, stream, video, folder or glob; repeat for more.")
@click.option("--cameras", "camera_file", type=PATH, help="A TOML file of cameras; see docs/cameras.md.")
@click.option("--also", type=PATH, multiple=True, help="A further bundle that looks at each frame; repeat for more.")
@click.option(
    "--sink", "sinks", multiple=True, help="jsonl[:FILE] (default), video:FILE.mp4, null, …; see docs/sinks.md."
)
@click.option("--variant", help="Which variant, such as int8.tflite; default: the bundle's own choice.")
@engine_options
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="Of each interpreter.")
@click.option(
    "--workers", type=click.IntRange(1), default=1, show_default=True, help="Interpreters that share cameras."
)
@click.option(
    "--policy", type=click.Choice(["latest", "every", "adaptive"]), help="Default: latest if live, every for files."
)
@click.option("--fps", type=click.FloatRange(min=0.01), help="Asked of cameras; the pace of videos and pictures.")
@click.option("--fast", is_flag=True, help="Play videos as fast as frames are taken; default: at their own pace.")
@click.option("--small-frames", is_flag=True, help="Cameras may deliver no more pixels than the models need.")
@click.option("--max-fps", type=click.FloatRange(min=0.01), help="As many results per second and camera suffice.")
@click.option("--limit", type=click.IntRange(1), help="Stop after this many frames have an answer.")
@click.option("--duration", type=click.FloatRange(min=0), help="Stop after this many seconds.")
@click.option("--max-age-ms", type=click.FloatRange(min=0), help="Drop frames that are older than this.")
@click.option("--give-up-after", type=click.FloatRange(0, min_open=True), help="End after this many seconds blind.")
@preview_flags
@watch_flags
@notice_flags
@click.option("--report", type=PATH, help="Also write what the run did as JSON, when it ends.")
@click.option("--force", is_flag=True, help="Overwrite the sinks' files.")
@click.option("-q", "--quiet", is_flag=True, help="Only results and errors.")
def run(bundle_path: Path, quiet: bool, **options: Any) -> None:
    """Classify or segment what a camera, a video or a folder shows; one JSON line per frame."""
    with stop_on_signals() as stop, ExitStack() as stack:
        stack.callback(gc.unfreeze)
        with _without_garbage_collector():
            from edgevision_runtime.pipeline import RunLimits, run_pipeline
            from edgevision_runtime.run_setup import Surroundings, open_run

            service = _service() if os.environ.get("NOTIFY_SOCKET") else None
            around = Surroundings(_say_nothing if quiet else _say, stop, service)
            opened = stack.enter_context(open_run(bundle_path, options, around))
        stop.reload = opened.reload
        if not quiet:
            _introduce(opened)
        limits = RunLimits(options["limit"], options["duration"], options["max_age_ms"], stop, opened.throttle)
        started, started_s = time.time(), time.monotonic()
        try:
            run_pipeline(opened.channels, opened.outputs, limits, workers=options["workers"])
        finally:  # also when a camera was lost or a sink failed
            if not quiet:
                _summarize(opened, time.monotonic() - started_s)
        opened.late_check.finish(waits=not stop.is_set())
    if not quiet:
        _tell_saved(opened)
    if options["report"] is not None:
        _write_report(options["report"], bundle_path, opened, started)
    for what in (what for channel in opened.channels for what in channel.camera.unreadable):
        click.echo(f"warning: {what}", err=True)
    if stop.is_interrupt:
        raise KeyboardInterrupt


@contextmanager
def _without_garbage_collector() -> Iterator[None]:
    """For a start: what it imports and opens stays, and to search all of it for garbage, then or later, takes 5 ms."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _service() -> ServiceSocket | None:
    from edgevision_runtime.health.sd_notify import service_socket

    return service_socket(os.environ, os.getpid())


def _say(text: str) -> None:
    click.echo(text, err=True)


def _say_nothing(text: str) -> None:
    """For --quiet."""


def _introduce(opened: Run) -> None:
    models = ", ".join(
        f"{model.title}, {model.variant} on {model.engine} ({model.kernels}; {model.reason})"
        for model in opened.status.models.values()
    )
    sources = ", ".join(f"source {channel.status.source}, policy {channel.policy}" for channel in opened.channels)
    click.echo(f"{models}, {sources}", err=True)


def _tell_saved(opened: Run) -> None:
    """After the sinks have written what they still had."""
    for sink in opened.status.sinks:
        if sink.saved is not None:
            click.echo(f"{sink.name}: {sink.saved} frame{'' if sink.saved == 1 else 's'} saved", err=True)


def _write_report(path: Path, bundle_path: Path, opened: Run, started: float) -> None:
    from edgevision_runtime.report import Finding, Report
    from edgevision_runtime.sinks.document import timestamp

    said = opened.status.snapshot()
    cameras = [{name: value for name, value in camera.items() if name != "latest"} for camera in said["cameras"]]
    unreadable = [what for channel in opened.channels for what in channel.camera.unreadable]
    Report(
        command="run",
        status="pass",
        started=timestamp(started),
        duration_s=round(time.time() - started, 3),
        inputs={"bundle": {"path": str(bundle_path), "manifest_sha256": said["models"][0]["manifest_sha256"]}},
        metrics={"models": said["models"], "cameras": cameras, "sinks": said["sinks"], "health": said["health"]},
        warnings=tuple(Finding("W701", what) for what in unreadable),
    ).write(path)


def _summarize(opened: Run, duration_s: float) -> None:
    from edgevision_runtime.status import RunSummary

    summary = RunSummary(tuple(opened.status.cameras.values()), duration_s)
    unreadable = sum(len(channel.camera.unreadable) for channel in opened.channels)
    rare = ("still", "missed", "damaged", "gaps", "reconnects")
    words = {"reconnects": "attempts to reconnect"}
    also = "".join(f", {words.get(count, count)} {summary.total(count)}" for count in rare if summary.total(count))
    click.echo(
        f"{summary.total('inferred')} results from {summary.total('captured')} frames in {summary.duration_s:.1f} s "
        f"({summary.fps:.1f} fps, median {summary.median_latency_ms:.2f} ms); dropped {summary.total('dropped')}, "
        f"too old {summary.total('too_old')}, unreadable {unreadable}{also}",
        err=True,
    )
