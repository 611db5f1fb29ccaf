"""A window for each camera on this machine's screen."""

from __future__ import annotations

import subprocess
import sys

from edgevision_runtime.annotate import Annotator
from edgevision_runtime.errors import MissingDependency, UsageError
from edgevision_runtime.messages import Event, Result
from edgevision_runtime.opencv import opencv
from edgevision_runtime.sinks import SinkSetup

TITLE = "edgevision"
STOP_KEYS = (27, ord("q"))  # 27: Esc
REFRESH_S = 0.1  # how often a window is served while no frame comes


class DisplaySink:
    """Shows each annotated frame; needs an OpenCV with windows, which the headless wheel is not.

    Everything here happens in the sink's own thread, as windows ask for.
    """

    needs_image = True

    def __init__(self, target: str | None, setup: SinkSetup) -> None:
        opencv()
        _try_a_window()
        self._annotate = Annotator()
        self._windows: list[str] = []
        self._has_several = len(setup.cameras) > 1

    def write(self, result: Result) -> None:
        """Show one frame. Raises BrokenPipeError when a window was closed, or Esc or q was pressed: nobody looks."""
        window = self._open(result.camera)
        opencv().imshow(window, self._annotate(result))
        self.attend()

    def tell(self, event: Event) -> None:
        """Events are not drawn."""

    def attend(self) -> float:
        """Let the windows live; raises as `write` does."""
        cv2 = opencv()
        if cv2.waitKey(1) & 0xFF in STOP_KEYS:
            raise BrokenPipeError
        if any(cv2.getWindowProperty(window, cv2.WND_PROP_VISIBLE) < 1 for window in self._windows):
            raise BrokenPipeError
        return REFRESH_S

    def close(self) -> None:
        """Close the windows."""
        opencv().destroyAllWindows()

    def _open(self, camera: str) -> str:
        window = f"{TITLE} {camera}" if self._has_several else TITLE
        if window not in self._windows:
            opencv().namedWindow(window, opencv().WINDOW_NORMAL)
            self._windows.append(window)
        return window


def _try_a_window() -> None:
    """Open one in another process, because where there is no screen the libraries end the process that tries."""
    program = f"import cv2; cv2.namedWindow({TITLE!r})"
    tried = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    if tried.returncode == 0:
        return
    if "not implemented" in tried.stderr:
        raise MissingDependency(
            "this OpenCV has no windows",
            hint="pip uninstall opencv-python-headless; pip install opencv-python (or use --sink video:out.mp4)",
        )
    raise UsageError("no window can be opened", expected="a screen, or --sink video:out.mp4")
