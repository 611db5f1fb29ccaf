"""Takes everything and keeps nothing: to measure the loop alone."""

from __future__ import annotations

from edgevision_runtime.messages import Event, Result
from edgevision_runtime.sinks import SinkSetup


class NullSink:
    """Throws results away."""

    needs_image = False

    def __init__(self, target: str | None, setup: SinkSetup) -> None:
        return None

    def write(self, result: Result) -> None:
        """Do nothing."""

    def tell(self, event: Event) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Nothing to close."""
