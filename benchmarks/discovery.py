"""What learning without labels is held to: every figure with its goal, its seeds and its CPU seconds.

    python benchmarks/discovery.py [--seeds 0 1 2] [--only NAME] …

Each part is a process of its own and can be run alone, such as `python -m discovery_figures.stream` from benchmarks/;
its first lines say what it measures. With three seeds all of it takes hours of two cores. docs/discover.md and the
pages beside it say what the figures mean, benchmarks/loop.py puts the parts together.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from discovery_figures.command_line import SEEDS, option, read_options
from machine import children_cpu_s, machine

HERE = Path(__file__).parent
TOOLS = ("tensorflow", "tf-keras", "scikit-learn", "ai-edge-litert", "numpy")
PARTS = (  # in the order of the guide; the quick ones of each page first
    "unlabelled",
    "medoids",
    "few_labels",
    "naming",
    "duplicates",
    "regions",
    "stream",
    "drift",
    "drift_cost",
)


def main() -> None:
    """Measure the parts one after the other, and print one JSON document."""
    only = option("--only", action="append", choices=PARTS, metavar="NAME", help=f"{', '.join(PARTS)}; repeat")
    options = read_options(__doc__, SEEDS, only)
    found = {name: _measure(name, options.seeds) for name in options.only or PARTS}
    print(
        json.dumps(
            {"benchmark": "discovery", **found, "machine": {**machine(*TOOLS), "load": round(os.getloadavg()[0], 1)}},
            indent=1,
        )
    )


def _measure(name: str, seeds: list[int]) -> dict[str, Any]:
    print(f"{name} …", file=sys.stderr, flush=True)
    before_s = children_cpu_s()
    command = [sys.executable, "-m", f"discovery_figures.{name}", "--seeds", *map(str, seeds)]
    done = subprocess.run(command, cwd=HERE, stdout=subprocess.PIPE, text=True, check=True)
    return {**json.loads(done.stdout), "process_cpu_s": round(children_cpu_s() - before_s, 1)}


if __name__ == "__main__":
    main()
