"""A sink that fails: told once, tried again, given up in time, and never in the way of the run."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import replace

import pytest

from edgevision_runtime.cameras.backoff import Backoff
from edgevision_runtime.errors import MissingDependency, UsageError
from edgevision_runtime.messages import BEGAN, ENDED, HAPPENED, Event, Result
from edgevision_runtime.sinks import MessageRefused, SinkSetup, SinkUnavailable, queued
from edgevision_runtime.sinks.queued import QueuedSink
from tests.edgevision_runtime.sinks.messages import event, eventually, result
from tests.edgevision_runtime.sinks.places import LIVE, Attended, Holding, Place, queue_before


def test_a_full_disk_is_told_once_tried_again_and_told_when_it_works_again() -> None:
    place, told = Place(), list[Event]()
    place.trouble = UsageError("disk full")
    sink = queue_before(place, told=told)

    for index in range(3):
        sink.write(result(index))
    assert eventually(lambda: sink.failure)
    time.sleep(0.1)  # several attempts
    place.trouble = None
    assert eventually(lambda: sink.written == 3)
    sink.close()

    assert place.indices == [0, 1, 2]
    assert [(one.kind, one.name, one.phase) for one in told] == [("sink", "place", BEGAN), ("sink", "place", ENDED)]
    assert told[0].detail["reason"] == "disk full"
    assert (sink.dropped, sink.failure) == (0, "")


def test_where_nothing_may_be_lost_a_full_disk_comes_out_of_a_later_write() -> None:
    place = Place()
    place.trouble = UsageError("disk full")
    sink = queue_before(place, SinkSetup(is_live=False))
    sink.write(result(0))
    assert eventually(lambda: place.is_closed)

    with pytest.raises(UsageError, match="disk full"):
        sink.write(result(1))
    sink.close()  # says it no second time


def test_what_no_write_said_any_more_comes_out_of_the_end() -> None:
    place = Place()
    place.trouble = UsageError("disk full")
    sink = queue_before(place, SinkSetup(is_live=False))
    sink.write(result(0))

    with pytest.raises(UsageError, match="disk full"):
        sink.close()


def test_a_place_that_is_away_for_a_moment_costs_files_nothing() -> None:
    place = Place()
    place.trouble = SinkUnavailable("broker restarts")
    sink = queue_before(place, SinkSetup(is_live=False))

    sink.write(result(0))
    assert eventually(lambda: sink.failure)
    place.trouble = None
    sink.close()

    assert place.indices == [0]


def test_a_place_that_stays_away_ends_a_run_of_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queued, "GIVES_UP_AFTER_S", 0.1)
    place = Place()
    place.trouble = SinkUnavailable("broker down")
    sink = queue_before(place, SinkSetup(is_live=False))
    sink.write(result(0))

    with pytest.raises(UsageError, match="place: broker down"):
        sink.close()


@pytest.mark.parametrize("setup", [LIVE, SinkSetup()])
def test_a_reader_that_goes_ends_the_run(setup: SinkSetup) -> None:
    place = Place()
    place.trouble = BrokenPipeError()
    sink = queue_before(place, setup)
    sink.write(result(0))
    assert eventually(lambda: place.is_closed)

    with pytest.raises(BrokenPipeError):
        sink.write(result(1))
    sink.close()  # quietly


def test_a_message_that_is_refused_is_lost_and_the_next_one_is_tried() -> None:
    place, told = Place(), list[Event]()
    place.trouble = MessageRefused("answers 422")
    sink = queue_before(place, told=told)
    sink.write(result(0))
    assert eventually(lambda: sink.dropped == 1)
    place.trouble = None
    sink.write(result(1))
    assert eventually(lambda: sink.written == 1)
    sink.close()

    assert place.indices == [1]
    assert [one.phase for one in told] == [BEGAN, ENDED, HAPPENED]
    assert told[-1].detail["reason"] == "1 of 2 messages were lost"


def test_a_dead_sink_is_left_behind_when_the_process_shall_end_and_what_it_loses_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(queued, "_left_behind", [])
    place, told = Place(), list[Event]()
    place.is_open.clear()
    setup = replace(LIVE, stop=threading.Event())
    sink = queue_before(place, setup, told)
    for index in range(10):
        sink.write(result(index))
    setup.stop.set()

    sink.close()

    assert not place.is_closed
    assert sink.dropped == 10
    assert told[-1].detail["reason"] == "10 of 10 messages were lost"
    assert queued.is_any_left_behind()
    place.is_open.set()
    assert eventually(lambda: not queued.is_any_left_behind())


def test_a_loop_that_waits_for_a_dead_sink_goes_on_when_the_process_shall_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queued, "TEXTS", 2)
    monkeypatch.setattr(queued, "_left_behind", [])
    place = Place()
    place.is_open.clear()
    setup = SinkSetup(stop=threading.Event())
    sink = queue_before(place, setup)
    threading.Timer(0.1, setup.stop.set).start()

    for index in range(4):  # one in its hands, two in the queue, one too many
        sink.write(result(index))
    sink.close()

    assert sink.dropped == 4
    place.is_open.set()


def test_a_failing_sink_gets_one_last_attempt_at_the_end() -> None:
    place, told = Place(), list[Event]()
    place.trouble = SinkUnavailable("broker down")
    sink = QueuedSink(lambda: place, "place", replace(LIVE, tell=told.append), backoff=Backoff(60, 60, 0))
    for index in range(3):
        sink.write(result(index))
    assert eventually(lambda: sink.failure)
    place.trouble = None

    sink.close()

    assert place.indices == [0, 1, 2]


def test_a_sink_that_cannot_be_opened_says_so_where_it_is_made() -> None:
    def fail() -> Place:
        raise MissingDependency("no such library", hint="pip install it")

    with pytest.raises(MissingDependency, match="no such library"):
        QueuedSink(fail, "place", LIVE)


def test_a_fault_in_a_sink_is_not_hidden() -> None:
    place = Place()
    place.trouble = ZeroDivisionError("a fault of ours")
    sink = queue_before(place)
    sink.write(result(0))

    with pytest.raises(ZeroDivisionError):
        sink.close()


def test_work_of_a_sink_s_own_is_done_without_messages_and_tells_of_trouble() -> None:
    place, told = Attended(), list[Event]()
    sink = queue_before(place, told=told)
    assert eventually(lambda: place.attended > 2)

    place.own_trouble = SinkUnavailable("broker down")
    assert eventually(lambda: sink.failure)
    place.own_trouble = None
    assert eventually(lambda: not sink.failure)
    sink.close()

    assert [one.phase for one in told] == [BEGAN, ENDED]


def test_a_sink_that_holds_messages_gets_them_while_it_cannot_deliver() -> None:
    place, told = Holding(), list[Event]()
    place.own_trouble = SinkUnavailable("server down")
    sink = queue_before(place, told=told)
    assert eventually(lambda: sink.failure)

    sink.write(result(0))
    assert eventually(lambda: place.indices == [0])

    assert sink.failure == "server down"
    sink.close()
    assert [one.phase for one in told] == [BEGAN]


def test_what_a_hanging_sink_can_keep_outlives_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queued, "_left_behind", [])
    place = Holding()
    place.is_open.clear()
    setup = replace(LIVE, stop=threading.Event())
    sink = queue_before(place, setup)
    for index in range(5):
        sink.write(result(index))
    setup.stop.set()

    sink.close()
    place.is_open.set()

    assert [kept.frame.index for kept in place.kept if isinstance(kept, Result)] == [0, 1, 2, 3, 4]
    assert sink.dropped == 0


def test_an_end_that_only_a_listener_in_another_thread_heard_of_is_said_again() -> None:
    place, sinks = Place(), list[QueuedSink]()
    place.trouble = UsageError("disk full")

    def tell(one: Event) -> None:  # as a run does: everything told goes to every sink
        with suppress(UsageError):
            sinks[0].tell(one)

    sinks.append(queue_before(place, SinkSetup(tell=tell)))
    sinks[0].write(result(0))
    assert eventually(lambda: place.is_closed)
    tell(event("streaming"))

    with pytest.raises(UsageError, match="disk full"):
        sinks[0].close()
