"""What the runs on emulated boards share: the runtime's wheel, and the systems, opened once."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.arm.debian import CannotGet
from tests.arm.userland import Combination, Userland, open_userland

RUNTIME = Path(__file__).parents[2] / "runtime"


@pytest.fixture(scope="session")
def runtime_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the runtime's wheel installs."""
    built, unpacked = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("runtime")
    command = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(built), str(RUNTIME)]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = built.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(unpacked)
    return unpacked


@pytest.fixture(scope="session")
def opened(runtime_wheel: Path) -> Callable[[Combination], Userland]:
    """Opens a system, or skips the test and says why it cannot."""

    def open_or_skip(combination: Combination) -> Userland:
        try:
            return open_userland(combination.system, combination.pin, runtime_wheel)
        except CannotGet as error:
            pytest.skip(str(error))

    return open_or_skip
