"""Hand-made pictures and packages for the tests of data."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from edgevision.data.pins import Package
from tests.edgevision.data.pictures import write_mask, write_picture


@pytest.fixture
def class_folder(tmp_path: Path) -> Path:
    """20 pictures of `cat` and 10 of `dog`, a folder each."""
    root = tmp_path / "animals"
    for seed in range(20):
        write_picture(root / "cat" / f"cat-{seed:02d}.png", seed)
    for seed in range(10):
        write_picture(root / "dog" / f"dog-{seed:02d}.png", 100 + seed)
    return root


@pytest.fixture
def mask_folder(tmp_path: Path) -> Path:
    """Three 2×3 pictures with 0/255 masks and two classes."""
    root = tmp_path / "lungs"
    for seed in range(3):
        write_picture(root / "images" / f"film{seed}.png", seed, (2, 3))
        write_mask(root / "masks" / f"film{seed}.png", [[0, 0, 255], [0, 255, 255]])
    (root / "classes.txt").write_text("background\nlung\n")
    return root


@pytest.fixture
def wheel_folder(tmp_path: Path) -> Path:
    """A folder of packages that stands in for an index."""
    folder = tmp_path / "index"
    folder.mkdir()
    return folder


@pytest.fixture
def make_wheel(wheel_folder: Path) -> Callable[[dict[str, bytes]], Package]:
    """Write a wheel `tiny-photos` 1.0 with the given members into the folder, and pin it."""

    def make(members: dict[str, bytes]) -> Package:
        path = wheel_folder / "tiny_photos-1.0-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as wheel:
            for name, data in members.items():
                wheel.writestr(name, data)
            info = "tiny_photos-1.0.dist-info/"
            wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\nName: tiny-photos\nVersion: 1.0\n")
            wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(info + "RECORD", "")
        data = path.read_bytes()
        return Package("tiny-photos", "1.0", hashlib.sha256(data).hexdigest(), len(data), "CC0")

    return make
