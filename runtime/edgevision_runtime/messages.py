"""What a run tells: a result for each frame that a model answered, and events beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, Union

from edgevision_runtime.types import Frame, ModelSpec, Prediction

BEGAN = "began"
ENDED = "ended"
HAPPENED = "happened"  # without a duration
PHASES = (BEGAN, ENDED, HAPPENED)


@dataclass(frozen=True, eq=False)
class Result:
    """One frame with what one model says of it."""

    frame: Frame
    prediction: Prediction
    spec: ModelSpec  # of the model that said it: a swapped model brings its own
    model: str  # its title, such as "traffic-lights 1.0.0"
    camera: str  # its name, credentials removed; unique in a run
    captured_at: float  # time.time() of the capture
    space: str = ""  # fingerprint of what the prediction's embedding can be compared with; empty: it has none


@dataclass(frozen=True, eq=False)
class Event:
    """Something that began, ended or happened."""

    kind: str  # label | zone | motion | camera | gap | health | model | sink | drift
    name: str  # what: a label, a zone, a camera's state, a sensor
    phase: str  # one of PHASES
    camera: str  # its name; empty when the whole device is meant
    at: float  # time.time() of it
    detail: Mapping[str, Any] = field(default_factory=dict)  # fit for JSON
    result: Result | None = None  # the result it was seen in


Message = Union[Result, Event]


class Observer(Protocol):
    """Hears of everything in the thread where it happens, and returns at once."""

    def write(self, result: Result) -> None:
        """Take one result."""
        ...

    def tell(self, event: Event) -> None:
        """Take one event."""
        ...
