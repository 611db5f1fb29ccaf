"""What `edgevision train` is asked to do, as one checked value; nothing here imports TensorFlow."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any, TypeVar

from edgevision.data.splits import SplitPlan
from edgevision.training.fit_plan import FitPlan
from edgevision_runtime.contract import Preprocess
from edgevision_runtime.errors import UsageError
from edgevision_runtime.operations import Color, Resize

Value = TypeVar("Value")

STRATEGIES = ("none", "mirrored", "multiworker")


@dataclass(frozen=True)
class TaskDefaults:
    """What a training does where nobody said otherwise; measured on the named sets (docs)."""

    architecture: str
    loss: str
    class_weights: str
    epochs: int = 20
    batch: int = 32
    learning_rate: float = 1e-3
    augment: str = "light"


DEFAULTS = {
    "classify": TaskDefaults("cnn", "cross-entropy", "balanced"),
    "segment": TaskDefaults("unet_tiny", "cross-entropy+dice", "none", batch=8, learning_rate=2e-3),
}
BY_TASK = ("epochs", "batch", "learning_rate", "loss", "class_weights")
FINE_TUNE_RATE = 0.1  # of the learning rate


@dataclass(frozen=True)
class DataPlan:
    """Which pictures, how they are split and how they are varied."""

    source: str  # a folder or the name of a data set
    shares: tuple[float, float, float] = (0.7, 0.15, 0.15)  # train, val, test
    group_by: str | None = None  # regular expression over file names; one group never stands in two splits
    augment: str | None = None  # as `--augment`; None: the task's default

    def __post_init__(self) -> None:
        self.split_plan(seed=0)

    def split_plan(self, seed: int) -> SplitPlan:
        """How the pictures are divided."""
        return SplitPlan(seed, self.shares, self.group_by)


@dataclass(frozen=True)
class NetworkPlan:
    """Which network, and what it starts from."""

    architecture: str | None = None  # None: the task's default
    width: float | None = None  # None: 1, or that of the run that it goes on from
    image_size: tuple[int, int] | None = None  # (height, width); None: the architecture's default
    weights: str | None = None  # a file, `imagenet`, or the name of pinned weights
    freeze: bool | None = None  # train head (and decoder) only; None: no, or by the labels after `pretrain`
    fine_tune_epochs: int = 0  # then everything, at a tenth of the learning rate

    def __post_init__(self) -> None:
        if self.width is not None and not (math.isfinite(self.width) and self.width > 0):
            raise UsageError(f"width is {self.width!r}", expected="a number above 0")
        if self.fine_tune_epochs < 0:
            raise UsageError(f"fine-tune epochs is {self.fine_tune_epochs}", expected="0 or more")
        if self.freeze and self.weights is None:
            raise UsageError("--freeze keeps random weights as they are", expected="--weights beside it")


@dataclass(frozen=True)
class TrainPlan:
    """Everything that decides what a training gives.

    Raises:
        UsageError: a value that cannot be.
    """

    data: DataPlan
    network: NetworkPlan = field(default_factory=NetworkPlan)
    task: str | None = None  # None: what the data is for
    preprocess: Preprocess | None = None  # the whole contract; None: resize and colour below
    resize: str = "squash"
    color: str | None = None  # rgb | bgr | gray; None: rgb, or as the run that it goes on from
    epochs: int | None = None  # None, here and below: the task's default
    batch: int | None = None
    learning_rate: float | None = None
    optimizer: str = "adam"
    schedule: str = "cosine"
    early_stopping: int | None = None
    loss: str | None = None
    label_smoothing: float = 0.0
    class_weights: str | None = None  # balanced | none | a JSON file of label to number
    mixed_precision: bool = False
    strategy: str = "none"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.batch is not None and self.batch < 1:
            raise UsageError(f"batch is {self.batch}", expected="1 or more")
        if self.strategy not in STRATEGIES:
            raise UsageError(f"strategy is {self.strategy!r}", expected=" | ".join(STRATEGIES))
        if self.preprocess is not None and self.preprocess.size is None:
            raise UsageError("the contract has no fixed output size", expected="a resize operation in it")
        if self.preprocess is not None and self.preprocess.normalize is not None:
            raise UsageError(
                "the contract normalizes, and the network rescales 0..255 in its first layer",
                expected="a contract without normalize",
            )
        if self.preprocess is not None and self.preprocess.layout != "NHWC":
            raise UsageError("the contract's layout is NCHW", expected="no layout: networks are trained in NHWC")
        if self.is_complete:
            self.fit_plan(classes=2, class_weights=None)  # a wrong number is said before data is read
        else:
            self.complete(self.task or "segment")  # which takes every loss

    def contract(self, default_size: tuple[int, int]) -> Preprocess:
        """The preprocessing contract that the model is trained with."""
        if self.preprocess is not None:
            return self.preprocess
        pad = 0 if self.resize == "letterbox" else None
        size = self.network.image_size or default_size
        return Preprocess((Resize(size, self.resize, "bilinear", pad), Color(self.color or "rgb")))

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to the task's defaults."""
        return self.task is not None and all(getattr(self, name) is not None for name in BY_TASK)

    def complete(self, task: str) -> TrainPlan:
        """The plan with the task's defaults filled in.

        Raises:
            UsageError: an unknown task.
        """
        if task not in DEFAULTS:
            raise UsageError(f"task is {task!r}", expected=" | ".join(DEFAULTS))
        defaults = DEFAULTS[task]
        missing = {name: getattr(defaults, name) for name in BY_TASK if getattr(self, name) is None}
        augment = defaults.augment if self.data.augment is None else self.data.augment
        data = dataclasses.replace(self.data, augment=augment)
        architecture = self.network.architecture or defaults.architecture
        width, freeze = self.network.width or 1.0, bool(self.network.freeze)
        network = dataclasses.replace(self.network, architecture=architecture, width=width, freeze=freeze)
        return dataclasses.replace(self, task=task, data=data, network=network, color=self.color or "rgb", **missing)

    def fit_plan(self, classes: int, class_weights: tuple[float, ...] | None) -> FitPlan:
        """The plan of the (first) fitting; only of a complete plan."""
        return FitPlan(
            task=_known(self.task),
            classes=classes,
            epochs=_known(self.epochs),
            learning_rate=_known(self.learning_rate),
            optimizer=self.optimizer,
            schedule=self.schedule,
            loss=_known(self.loss),
            label_smoothing=self.label_smoothing,
            class_weights=class_weights,
            early_stopping=self.early_stopping,
        )

    def fine_tune_plan(self, plan: FitPlan) -> FitPlan:
        """The plan of the second fitting, with everything thawed."""
        return dataclasses.replace(
            plan, epochs=self.network.fine_tune_epochs, learning_rate=plan.learning_rate * FINE_TUNE_RATE
        )

    def to_json(self) -> dict[str, Any]:
        """Every field, for run.json and for the check that `--resume` goes on with the same plan."""
        document = dataclasses.asdict(dataclasses.replace(self, preprocess=None))
        document["preprocess"] = None if self.preprocess is None else self.preprocess.to_json()
        return document


def _known(value: Value | None) -> Value:
    assert value is not None, "complete() fills this in"
    return value


def plan_differences(first: dict[str, Any], second: dict[str, Any]) -> list[str]:
    """The fields in which two plans, as `to_json` gives them and JSON returns them, differ."""
    flat_first, flat_second = _flat(first), _flat(second)
    return sorted(key for key in flat_first.keys() | flat_second.keys() if flat_first.get(key) != flat_second.get(key))


def _flat(document: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in document.items():
        if key in ("data", "network"):
            flat |= {name: list(v) if isinstance(v, tuple) else v for name, v in value.items()}
        else:
            flat[key] = value
    return flat
