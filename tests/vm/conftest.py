"""What the tests in emulated machines share: a machine with the runtime, and a bundle with which it is busy."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgevision_runtime.bundle import Bundle
from tests.arm.conftest import runtime_wheel  # noqa: F401  (a fixture)
from tests.arm.debian import CannotGet
from tests.arm.userland import combinations, open_userland
from tests.vm.boot import Share
from tests.vm.machine import Machine

WATCHED = Path(__file__).with_name("watched.py")
Do = Callable[[str], Any]


@pytest.fixture
def pi(runtime_wheel: Path, packed_bundle: Bundle, tmp_path: Path) -> Do:  # noqa: F811
    """Runs a Python script in a machine with a Raspberry Pi 4's core; it leaves what it saw with `save(…)`."""
    return machine_of("bookworm-arm64-litert-cortex-a72", runtime_wheel, packed_bundle, tmp_path)


def machine_of(name: str, runtime: Path, bundle: Bundle, folder: Path) -> Do:
    """A machine with the system and engine of a combination, the runtime in /libraries and the bundle in /job."""
    one = next(one for one in combinations() if str(one) == name)
    try:
        userland = open_userland(one.system, one.pin, runtime)
        places = {f"/libraries/{number}": path for number, path in enumerate(userland.libraries[:2])}
        shares = [Share(path, place) for place, path in places.items()]
        machine = Machine(name.partition("-")[0], userland.root, shares, one.core)
    except CannotGet as error:
        pytest.skip(str(error))
    shutil.copy(bundle.path, folder / "bundle.evb")
    shutil.copy(WATCHED, folder)
    (folder / "libraries").write_text(":".join([*places, "/usr/lib/python3/dist-packages"]))

    def do(job: str) -> Any:
        seen = "import json\ndef save(seen):\n    open('/job/seen.json', 'w').write(json.dumps(seen))\n"
        machine.do(seen + job, folder)
        return json.loads((folder / "seen.json").read_text())

    return do
