"""Where results and events go: to the observers at once, to the sinks through their queues."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edgevision_runtime.messages import Event, Observer, Result
from edgevision_runtime.sinks import ObservingSink, Sink


class Outputs:
    """Hands everything to everybody; with `only_events`, sinks are not bothered with each frame's result."""

    def __init__(
        self,
        sinks: Sequence[Sink] = (),
        observers: Sequence[Observer] = (),
        *,
        only_events: bool = False,
        on_still: Callable[[str, float, float], None] | None = None,  # camera, captured_s, age_ms
    ) -> None:
        self._on_still = on_still
        self._sinks, self._observers = tuple(sinks), tuple(observers)
        takers = [sink for sink in sinks if not only_events or _needs_results(sink)]
        self._result_takers: tuple[Observer, ...] = (*self._observers, *takers)

    def write(self, result: Result) -> None:
        """Raises UsageError when a sink cannot write, BrokenPipeError when nobody reads it any more."""
        for taker in self._result_takers:
            taker.write(result)

    def still(self, camera: str, captured_s: float, age_ms: float) -> None:
        """A frame was looked at and needs no answer."""
        if self._on_still is not None:
            self._on_still(camera, captured_s, age_ms)

    def tell(self, event: Event) -> None:
        """Raises as `write` does; any thread may call it."""
        for observer in self._observers:
            observer.tell(event)
        for sink in self._sinks:
            sink.tell(event)


def _needs_results(sink: Sink) -> bool:
    """Whether it looks at each result, also where sinks get events only."""
    return isinstance(sink, ObservingSink) and sink.needs_results
