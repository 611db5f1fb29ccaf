"""The verbs that shrink."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgevision.cli.console import Advance, Console, table, this_command
from edgevision.cli.foreign import statement_of, statement_options
from edgevision.cli.options import (
    all_of,
    console_options,
    force_option,
    output_option,
    report_option,
    seed_option,
)

if TYPE_CHECKING:
    from edgevision.compression.prune import ShrinkResult
    from edgevision.compression.subject import Origin
    from edgevision.compression.tuning import ShrinkHooks, Tuning
    from edgevision.training.fit import FitProgress

PRUNE_EPILOG = """\b
Examples:
  edgevision prune runs/lights -o runs/lights-sparse --sparsity 0.5
  edgevision prune runs/lights -o runs/lights-24 --structure 2:4
  edgevision prune mine.keras -o runs/mine --data photos/ --task classify --labels a,b --preprocess contract.json"""
QUANTIZE_EPILOG = """\b
Examples:
  edgevision quantize runs/lights -o runs/lights-qat
  edgevision quantize runs/lights-sparse -o runs/lights-both      (keeps the zeros)"""

tuning_options = all_of(
    click.option("--data", help="Labelled images. [default: what the run was trained on, in the same splits]"),
    click.option("--learning-rate", type=float, help="[default: 5e-4 to prune, 1e-4 to quantize]"),
    click.option("--batch", type=click.IntRange(1), help="[default: the parent's]"),
)


@click.command(epilog=PRUNE_EPILOG)
@click.argument("source", metavar="RUN|MODEL", type=click.Path(path_type=Path))
@output_option("The run directory to write.")
@click.option("--sparsity", type=float, default=0.5, show_default=True, help="Zeros in each pruned kernel.")
@click.option("--schedule", default="polynomial", show_default=True, metavar="polynomial|constant")
@click.option("--structure", metavar="2:4", help="Two zeros in every four neighbouring input channels.")
@click.option("--frequency", type=int, help="Steps between two updates of the masks. [default: about 30 updates]")
@click.option("--epochs", type=click.IntRange(1), default=4, show_default=True)
@tuning_options
@statement_options
@seed_option
@report_option
@force_option
@console_options
def prune(console: Console, output: Path, force: bool, report: Path | None, **given: Any) -> None:
    """Set the smallest weights of a run to zero and train on, so that it compresses better; measured, not promised."""
    from edgevision.compression.pruning import Pruning

    pruning = Pruning(given["sparsity"], given["schedule"], given["structure"], given["frequency"])
    from edgevision.compression.prune import DEFAULT_LEARNING_RATE, PrunePlan
    from edgevision.compression.prune import prune as run_pruning
    from edgevision.compression.shrunk import Target

    plan = PrunePlan(_origin(given), pruning, _tuning(given, DEFAULT_LEARNING_RATE))
    with _hooks(console, "prune") as hooks:
        result = run_pruning(plan, Target(output, force), hooks)
    _show(console, result, report)


@click.command(epilog=QUANTIZE_EPILOG)
@click.argument("source", metavar="RUN|MODEL", type=click.Path(path_type=Path))
@output_option("The run directory to write.")
@click.option("--epochs", type=click.IntRange(1), default=3, show_default=True)
@click.option("--train-statistics", is_flag=True, help="Let batch normalization go on learning its statistics.")
@tuning_options
@statement_options
@seed_option
@report_option
@force_option
@console_options
def quantize(console: Console, output: Path, force: bool, report: Path | None, **given: Any) -> None:
    """Train a run on with the rounding of int8 in it (QAT); a pruned run keeps its zeros."""
    from edgevision.compression.quantize import DEFAULT_LEARNING_RATE, QuantizePlan
    from edgevision.compression.quantize import quantize as run_quantization
    from edgevision.compression.shrunk import Target

    tuning = _tuning(given, DEFAULT_LEARNING_RATE)
    plan = QuantizePlan(_origin(given), tuning, freezes_normalization=not given["train_statistics"])
    with _hooks(console, "quantize") as hooks:
        result = run_quantization(plan, Target(output, force), hooks)
    _show(console, result, report)


def _tuning(given: dict[str, Any], default_rate: float) -> Tuning:
    from edgevision.compression.tuning import Tuning

    rate = default_rate if given["learning_rate"] is None else given["learning_rate"]
    return Tuning(given["epochs"], rate, given["batch"], given["seed"])


def _origin(given: dict[str, Any]) -> Origin:
    from edgevision.compression.subject import Origin

    return Origin(given["source"], statement_of(given), given["data"], given["seed"])


@contextmanager
def _hooks(console: Console, label: str) -> Iterator[ShrinkHooks]:
    """A progress bar over all steps, a line per epoch with -v."""
    from edgevision.compression.tuning import ShrinkHooks

    with ExitStack() as open_bar:
        bar: list[Advance] = []

        def on_progress(progress: FitProgress) -> None:
            if not bar:
                bar.append(open_bar.enter_context(console.progress(progress.epochs * progress.steps, label)))
            if progress.record is None:
                bar[0](f"epoch {progress.epoch}/{progress.epochs}")
                return
            record = progress.record
            console.detail(
                f"epoch {record.epoch}/{progress.epochs}: loss {record.loss:.4f}, val {record.val_loss:.4f}, "
                f"val {progress.metric} {record.val_metric:.3f}, {record.seconds:.1f} s"
            )

        yield ShrinkHooks(console.log, console.warn, on_progress, this_command())


def _show(console: Console, result: ShrinkResult, report: Path | None) -> None:
    """The ledger on stdout, what it means, and what comes next."""
    from edgevision.compression.shrunk import next_commands

    shrunk, path = result.shrunk, result.run.path
    rows = [[row.quantity, row.before, row.after, row.change] for row in shrunk.ledger()]
    document = {"run": str(path), **result.run.metrics()["compression"]}
    console.result(table(["measured", "before", "after", "change"], rows, right=(1, 2, 3)), document)
    for layer, reason in shrunk.untouched:
        console.detail(f"left as it is: {layer} ({reason})")
    console.log(shrunk.conclusion())
    commands = next_commands(shrunk.stage, path)
    if report is not None:
        _envelope(result, commands).write(report)
    console.next_step(path, commands[0])


def _envelope(result: ShrinkResult, commands: list[str]) -> Any:
    from edgevision.reports.envelope import Report, environment

    record = result.run.record
    return Report(
        command="prune" if record["stage"] == "pruned" else "quantize",
        status="pass",
        started=record["created"],
        duration_s=record["seconds"],
        inputs={"source": {"path": record["parent"]}},
        metrics=result.run.metrics(),
        env=environment(),
        next=tuple(commands),
    )
