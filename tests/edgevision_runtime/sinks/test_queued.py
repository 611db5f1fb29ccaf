"""The queue before a sink: the loop never waits for it while live, and nothing is lost where nothing may be."""

from __future__ import annotations

import threading
import time

import pytest

from edgevision_runtime.messages import Event, Result
from edgevision_runtime.sinks import SinkSetup, queued
from tests.edgevision_runtime.sinks.messages import event, eventually, result
from tests.edgevision_runtime.sinks.places import Place, queue_before


def test_results_and_events_arrive_in_order_from_one_thread() -> None:
    place = Place()
    sink = queue_before(place)

    sink.write(result(0))
    sink.tell(event("red"))
    sink.write(result(1))
    sink.close()

    assert [type(message) for message in place.taken] == [Result, Event, Result]
    assert place.indices == [0, 1]
    assert place.is_closed
    assert len(place.threads) == 1
    assert threading.get_ident() not in place.threads
    assert (sink.written, sink.dropped, sink.failure) == (3, 0, "")


def test_a_live_run_drops_the_oldest_and_counts_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queued, "TEXTS", 5)
    place = Place()
    place.is_open.clear()
    sink = queue_before(place)

    sink.write(result(0))
    assert eventually(lambda: place.threads)  # the first one is in its hands
    for index in range(1, 21):
        sink.write(result(index))
    place.is_open.set()
    sink.close()

    assert place.indices == [0, 16, 17, 18, 19, 20]
    assert (sink.written, sink.dropped) == (6, 15)


def test_files_lose_nothing_the_loop_waits_for_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queued, "TEXTS", 5)
    place = Place()
    place.is_open.clear()
    sink = queue_before(place, SinkSetup(is_live=False))
    threading.Timer(0.2, place.is_open.set).start()

    for index in range(20):
        sink.write(result(index))
    sink.close()

    assert place.indices == list(range(20))
    assert (sink.written, sink.dropped) == (20, 0)


def test_pictures_are_kept_for_sinks_that_look_at_them_only() -> None:
    looks, reads = Place(needs_image=True), Place()
    one = result(3)
    for place in (looks, reads):
        sink = queue_before(place)
        sink.write(one)
        sink.tell(event(of=one))
        sink.close()

    assert looks.taken[0] is one
    bare, told = reads.taken
    assert isinstance(bare, Result)
    assert isinstance(told, Event)
    assert told.result is not None
    assert bare.frame.image.size == told.result.frame.image.size == 0
    assert (bare.frame.index, bare.frame.source, bare.prediction) == (3, one.frame.source, one.prediction)


def test_few_pictures_wait_and_many_texts() -> None:
    capacities = []
    for place in (Place(needs_image=True), Place()):
        place.is_open.clear()
        sink = queue_before(place)
        for index in range(2000):
            sink.write(result(index))
        capacities.append(2000 - sink.dropped)
        place.is_open.set()
        sink.close()

    assert capacities[0] in (8, 9)  # one may be in its hands
    assert capacities[1] in (1000, 1001)


def test_a_message_costs_the_loop_a_few_microseconds_whatever_the_sink_does() -> None:
    place = Place()
    place.is_open.clear()
    sink = queue_before(place)
    message = result(0)

    best_s = float("inf")
    for _ in range(20):
        began_s = time.perf_counter()
        for _ in range(100):
            sink.write(message)
        best_s = min(best_s, (time.perf_counter() - began_s) / 100)
    place.is_open.set()
    sink.close()

    assert best_s < 20e-6  # the best of 20, which a busy machine does not touch
