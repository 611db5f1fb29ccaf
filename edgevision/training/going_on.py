"""Go on from what `edgevision pretrain` learned without labels: its network and contract, and how much of it to move.

With few labels the backbone is better left alone and only the head learned (a probe); with thousands everything should
learn on. Where the border lies was measured (docs/decisions.md).
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from edgevision.runs import RunDirectory
from edgevision.training.architectures import ARCHITECTURES
from edgevision.training.imagenet import WEIGHTS
from edgevision.training.plan import TrainPlan
from edgevision_runtime.errors import UsageError

FEWEST_TO_FINE_TUNE = 2000  # labelled pictures to learn from
PROBE_EPOCHS, PROBE_RATE = 50, 3e-3  # of a head alone, on features that are computed once


def pretrained_run(plan: TrainPlan) -> RunDirectory | None:
    """The run that learned without labels and that the plan goes on from to classify; None: it goes on from no such.

    Raises:
        ModelError: a run directory that is not whole.
    """
    weights, architecture = plan.network.weights, ARCHITECTURES.get(plan.network.architecture or "")
    is_path = weights is not None and weights not in ("imagenet", *WEIGHTS) and Path(weights).is_dir()
    segments = plan.task == "segment" or (architecture is not None and architecture.task == "segment")
    if weights is None or not is_path or segments:
        return None
    run = RunDirectory.open(Path(weights))
    return run if run.stage == "pretrained" else None


def with_network_of(run: RunDirectory, plan: TrainPlan) -> TrainPlan:
    """The plan with architecture, width, size and colours of the run.

    Raises:
        UsageError: the plan asks for others.
    """
    made, contract, asked = run.record["architecture"], run.spec.preprocess, plan.network
    size = plan.preprocess.size if plan.preprocess is not None else asked.image_size
    color = plan.preprocess.color if plan.preprocess is not None else plan.color
    for flag, wanted, learned in (
        ("--arch", asked.architecture, made["name"]),
        ("--width", _number(asked.width), _number(made["width"])),
        ("--image-size", _size(size), _size(contract.size)),
        ("--color", color, contract.color),
    ):
        if wanted is not None and wanted != learned:
            raise UsageError(
                f"{run.path} learned with {flag} {learned}, and {wanted} is asked for",
                expected=f"no {flag}: the run's is taken" if plan.preprocess is None else "a contract like the run's",
            )
    network = dataclasses.replace(
        asked, architecture=str(made["name"]), width=float(made["width"]), image_size=contract.size
    )
    return dataclasses.replace(plan, network=network, color=contract.color)


def decide_freezing(run: RunDirectory, plan: TrainPlan, labelled: int) -> tuple[TrainPlan, str]:
    """(the plan with what is learned decided, one line that says it and why); `labelled`: pictures to learn from.

    Of a head alone the pictures are not varied, unless that is asked for, and the epochs are more and cheaper.
    """
    asked = plan.network.freeze
    freeze = labelled < FEWEST_TO_FINE_TUNE if asked is None else asked
    border = f"{'fewer than' if freeze else 'at least'} {FEWEST_TO_FINE_TUNE}"
    why = f"{labelled} labelled pictures, {border}" if asked is None else "as asked"
    decided = dataclasses.replace(plan, network=dataclasses.replace(plan.network, freeze=freeze))
    if freeze and not plan.network.fine_tune_epochs:
        decided = dataclasses.replace(
            decided,
            data=dataclasses.replace(plan.data, augment=plan.data.augment or "none"),
            epochs=plan.epochs or PROBE_EPOCHS,
            learning_rate=plan.learning_rate or PROBE_RATE,
        )
    return decided, f"{why}: {run.path} {_DECIDED[freeze]}"


_DECIDED = {
    True: "stays as it is and only the head learns (--no-freeze: all of it)",
    False: "learns on as a whole (--freeze: only the head)",
}


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:g}"


def _size(size: tuple[int, int] | None) -> str | None:
    return None if size is None else f"{size[0]},{size[1]}"
