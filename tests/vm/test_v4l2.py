"""A real /dev/video0, of a kernel's vivid driver: what it grants, its colours, and its plug pulled out of a run."""

from __future__ import annotations

import json
import re

import pytest

from tests.vm.conftest import Do

pytestmark = pytest.mark.vm

SOURCES = (
    "/dev/video0",
    "0",
    "v4l2:///dev/video0?size=640x360&format=YUYV&fps=15",
    "v4l2:///dev/video0?size=1234x777&format=MJPG",
    "/dev/video7",
)
GRANTS_JOB = f"""
from watched import finished
save({{source: finished("run", "/job/bundle.evb", "--source", source, "--limit", "3") for source in {SOURCES!r}}})
"""

# Eight bars from left to right, by the driver's test pattern; (blue, green, red) is strong or weak.
BARS = ("111", "011", "110", "010", "101", "001", "100", "000")
COLOURS_JOB = """
from watched import finished
code = '''
import json
from edgevision_runtime.cameras import open_camera
seen = {}
for source in ("/dev/video0", "v4l2:///dev/video1?size=640x360&format=YUYV"):
    with open_camera(source) as camera:
        image = next(iter(camera)).image
    height, width = image.shape[:2]
    bars = [image[height * 3 // 4, (2 * bar + 1) * width // 16].tolist() for bar in range(8)]
    seen[source] = {"shape": image.shape, "bars": bars}
print(json.dumps(seen))
'''
save(finished(code=code))
"""

# The camera's driver is taken away for three seconds, and given back.
UNPLUG_JOB = """
import time
from watched import Watched
driver = "/sys/bus/platform/drivers/vivid/"
def tell(what):
    with open(driver + what, "w") as file:
        file.write("vivid.0")
    return time.monotonic()
run = Watched("run", "/job/bundle.evb", "--source", "/dev/video0")
run.wait_for_results(5)
unplugged_s = tell("unbind")
run.wait_for(lambda: any("backing off" in line for _, line in run.err))
time.sleep(3)
plugged_s = tell("bind")
run.wait_for_results(5)
code = run.stop()
save({"unplugged_s": unplugged_s, "plugged_s": plugged_s, "code": code, "out": run.out, "err": run.err})
"""


def test_what_a_camera_grants_is_told_and_may_be_other_than_what_was_asked(pi: Do) -> None:
    seen = pi(GRANTS_JOB)

    granted = {source: re.findall(r"streaming \((.*)\)", "\n".join(seen[source]["err"])) for source in SOURCES}
    assert [seen[source]["code"] for source in SOURCES] == [0, 0, 0, 0, 5]
    assert [len(_frames(seen[source]["out"])) for source in SOURCES] == [3, 3, 3, 3, 0]
    assert granted["/dev/video0"] == granted["0"] != []
    assert granted[SOURCES[2]] == ["YUYV 640x360 at 15 fps"]
    assert len(granted[SOURCES[3]]) == 1
    assert "1234x777" not in granted[SOURCES[3]][0]
    assert "MJPG" not in granted[SOURCES[3]][0]
    assert seen["/dev/video7"]["err"][-1].startswith("error: /dev/video7 cannot be opened")


def test_the_colours_of_a_camera_are_in_the_order_blue_green_red(pi: Do) -> None:
    seen = pi(COLOURS_JOB)

    assert seen["code"] == 0, seen["err"]
    for source, told in json.loads(seen["out"][0]).items():
        strong = ["".join("1" if value > 100 else "0" for value in bar) for bar in told["bars"]]
        assert tuple(strong) == BARS, (source, told)


def test_a_run_outlives_its_camera_and_invents_nothing(pi: Do) -> None:
    seen = pi(UNPLUG_JOB)

    told = [line.removeprefix("/dev/video0: ") for _, line in seen["err"] if line.startswith("/dev/video0: ")]
    lost = next(i for i, line in enumerate(told) if line.startswith("backing off"))
    assert told[0] == "connecting"
    assert told[1].startswith("streaming (")
    assert any(line.startswith("streaming (") for line in told[lost:])
    documents = _documents([line for _, line in seen["out"]])
    gaps = [document["phase"] for document in documents if document.get("event") == "gap"]
    captured_s = [document["captured_s"] for document in documents if "frame" in document]
    before = [at_s for at_s in captured_s if at_s <= seen["unplugged_s"]]
    after = [at_s for at_s in captured_s if at_s >= seen["plugged_s"]]
    assert gaps == ["began", "ended"]
    assert len(before) >= 5
    assert len(after) >= 5
    assert len(before) + len(after) == len(captured_s)  # none while there was no camera
    assert captured_s == sorted(captured_s)
    assert seen["code"] == 0


def _documents(lines: list[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in lines]


def _frames(lines: list[str]) -> list[dict[str, object]]:
    return [document for document in _documents(lines) if "frame" in document]
