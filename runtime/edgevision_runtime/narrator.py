"""Tells a person at the terminal what happens beside the answers."""

from __future__ import annotations

from collections.abc import Callable

from edgevision_runtime.messages import ENDED, HAPPENED, Event, Result

TOLD = ("camera", "health", "model", "sink", "drift")  # what else there is belongs into the sinks


class Narrator:
    """An observer that turns events into lines."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell

    def write(self, result: Result) -> None:
        """Results are not for the terminal."""

    def tell(self, event: Event) -> None:
        """One line for what a person should know of."""
        if event.kind not in TOLD:
            return
        if event.kind == "sink":
            self._tell(_of_sink(event))
            return
        who = event.camera or event.kind
        name = f"drift of {event.name}" if event.kind == "drift" else event.name
        what = name if event.phase == HAPPENED else f"{name} {event.phase}"
        reason = event.detail.get("reason") or event.detail.get("granted", "")
        self._tell(f"{who}: {what}{f' ({reason})' if reason else ''}")


def _of_sink(event: Event) -> str:
    if event.phase == ENDED:
        lost = event.detail["dropped"]
        return f"{event.name}: works again after {event.detail['duration_s']} s, {lost} messages lost"
    return f"{event.name}: {event.detail['reason']}"
