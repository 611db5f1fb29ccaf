"""The command line. `VERBS` is the whole map; a verb's module is imported only when the verb runs."""

from __future__ import annotations

import importlib
from typing import NamedTuple

import click

from edgevision import __version__
from edgevision_runtime.cli_main import SuggestingGroup
from edgevision_runtime.errors import EdgeVisionError


class Verb(NamedTuple):
    """Where a verb lives, what it does in one line, and which group of the help it stands in."""

    module: str
    attribute: str
    help: str
    group: str


VERBS: dict[str, Verb] = {
    "demo": Verb("edgevision.cli.demo", "demo", "Learn, shrink, prove, pack and run on real photographs.", "start"),
    "datasets": Verb("edgevision.cli.datasets", "datasets", "List and fetch named data sets.", "start"),
    "devices": Verb("edgevision.cli.devices", "devices", "List the boards and what each can run.", "start"),
    "train": Verb("edgevision.cli.learn", "train", "Train a model on labelled images or masks.", "learn"),
    "pretrain": Verb("edgevision.cli.discover", "pretrain", "Learn a backbone without labels.", "learn"),
    "embed": Verb("edgevision.cli.discover", "embed", "Turn pictures into vectors that can be compared.", "learn"),
    "cluster": Verb("edgevision.cli.cluster", "cluster", "Group pictures or frames into clusters to name.", "learn"),
    "label": Verb("edgevision.cli.label", "label", "Name clusters on a page of this machine.", "learn"),
    "apply": Verb("edgevision.cli.label", "apply", "Make a data set of the names of clusters.", "learn"),
    "curate": Verb("edgevision.cli.curate", "curate", "Find near-duplicates and bad pictures, keep the rest.", "learn"),
    "prune": Verb("edgevision.cli.shrink", "prune", "Set small weights to zero and train on.", "shrink"),
    "quantize": Verb("edgevision.cli.shrink", "quantize", "Train on with int8 in mind (QAT).", "shrink"),
    "convert": Verb("edgevision.cli.translate", "convert", "Make a bundle of TFLite and ONNX variants.", "translate"),
    "info": Verb("edgevision_runtime.cli", "info", "Show what a bundle holds.", "translate"),
    "verify": Verb("edgevision.cli.prove", "verify", "Prove that every variant still does what float did.", "prove"),
    "bench": Verb("edgevision.cli.prove", "bench", "Measure load, latency, memory and size.", "prove"),
    "pack": Verb("edgevision.cli.ship", "pack", "Add golden vectors, model card and evidence.", "ship"),
    "sign": Verb("edgevision.cli.ship", "sign", "Sign a bundle with an Ed25519 key.", "ship"),
    "drift": Verb("edgevision.cli.drift", "drift", "Learn what a site looks like, and notice a change.", "prove"),
    "run": Verb("edgevision_runtime.cli", "run", "Classify or segment a stream of frames.", "act"),
    "selftest": Verb("edgevision_runtime.cli", "selftest", "Re-prove a bundle's golden vectors here.", "act"),
}


class LazyGroup(SuggestingGroup):
    """A group that knows its verbs' names and one-line helps without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of `VERBS`."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the verb's module now."""
        verb = VERBS.get(cmd_name)
        if verb is None:
            return None
        command: click.Command = getattr(importlib.import_module(verb.module), verb.attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """A section for each group."""
        for group in dict.fromkeys(verb.group for verb in VERBS.values()):
            with formatter.section(group):
                formatter.write_dl([(name, verb.help) for name, verb in VERBS.items() if verb.group == group])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="edgevision")
def edgevision() -> None:
    """Take a vision model from images to a small camera, and prove at every step that nothing was lost."""


def main() -> None:
    """Run the command line; an expected failure is one line on stderr and its exit code."""
    from edgevision_runtime.cli_main import end_process, run_command

    end_process(run_command(edgevision, "edgevision"))


__all__ = ["EdgeVisionError", "edgevision", "main"]
