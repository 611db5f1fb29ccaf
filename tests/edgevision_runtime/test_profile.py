"""A device knows which board it is, and reads what that board prefers; a file that is not as it must be is named."""

from __future__ import annotations

import platform
from collections.abc import Callable
from pathlib import Path

import pytest

from edgevision_runtime.errors import UsageError
from edgevision_runtime.profile import Host, detect_profile, profile_files, read_profile, this_host, userland
from edgevision_runtime.types import Operator, Variant

MINIMAL = """
title = "Board"
cpu = "1 × Core"
cores = 1
memory_mb = 512
threads = 1
[camera]
source = "0"
width = 640
height = 480
fps = 30
[budget]
latency_p95_ms = 100
bundle_mb = 10.5
memory_mb = 64
source = "choice"
[[systems]]
name = "Linux"
python = "3.11"
machine = "aarch64"
glibc = "2.36"
[[systems.engines]]
name = "tflite"
install = ["tflite-runtime==2.14.0", "numpy<2"]
evidence = "run"
refuses = { FULLY_CONNECTED = 12 }
"""

Board = Callable[[str], Path]


@pytest.fixture
def board(tmp_path: Path) -> Board:
    def write(text: str) -> Path:
        path = tmp_path / "board.toml"
        path.write_text(text)
        return path

    return write


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("Raspberry Pi 4 Model B Rev 1.5", "raspberry-pi-4"),
        ("Raspberry Pi Compute Module 4 Rev 1.0", "raspberry-pi-4"),
        ("Raspberry Pi 400 Rev 1.0", "raspberry-pi-4"),
        ("Raspberry Pi 5 Model B Rev 1.0", "raspberry-pi-5"),
        ("Raspberry Pi 3 Model B Plus Rev 1.3", "raspberry-pi-3"),
        ("Raspberry Pi Zero 2 W Rev 1.0", "raspberry-pi-zero-2w"),
        ("NVIDIA Jetson Nano Developer Kit", "jetson-nano"),
        ("NVIDIA Jetson Orin Nano Developer Kit", "jetson-orin-nano"),
        ("NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super", "jetson-orin-nano"),
        ("NVIDIA Orin Nano Developer Kit", "jetson-orin-nano"),
        ("NVIDIA Jetson AGX Orin Developer Kit", "jetson-agx-orin"),
        ("Raspberry Pi 2 Model B Rev 1.1", None),
        ("NVIDIA Jetson Xavier NX Developer Kit", None),
    ],
)
def test_a_board_is_known_by_what_its_firmware_says(tmp_path: Path, model: str, name: str | None) -> None:
    (tmp_path / "proc/device-tree").mkdir(parents=True)
    (tmp_path / "proc/device-tree/model").write_bytes(model.encode() + b"\0")

    found = detect_profile(tmp_path)

    assert (found.name if found else None) == name


def test_every_board_says_on_one_line_how_it_is_known() -> None:
    for path in profile_files().values():
        detect = read_profile(path).detect
        assert detect.model or detect.machine
        assert [line for line in path.read_text().splitlines() if line.startswith("detect = {")]


@pytest.mark.skipif(platform.machine() != "x86_64", reason="needs a PC")
def test_a_machine_without_a_device_tree_is_known_by_its_processor(tmp_path: Path) -> None:
    found = detect_profile(tmp_path)

    assert found is not None
    assert found.name == "x86"


def test_the_system_is_the_very_one_or_the_nearest_that_its_glibc_allows() -> None:
    pi = read_profile("raspberry-pi-4")
    named = {
        Host("3.11", "aarch64", "2.36"): "Raspberry Pi OS bookworm, 64-bit",
        Host("3.13", "aarch64", "2.41"): "Raspberry Pi OS trixie, 64-bit",
        Host("3.11", "armv7l", "2.36"): "Raspberry Pi OS bookworm, 32-bit",
        Host("3.12", "aarch64", "2.39"): "Raspberry Pi OS bookworm, 64-bit",  # Ubuntu 24.04
        Host("3.12", "aarch64", "2.42"): "Raspberry Pi OS trixie, 64-bit",
        Host("3.9", "aarch64", "2.31"): None,  # bullseye
        Host("3.11", "riscv64", "2.41"): None,
        Host("3.11", "aarch64", ""): None,  # musl
    }

    for host, name in named.items():
        system = pi.system_for(host)
        assert (system.name if system else None) == name


def test_a_32_bit_system_on_a_64_bit_kernel_takes_32_bit_wheels() -> None:
    assert userland("aarch64", is_64_bit=False) == "armv7l"
    assert userland("aarch64", is_64_bit=True) == "aarch64"
    assert userland("armv7l", is_64_bit=False) == "armv7l"


def test_this_host_says_what_decides_its_wheels() -> None:
    host = this_host()

    assert host.machine == userland(platform.machine(), is_64_bit=True)
    assert host.glibc == platform.libc_ver()[1]
    assert str(Host("3.11", "aarch64", "2.36")) == "Python 3.11 on aarch64 with glibc 2.36"


def test_a_file_becomes_a_profile(board: Board) -> None:
    profile = read_profile(board(MINIMAL))

    assert (profile.name, profile.title, profile.budget.bundle_mb) == ("board", "Board", 10.5)
    assert profile.budget.latency_p95_ms == 100.0
    assert profile.systems[0].engines[0].install == ("tflite-runtime==2.14.0", "numpy<2")
    assert profile.systems[0].engines[0].refuses == {"FULLY_CONNECTED": 12}


def test_an_engine_says_which_operators_it_does_not_know(board: Board) -> None:
    pin = read_profile(board(MINIMAL)).systems[0].engines[0]

    def refused(version: int) -> list[str]:
        return pin.refused_operators(
            Variant("models/a.tflite", "tflite", "int8", (), (), (Operator("FULLY_CONNECTED", version),))
        )

    assert refused(11) == []
    assert refused(12) == ["FULLY_CONNECTED 12 (known: below 12)"]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("cores = 1\n", "cores = 1\ncoers = 2\n", r"board\.toml: unknown key 'coers'.*cores"),
        ("fps = 30\n", "fps = 30\nshutter = 1\n", r"board\.toml: camera: unknown key 'shutter'"),
        ("cores = 1\n", "", r"board\.toml: cores is missing"),
        ("cores = 1\n", 'cores = "one"\n', r"board\.toml: cores is 'one'.*a whole number"),
        ("cores = 1\n", "cores = true\n", r"board\.toml: cores is True.*a whole number"),
        ("cores = 1\n", 'cores = 1\ndetect = "Pi"\n', r"board\.toml: detect is 'Pi'.*a table"),
        ('name = "tflite"', 'name = "tensorrt"', r"engine 'tensorrt'.*litert \| tflite \| onnx"),
        ('evidence = "run"', 'evidence = "hearsay"', r"evidence 'hearsay'.*run \| wheel \| unmeasured"),
        ('install = ["tflite-runtime==2.14.0", "numpy<2"]', 'install = "tflite"', r"install is 'tflite'.*an array"),
        ('title = "Board"', "title = ", "cannot be read"),
    ],
)
def test_a_file_that_is_not_as_it_must_be_is_named_with_the_field(
    board: Board, before: str, after: str, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        read_profile(board(MINIMAL.replace(before, after, 1)))


def test_a_typo_in_the_name_of_a_board_gets_a_suggestion() -> None:
    with pytest.raises(UsageError, match="did you mean raspberry-pi-4"):
        read_profile("rasberry-pi-4")


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"own\.toml cannot be read"):
        read_profile(tmp_path / "own.toml")
