"""Lines are whole, whatever the disk and the reader do."""

from __future__ import annotations

import json
import os
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edgevision_runtime.errors import UsageError
from edgevision_runtime.sinks import Sink, SinkSetup, SinkUnavailable, open_sink
from edgevision_runtime.sinks.lines import LineWriter
from tests.edgevision_runtime.sinks.messages import event, result, segmentation

LIVE = SinkSetup(is_live=True)


@contextmanager
def files_no_longer_than(size_bytes: int) -> Iterator[None]:
    """As a disk that is full then: the system writes a part and refuses the rest."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def write_all(sink: Sink, count: int) -> None:
    for index in range(count):
        sink.write(result(index))


def test_each_result_and_event_is_a_line_of_its_own(tmp_path: Path) -> None:
    sink = open_sink(f"jsonl:{tmp_path / 'all.jsonl'}", LIVE)

    sink.write(result(4, "green", 0.75))
    sink.tell(event("door", of=result(4)))
    sink.write(segmentation(5))
    sink.close()

    green, door, shares = map(json.loads, (tmp_path / "all.jsonl").read_text().splitlines())
    assert (green["frame"], green["camera"], green["label"], green["score"]) == (4, "gate", "green", 0.75)
    assert (door["event"], door["name"], door["phase"], door["frame"]) == ("label", "door", "began", 4)
    assert shares["shares"] == {"red": 0.5, "yellow": 0.25, "green": 0.25}


def test_half_a_line_on_a_full_disk_is_taken_away_again(tmp_path: Path) -> None:
    file = tmp_path / "all.jsonl"
    sink = open_sink(f"jsonl:{file}", LIVE)
    sink.write(result(0))
    length = file.stat().st_size

    with files_no_longer_than(length + 40), pytest.raises(UsageError, match=r"all.jsonl cannot be written: File too"):
        sink.write(result(1))
    left = file.stat().st_size
    sink.write(result(2))
    sink.close()

    assert left == length
    assert [json.loads(line)["frame"] for line in file.read_text().splitlines()] == [0, 2]


def test_a_half_line_that_cannot_be_taken_away_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "lines"
    lines = LineWriter(str(file), is_live=True)

    with monkeypatch.context() as patch:
        patch.setattr(LineWriter, "_cut_back", lambda self, written: False)
        with files_no_longer_than(3), pytest.raises(UsageError):
            lines.write("first\n")
    lines.write("second\n")
    lines.close()

    assert file.read_text() == "fir\nsecond\n"


def test_a_name_that_is_no_utf_8_is_still_json(tmp_path: Path) -> None:
    sink = open_sink(f"jsonl:{tmp_path / 'all.jsonl'}", LIVE)

    sink.write(result(camera="caf\udce9 ☕"))
    sink.close()

    assert json.loads((tmp_path / "all.jsonl").read_text(encoding="utf-8"))["camera"] == "caf\udce9 ☕"


def test_nobody_reading_a_named_pipe_is_no_fault_of_a_live_run(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    sink = open_sink(f"jsonl:{pipe}", LIVE)
    with pytest.raises(SinkUnavailable, match="nobody reads"):
        sink.write(result(0))

    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    sink.write(result(1))
    first = json.loads(os.read(reader, 10_000))
    os.close(reader)
    with pytest.raises(SinkUnavailable, match="any more"):
        sink.write(result(2))
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    sink.write(result(3))
    again = json.loads(os.read(reader, 10_000))
    os.close(reader)
    sink.close()

    assert (first["frame"], again["frame"]) == (1, 3)


def test_where_nothing_may_be_lost_a_named_pipe_waits_for_its_reader(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    sink = open_sink(f"jsonl:{pipe}", SinkSetup())
    writer = threading.Thread(target=write_all, args=(sink, 3))
    writer.start()

    with pipe.open() as reader:
        lines = [json.loads(reader.readline())["frame"] for _ in range(3)]
    writer.join()
    sink.close()

    assert lines == [0, 1, 2]


def test_a_file_in_no_folder_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written: No such file"):
        open_sink(f"jsonl:{tmp_path / 'nowhere' / 'all.jsonl'}", LIVE)
