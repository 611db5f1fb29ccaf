"""Frames wait in one place for each camera and are served in turn."""

from __future__ import annotations

import threading
import time

from edgevision_runtime.turns import Place, Turns
from edgevision_runtime.types import Frame
from tests.edgevision_runtime import networks

GOES_ON = threading.Event()


def frame(index: int) -> Frame:
    return Frame(networks.frame_of(200, 40, 40), index, time.monotonic(), "test")


def turns(count: int, *, waits: bool = False) -> tuple[Turns, list[Place]]:
    places = [Place(waits_for_taker=waits) for _ in range(count)]
    return Turns(places), places


def test_a_place_keeps_the_newest_and_counts_what_it_replaced() -> None:
    served, places = turns(1)

    for index in range(5):
        served.put(0, frame(index))
    taken = served.take(GOES_ON)
    served.close(0)
    served.done(0)

    assert taken is not None
    assert (taken[1].index, places[0].dropped) == (4, 4)
    assert served.take(GOES_ON) is None


def test_where_nothing_may_be_lost_the_camera_waits() -> None:
    served, places = turns(1, waits=True)

    def produce() -> None:
        for index in range(20):
            served.put(0, frame(index))
        served.close(0)

    producer = threading.Thread(target=produce)
    producer.start()
    taken = []
    while (turn := served.take(GOES_ON)) is not None:
        taken.append(turn[1].index)
        served.done(0)
    producer.join()

    assert (taken, places[0].dropped) == (list(range(20)), 0)


def test_cameras_are_served_in_turn_however_fast_one_of_them_is() -> None:
    served, _ = turns(3)
    order = []

    for step in range(9):
        for _ in range(1 + 9 * (step % 2)):  # the first camera puts ten times as often
            served.put(0, frame(step))
        served.put(1, frame(step))
        served.put(2, frame(step))
        turn = served.take(GOES_ON)
        assert turn is not None
        order.append(turn[0])
        served.done(turn[0])

    assert order == [0, 1, 2] * 3


def test_a_camera_has_one_frame_in_service_at_a_time() -> None:
    served, _ = turns(2)
    served.put(0, frame(0))
    first = served.take(GOES_ON)
    served.put(0, frame(1))
    served.put(1, frame(0))

    second = served.take(GOES_ON)
    served.done(0)
    third = served.take(GOES_ON)

    assert [turn and turn[0] for turn in (first, second, third)] == [0, 1, 0]


def test_a_frame_is_chosen_when_its_time_has_come_so_that_it_is_the_newest_then() -> None:
    served, _ = turns(1)
    served.put(0, frame(0))
    due_s = time.monotonic() + 0.2

    later = threading.Timer(0.05, lambda: served.put(0, frame(1)))
    later.start()
    turn = served.take(GOES_ON, due_s)
    taken_s = time.monotonic()
    later.join()

    assert turn is not None
    assert turn[1].index == 1
    assert taken_s >= due_s


def test_a_camera_that_is_not_due_leaves_its_turn_to_the_others() -> None:
    served, _ = turns(2)
    served.put(0, frame(0))
    served.take(GOES_ON)
    served.done(0, due_s=time.monotonic() + 60)
    served.put(0, frame(1))
    served.put(1, frame(0))

    turn = served.take(GOES_ON)

    assert turn is not None
    assert turn[0] == 1


def test_a_wait_ends_when_it_should_stop() -> None:
    served, _ = turns(1)
    stop = threading.Event()
    threading.Timer(0.05, stop.set).start()

    assert served.take(stop) is None
