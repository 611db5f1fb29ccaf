"""What people install: each wheel holds its packages and its data, and the device's asks for no TensorFlow."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    for source in (ROOT, ROOT / "runtime"):
        command = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(folder), str(source)]
        subprocess.run(command, check=True, capture_output=True)
    return {path.name.partition("-")[0]: zipfile.ZipFile(path) for path in folder.glob("*.whl")}


def metadata(wheel):
    (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    return wheel.read(name).decode()


def test_the_workstations_wheel_has_converters_and_templates(wheels):
    names = set(wheels["edgevision"].namelist())

    assert {"edgevision_converters/__init__.py", "edgevision/reports/templates/page.html.j2"} <= names
    assert not [name for name in names if name.startswith(("edgevision_runtime/", "tests/"))]


def test_the_devices_wheel_has_the_boards(wheels):
    names = set(wheels["edgevision_runtime"].namelist())

    boards = {f"edgevision_runtime/devices/{path.name}" for path in (ROOT / "devices").glob("*.toml")}
    assert boards
    assert boards <= names


def test_the_devices_wheel_has_the_runtime_alone_and_asks_for_nothing_heavy(wheels):
    names = {name.partition("/")[0] for name in wheels["edgevision_runtime"].namelist()}

    assert {name for name in names if not name.endswith(".dist-info")} == {"edgevision_runtime"}
    assert "tensorflow" not in metadata(wheels["edgevision_runtime"])
    assert "keras" not in metadata(wheels["edgevision_runtime"])


def test_both_wheels_bring_their_licence(wheels):
    for wheel in wheels.values():
        assert [name for name in wheel.namelist() if name.endswith("/licenses/LICENSE")]
        assert "License-Expression: Apache-2.0" in metadata(wheel)
