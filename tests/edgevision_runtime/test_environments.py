"""The device's package installs alone, in fresh environments, for each engine, and runs a bundle there."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edgevision_runtime.bundle import Bundle

RUNTIME = Path(__file__).parents[2] / "runtime"
EXTRAS = {"litert": "litert,camera", "tflite": "tflite", "onnx": "onnx,camera"}
FORBIDDEN = ("tensorflow", "keras", "tf-keras", "torch", "matplotlib", "scikit-learn")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(folder), str(RUNTIME)]
    subprocess.run(command, check=True)
    return next(folder.glob("*.whl"))


def interpreter(version: str) -> str:
    """The python of a version, from the path or from pyenv; skips the test where there is none."""
    found = [shutil.which(f"python{version}"), *map(str, Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))]
    for python in filter(None, found):
        check = [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        if subprocess.run(check, capture_output=True, text=True, check=False).stdout.strip() == version:
            return python
    pytest.skip(f"there is no Python {version} here")


def install(folder: Path, wheel: Path, extras: str, python: str = sys.executable) -> Path:
    subprocess.run([python, "-m", "venv", str(folder)], check=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, f"{wheel}[{extras}]"], check=True)
    return folder / "bin"


@pytest.mark.parametrize("engine", list(EXTRAS))
def test_a_bundle_runs_in_an_environment_with_that_engine_alone(
    engine: str, wheel: Path, packed_bundle: Bundle, colour_folder: Path, tmp_path: Path
) -> None:
    bin_folder = install(tmp_path / "venv", wheel, EXTRAS[engine])
    runtime = str(bin_folder / "edgevision-runtime")

    listing = subprocess.run([bin_folder / "pip", "list", "--format", "json"], capture_output=True, check=True)
    selftest = subprocess.run([runtime, "selftest", packed_bundle.path], capture_output=True, text=True, check=False)
    ran = subprocess.run(
        [runtime, "run", packed_bundle.path, "--source", colour_folder], capture_output=True, text=True, check=False
    )

    installed = {entry["name"].lower() for entry in json.loads(listing.stdout)}
    assert not installed & set(FORBIDDEN)
    assert selftest.returncode == 0, selftest.stderr
    assert f"on {engine} " in selftest.stdout
    assert ran.returncode == 0, ran.stderr
    assert [json.loads(line)["label"] for line in ran.stdout.splitlines()] == ["blue"] * 4 + ["green"] * 4 + ["red"] * 4


@pytest.mark.parametrize(
    ("version", "extras"), [("3.9", "onnx,camera,sign"), ("3.10", "litert,camera"), ("3.13", "litert,camera")]
)
def test_the_runtime_runs_on_the_pythons_of_the_boards(
    version: str, extras: str, wheel: Path, packed_bundle: Bundle, colour_folder: Path, tmp_path: Path
) -> None:
    bin_folder = install(tmp_path / "venv", wheel, extras, interpreter(version))
    runtime = str(bin_folder / "edgevision-runtime")
    verbs = (["info"], ["selftest"], ["run", "--source", colour_folder], ["bench", "--runs", "2", "--warmup", "0"])
    imports = (
        "import importlib, pkgutil, edgevision_runtime as package\n"
        "for module in pkgutil.walk_packages(package.__path__, 'edgevision_runtime.'):\n"
        "    importlib.import_module(module.name)"
    )

    subprocess.run([bin_folder / "python", "-c", imports], check=True)
    for verb, *more in verbs:
        done = subprocess.run([runtime, verb, packed_bundle.path, *more], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{verb}: {done.stderr}"
    typo = subprocess.run([runtime, "slftest"], capture_output=True, text=True, check=False)

    assert "did you mean selftest?" in typo.stderr  # old versions of click do not say so


def test_without_an_engine_it_says_what_to_install(wheel: Path, packed_bundle: Bundle, tmp_path: Path) -> None:
    bin_folder = install(tmp_path / "venv", wheel, "camera")

    done = subprocess.run(
        [bin_folder / "edgevision-runtime", "selftest", packed_bundle.path], capture_output=True, text=True, check=False
    )

    assert done.returncode == 3
    assert 'pip install "edgevision-runtime[litert]"' in done.stderr
    assert done.stderr.count("\n") == 1
