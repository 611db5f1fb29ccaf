"""Whom a training tells what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgevision.training.fit import FitProgress


@dataclass(frozen=True)
class TrainHooks:
    """What the command line, a demo or a test listens to."""

    log: Callable[[str], None] = lambda text: None
    warn: Callable[[str], None] = lambda text: None
    on_progress: Callable[[str, FitProgress], None] = lambda stage, progress: None
    on_images: Callable[[str, int, int], None] = lambda work, done, total: None  # checking or preparing; any thread
    command: str = ""  # for run.json
    tensorboard: bool = False
