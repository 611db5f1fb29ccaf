"""What a camera says beside its frames: that none came for a while, and what it is doing about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Union

from edgevision_runtime.cameras.granted import Granted

CONNECTING = "connecting"  # an attempt is under way, no frame yet
STREAMING = "streaming"
STALLED = "stalled"  # connected, but no frame for too long; one may still come
BACKING_OFF = "backing off"  # waits before the next attempt
ENDED = "ended"  # stopped, at its end, or given up
STATES = (CONNECTING, STREAMING, STALLED, BACKING_OFF, ENDED)


class Gap(NamedTuple):
    """A time without frames. Told twice: when it is noticed (`ended_s` is None) and when the next frame came."""

    source: str  # credentials removed
    reason: str
    started_s: float  # on the camera's clock: capture of the last frame, or when the camera was started
    ended_s: float | None = None  # capture of the first frame after it

    @property
    def is_over(self) -> bool:
        """Whether frames come again."""
        return self.ended_s is not None

    @property
    def duration_s(self) -> float | None:
        """How long no frame was captured; None while that lasts."""
        return None if self.ended_s is None else self.ended_s - self.started_s


class StateChange(NamedTuple):
    """A camera went over to another state, and why."""

    source: str  # credentials removed
    state: str  # one of STATES
    at_s: float  # on the camera's clock
    reason: str = ""
    granted: Granted | None = None  # while streaming: what the camera agreed to, when that is known


CameraEvent = Union[Gap, StateChange]
OnEvent = Callable[[CameraEvent], None]


def tell_nobody(event: CameraEvent) -> None:
    """The listener of a camera that nobody listens to."""
