"""A fake camera fails as its script says, at the same moments for the same seed, hours of it in seconds."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgevision_runtime.cameras import kind_of, open_camera
from edgevision_runtime.cameras.clock import VirtualClock
from edgevision_runtime.cameras.events import CameraEvent, Gap, StateChange
from edgevision_runtime.cameras.fake import FakeCamera, VideoPictures
from edgevision_runtime.cameras.fake_script import Fault, parse_script
from edgevision_runtime.cameras.options import CameraOptions
from edgevision_runtime.errors import SourceLost, UsageError
from edgevision_runtime.types import Frame

PICTURES = 5


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Grey pictures of 0, 50, 100, 150 and 200."""
    for number in range(PICTURES):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((24, 32, 3), number * 50, np.uint8))
    return tmp_path


def watch(folder: Path, script: str, **options: float) -> tuple[list[tuple[int, float]], list[CameraEvent], FakeCamera]:
    """([(number of the frame that was captured, when)], events, the camera)."""
    events: list[CameraEvent] = []
    camera = FakeCamera(f"fake://{folder}?{script}", CameraOptions(on_event=events.append, **options))  # type: ignore[arg-type]
    with camera:
        frames = [(round(frame.captured_s * camera.script.fps), frame.captured_s) for frame in camera if shows(frame)]
    return frames, events, camera


def shows(frame: Frame) -> bool:
    """Asserts that the frame is the picture that the camera saw at that time."""
    assert (frame.image == round(frame.captured_s * 10) % PICTURES * 50).all()
    return True


def gaps(events: list[CameraEvent]) -> list[Gap]:
    return [event for event in events if isinstance(event, Gap) and event.is_over]


def test_the_same_seed_gives_the_same_frames_and_events_and_another_seed_others(folder: Path) -> None:
    script = "fps=10&drop=0.2&corrupt=0.1&jitter=8ms&stall=3s@10/20&disconnect=2s@15/30&duration=2m&seed="

    first, again, other = watch(folder, script + "1"), watch(folder, script + "1"), watch(folder, script + "2")

    assert first[:2] == again[:2]
    assert first[0] != other[0]


def test_a_day_of_faults_passes_in_seconds_and_every_gap_begins_and_ends_with_a_frame(folder: Path) -> None:
    started_s = time.monotonic()

    frames, events, camera = watch(
        folder, "fps=10&drop=0.05&stall=4s@10/600&disconnect=40s@300/3600&duration=24h&seed=1"
    )

    assert time.monotonic() - started_s < 60  # measured: 7 s
    silent = 4 / 600 + 55 / 3600  # a disconnection of 40 s, and on average half of the last wait of 30 s
    assert len(frames) == pytest.approx(24 * 3600 * 10 * 0.95 * (1 - silent), rel=0.01)
    assert len(gaps(events)) == 24 * 6 + 24  # one for each fault
    captured = {when for _, when in frames}
    assert all(gap.started_s in captured and gap.ended_s in captured for gap in gaps(events))
    assert camera.reconnects >= 24


def test_no_frame_is_captured_in_a_stall_and_a_short_one_needs_no_new_connection(folder: Path) -> None:
    frames, events, camera = watch(folder, "fps=10&stall=3s@10&duration=20s")

    assert [number for number, _ in frames] == [*range(100), *range(130, 200)]
    assert gaps(events) == [Gap(camera.source, "stalled", 9.9, 13.0)]
    states = [event.state for event in events if isinstance(event, StateChange)]
    assert states == ["connecting", "streaming", "stalled", "streaming", "ended"]


def test_a_disconnected_camera_is_reached_again_after_a_pause(folder: Path) -> None:
    frames, events, camera = watch(folder, "fps=10&disconnect@20&duration=30s&seed=1")

    (gap,) = gaps(events)
    assert (gap.reason, gap.started_s) == ("the fake camera was disconnected", 19.9)
    assert gap.ended_s is not None
    assert 20.25 <= gap.ended_s <= 20.7  # the first wait is 0.25 to 0.5 s, then up to two periods of 0.1 s
    assert camera.reconnects == 1
    assert frames[-1][0] == 299


def test_a_dropped_frame_is_missing_and_a_damaged_one_is_refused_never_shown(folder: Path) -> None:
    frames, _, camera = watch(folder, "fps=10&drop=0.3&corrupt=0.2&duration=100s&seed=3")

    assert len(frames) == pytest.approx(1000 * 0.7 * 0.8, abs=60)  # four standard deviations of a binomial of 0.56
    assert camera.damaged == pytest.approx(1000 * 0.7 * 0.2, abs=45)


def test_jitter_delays_arrival_but_not_the_time_of_capture(folder: Path) -> None:
    camera = FakeCamera(f"fake://{folder}?fps=10&jitter=50ms&duration=5s", CameraOptions())

    ages = [camera.clock.monotonic() - frame.captured_s for frame in camera]

    assert 0 <= min(ages) < max(ages) <= 0.05
    assert len(set(ages)) > 10


def test_frames_that_came_while_the_consumer_was_busy_are_replaced_by_the_newest_and_counted(folder: Path) -> None:
    camera = FakeCamera(f"fake://{folder}?fps=10&duration=10s", CameraOptions())
    ages = []

    for frame in camera:
        ages.append(camera.clock.monotonic() - frame.captured_s)
        camera.clock.sleep(0.35)

    assert max(ages[:-1]) < 0.1 + 1e-9  # never older than a period; the last one has no successor
    assert len(ages) + camera.missed == 100


def test_without_a_frame_for_long_enough_the_source_is_lost(folder: Path) -> None:
    camera = FakeCamera(f"fake://{folder}?fps=10&disconnect=1h@5", CameraOptions(give_up_after_s=60))

    with pytest.raises(SourceLost, match="no frame for 60 s, given up"):
        list(camera)

    assert camera.clock.monotonic() == pytest.approx(4.9 + 60, abs=0.21)  # looked at every 0.2 s
    assert camera.state == "ended"


def test_stopping_ends_the_iteration_and_a_real_clock_makes_it_live(folder: Path) -> None:
    with open_camera(f"fake://{folder}?fps=50&clock=real") as camera:
        started_s = time.monotonic()
        taken = list(itertools.islice(camera, 11))
        took_s = time.monotonic() - started_s
        camera.stop()

    assert camera.is_live
    assert len(taken) == 11
    assert 0.19 < took_s < 1.0  # ten periods of 20 ms, and whatever a busy machine adds


def test_a_video_is_played_over_and_over(tmp_path: Path) -> None:
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (32, 24))
    for number in range(4):
        writer.write(np.full((24, 32, 3), number * 60, np.uint8))
    writer.release()
    pictures = VideoPictures(str(path))

    seen = [round(float(pictures.picture(number).mean()) / 60) for number in (0, 1, 3, 4, 6, 9, 1000)]

    assert seen == [0, 1, 3, 0, 2, 1, 0]
    pictures.close()


@pytest.mark.parametrize(
    ("script", "line"),
    [
        ("fsp=30", "fake:// does not know 'fsp'.*did you mean fps?"),
        ("drop=1.5", "drop=1.5 cannot be; expected a share from 0 to 1"),
        ("fps=0", "fps=0 cannot be; expected a number above 0"),
        ("fps=nan", "fps=nan cannot be; expected a number above 0"),
        ("stall=3s", "stall=3s cannot be; expected HOW-LONG@WHEN"),
        ("stall=3s@10/2", "expected a repeat that is longer"),
        ("jitter=8meters", "expected a duration such as"),
        ("clock=fast", "expected virtual or real"),
        ("seed=1&seed=2", "seed is given twice"),
        ("disconnekt@20", "did you mean disconnect?"),
    ],
)
def test_a_script_that_cannot_be_is_refused_in_one_line(script: str, line: str) -> None:
    with pytest.raises(UsageError, match=line) as caught:
        parse_script(script)

    assert "\n" not in str(caught.value)


def test_a_script_says_what_happens_when() -> None:
    script = parse_script("fps=30&drop=0.05&stall=3s@10,1m@2h&disconnect@20&corrupt=0.01&jitter=8ms&seed=1")

    assert (script.fps, script.drop, script.corrupt, script.jitter_s, script.seed) == (30, 0.05, 0.01, 0.008, 1)
    assert script.stalls == (Fault(10, 3), Fault(7200, 60))
    assert script.disconnects == (Fault(20, 0),)


def test_a_fake_camera_of_nothing_is_refused(tmp_path: Path) -> None:
    assert kind_of("fake://x") == "fake"
    for source in ("fake://", f"fake://{tmp_path}/missing.mp4"):
        with pytest.raises(UsageError):
            open_camera(source)
    with pytest.raises(SourceLost, match="no pictures"):
        open_camera(f"fake://{tmp_path}")
    with pytest.raises(UsageError, match="did you mean fake://"):
        open_camera("fkae://x")


def test_a_virtual_clock_moves_only_when_someone_sleeps() -> None:
    clock = VirtualClock(5.0)

    clock.sleep(2.5)

    assert clock.monotonic() == 7.5
    with pytest.raises(ValueError, match="cannot sleep"):
        clock.sleep(-1)
