"""What threads beside the loop have to tell: cameras, sinks, the watch over health and bundles."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import TYPE_CHECKING

from edgevision_runtime.cameras.events import CameraEvent, Gap
from edgevision_runtime.errors import UsageError
from edgevision_runtime.messages import BEGAN, ENDED, HAPPENED, Event
from edgevision_runtime.outputs import Outputs

if TYPE_CHECKING:
    from edgevision_runtime.watching.watch import Watch


class Outlet:
    """Takes what cameras and sinks tell from their first moment on; it is said once there is somebody to hear it."""

    watches: Mapping[str, Watch] = MappingProxyType({})  # by the camera's name

    def __init__(self) -> None:
        self._outputs: Outputs | None = None
        self._early: list[Event] = []
        self._opening = threading.Lock()

    def tell(self, event: Event) -> None:
        """Tell it from a thread other than the loop's, where a sink that cannot be written any more shows by itself."""
        with self._opening:
            outputs = self._outputs
            if outputs is None:
                self._early.append(event)
                return
        with suppress(BrokenPipeError, UsageError):
            outputs.tell(event)

    def open(self, outputs: Outputs) -> None:
        """From now on there is somebody; what was told before is said now."""
        with self._opening:
            self._outputs = outputs
        for event in self._early:
            self.tell(event)

    def for_camera(self, name: str) -> Callable[[CameraEvent], None]:
        """The listener of one camera."""

        def tell(happened: CameraEvent) -> None:
            self.tell(_event_of(happened, name))
            if name in self.watches:
                for event in self.watches[name].hear(happened):
                    self.tell(event)

        return tell


def _event_of(happened: CameraEvent, camera: str) -> Event:
    if isinstance(happened, Gap):
        detail = {"duration_s": round(happened.duration_s, 3)} if happened.duration_s is not None else {}
        return Event("gap", happened.reason, ENDED if happened.is_over else BEGAN, camera, time.time(), detail)
    known = {"reason": happened.reason, "granted": str(happened.granted or "")}
    detail_of_state = {name: text for name, text in known.items() if text}
    return Event("camera", happened.state, HAPPENED, camera, time.time(), detail_of_state)
