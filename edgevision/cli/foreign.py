"""The flags in which a person states the contract of a model that does not state it itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgevision.cli.options import all_of, parse_numbers, parse_size

if TYPE_CHECKING:
    from edgevision.packing.source_model import Statement

statement_options = all_of(
    click.option("--task", type=click.Choice(["classify", "segment"]), help="Foreign model: what it does."),
    click.option("--labels", help="Foreign model: a file with one label a line, or a,b,c."),
    click.option("--preprocess", type=click.Path(path_type=Path), help="Foreign model: its contract as JSON, or:"),
    click.option("--resize", type=click.Choice(["squash", "fit_shortest", "letterbox"]), help="… how it is resized,"),
    click.option("--size", metavar="H,W", help="… to which size,"),
    click.option("--pad", type=click.IntRange(0, 255), help="… letterbox: grey level around the picture,"),
    click.option("--color", type=click.Choice(["rgb", "bgr", "gray"]), help="… which colour order it reads,"),
    click.option("--scale", type=float, default=1.0, help="… x * scale,"),
    click.option("--mean", help="… minus the mean (one or three numbers; 0 for none),"),
    click.option("--std", help="… divided by the std (1 for none)."),
    click.option(
        "--activation", type=click.Choice(["none", "softmax"]), help="Foreign classifier: still to be applied."
    ),
)
output_options = all_of(
    click.option("--layout", type=click.Choice(["NHWC", "NCHW"]), default="NHWC", help="Foreign model: order of axes."),
    click.option(
        "--output-index", type=click.IntRange(0), default=0, help="Foreign model: which output is the answer."
    ),
    click.option("--threshold", type=float, help="Foreign segmenter with one channel: above it is class 1."),
)


def statement_of(given: dict[str, Any]) -> Statement:
    """What was stated by `statement_options` and, where the verb has them, `output_options`."""
    from edgevision.packing.source_model import Statement, parse_labels
    from edgevision_runtime.spec import read_preprocess

    extra = {field: given[flag] for flag, field in OUTPUT_FIELDS.items() if flag in given}
    return Statement(
        task=given["task"],
        labels=parse_labels(given["labels"]) if given["labels"] else None,
        preprocess=read_preprocess(given["preprocess"]) if given["preprocess"] else None,
        resize=given["resize"],
        size=parse_size(given["size"]) if given["size"] else None,
        pad=given["pad"],
        color=given["color"],
        mean=parse_numbers(given["mean"]) if given["mean"] else None,
        std=parse_numbers(given["std"]) if given["std"] else None,
        scale=given["scale"],
        activation=given["activation"],
        **extra,
    )


OUTPUT_FIELDS = {"layout": "layout", "output_index": "output", "threshold": "threshold"}
