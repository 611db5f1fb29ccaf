"""What the tests in emulated machines share: machines with the runtime, and a bundle with which they are busy."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from edgevision_runtime.bundle import Bundle
from tests.arm.conftest import runtime_wheel  # noqa: F401  (a fixture)
from tests.arm.debian import CannotGet, unpack
from tests.arm.userland import OWN_PYTHON, Combination, cached, combinations, fetch_wheels, open_userland
from tests.vm.boot import Share
from tests.vm.machine import Machine

IN_THE_GUEST = ("watched.py", "virtual_camera.py")
LIBCAMERA = (*OWN_PYTHON, "python3-libcamera", "libcamera-ipa", "python3-prctl")
# With what it imports; the rest of what it asks for comes as source alone, and is replaced by virtual_camera.py.
PICAMERA2 = ("picamera2==0.3.38", "pillow", "piexif", "simplejpeg", "videodev2", "av", "tqdm", "jsonschema", "attrs",
             "referencing", "rpds-py", "jsonschema-specifications", "libarchive-c", "OpenEXR")  # fmt: skip
VIRTUAL_CAMERA = """
"Virtual0":
  supported_formats:
  - width: 640
    height: 480
    frame_rates: [30]
  test_pattern: "bars"
  location: "CameraLocationFront"
  model: "Virtual Video Device"
"""
Do = Callable[[str], Any]


@dataclass(frozen=True)
class Setting:
    """What every machine of a session has."""

    runtime: Path  # the wheel, unpacked
    bundle: Path
    folder: Path  # /job

    def machine(self, one: Combination, system: Path | None = None, libraries: Sequence[Path] = ()) -> Do:
        """Runs a Python script in a machine; it leaves what it saw with `save(…)`. Skips where there can be none."""
        suite = str(one).partition("-")[0]
        userland = open_userland(one.system, one.pin, self.runtime)
        places = {f"/libraries/{n}": path for n, path in enumerate((*userland.libraries[:2], *libraries))}
        shares = [Share(path, place) for place, path in places.items()]
        machine = Machine(suite, system or userland.root, shares, one.core)
        shutil.copy(self.bundle, self.folder / "bundle.evb")
        for name in IN_THE_GUEST:
            shutil.copy(Path(__file__).with_name(name), self.folder)
        (self.folder / "libraries").write_text(":".join([*places, "/job", "/usr/lib/python3/dist-packages"]))

        def do(job: str) -> Any:
            seen = "import json\ndef save(seen):\n    open('/job/seen.json', 'w').write(json.dumps(seen))\n"
            machine.do(seen + job, self.folder)
            return json.loads((self.folder / "seen.json").read_text())

        return do


@pytest.fixture
def setting(runtime_wheel: Path, packed_bundle: Bundle, tmp_path: Path) -> Setting:  # noqa: F811
    """The runtime's wheel, a bundle and a folder."""
    folder = tmp_path / "job"
    folder.mkdir()
    return Setting(runtime_wheel, packed_bundle.path, folder)


@pytest.fixture
def pi(setting: Setting) -> Do:
    """A machine with Raspberry Pi OS bookworm's stand-in and a Pi 4's core."""
    try:
        return setting.machine(_named("bookworm-arm64-litert-cortex-a72"))
    except CannotGet as error:
        pytest.skip(str(error))


@pytest.fixture
def pi_with_libcamera(setting: Setting) -> Do:
    """The same with trixie's, libcamera's virtual camera and the published picamera2."""
    one = _named("trixie-arm64-litert-cortex-a72")
    try:
        system = cached("trixie-libcamera", (*LIBCAMERA, VIRTUAL_CAMERA), _build_libcamera)
        wheels = cached(
            "trixie-picamera2", PICAMERA2, lambda folder: fetch_wheels(one.system, PICAMERA2, folder, are_alone=True)
        )
        return setting.machine(one, system, [wheels])
    except CannotGet as error:
        pytest.skip(str(error))


def _named(name: str) -> Combination:
    return next(one for one in combinations() if str(one) == name)


def _build_libcamera(root: Path) -> None:
    unpack("trixie", "arm64", LIBCAMERA, root)
    place = root / "usr/share/libcamera/pipeline/virtual"
    place.mkdir(parents=True)
    (place / "virtual.yaml").write_text(VIRTUAL_CAMERA)
