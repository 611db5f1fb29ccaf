"""picamera:// on the published picamera2 and Debian's libcamera, with libcamera's virtual camera for a sensor.

What this leaves to a Raspberry Pi: its image processor (which grants RGB888 and scales a second stream) and sensors.
"""

from __future__ import annotations

import json

import pytest

from tests.vm.conftest import Do
from tests.vm.test_v4l2 import BARS

pytestmark = pytest.mark.vm

SOURCE = "picamera://0?size=640x480"
JOB = f"""
from watched import CODE, finished
import_first = "import virtual_camera\\n"
look = '''
import json, time
from edgevision_runtime.cameras import open_camera
with open_camera("{SOURCE}") as camera:
    frame = next(iter(camera))
    age_s = time.monotonic() - frame.captured_s
height, width = frame.image.shape[:2]
bars = [frame.image[height // 2, (2 * bar + 1) * width // 16].tolist() for bar in range(8)]
print(json.dumps({{"shape": frame.image.shape, "bars": bars, "age_s": age_s}}))
'''
ran = finished("run", "/job/bundle.evb", "--source", "{SOURCE}", "--limit", "3", code=import_first + CODE)
save({{"ran": ran, "looked": finished(code=import_first + look)}})
"""


def test_a_run_reads_picamera2_in_the_right_colours_and_times(pi_with_libcamera: Do) -> None:
    seen = pi_with_libcamera(JOB)

    ran, looked = seen["ran"], seen["looked"]
    assert ran["code"] == 0, ran["err"]
    assert len([line for line in ran["out"] if "frame" in json.loads(line)]) == 3
    assert any("streaming (NV12 640x480 at 30" in line for line in ran["err"]), ran["err"]
    assert looked["code"] == 0, looked["err"]
    assert not [line for done in (ran, looked) for line in done["err"] if "Traceback" in line]
    frame = json.loads(looked["out"][-1])
    strong = tuple("".join("1" if value > 128 else "0" for value in bar) for bar in frame["bars"])
    assert frame["shape"] == [480, 640, 3]
    assert strong in [BARS[moved:] + BARS[:moved] for moved in range(8)]  # the pattern moves to the left
    assert 0 < frame["age_s"] < 60  # the sensor's time is on the clock of the run
