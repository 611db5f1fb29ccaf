"""`save:FOLDER?when=diverse`: a frame is saved if it is unlike all that the folder keeps, also after a restart."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from edgevision_runtime.bundle import Bundle
from edgevision_runtime.cli import edgevision_runtime
from edgevision_runtime.errors import UsageError
from edgevision_runtime.messages import Result
from edgevision_runtime.sinks import SinkSetup, open_sink
from tests.edgevision_runtime import networks
from tests.edgevision_runtime.sinks.messages import LABELS, NOON, result

SETUP = SinkSetup(is_live=True, cameras=("gate", "yard"), labels=LABELS, has_embedding=True)


def shown(index: int, degrees: float, *, camera: str = "gate", space: str = "s") -> Result:
    """A frame whose embedding points in that direction."""
    one = result(index, camera=camera, at=NOON + index)
    angle = np.radians(degrees)
    vector = np.array([np.cos(angle), np.sin(angle)], np.float32)
    return replace(one, prediction=replace(one.prediction, make_embedding=lambda: vector), space=space)


def save(folder: Path, results: list[Result], setup: SinkSetup = SETUP, query: str = "when=diverse") -> list[int]:
    """The indices of the frames that lie in the folder afterwards."""
    sink = open_sink(f"save:{folder}?{query}", setup)
    for one in results:
        sink.write(one)
    sink.close()
    documents = [json.loads(path.read_text()) for path in sorted(folder.rglob("*.json"))]
    return [document["result"]["frame"] for document in documents]


def test_a_frame_like_a_kept_one_is_not_kept(tmp_path: Path) -> None:
    # cos 25° = 0.906 is alike, cos 27° = 0.891 is not
    assert save(tmp_path, [shown(0, 0), shown(1, 25), shown(2, 27), shown(3, 5), shown(4, 40)]) == [0, 2]


def test_the_threshold_is_that_of_the_sink_or_else_of_the_run(tmp_path: Path) -> None:
    frames = [shown(0, 0), shown(1, 10), shown(2, 50)]

    assert save(tmp_path / "a", frames, query="alike=0.99") == [0, 1, 2]
    assert save(tmp_path / "b", frames, replace(SETUP, alike=0.7), query="quota-mb=10") == [0, 2]
    assert save(tmp_path / "c", frames, replace(SETUP, alike=0.7), query="alike=0.5") == [0]


def test_a_new_run_remembers_what_it_finds_in_the_folder(tmp_path: Path) -> None:
    save(tmp_path, [shown(0, 0), shown(1, 90)])

    assert save(tmp_path, [shown(2, 1), shown(3, 91), shown(4, 45)]) == [0, 1, 4]


def test_what_the_quota_deletes_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgevision_runtime.sinks.save.QUOTA_BYTES", 20_000)  # two pictures and their documents
    frames = [shown(0, 0), shown(1, 60), shown(2, 120), shown(3, 60), shown(4, 0)]

    # 0 made room for 120, so 0 is news again, and 60 is not
    assert save(tmp_path, frames) == [2, 4]


def test_cameras_share_the_memory_and_models_with_other_embeddings_do_not(tmp_path: Path) -> None:
    frames = [shown(0, 0), shown(1, 0, camera="yard"), shown(2, 0, space="other"), shown(3, 0, space="other")]

    assert save(tmp_path, frames) == [0, 2]


def test_frames_of_other_runs_in_the_folder_are_no_hindrance(tmp_path: Path) -> None:
    save(tmp_path, [result(0)], query="when=all")
    save(tmp_path, [shown(1, 0, space="other")])
    broken, *_ = tmp_path.rglob("*.json")
    broken.write_text("no JSON")

    sink = open_sink(f"save:{tmp_path}?when=diverse", SETUP)
    sink.write(shown(2, 0))
    sink.close()

    assert len(list(tmp_path.rglob("*.jpg"))) == 3


def test_a_run_without_embeddings_is_told_so_before_it_starts(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no model of this run gives embeddings.*--with-embedding"):
        open_sink(f"save:{tmp_path}?when=diverse", replace(SETUP, has_embedding=False))
    with pytest.raises(UsageError, match="alike with when=low; expected when=diverse"):
        open_sink(f"save:{tmp_path}?when=low&alike=0.5", SETUP)


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    """30 pictures: ten red, ten green, ten blue ones."""
    folder = tmp_path / "scenes"
    folder.mkdir()
    for number in range(30):
        strengths = [60, 60, 60]
        strengths[number // 10] = 200 + number % 10
        cv2.imwrite(str(folder / f"{number:02}.png"), networks.frame_of(*strengths))
    return folder


@pytest.mark.parametrize("events", [(), ("--events",)])
def test_run_keeps_one_frame_of_each_scene_with_and_without_events(
    embedding_bundle: Bundle, scenes: Path, tmp_path: Path, events: tuple[str, ...]
) -> None:
    kept = tmp_path / "kept"
    command = ["run", str(embedding_bundle.path), "--source", str(scenes), "--select-diverse", "--sink", f"save:{kept}"]

    ended = CliRunner().invoke(edgevision_runtime, [*command, *events], standalone_mode=False)

    assert ended.exception is None
    assert ended.stderr.endswith("save: 3 frames saved\n")
    documents = [json.loads(path.read_text()) for path in sorted(kept.rglob("*.json"))]
    assert [document["result"]["label"] for document in documents] == ["red", "green", "blue"]
    assert documents[0]["embedding"]["space"] == "a" * 64


def test_select_diverse_without_a_place_to_keep_frames_is_refused(embedding_bundle: Bundle, scenes: Path) -> None:
    command = ["run", str(embedding_bundle.path), "--source", str(scenes), "--select-diverse", "0.8"]

    ended = CliRunner().invoke(edgevision_runtime, command, standalone_mode=False)

    with pytest.raises(UsageError, match="no sink saves frames; expected --sink save:FOLDER"):
        raise ended.exception
