"""docs/boards.md says of every board and engine what has run where: what devices/*.toml and the emulated runs say."""

from pathlib import Path

import pytest

from edgevision.devices import load_devices
from edgevision_runtime.cameras import SCHEMES
from edgevision_runtime.engines import ENGINES
from tests.arm.userland import STANDS, combinations, core_of

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "boards.md").read_text()
SYSTEMS = [(device, system) for device in load_devices().values() for system in device.systems]
PINNED = ("litert", "tflite", "onnx")


def cell(device, system, name):
    """What has run of an engine: its version, and where."""
    pin = next((pin for pin in system.engines if pin.name == name), None)
    if pin is None:
        return "—"
    version = pin.install[0].partition("==")[2]
    if pin.evidence == "unmeasured":
        return f"{version} nowhere"
    if system.machine == "x86_64":
        return f"{version} ran"
    place = f"ran on {core_of(device, system)}" if system.name in STANDS else "wheel checked"
    if pin.evidence == "wheel" and system.name in STANDS:
        return f"{version} wheel checked, {place} in Debian"
    return f"{version} {place}"


def table():
    """The lines of the page's table."""
    lines = [f"| board | system | {' | '.join(PINNED)} |", f"|---|---|{'---|' * len(PINNED)}"]
    for device, system in SYSTEMS:
        cells = [cell(device, system, name) for name in PINNED]
        lines.append(f"| {device.title} | {system.name}, Python {system.python} | {' | '.join(cells)} |")
    return lines


def test_the_table_says_what_the_boards_files_say():
    wanted = table()

    shown = PAGE.splitlines()[PAGE.splitlines().index(wanted[0]) :][: len(wanted) + 1]

    assert shown == [*wanted, ""], "docs/boards.md needs:\n" + "\n".join(wanted)


@pytest.mark.parametrize(("device", "system"), SYSTEMS, ids=lambda part: part.name)
def test_what_is_said_to_have_run_is_run_by_test_arm(device, system):
    emulated = {(one.system.name, one.pin.name) for one in combinations()}

    for pin in system.engines:
        if pin.evidence == "run" and system.machine != "x86_64":
            assert (system.name, pin.name) in emulated
        if system.name in STANDS and STANDS[system.name].is_close:
            assert pin.evidence == "run"


def test_every_engine_and_live_camera_is_on_the_page():
    missing = [name for name in (*ENGINES, *SCHEMES) if f"`{name}`" not in PAGE and f"`{name}://`" not in PAGE]

    assert not missing


def test_no_latency_comes_from_emulation():
    assert " ms" not in PAGE
