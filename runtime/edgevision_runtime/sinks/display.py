"""A window on this machine's screen."""

from __future__ import annotations

from edgevision_runtime.annotate import Annotator
from edgevision_runtime.errors import MissingDependency
from edgevision_runtime.messages import Event, Result
from edgevision_runtime.opencv import opencv
from edgevision_runtime.sinks import SinkSetup

WINDOW = "edgevision"


class DisplaySink:
    """Shows each annotated frame; needs an OpenCV with windows, which the headless wheel is not."""

    needs_image = True

    def __init__(self, target: str | None, setup: SinkSetup) -> None:
        cv2 = opencv()
        self._annotate = Annotator()
        try:
            cv2.namedWindow(WINDOW, cv2.WINDOW_NORMAL)
        except cv2.error as error:
            raise MissingDependency(
                "this OpenCV has no windows",
                hint="pip uninstall opencv-python-headless; pip install opencv-python (or use --sink video:out.mp4)",
            ) from error

    def write(self, result: Result) -> None:
        """Show one frame; Esc or q stops the run."""
        cv2 = opencv()
        cv2.imshow(WINDOW, self._annotate(result))
        if cv2.waitKey(1) & 0xFF in (27, ord("q")):
            raise KeyboardInterrupt

    def tell(self, event: Event) -> None:
        """Events are not drawn."""

    def close(self) -> None:
        """Close the window."""
        cv2 = opencv()
        cv2.destroyWindow(WINDOW)
