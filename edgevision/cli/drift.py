"""`edgevision drift fit` and `edgevision drift check`: what a site looks like, and whether it still does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgevision.cli.console import Console, table
from edgevision.cli.options import console_options, force_option, output_option, report_option, seed_option
from edgevision_runtime.cli_main import SuggestingGroup
from edgevision_runtime.errors import Inconclusive, UsageError

if TYPE_CHECKING:
    from edgevision.discovery.drift import DriftCheck, Seen
    from edgevision_runtime.bundle import Bundle
    from edgevision_runtime.noticing.reference import DriftReference

EPILOG = """\b
Examples:
  edgevision drift fit monday.mp4 --bundle lights.evb -o lights-site.evb
  edgevision drift check tuesday.mp4 --bundle lights-site.evb"""

BUNDLE = click.option("--bundle", "bundle_path", required=True, type=click.Path(path_type=Path),
                      help="A bundle of `convert --with-embedding`.")  # fmt: skip
EVERY_S = 0.2  # frames that follow closely are nearly copies, and a small network would notice what watching costs
SHOWN = 20  # windows
SHORT_S = 3600.0  # a recording that has not seen how a site changes


@click.group(cls=SuggestingGroup, epilog=EPILOG)
def drift() -> None:
    """Say what a site looks like when all is well, and notice when it no longer does."""


@drift.command()
@click.argument("data")
@BUNDLE
@output_option("A bundle with the reference in it (.evb), or the reference alone (.json).")
@click.option("--every", "every_s", type=click.FloatRange(0, min_open=True), default=EVERY_S, show_default=True,
              metavar="SECONDS", help="Between the frames looked at, of a video and on the device.")  # fmt: skip
@click.option("--window", type=click.IntRange(8, 4096), default=64, show_default=True, help="Frames judged together.")
@click.option("--false-alarms", type=click.FloatRange(0, 0.5, min_open=True), default=0.01, show_default=True,
              help="Share of the site's own windows that may go beyond a threshold.")  # fmt: skip
@seed_option
@force_option
@console_options
def fit(console: Console, data: str, bundle_path: Path, output: Path, force: bool, **given: Any) -> None:
    """Learn what a site looks like from DATA: frames of its camera, in the order in which they came."""
    from edgevision_runtime.atomic import check_file_place

    check_file_place(output, force=force)
    if output.suffix not in (".evb", ".json"):
        raise UsageError(
            f"{output} is neither", expected="a bundle to write (.evb) or a file for the reference (.json)"
        )
    from edgevision.discovery.bundle_backbone import facts_of
    from edgevision.discovery.drift import FitPlan, fit_reference
    from edgevision_runtime.bundle import Bundle

    bundle = Bundle.open(bundle_path)
    seen, unreadable = _seen(console, bundle, data, given["every_s"])
    plan = FitPlan(given["window"], given["false_alarms"], given["seed"])
    reference = fit_reference(seen, facts_of(bundle).fingerprint, plan, Path(data).name)  # a bundle travels
    _write(console, output, bundle, reference, force=force)
    facts = reference.fitted_on
    thresholds = reference.to_json()["thresholds"]
    lines = [
        f"{facts['frames']} frames in {facts['blocks']} blocks; at most {plan.false_alarm_rate:.1%} of the site's own "
        f"windows of {reference.window} frames are expected beyond any of"
    ]
    lines += [f"  {name:<10} {_threshold_in_words(name, value)}" for name, value in thresholds.items()]
    if reference.every_s is not None and (lasted_s := reference.every_s * facts["frames"]) < SHORT_S:
        console.warn(f"{lasted_s:.0f} s of a site: other light, and other times of the day, will be told as drift")
    document = {**facts, "unreadable": len(unreadable), "window": reference.window, "thresholds": thresholds}
    console.result("\n".join(lines), document)
    given_reference = "" if output.suffix == ".evb" else f" --reference {output}"
    used = output if output.suffix == ".evb" else bundle_path
    console.next_step(output, f"edgevision drift check DATA --bundle {used}{given_reference}")


@drift.command()
@click.argument("data")
@BUNDLE
@click.option("--reference", "reference_path", type=click.Path(path_type=Path), metavar="FILE",
              help="A reference (.json), or a bundle that has one. [default: that of --bundle]")  # fmt: skip
@click.option("--every", "every_s", type=click.FloatRange(0, min_open=True), metavar="SECONDS",
              help="Between the frames of a video. [default: as the reference says]")  # fmt: skip
@report_option
@console_options
def check(
    console: Console,
    data: str,
    bundle_path: Path,
    reference_path: Path | None,
    every_s: float | None,
    report: Path | None,
) -> int:
    """Hold DATA against a site's reference as a device would; exit 1 when a drift begins, 6 with too few frames."""
    from edgevision.discovery.drift import check_frames
    from edgevision.reports.envelope import Stopwatch
    from edgevision_runtime.bundle import Bundle

    watch = Stopwatch()
    bundle = Bundle.open(bundle_path)
    reference = _reference(bundle, reference_path)
    seen, unreadable = _seen(console, bundle, data, every_s or reference.every_s)
    found = check_frames(seen, reference)
    if not found.same_size:
        size, wanted = ("{}x{}".format(*each) for each in (seen.size, reference.frame_size))
        console.warn(f"frames are {size}, those of the reference were {wanted}: sharpness is not judged")
    if len(found.windows) < 2:
        raise Inconclusive(f"{len(seen.vectors)} frames", expected=f"{2 * reference.window} or more: two full windows")
    document = _document(found)
    console.result(_text(found), document)
    if report is not None:
        _envelope(watch, bundle, data, found, unreadable).write(report)
    return 1 if found.alarms else 0


def _reference(bundle: Bundle, path: Path | None) -> DriftReference:
    from edgevision.discovery.bundle_backbone import facts_of
    from edgevision_runtime.bundle import Bundle
    from edgevision_runtime.noticing.reference import read_reference, read_reference_file

    holder = bundle if path is None else Bundle.open(path) if path.suffix == ".evb" else None
    reference = read_reference_file(path) if path is not None and holder is None else read_reference(holder or bundle)
    if reference is None:
        raise UsageError(
            f"{path or bundle.path} has no reference",
            expected="a bundle of `edgevision drift fit`, or --reference FILE.json",
        )
    own = facts_of(bundle).fingerprint
    if reference.space != own:
        raise UsageError(
            f"the reference is of another space ({reference.space[:8]}) than the bundle's ({own[:8]})",
            expected="one that was fitted with this bundle",
        )
    return reference


def _seen(console: Console, bundle: Bundle, data: str, every_s: float | None) -> tuple[Seen, list[str]]:
    from edgevision.discovery.drift import watch_frames
    from edgevision.discovery.frames import open_frames

    frames = open_frames(data, every_s)
    with console.progress(len(frames.items), f"looking with {bundle.name}") as advance:
        seen = watch_frames(bundle, frames, lambda done, total: advance(""))
    for problem in frames.unreadable:
        console.warn(f"left out: {problem}")
    return seen, frames.unreadable


def _write(console: Console, output: Path, bundle: Bundle, reference: DriftReference, *, force: bool) -> None:
    from edgevision_runtime.atomic import write_text
    from edgevision_runtime.bundle_writer import BundleChanges, rewrite_bundle
    from edgevision_runtime.noticing.reference import MEMBER

    content = reference.to_bytes()
    if output.suffix == ".json":
        write_text(output, content.decode())
        return
    rewrite_bundle(output, bundle, BundleChanges(extra={MEMBER: content}), force=force)
    if "signature.json" in bundle.members:
        console.warn("the signature is gone, for the bundle is another one now: edgevision sign")


def _threshold_in_words(name: str, value: float) -> str:
    import math

    if name in ("embedding", "occupancy"):
        return f"{'T²' if name == 'embedding' else 'χ²'} {value:.4g}"
    if name == "layout":
        return f"{value:.2f} of the deviation of a grid's cells"
    return f"± {value:.1f} grey levels" if name == "luma" else f"a factor of {math.exp(value):.2f}"


def _text(found: DriftCheck) -> str:
    names = list(found.windows[0].excess)
    rows = [
        [window.first, *(f"{window.excess[name]:.2f}" for name in names), "away" if window.is_away else ""]
        for window in found.windows[:SHOWN]
    ]
    lines = [table(["frame", *names, ""], rows, right=range(1 + len(names)))]
    if len(found.windows) > SHOWN:
        lines.append(f"… {len(found.windows) - SHOWN} more windows")
    lines.append("")
    away = sum(window.is_away for window in found.windows)
    lines.append(f"multiples of the thresholds; {away} of {len(found.windows)} windows are away from the reference")
    for window, name in found.alarms:
        lines.append(f"drift of {name} from frame {found.windows[window].first} on")
    lines.append(f"verdict: {'drift' if found.alarms else 'no drift'}")
    return "\n".join(lines)


def _document(found: DriftCheck) -> dict[str, Any]:
    return {
        "windows": [{"frame": window.first, **window.excess} for window in found.windows],
        "share_away": found.share_away,
        "alarms": [{"frame": found.windows[window].first, "statistic": name} for window, name in found.alarms],
        "same_size": found.same_size,
    }


def _envelope(watch: Any, bundle: Bundle, data: str, found: DriftCheck, unreadable: list[str]) -> Any:
    from edgevision.reports.envelope import Check, Finding, Report

    judged = Check.judged("drift/alarms", len(found.alarms), "==", 0)
    return Report(
        command="drift check",
        status=judged.status,
        started=watch.started,
        duration_s=watch.duration_s,
        inputs={"bundle": {"path": str(bundle.path), "sha256": bundle.sha256}, "data": {"path": data}},
        checks=(judged,),
        metrics=_document(found),
        warnings=tuple(Finding("W401", problem) for problem in unreadable),
    )
