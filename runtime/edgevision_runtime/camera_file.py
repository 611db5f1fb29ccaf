"""The cameras of a run, from the command line or from a TOML file with one `[[camera]]` for each.

[[camera]]
name = "gate"                      # how results and events call it
source = "rtsp://10.0.0.7/stream"  # as --source
models = ["a.evb", "b.evb"]        # bundles beside this file; default: those of the command line
policy = "latest"                  # default: as --policy
max_fps = 5                        # default: as --max-fps
small_frames = true                # default: as --small-frames
motion_gate = "0.002 refresh=5s"   # default: as --motion-gate
smooth = "exponential=0.5s"        # default: as --smooth
zones = ["door: 0.1,0.2 0.4,0.2 0.4,0.9"]
events = ["person: enter=0.7 leave=0.5"]
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Optional

from edgevision_runtime.errors import UsageError, did_you_mean
from edgevision_runtime.redact import redact
from edgevision_runtime.tables import parse, read_toml

POLICIES = ("latest", "every", "adaptive")


class CameraPlan(NamedTuple):
    """One camera as it was asked for; None or nothing: what the command line says for all of them."""

    source: str
    name: str = ""  # empty in the file: the source without credentials
    models: tuple[str, ...] = ()  # paths of bundles
    policy: Optional[str] = None  # noqa: UP045  Python 3.9 evaluates these
    max_fps: Optional[float] = None  # noqa: UP045
    small_frames: Optional[bool] = None  # noqa: UP045
    motion_gate: Optional[str] = None  # noqa: UP045
    smooth: Optional[str] = None  # noqa: UP045
    zones: tuple[str, ...] = ()
    events: tuple[str, ...] = ()


def plans_of(sources: tuple[str, ...], file: Path | None) -> list[CameraPlan]:
    """Every camera of a run: of the file, then of the command line, named by their sources there.

    Raises:
        UsageError: there is none, two have one name, or the file says what cannot be.
    """
    plans = [] if file is None else read_cameras(file)
    short = [redact(source).partition("?")[0] for source in sources]  # settings and keys are no part of a name
    names = short if len(set(short)) == len(short) else [redact(source) for source in sources]
    plans += [CameraPlan(source, name) for source, name in zip(sources, names)]
    if not plans:
        raise UsageError("no camera", expected="--source SOURCE or --cameras FILE.toml")
    names = [plan.name for plan in plans]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"two cameras are called {name}", expected="a name of its own for each, by --cameras")
    return plans


def read_cameras(file: Path) -> list[CameraPlan]:
    """The `[[camera]]` tables of a TOML file; the paths of models are relative to it.

    Raises:
        UsageError: it cannot be read, or says what cannot be.
    """
    tables = read_toml(file)
    unknown = [key for key in tables if key != "camera"]
    if unknown or not tables.get("camera"):
        what = f"{file}: unknown key {unknown[0]!r}" if unknown else f"{file}: no camera"
        raise UsageError(what, expected="a [[camera]] table for each camera")
    plans: tuple[CameraPlan, ...] = parse(tuple[CameraPlan, ...], tables["camera"], f"{file}: camera")
    return [_checked(plan, f"{file}: camera[{index}]", file.parent) for index, plan in enumerate(plans)]


def _checked(plan: CameraPlan, where: str, folder: Path) -> CameraPlan:
    if plan.policy is not None and plan.policy not in POLICIES:
        hint = did_you_mean(plan.policy, POLICIES)
        raise UsageError(f"{where}: policy {plan.policy!r}", expected=" | ".join(POLICIES), hint=hint)
    if plan.max_fps is not None and plan.max_fps <= 0:
        raise UsageError(f"{where}: max_fps {plan.max_fps:g}", expected="a number above 0")
    models = tuple(str(folder / model) for model in plan.models)
    return plan._replace(name=plan.name or redact(plan.source), models=models)
