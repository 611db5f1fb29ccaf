"""The verb `demo`: the whole path on real photographs, in a few minutes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgevision.cli.console import Console, table
from edgevision.cli.options import console_options

if TYPE_CHECKING:
    from edgevision.demo import DemoResult


@click.command()
@click.option("--task", type=click.Choice(["classify", "segment"]), default="classify", show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder for everything. [default: demo/TASK]")
@console_options
def demo(console: Console, task: str, output: Path | None) -> None:
    """Learn, prune, quantize, convert, verify, pack and run on real photographs; a few minutes on two cores."""
    from edgevision.cli import edgevision
    from edgevision.demo import RECIPES, run_demo
    from edgevision.reports.demo_report import write_demo_report
    from edgevision.reports.demo_story import demo_story

    def run_verb(arguments: list[str]) -> int:
        code = edgevision.main(arguments, prog_name="edgevision", standalone_mode=False)
        return code if isinstance(code, int) else 0

    folder = output or Path("demo") / task
    result = run_demo(RECIPES[task], folder, run_verb, console.log)
    write_demo_report(folder / "report.html", demo_story(result, own_commands(result)))
    console.result(summary(result), {"folder": str(folder), "rows": [vars(row) for row in result.rows]})
    console.next_step(folder / "report.html", f"open {folder / 'report.html'} in a browser")


def summary(result: DemoResult) -> str:
    """The table of variants, the verdict, and the commands for one's own images."""
    from edgevision.fidelity.judge import METRIC_NAMES

    headers = ["variant", "engine", "kB", METRIC_NAMES[result.metric], "95 % interval", "= float", "ms", "fps"]
    rows = [
        [
            row.name,
            row.engine,
            f"{row.size_bytes / 1e3:.1f}",
            f"{row.metric:.2%}",
            f"{row.metric_ci95[0]:.2%} … {row.metric_ci95[1]:.2%}",
            "(reference)" if row.agreement is None else f"{row.agreement:.2%}",
            f"{row.latency_ms:.2f}",
            f"{row.fps:.0f}",
        ]
        for row in result.rows
    ]
    seconds = sum(step.seconds for step in result.steps)
    return "\n".join(
        [
            "",
            table(headers, rows, right=(2, 3, 5, 6, 7)),
            "ms, fps: contract + inference + postprocessing in the runtime's loop on this machine, one thread",
            "",
            f"verdict: {verdict_in_words(result)}",
            f"all of it took {seconds:.0f} s",
            "",
            f"The same with your own images ({result.recipe.own_images}):",
            *(f"  {line}" for line in own_commands(result)),
            "Exit code 6 of verify: too few images for a verdict; add some, or pack --allow-inconclusive.",
        ]
    )


def verdict_in_words(result: DemoResult) -> str:
    """Pass, or what would make an inconclusive verification conclusive."""
    if result.verdict == "pass":
        return "pass: every variant is within 1 point of float with 95 % confidence"
    if result.more_images is None:
        return f"{result.verdict}: see verify.html"
    return (
        f"{result.verdict}: no loss was seen beyond the limit, but the test split is too small to prove it; "
        f"about {result.more_images} more images would settle it"
    )


def own_commands(result: DemoResult) -> list[str]:
    """The verbs of the demo for a folder `photos`."""
    recipe = result.recipe
    return [
        f"edgevision train photos -o runs/mine --task {recipe.task} {' '.join(recipe.train)}",
        f"edgevision prune runs/mine -o runs/mine-pruned {' '.join(recipe.prune)}",
        f"edgevision quantize runs/mine-pruned -o runs/mine-int8 {' '.join(recipe.quantize)}",
        "edgevision convert runs/mine-int8 -o draft.evb --name mine",
        "edgevision verify draft.evb --data photos --splits runs/mine/splits.csv --report verify.json",
        "edgevision pack draft.evb -o mine-1.0.0.evb --data photos --splits runs/mine/splits.csv "
        "--report verify.json --version 1.0.0",
        "edgevision-runtime run mine-1.0.0.evb --source 0          # on the device",
    ]
