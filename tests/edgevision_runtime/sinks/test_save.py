"""Frames saved for a second look: the right ones, whole, and never more than the quota."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import pytest

from edgevision_runtime.errors import UsageError
from edgevision_runtime.messages import ENDED, Result
from edgevision_runtime.sinks import MessageRefused, SinkSetup, open_sink
from edgevision_runtime.sinks.saved_frames import SavedFrames
from tests.edgevision_runtime.sinks.messages import LABELS, NOON, event, eventually, result, segmentation

SETUP = SinkSetup(is_live=True, cameras=("gate",), labels=LABELS)
DAY = "2026-01-01"


def captured_at(one: Result, captured_s: float) -> Result:
    return replace(one, frame=replace(one.frame, captured_s=captured_s), captured_at=NOON + captured_s)


def pictures(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.rglob("*.jpg"))


def save_all(text: str, results: list[Result], setup: SinkSetup = SETUP) -> None:
    sink = open_sink(text, setup)
    for one in results:
        sink.write(one)
    sink.close()


def test_a_frame_comes_with_what_was_said_of_it(tmp_path: Path) -> None:
    one = result(7, "green", 0.5)

    save_all(f"save:{tmp_path}?format=png", [one])

    (picture,) = (tmp_path / DAY).glob("*.png")
    document: dict[str, Any] = json.loads(picture.with_suffix(".json").read_text())
    assert picture.name == "20260101T120000000Z_gate_green.png"
    assert (cv2.imread(str(picture)) == one.frame.image).all()
    assert document["schema"] == "edgevision.frame/1"
    assert (document["image"], document["width"], document["height"]) == (picture.name, 64, 48)
    assert (document["why"], document["annotated"], document["event"]) == ("all", False, None)
    assert document["scores"] == {"red": 0.25, "yellow": 0.25, "green": 0.5}
    assert (document["result"]["frame"], document["result"]["camera"]) == (7, "gate")


@pytest.mark.parametrize(
    ("wish", "frames"),
    [("", [0, 1, 2, 3]), ("below=0.6", [1, 3]), ("labels=green,yellow", [2, 3]), ("when=all&every=2s", [0, 2])],
)
def test_only_the_frames_that_are_wanted_are_saved(wish: str, frames: list[int], tmp_path: Path) -> None:
    said = [("red", 0.9), ("red", 0.5), ("green", 0.9), ("yellow", 0.4)]
    results = [captured_at(result(i, *answer), float(i)) for i, answer in enumerate(said)]

    save_all(f"save:{tmp_path}?{wish if 'every' in wish else f'{wish}&every=0s'.lstrip('&')}", results)

    saved = [json.loads(file.read_text())["result"]["frame"] for file in sorted(tmp_path.rglob("*.json"))]
    assert saved == frames


def test_the_frame_in_which_an_event_began_is_saved_and_no_other(tmp_path: Path) -> None:
    sink = open_sink(f"save:{tmp_path}?when=event", replace(SETUP, only_events=True))

    sink.write(result(0))
    sink.tell(event("door: person", of=captured_at(result(1), 1)))
    sink.tell(event("door: person", ENDED, of=captured_at(result(2), 5)))
    sink.tell(event("streaming"))
    sink.close()

    (file,) = tmp_path.rglob("*.json")
    document = json.loads(file.read_text())
    assert file.name == "20260101T120001000Z_gate_door-person.json"
    assert (document["result"]["frame"], document["event"]["name"]) == (1, "door: person")


def test_a_segmenters_label_is_seen_by_its_share(tmp_path: Path) -> None:
    setup = replace(SETUP, task="segment")

    save_all(f"save:{tmp_path}?labels=green", [segmentation()], setup)

    (file,) = tmp_path.rglob("*.json")
    assert json.loads(file.read_text())["result"]["shares"]["green"] == 0.25


def test_answers_can_be_drawn_on_the_frames(tmp_path: Path) -> None:
    save_all(f"save:{tmp_path}?annotated=1", [result()])

    (file,) = tmp_path.rglob("*.jpg")
    assert cv2.imread(str(file)).shape[0] > 48


def test_cameras_and_moments_that_would_share_a_name_do_not(tmp_path: Path) -> None:
    same = [result(0), replace(result(1), model="other 1.0.0"), result(2, camera="yard")]

    save_all(f"save:{tmp_path}", same)

    stem = "20260101T120000000Z"
    assert pictures(tmp_path) == [f"{stem}_gate_red-2.jpg", f"{stem}_gate_red.jpg", f"{stem}_yard_red.jpg"]


def test_the_quota_counts_what_is_there_and_the_oldest_go_first(tmp_path: Path) -> None:
    two_pairs = 2 * (4096 + 4096)  # each file takes a block of a disk
    names = [f"2026010{day}T000000000Z_gate_red.jpg" for day in range(1, 6)]
    frames = SavedFrames(tmp_path, two_pairs)
    for name in names[:2]:
        frames.add(name, b"jpeg", b"{}")
    frames.close()
    for mine in (tmp_path / "2026-01-01" / "notes.txt", tmp_path / "holiday.jpg"):
        mine.write_text("mine")

    frames = SavedFrames(tmp_path, two_pairs)
    for name in names[2:4]:
        frames.add(name, b"jpeg", b"{}")
    frames.close()

    assert pictures(tmp_path) == [*names[2:4], "holiday.jpg"]
    assert (tmp_path / "2026-01-01" / "notes.txt").exists()
    assert not (tmp_path / "2026-01-02").exists()  # empty now
    assert len(list(tmp_path.rglob("*.json"))) == 2


def test_a_picture_larger_than_the_quota_is_refused(tmp_path: Path) -> None:
    frames = SavedFrames(tmp_path, 8192)

    with pytest.raises(MessageRefused, match="larger than the quota"):
        frames.add("20260101T000000000Z_gate_red.jpg", b"x" * 5000, b"{}")
    frames.close()


def test_kill_leaves_no_half_picture_and_the_next_run_clears_the_rest_away(tmp_path: Path) -> None:
    program = (
        "import itertools, sys; from edgevision_runtime.sinks import SinkSetup, open_sink\n"
        "from tests.edgevision_runtime.sinks.messages import LABELS, NOON, result\n"
        f"sink = open_sink('save:{tmp_path}?every=0s', SinkSetup(labels=LABELS, cameras=('gate',)))\n"
        "for index in itertools.count(): sink.write(result(index, at=NOON + index / 10))"
    )
    for _ in range(3):
        saving = subprocess.Popen([sys.executable, "-c", program], cwd=Path(__file__).parents[3])
        before = len(pictures(tmp_path))
        assert eventually(lambda before=before: len(pictures(tmp_path)) > before + 5)
        saving.send_signal(signal.SIGKILL)
        saving.wait()

    assert all(cv2.imread(str(file)) is not None for file in tmp_path.rglob("2*.jpg"))
    assert all(file.with_suffix(".jpg").exists() for file in tmp_path.rglob("2*.json"))
    assert all(json.loads(file.read_text()) for file in tmp_path.rglob("2*.json"))
    half = tmp_path / DAY / ".20260101T120000000Z_gate_red.jpg.123.part"
    half.write_bytes(b"\xff\xd8")
    open_sink(f"save:{tmp_path}", SETUP).close()
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize(
    ("query", "setup", "message"),
    [
        ("when=lo", SETUP, "all or label or low or event"),
        ("below=0.6&when=all", SETUP, "below with when=all; expected when=low"),
        ("when=label", SETUP, "without labels"),
        ("labels=gren", SETUP, "no model knows 'gren'; did you mean green"),
        ("below=1.5", SETUP, "a share from 0 to 1"),
        ("quota-mb=0", SETUP, "1 or more"),
        ("format=gif", SETUP, "jpg or png"),
        ("wen=all", SETUP, "did you mean when"),
        ("below=0.6", replace(SETUP, task="segment"), "needs a classifier"),
        ("", replace(SETUP, only_events=True), "gives events only; expected when=event"),
    ],
)
def test_a_wish_that_cannot_be_is_refused_at_the_start(
    query: str, setup: SinkSetup, message: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        open_sink(f"save:{tmp_path / 'new'}?{query}", setup)

    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(UsageError, match="cannot be written"):
        open_sink(f"save:{tmp_path / 'file'}", SETUP)
