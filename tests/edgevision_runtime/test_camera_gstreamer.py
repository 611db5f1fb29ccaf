"""GStreamer: the Jetson's pipeline, one's own, and what is said where no GStreamer is."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from edgevision_runtime.cameras import gstreamer, kind_of, open_camera
from edgevision_runtime.cameras.gstreamer import csi_pipeline, own_pipeline
from edgevision_runtime.cameras.options import CameraOptions
from edgevision_runtime.errors import MissingDependency, UsageError

DEBIAN_PACKAGES = "/usr/lib/python3/dist-packages"
LOOK = """
import itertools, sys
sys.path.append({packages!r})
from edgevision_runtime.cameras import open_camera
from edgevision_runtime.errors import SourceLost
source = "gst://videotestsrc is-live=true pattern=blue ! video/x-raw,width=322,height=240,framerate=20/1"
with open_camera(source) as camera:
    frames = list(itertools.islice(camera, 5))
assert all(frame.image.shape == (240, 322, 3) and (frame.image == (255, 0, 0)).all() for frame in frames)
assert 0.12 < frames[4].captured_s - frames[0].captured_s
with open_camera("gst://videotestsrc num-buffers=3") as camera:
    assert 1 <= len(list(camera)) <= 3
try:
    list(open_camera("gst://nosuchelement ! videoscale"))
except SourceLost as error:
    assert "nosuchelement" in str(error), error
else:
    raise AssertionError("no error")
print("seen")
"""


def test_a_jetsons_image_processor_scales_to_what_the_model_needs() -> None:
    pipeline = csi_pipeline("csi://1?size=1920x1080&fps=29.97", CameraOptions(needed_size=(224, 224)))

    assert pipeline == (
        "nvarguscamerasrc sensor-id=1 ! video/x-raw(memory:NVMM),width=1920,height=1080,format=NV12,"
        "framerate=30000/1001 ! nvvidconv ! video/x-raw,format=BGRx,width=400,height=224 ! videoconvert ! "
        "video/x-raw,format=BGR ! appsink name=edgevision drop=true max-buffers=1 sync=false"
    )


def test_a_pipeline_of_ones_own_gets_our_end() -> None:
    assert own_pipeline("videotestsrc ! videoscale !").startswith("videotestsrc ! videoscale ! videoconvert ! ")
    assert kind_of("gst://videotestsrc") == kind_of("csi://0") == "gstreamer"
    for text in ("", "  ", "videotestsrc ! appsink"):
        with pytest.raises(UsageError, match="without its sink"):
            own_pipeline(text)
    with pytest.raises(UsageError, match="number of a sensor"):
        csi_pipeline("csi://front", CameraOptions())


def test_passwords_in_a_pipeline_are_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gstreamer, "_link_kind", lambda: gstreamer.OpencvLink)
    text = 'gst://rtspsrc location=rtsp://anna:secret@cam/1 user-id=anna user-pw="very secret" ! decodebin'

    camera = gstreamer.GstreamerCamera(text, CameraOptions())

    assert camera.source == "gst://rtspsrc location=rtsp://***@cam/1 user-id=anna user-pw=*** ! decodebin"
    assert "secret" in camera.pipeline
    with pytest.raises(UsageError) as caught:
        gstreamer.GstreamerCamera(text + " ! appsink", CameraOptions())
    assert "secret" not in str(caught.value)


def test_without_gstreamer_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: "    GStreamer:                   NO\n")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    with pytest.raises(MissingDependency, match="apt install python3-gi") as caught:
        gstreamer.GstreamerCamera("csi://0", CameraOptions())

    assert caught.value.exit_code == 3


def test_an_opencv_built_with_gstreamer_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: "    GStreamer:                   YES (1.20.3)\n")

    assert gstreamer._link_kind() is gstreamer.OpencvLink


def test_a_pipeline_runs_through_pygobject() -> None:
    check = f"import sys; sys.path.append({DEBIAN_PACKAGES!r}); import gi; gi.require_version('GstApp', '1.0')"
    if (
        not Path(DEBIAN_PACKAGES, "gi").is_dir()
        or subprocess.run([sys.executable, "-c", check], capture_output=True).returncode
    ):
        pytest.skip("PyGObject for this Python is not here: apt-get install python3-gi gir1.2-gst-plugins-base-1.0")

    seen = subprocess.run([sys.executable, "-c", LOOK.format(packages=DEBIAN_PACKAGES)], capture_output=True, text=True)

    assert (seen.returncode, seen.stdout) == (0, "seen\n"), seen.stderr


def test_the_wheels_opencv_without_pygobject_is_told_apart() -> None:
    if "GStreamer:                   NO" not in cv2.getBuildInformation():
        pytest.skip("this OpenCV was built with GStreamer")
    if importlib.util.find_spec("gi") is not None:
        pytest.skip("PyGObject is here")

    with pytest.raises(MissingDependency):
        open_camera("gst://videotestsrc")
