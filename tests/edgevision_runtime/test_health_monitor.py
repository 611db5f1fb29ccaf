import json
import threading

import pytest

from edgevision_runtime.health.alarms import BoardAlarms
from edgevision_runtime.health.monitor import HealthMonitor
from edgevision_runtime.health.reading import HealthReading
from edgevision_runtime.health.sensors import Sensors
from edgevision_runtime.health.steps import HealthSteps
from edgevision_runtime.messages import BEGAN, ENDED, HAPPENED
from tests.edgevision_runtime.fake_board import WORD, FakeBoard


@pytest.fixture
def board(tmp_path):
    return FakeBoard(tmp_path / "root")


def watch(board, **setup):
    readings, events = [], []
    steps = HealthSteps(has_smaller=True)
    monitor = HealthMonitor(Sensors(board.root), steps, show=readings.append, tell=events.append, **setup)
    return monitor, readings, events


def names(events):
    return [(event.name, event.phase) for event in events]


def test_a_hot_board_is_slowed_told_and_shown(board):
    monitor, readings, events = watch(board)
    board.zone(0, "cpu-thermal", 60000)
    monitor.look(0)

    board.zone(0, "cpu-thermal", 76000)
    monitor.look(5)

    assert (monitor.pace_factor, monitor.wants_smaller) == (2, False)
    assert [(reading.step, reading.pace_factor) for reading in readings] == [("normal", 1), ("slow", 2)]
    assert names(events) == [("heat: slow", BEGAN)]
    json.dumps(events[0].detail)


def test_under_voltage_is_an_alarm_and_slows_nothing(board):
    monitor, _, events = watch(board)
    board.zone(0, "cpu-thermal", 50000)
    board.show(WORD, "50005")

    monitor.look(0)

    assert names(events) == [("under-voltage", BEGAN), ("throttled", BEGAN)]
    assert monitor.pace_factor == 1


def test_under_voltage_ends_after_a_calm_and_flickering_is_one_alarm(board):
    monitor, _, events = watch(board)

    for now_s, word in ((0, "50001"), (5, "50000"), (20, "50001"), (25, "50000"), (45, "50000"), (50, "50000")):
        board.show(WORD, word)
        monitor.look(now_s)

    told = [event for event in events if event.name == "under-voltage"]
    assert names(told) == [("under-voltage", BEGAN), ("under-voltage", ENDED)]
    assert told[1].detail == {"duration_s": 20.0}


def test_what_happened_before_the_run_is_told_once(board):
    monitor, _, events = watch(board)
    board.show(WORD, "50000")

    for now_s in range(0, 100, 5):
        monitor.look(now_s)

    assert names(events) == [("throttled", HAPPENED), ("under-voltage", HAPPENED)]
    assert "since the board was switched on" in events[0].detail["reason"]


def test_a_dip_between_two_looks_is_not_missed(board):
    monitor, _, events = watch(board)
    board.show(WORD, "0")
    monitor.look(0)

    board.show(WORD, "10000")
    monitor.look(5)

    assert names(events) == [("under-voltage", HAPPENED)]


def test_a_disk_that_fills_up_is_told_and_that_it_has_room_again():
    alarms = BoardAlarms()
    course = ((0, 500), (5, 99), (10, 150), (100, 150), (105, 250), (110, 250))

    events = [event for now_s, mb in course for event in alarms.observe(HealthReading(at=0, disk_free_mb=mb), now_s)]

    assert names(events) == [("disk", BEGAN), ("disk", ENDED)]


def test_the_thread_looks_again_and_again_and_ends_with_the_run(board):
    board.zone(0, "cpu-thermal", 50000)
    looked = threading.Semaphore(0)
    monitor = HealthMonitor(
        Sensors(board.root), HealthSteps(), show=lambda reading: looked.release(), tell=print, period_s=0.01
    )

    with monitor:
        assert all(looked.acquire(timeout=10) for _ in range(5))

    assert "health" not in [thread.name for thread in threading.enumerate()]
