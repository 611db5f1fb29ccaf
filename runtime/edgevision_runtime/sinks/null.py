"""Takes everything and keeps nothing: to measure the loop alone."""

from __future__ import annotations

from edgevision_runtime.sinks import Stream
from edgevision_runtime.types import Frame, Prediction


class NullSink:
    """Throws results away."""

    def __init__(self, target: str | None, stream: Stream) -> None:
        return None

    def write(self, frame: Frame, prediction: Prediction) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Nothing to close."""
