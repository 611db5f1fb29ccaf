"""What a caller may ask of a camera; each kind takes what it can do and says in `granted` what it got."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgevision_runtime.cameras.events import OnEvent, tell_nobody

if TYPE_CHECKING:
    from edgevision_runtime.cameras.connection import ConnectionPolicy


@dataclass(frozen=True)
class CameraOptions:
    """The wishes; None: whatever the camera does by itself."""

    fps: float | None = None  # of a camera: asked for; of files: played at this pace
    size: tuple[int, int] | None = None  # (width, height) to ask the camera for
    needed_size: tuple[int, int] | None = None  # (width, height) that suffices: cameras may deliver less than they see
    is_fast: bool = False  # a video is played as fast as its frames are taken, not at its own pace
    give_up_after_s: float | None = None  # without a frame, from live sources; None: never
    on_event: OnEvent = tell_nobody  # hears of gaps and states, in the thread that iterates the camera

    def connection_policy(self, *, must_open: bool) -> ConnectionPolicy:
        """The patience of a live source; a source that must open at once is forgiven when giving up has a time."""
        from edgevision_runtime.cameras.connection import ConnectionPolicy  # pictures and videos do without

        return ConnectionPolicy(
            give_up_after_s=self.give_up_after_s, must_open=must_open and self.give_up_after_s is None
        )
