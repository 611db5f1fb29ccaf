"""The command line of a part: its options, and its figures as one JSON document."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Option = Callable[[argparse.ArgumentParser], Any]


def option(*names: str, **settings: Any) -> Option:
    """What `ArgumentParser.add_argument` takes."""
    return lambda parser: parser.add_argument(*names, **settings)


SEEDS = option("--seeds", type=int, nargs="+", default=[0, 1, 2])
RUNS = option("--folder", type=Path, help="where runs are kept, and found again")
BUNDLE = option("--folder", type=Path, help="where the bundle is kept, and found again")


def read_options(description: str | None, *options: Option) -> argparse.Namespace:
    """What was typed; --help shows the options in their order below the description."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    for add_to in options:
        add_to(parser)
    return parser.parse_args()


def print_figures(figures: Callable[..., dict[str, Any]], description: str | None, *options: Option) -> None:
    """Measure with what was typed, each option a parameter of its name; the folder is made when it is not there."""
    given = vars(read_options(description, *options))
    if given.get("folder"):
        given["folder"].mkdir(parents=True, exist_ok=True)
    print(json.dumps(figures(**given), indent=1))
