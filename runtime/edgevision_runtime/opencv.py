"""OpenCV, which a device may not have: imported when first needed, and missing in one line."""

from __future__ import annotations

from typing import Any

from edgevision_runtime.errors import MissingDependency

ERRORS_ONLY = 2  # of OpenCV's log levels


def opencv() -> Any:
    """The module `cv2`.

    Raises:
        MissingDependency: it is not installed.
    """
    try:
        import cv2
    except ImportError as error:
        raise MissingDependency(
            f"OpenCV cannot be imported ({error})", hint='pip install "edgevision-runtime[camera]"'
        ) from error
    _let_it_warn_of_nothing(cv2)
    return cv2


def _let_it_warn_of_nothing(cv2: Any) -> None:
    """OpenCV warns on stderr of each camera that is away, again and again; what cannot be opened we say ourselves."""
    set_level = getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel  # before OpenCV 5, and since
    set_level(ERRORS_ONLY)
