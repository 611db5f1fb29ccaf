"""picamera2: the second stream, sensor timestamps, silence; with a double whose signatures are the published ones."""

from __future__ import annotations

import ast
import importlib.machinery
import itertools
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgevision.data.packages import fetch_package_members
from edgevision.data.pins import Package
from edgevision_runtime.cameras import kind_of, open_camera
from edgevision_runtime.cameras.events import CameraEvent, Gap
from edgevision_runtime.cameras.granted import Granted
from edgevision_runtime.cameras.options import CameraOptions
from edgevision_runtime.cameras.picamera import PiCamera
from edgevision_runtime.errors import DataError, MissingDependency, SourceLost, UsageError
from edgevision_runtime.types import Frame
from tests.edgevision_runtime import picamera2_double as double

PUBLISHED = Package(
    "picamera2", "0.3.38", "ecf34dfb6c987d2c0948debeb3762a27755d5befc674fe210c3fd2ad8e3cd6cc", 140508, "BSD-2-Clause"
)
MEMBER = "picamera2/picamera2.py"
BLUE = (255, 0, 0)


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The double in the place of picamera2 and libcamera, without faults."""
    for name in ("picamera2", "libcamera"):
        module = getattr(double, name)
        monkeypatch.setattr(module, "__spec__", importlib.machinery.ModuleSpec(name, None))
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(double.Picamera2, "fault", "")
    monkeypatch.setattr(double.Picamera2, "grants", "")
    yield
    assert double.Picamera2.alive == 0


def wait_until_closed() -> None:
    deadline_s = time.monotonic() + 2
    while double.Picamera2.alive and time.monotonic() < deadline_s:
        time.sleep(0.01)


def frames_of(camera: PiCamera, count: int) -> list[Frame]:
    with camera:
        frames = list(itertools.islice(camera, count))
    wait_until_closed()
    return frames


def test_the_second_stream_is_as_large_as_the_model_needs_in_the_shape_of_the_first() -> None:
    camera = PiCamera("picamera://0?size=1536x864&fps=20", CameraOptions(needed_size=(224, 224)))

    (frame,) = frames_of(camera, 1)

    assert camera.granted == Granted("YUV420", (1536, 864), 20.0, (400, 224))  # 224 / 864 of 1536 is 398.2
    assert frame.image.shape == (224, 400, 3)
    assert abs(frame.image.astype(int) - BLUE).max() <= 2  # YUV is in whole numbers


def test_without_a_need_frames_are_those_of_the_main_stream_in_bgr() -> None:
    camera = PiCamera("picamera://", CameraOptions())

    (frame,) = frames_of(camera, 1)

    assert camera.granted is not None
    assert (camera.granted.format, camera.granted.frame_size) == ("RGB888", (1280, 720))
    assert (frame.image == BLUE).all()


def test_a_pipeline_without_rgb_gives_the_same_colours() -> None:
    double.Picamera2.grants = "NV12"
    camera = PiCamera("picamera://", CameraOptions(size=(64, 48)))

    (frame,) = frames_of(camera, 1)

    assert camera.granted is not None
    assert camera.granted.format == "NV12"
    assert frame.image.shape == (48, 64, 3)
    assert abs(frame.image.astype(int) - BLUE).max() <= 2


def test_a_format_that_nobody_converts_is_an_error() -> None:
    double.Picamera2.grants = "MJPEG"

    with pytest.raises(SourceLost, match="it sends MJPEG, which is none of RGB888, YUV420, NV12"):
        frames_of(PiCamera("picamera://", CameraOptions()), 1)


def test_the_time_of_capture_is_the_sensors() -> None:
    camera = PiCamera("picamera://", CameraOptions(size=(64, 48)))

    (frame,) = frames_of(camera, 1)

    assert 0.03 <= time.monotonic() - frame.captured_s < 1.0  # the double says 30 ms ago


@pytest.mark.parametrize("fault", ["silent", "broken"])
def test_a_camera_that_falls_silent_or_breaks_is_opened_again(fault: str) -> None:
    gaps: list[Gap] = []

    def mend(event: CameraEvent) -> None:
        if isinstance(event, Gap):
            gaps.append(event)
            double.Picamera2.fault = ""

    camera = PiCamera("picamera://", CameraOptions(size=(64, 48), on_event=mend))
    with camera:
        for frame in camera:
            if frame.index == 3:
                double.Picamera2.fault = fault
            if gaps and gaps[-1].is_over:
                break
    wait_until_closed()

    assert camera.reconnects >= 1
    assert "Failed to queue" in gaps[0].reason or "no frame for 5 s" in gaps[0].reason


def test_no_camera_and_a_refused_configuration_are_errors_at_the_start() -> None:
    double.Picamera2.fault = "absent"
    with pytest.raises(SourceLost, match="there is no camera 0"):
        frames_of(PiCamera("picamera://", CameraOptions()), 1)

    double.Picamera2.fault = "refuses"
    with pytest.raises(SourceLost, match="the camera refuses: lores stream"):
        frames_of(PiCamera("picamera://", CameraOptions()), 1)


def test_without_picamera2_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "picamera2")

    with pytest.raises(MissingDependency, match="apt install python3-picamera2"):
        open_camera("picamera://")


def test_what_cannot_be_is_refused() -> None:
    assert kind_of("picamera://") == "picamera"
    with pytest.raises(UsageError, match="picamera://1 for the second"):
        open_camera("picamera://front")
    with pytest.raises(UsageError, match=r"did you mean size\?"):
        open_camera("picamera://0?sise=1x1")


def signatures(path: Path) -> dict[str, list[tuple[str, str]]]:
    """Method → [(parameter, default)]; of overloads the last, which is the implementation."""
    (type_,) = [node for node in ast.parse(path.read_text()).body
                if isinstance(node, ast.ClassDef) and node.name == "Picamera2"]  # fmt: skip
    found = {}
    for method in (node for node in type_.body if isinstance(node, ast.FunctionDef)):
        names = [argument.arg for argument in method.args.args]
        defaults = [ast.unparse(default) for default in method.args.defaults]
        found[method.name] = list(zip(names, [""] * (len(names) - len(defaults)) + defaults, strict=True))
    return found


def test_the_double_has_the_signatures_of_the_published_picamera2() -> None:
    try:
        folder = fetch_package_members(PUBLISHED, [MEMBER])
    except DataError as error:
        pytest.skip(f"{PUBLISHED.pin} cannot be had: {error}")
    published = signatures(folder / MEMBER)

    ours = {name: signature for name, signature in signatures(Path(double.__file__)).items()
            if name == "__init__" or not name.startswith("_")}  # fmt: skip

    assert len(ours) == 8
    for name, signature in ours.items():
        assert [parameter for parameter, _ in signature] == [parameter for parameter, _ in published[name]], name
        for (parameter, default), (_, expected) in zip(signature, published[name], strict=True):
            assert default == expected or parameter == "transform", f"{name}({parameter})"  # an object of libcamera's
