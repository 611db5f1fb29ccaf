"""`edgevision devices`: list the boards, or explain one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from edgevision.cli.console import Console, table
from edgevision.cli.options import console_options

if TYPE_CHECKING:
    from edgevision_runtime.profile import Profile


@click.command()
@click.argument("name", required=False)
@console_options
def devices(console: Console, name: str | None) -> None:
    """List the boards that edgevision knows; with NAME, show what runs on one and what a bundle may cost there."""
    from edgevision.devices import load_devices
    from edgevision_runtime.profile import read_profile
    from edgevision_runtime.tables import to_tables

    if name is not None:
        device = read_profile(name)
        console.result(_explain(device), to_tables(device))
        return
    known = load_devices().values()
    rows = [
        (
            board.name,
            board.title,
            board.cpu,
            f"{board.memory_mb / 1000:g} GB",
            ", ".join(dict.fromkeys(pin.name for system in board.systems for pin in system.engines)),
            f"{board.budget.latency_p95_ms:g} ms",
            f"{board.budget.bundle_mb:g} MB",
        )
        for board in known
    ]
    text = table(("name", "board", "cpu", "memory", "engines", "latency", "bundle"), rows, right=(3, 5, 6))
    console.result(text, [to_tables(board) for board in known])


def _explain(device: Profile) -> str:
    """Everything that is known of a board, each number with where it comes from."""
    lines = [f"{device.title} ({device.name})", f"cpu       {device.cpu}"]
    lines += [f"gpu       {device.accelerator}"] if device.accelerator else []
    lines += [
        f"memory    {device.memory_mb} MB in the smallest version",
        f"threads   {device.threads}",
        f"camera    {device.camera.source} {device.camera.width}×{device.camera.height} at {device.camera.fps}/s",
        f"budget    p95 {device.budget.latency_p95_ms:g} ms, bundle {device.budget.bundle_mb:g} MB, model "
        f"{device.budget.memory_mb:g} MB of memory ({device.budget.source})",
    ]
    for system in device.systems:
        lines += ["", f"{system.name}: Python {system.python}, {system.machine}, glibc {system.glibc}"]
        lines += [f"  {system.note}"] if system.note else []
        for pin in system.engines:
            lines.append(f"  {pin.name:<7} {pin.evidence:<10} pip install {' '.join(map(_quoted, pin.install))}")
            lines += [f"          {pin.note}"] if pin.note else []
            lines += [f"          no {name} version {version} or newer" for name, version in pin.refuses.items()]
    if device.published:
        rows = [
            (row.model, row.precision, row.runtime, row.threads or "not stated", f"{row.ms:g}", row.source)
            for row in device.published
        ]
        lines += ["", "published latencies, not ours:"]
        lines.append(table(("model", "precision", "runtime", "threads", "ms", "source"), rows, right=(3, 4)))
    lines += ["", *(f"note: {note}" for note in device.notes)] if device.notes else []
    return "\n".join(lines)


def _quoted(requirement: str) -> str:
    return f"'{requirement}'" if "<" in requirement or ">" in requirement else requirement
