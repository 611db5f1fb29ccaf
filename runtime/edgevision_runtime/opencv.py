"""OpenCV, which a device may not have: imported when first needed, and missing in one line."""

from __future__ import annotations

from typing import Any

from edgevision_runtime.errors import MissingDependency


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
    return cv2
