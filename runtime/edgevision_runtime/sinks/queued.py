"""A thread and a bounded queue for each sink: a slow or dead one never slows the loop.

While a run is live, the oldest message goes when the queue is full, and a sink that fails is told of, tried again with
growing pauses, and told of when it works again. Where nothing may be lost (files), the loop waits for room, and a sink
that fails ends the run.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np

from edgevision_runtime.cameras.backoff import Backoff
from edgevision_runtime.errors import UsageError
from edgevision_runtime.messages import BEGAN, ENDED, HAPPENED, Event, Message, Result
from edgevision_runtime.sinks import (
    AttendedSink,
    ChoosingSink,
    HoldingSink,
    MessageRefused,
    ObservingSink,
    Sink,
    SinkSetup,
    SinkUnavailable,
)  # fmt: skip
from edgevision_runtime.types import Frame, Image

PICTURES = 8  # messages in the queue of a sink that looks at pictures
MASKS = 64  # of one that does not, when there are masks
TEXTS = 1000  # of one that does not
STOPS_WITHIN_S = 0.7  # the last flush, when somebody wants the process to end
FINISHES_WITHIN_S = 10.0  # the last flush of a live run that ends by itself; files take the time they need
GIVES_UP_AFTER_S = 10.0  # of failing, where nothing may be lost
STOP_CHECK_S = 0.1
_NO_PICTURE: Image = np.zeros((0, 0, 3), np.uint8)

_left_behind: list[QueuedSink] = []  # whose threads hang in a write that nobody can end


class QueuedSink:
    """A sink of its own thread, which opens it, writes and closes it.

    Raises (when made, and by `write`, `tell` and `close`):
        UsageError: it cannot be opened; or it cannot be written, and nothing may be lost.
        BrokenPipeError: nobody reads any more (not by `close`).
    """

    def __init__(
        self, open_sink: Callable[[], Sink], name: str, setup: SinkSetup, *, backoff: Backoff | None = None
    ) -> None:
        self.name = name
        self.written = 0  # messages
        self.failure = ""  # why it does not work at present
        self.needs_image = self.needs_results = False
        self._waits, self._tell, self._stop = not setup.is_live, setup.tell, setup.stop
        self._backoff, self._chance = backoff or Backoff(), random.Random()
        self._failures, self._failing_since_s = 0, 0.0
        self._not_before_s = 0.0  # no message is tried before
        self._attend_at_s = 0.0
        self._dropped = 0  # without what the sink itself has lost
        self._queue: deque[Message] = deque()
        self._capacity = TEXTS
        self._in_hand: Message | None = None
        self._changed = threading.Condition()
        self._error: Exception | None = None  # the end of it
        self._was_raised = False
        self._closing_since_s: float | None = None
        self._stopped_since_s: float | None = None  # when it was first seen that the process shall end
        self._over = threading.Event()
        self._sink: Sink | None = None
        opened = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(open_sink, opened), name=f"sink {name}", daemon=True)
        self._thread.start()
        opened.wait()
        if self._sink is None:
            self._was_raised = True
            raise self._error or RuntimeError(f"the thread of sink {name} died")
        self.needs_image = self._sink.needs_image
        self.needs_results = isinstance(self._sink, ObservingSink) and self._sink.needs_results
        has_masks = setup.task == "segment" or any(spec.task == "segment" for spec in setup.specs)
        self._capacity = PICTURES if self.needs_image else MASKS if has_masks else TEXTS

    @property
    def dropped(self) -> int:
        """Messages that were not and will not be written."""
        return self._dropped + (self._sink.lost if isinstance(self._sink, HoldingSink) else 0)

    @property
    def saved(self) -> int | None:
        """Frames that were kept; None: the sink does not choose."""
        return self._sink.saved if isinstance(self._sink, ChoosingSink) else None

    def write(self, result: Result) -> None:
        """Take one result; waits for room only where nothing may be lost."""
        try:
            self._put(result if self.needs_image else _without_picture(result))
        except BaseException:
            self._was_raised = True  # in the loop, which ends by it
            raise

    def tell(self, event: Event) -> None:
        """Take one event, as `write` does."""
        if event.result is not None and not self.needs_image:
            result = _without_picture(event.result)
            event = Event(event.kind, event.name, event.phase, event.camera, event.at, event.detail, result)
        self._put(event)

    def finish(self) -> None:
        """Take nothing more, and write what there is; returns at once."""
        with self._changed:
            if self._closing_since_s is None:
                self._closing_since_s = time.monotonic()
                self._changed.notify_all()

    def close(self) -> None:
        """Wait, for a limited time, until everything is written; what is not is counted and told."""
        self.finish()
        while not self._over.wait(STOP_CHECK_S):
            if self._is_out_of_time():
                _left_behind.append(self)
                break
        self._part_with_the_rest()
        if self.dropped:
            lost = f"{self.dropped} of {self.written + self._dropped} messages were lost"
            why = f": {self.failure}" if self.failure else ""
            self._tell(Event("sink", self.name, HAPPENED, "", time.time(), {"reason": lost + why}))
        if self._error is not None and not self._was_raised and not isinstance(self._error, BrokenPipeError):
            self._was_raised = True
            raise self._error

    def _part_with_the_rest(self) -> None:
        """What is still here goes where it outlives the process, or is lost."""
        with self._changed:
            rest = [*([] if self._in_hand is None else [self._in_hand]), *self._queue]
            self._queue.clear()
            self._in_hand = None
        if isinstance(self._sink, HoldingSink):
            with suppress(UsageError):  # a full disk: the others are lost
                while rest:
                    self._sink.keep(rest[0])
                    self.written += 1
                    rest.pop(0)
        self._dropped += len(rest)

    def _put(self, message: Message) -> None:
        is_of_a_sink = isinstance(message, Event) and message.kind == "sink"  # whose thread must not wait for another's
        waits = self._waits and not is_of_a_sink
        with self._changed:
            if waits and len(self._queue) >= self._capacity:
                self._wait_for_room()
            if self._error is not None:
                raise self._error
            if self._closing_since_s is not None:
                return
            if len(self._queue) >= self._capacity:
                self._dropped += 1
                if self._waits:  # and may wait no longer
                    return
                self._queue.popleft()
            self._queue.append(message)
            self._changed.notify_all()

    def _wait_for_room(self) -> None:
        """Until there is room, it is over, or somebody wanted the process to end and has waited long enough."""
        while len(self._queue) >= self._capacity and self._error is None and self._closing_since_s is None:
            self._changed.wait(STOP_CHECK_S)
            if self._stop.is_set() and self._stopped_for_s() > STOPS_WITHIN_S:
                return

    def _stopped_for_s(self) -> float:
        now_s = time.monotonic()
        self._stopped_since_s = self._stopped_since_s or now_s
        return now_s - self._stopped_since_s

    def _is_out_of_time(self) -> bool:
        assert self._closing_since_s is not None
        if self._stop.is_set():
            return self._stopped_for_s() > STOPS_WITHIN_S
        return not self._waits and time.monotonic() - self._closing_since_s > FINISHES_WITHIN_S

    def _run(self, open_sink: Callable[[], Sink], opened: threading.Event) -> None:
        """The thread; whatever goes wrong here is raised where the loop writes."""
        try:
            self._sink = open_sink()
            opened.set()
            try:
                self._serve(self._sink)
            finally:
                self._sink.close()
        except Exception as error:  # noqa: BLE001 - handed over, see above
            with self._changed:
                self._error = self._error or error
        finally:
            opened.set()
            self._over.set()
            with self._changed:
                self._changed.notify_all()

    def _serve(self, sink: Sink) -> None:
        attended = sink if isinstance(sink, AttendedSink) else None
        while self._wait_for_work(attended is not None):
            if attended is not None and self._is_attendance_due():
                self._attend(attended)
                continue
            with self._changed:
                message = self._queue.popleft()
                self._in_hand = message
                self._changed.notify_all()
            self._write(sink, message)

    def _wait_for_work(self, is_attended: bool) -> bool:
        """Until something can be done now; False when there is nothing left to do."""
        with self._changed:
            while True:
                now_s = time.monotonic()
                if self._queue and (now_s >= self._not_before_s or self._tries_at_once()):
                    return True
                if self._closing_since_s is not None and not self._queue:
                    return False
                if is_attended and now_s >= self._attend_at_s:
                    return True
                due = [self._not_before_s] if self._queue else []
                due += [self._attend_at_s] if is_attended else []
                self._changed.wait(max(0.0, min(due) - now_s) if due else None)

    def _tries_at_once(self) -> bool:
        """The last attempt of a live run does not wait; nor does any when the process shall end."""
        return self._closing_since_s is not None and (not self._waits or self._stop.is_set())

    def _is_attendance_due(self) -> bool:
        return self._closing_since_s is None and time.monotonic() >= self._attend_at_s

    def _attend(self, sink: AttendedSink) -> None:
        try:
            pause_s = sink.attend()
        except BrokenPipeError:  # there may be no next message to say it at
            self._stop.set()
            raise
        except (UsageError, SinkUnavailable, MessageRefused) as error:
            delay_s = self._fail(error)
            self._attend_at_s = time.monotonic() + delay_s
            if not isinstance(sink, HoldingSink):
                self._not_before_s = self._attend_at_s
            return
        self._attend_at_s = time.monotonic() + pause_s
        self._work_again()

    def _write(self, sink: Sink, message: Message) -> None:
        try:
            if isinstance(message, Event):
                sink.tell(message)
            else:
                sink.write(message)
        except (UsageError, SinkUnavailable, MessageRefused) as error:
            is_lost = isinstance(error, MessageRefused)
            with self._changed:
                self._in_hand = None
                if is_lost or (len(self._queue) >= self._capacity and not self._waits):
                    self._dropped += 1
                else:
                    self._queue.appendleft(message)
            self._not_before_s = self._attend_at_s = time.monotonic() + self._fail(error)
            return
        with self._changed:
            self._in_hand = None
            self.written += 1
        if not isinstance(sink, HoldingSink):  # which knows only when it delivers
            self._work_again()

    def _fail(self, error: Exception) -> float:
        """Remember that it does not work, and tell so once; how long to wait. Raises it where nothing may be lost."""
        now_s = time.monotonic()
        self._failures += 1
        self._failing_since_s = self._failing_since_s if self.failure else now_s
        is_new, self.failure = not self.failure, str(error)
        if self._tries_at_once():
            with self._changed:
                self._dropped += len(self._queue)
                self._queue.clear()
            return 0.0
        if self._waits and not self._may_pass(error, now_s - self._failing_since_s):
            raise error if isinstance(error, UsageError) else UsageError(f"{self.name}: {error}") from error
        if is_new:
            self._tell_of(BEGAN, {"reason": self.failure})
        return self._backoff.draw_s(self._failures, self._chance)

    def _may_pass(self, error: Exception, failing_for_s: float) -> bool:
        """Whether to go on trying although nothing may be lost."""
        is_kept = isinstance(self._sink, HoldingSink) or failing_for_s < GIVES_UP_AFTER_S
        return isinstance(error, SinkUnavailable) and is_kept

    def _work_again(self) -> None:
        if not self.failure:
            return
        failed_for_s = time.monotonic() - self._failing_since_s
        self.failure, self._failures, self._not_before_s = "", 0, 0.0
        self._tell_of(ENDED, {"duration_s": round(failed_for_s, 1), "dropped": self.dropped})

    def _tell_of(self, phase: str, detail: dict[str, Any]) -> None:
        self._tell(Event("sink", self.name, phase, "", time.time(), detail))


def is_any_left_behind() -> bool:
    """Whether a sink's thread hangs in a write; the process then has to end without waiting for it."""
    return any(not sink._over.is_set() for sink in _left_behind)


def _without_picture(result: Result) -> Result:
    """The same without the memory of its frame."""
    frame = Frame(_NO_PICTURE, result.frame.index, result.frame.captured_s, result.frame.source)
    return replace(result, frame=frame)
