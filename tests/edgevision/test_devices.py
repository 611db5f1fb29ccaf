import pytest

from edgevision.devices import find_device, load_devices, read_device
from edgevision_runtime.errors import UsageError

BOARDS = {
    "raspberry-pi-3", "raspberry-pi-4", "raspberry-pi-5", "raspberry-pi-zero-2w",
    "jetson-nano", "jetson-orin-nano", "jetson-agx-orin", "x86",
}  # fmt: skip
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


@pytest.fixture
def board(tmp_path):
    def write(text):
        path = tmp_path / "board.toml"
        path.write_text(text)
        return path

    return write


def test_every_board_of_the_project_is_there_and_whole():
    devices = load_devices()

    assert set(devices) == BOARDS
    assert all(device.systems and device.budget.source for device in devices.values())


def test_every_pin_names_the_library_of_its_engine():
    library = {"litert": "ai-edge-litert==", "tflite": "tflite-runtime==", "onnx": "onnxruntime=="}

    for device in load_devices().values():
        for system in device.systems:
            for pin in system.engines:
                assert pin.install[0].startswith(library[pin.name])


def test_tflite_runtime_never_comes_with_numpy_2():
    pins = [pin for device in load_devices().values() for system in device.systems for pin in system.engines]

    # 32-bit systems take numpy 1.24 from apt
    assert all("numpy<2" in pin.install or len(pin.install) == 1 for pin in pins if pin.name == "tflite")


def test_a_file_becomes_a_device(board):
    device = read_device(board(MINIMAL))

    assert (device.name, device.title, device.budget.bundle_mb) == ("board", "Board", 10.5)
    assert device.budget.latency_p95_ms == 100.0
    assert device.systems[0].engines[0].install == ("tflite-runtime==2.14.0", "numpy<2")
    assert device.systems[0].engines[0].refuses == {"FULLY_CONNECTED": 12}


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("cores = 1\n", "cores = 1\ncoers = 2\n", r"board\.toml: unknown key 'coers'.*cores"),
        ("fps = 30\n", "fps = 30\nshutter = 1\n", r"board\.toml: camera: unknown key 'shutter'"),
        ("cores = 1\n", "", r"board\.toml: cores is missing"),
        ("cores = 1\n", 'cores = "one"\n', r"board\.toml: cores is 'one'.*a whole number"),
        ("cores = 1\n", "cores = true\n", r"board\.toml: cores is True.*a whole number"),
        ('name = "tflite"', 'name = "tensorrt"', r"engine 'tensorrt'.*litert \| tflite \| onnx"),
        ('evidence = "run"', 'evidence = "hearsay"', r"evidence 'hearsay'.*run \| wheel \| unmeasured"),
        ('install = ["tflite-runtime==2.14.0", "numpy<2"]', 'install = "tflite"', r"install is 'tflite'.*an array"),
        ('title = "Board"', "title = ", "cannot be read"),
    ],
)
def test_a_file_that_is_not_as_it_must_be_is_named_with_the_field(board, before, after, said):
    with pytest.raises(UsageError, match=said):
        read_device(board(MINIMAL.replace(before, after, 1)))


def test_a_typo_in_the_name_of_a_board_gets_a_suggestion():
    with pytest.raises(UsageError, match="did you mean raspberry-pi-4"):
        find_device("rasberry-pi-4")
