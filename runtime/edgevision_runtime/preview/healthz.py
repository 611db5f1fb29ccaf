"""Whether a run does its work: every camera streams, and its frames get answers."""

from __future__ import annotations

import time

from edgevision_runtime.cameras.events import STREAMING
from edgevision_runtime.status import RunStatus

ANSWERS_WITHIN_S = 10.0


class Vigil:
    """Remembers when each camera's frames were last dealt with. `look` is to be called every second or so."""

    def __init__(self, status: RunStatus, answers_within_s: float = ANSWERS_WITHIN_S) -> None:
        now_s = time.monotonic()
        self._status, self._answers_within_s = status, answers_within_s
        self._progress = dict.fromkeys(status.cameras, (0, now_s))  # frames dealt with, and since when as many

    def look(self) -> None:
        """See how far each camera has come: a frame that the motion gate held back was dealt with as well."""
        for name, camera in self._status.cameras.items():
            count = camera.inferred + camera.still
            if count != self._progress[name][0]:
                self._progress[name] = count, time.monotonic()

    def reasons(self) -> list[str]:
        """What is wrong, a line each; nothing when the run is healthy."""
        self.look()
        found = [] if self._status.models else ["no model is loaded yet"]
        for name, camera in self._status.cameras.items():
            count, since_s = self._progress[name]
            silent_s = time.monotonic() - since_s
            if camera.state != STREAMING:
                found.append(f"{name}: {camera.state}{f' ({camera.reason})' if camera.reason else ''}")
            elif count == 0:
                found.append(f"{name}: no answer yet")
            elif silent_s > self._answers_within_s:
                found.append(f"{name}: no answer for {silent_s:.0f} s, expected one in {self._answers_within_s:g} s")
        return found
