"""The commands that make sense once names are applied."""

from __future__ import annotations

import shlex
from pathlib import Path

from edgevision.discovery.naming.named_clusters import NamedClusters
from edgevision.runs import RunDirectory


def following_commands(named: NamedClusters, output: Path, centroid_run: Path | None) -> tuple[str, ...]:
    """Train on the data set, from the backbone that clustered it if it was learned here; convert the classifier."""
    if named.folder.has_regions:
        name = shlex.quote(output.name)
        return (f"edgevision train {shlex.quote(str(output))} --task segment -o runs/{name}",)
    commands = [f"edgevision train {shlex.quote(str(output))} -o runs/{shlex.quote(output.name)}"]
    run = Path(named.folder.model)
    if (run / "run.json").is_file():
        commands[0] += "".join(f" {flag}" for flag in _flags_of(RunDirectory.open(run)))
    if centroid_run is not None:
        bundle = shlex.quote(f"{centroid_run.name}.evb")
        commands.append(f"edgevision convert {shlex.quote(str(centroid_run))} -o {bundle}")
    return tuple(commands)


def _flags_of(run: RunDirectory) -> list[str]:
    """With which `train` builds the same backbone and takes its weights."""
    contract, architecture = run.spec.preprocess, run.record.get("architecture") or {}
    flags = [f"--weights {shlex.quote(str(run.path))}"]
    if architecture.get("name"):
        flags.append(f"--arch {architecture['name']}")
    if architecture.get("width", 1.0) != 1.0:
        flags.append(f"--width {architecture['width']:g}")
    if contract.size:
        flags.append(f"--image-size {contract.size[0]},{contract.size[1]}")
    return flags + ([f"--color {contract.color}"] if contract.color != "rgb" else [])
