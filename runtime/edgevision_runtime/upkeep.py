"""What keeps a run well for weeks: the board's health sets its pace, and replaced bundles exchange its models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from edgevision_runtime.health.limits import CAUTIOUS, ThermalLimits
from edgevision_runtime.health.monitor import HealthMonitor
from edgevision_runtime.health.reading import HealthReading
from edgevision_runtime.health.sensors import Sensors
from edgevision_runtime.health.steps import HealthSteps
from edgevision_runtime.messages import Event
from edgevision_runtime.swap import BundleWatcher, SwapSetup

if TYPE_CHECKING:
    from edgevision_runtime.models import LoadedModel, ModelSlot


class KeptModel(NamedTuple):
    """A model of a run, and how its bundle becomes one again."""

    path: Path
    slot: ModelSlot
    setup: SwapSetup  # its `wants_smaller` is set here
    has_smaller: bool  # whether its bundle holds a variant with less to compute


class Board(NamedTuple):
    """Where a run lives."""

    limits: ThermalLimits = CAUTIOUS
    folder: Path | None = None  # that results are written to; None: to no disk
    root: Path = Path("/")  # of the system's files


class Upkeep:
    """A context manager for as long as the run lasts; everything it calls, it calls in threads of its own.

    `show` is given each reading, with the pace that the loop shall go at; `tell` each event; `swapped` the path and the
    new model of each exchange.
    """

    def __init__(
        self,
        models: Sequence[KeptModel],
        board: Board,
        *,
        show: Callable[[HealthReading], None],
        tell: Callable[[Event], None],
        swapped: Callable[[Path, LoadedModel], None],
    ) -> None:
        steps = HealthSteps(board.limits, has_smaller=any(model.has_smaller for model in models))
        self.health = HealthMonitor(Sensors(board.root, folder=board.folder), steps, show=show, tell=tell)
        self._watchers = [
            BundleWatcher(
                model.path,
                model.slot,
                model.setup._replace(wants_smaller=self._may_shrink(model)),
                tell=tell,
                swapped=partial(swapped, model.path),
            )
            for model in models
        ]
        self._opened = ExitStack()

    def reload(self) -> None:
        """Judge every bundle again as soon as possible; may be called by a signal handler."""
        for watcher in self._watchers:
            watcher.ask()

    def __enter__(self) -> Upkeep:
        self._opened.enter_context(self.health)
        for watcher in self._watchers:
            self._opened.enter_context(watcher)
        return self

    def __exit__(self, *exc: object) -> None:
        self._opened.close()

    def _may_shrink(self, model: KeptModel) -> Callable[[], bool]:
        return (lambda: self.health.wants_smaller) if model.has_smaller else (lambda: False)
