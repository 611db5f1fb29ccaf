"""Several cameras in one run: each gets its turn, each is called by its name, and one that is lost is missed alone."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgevision_runtime.bundle import Bundle
from edgevision_runtime.bundle_writer import BundleContent, write_bundle
from edgevision_runtime.camera_file import CameraPlan, plans_of, read_cameras
from edgevision_runtime.cameras import open_camera
from edgevision_runtime.errors import UsageError
from edgevision_runtime.messages import Result
from edgevision_runtime.outputs import Outputs
from edgevision_runtime.pipeline import Channel, RunLimits, run_pipeline
from edgevision_runtime.status import CameraStatus, RunSummary
from tests.edgevision_runtime.loop import Collector, model_of

RUNTIME = [sys.executable, "-c", "from edgevision_runtime.cli import main; main()"]


class SlowCollector(Collector):
    """Takes its time, as a large model does."""

    def write(self, result: Result) -> None:
        super().write(result)
        time.sleep(0.02)


def run_all(sources: list[str], bundle: Bundle, sink: Collector, limits: RunLimits, workers: int = 1) -> RunSummary:
    """Run these cameras, called a, b, …; with one model."""
    with ExitStack() as opened:
        model = opened.enter_context(model_of(bundle, workers))
        cameras = [opened.enter_context(open_camera(source)) for source in sources]
        channels = [
            Channel(camera, [model], CameraStatus(name, source), "latest" if camera.is_live else "every")
            for name, camera, source in zip("abcdef", cameras, sources, strict=False)
        ]
        return run_pipeline(channels, Outputs([sink]), limits, workers=workers)


def run(*arguments: object) -> tuple[int, list[dict[str, Any]], list[dict[str, Any]], str]:
    """(exit code, results, events, what it said) of a run of its own."""
    command = [*RUNTIME, "run", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    documents = [json.loads(line) for line in done.stdout.splitlines()]
    results = [document for document in documents if "event" not in document]
    return done.returncode, results, [document for document in documents if "event" in document], done.stderr


def cameras_toml(folder: Path, text: str) -> Path:
    (folder / "cameras.toml").write_text(text)
    return folder / "cameras.toml"


@pytest.mark.parametrize("workers", [1, 2])
def test_a_slow_model_serves_every_camera_alike_however_fast_they_are(
    colour_bundle: Bundle, colour_folder: Path, workers: int
) -> None:
    sink = SlowCollector()
    sources = [f"fake://{colour_folder}?fps={fps}&clock=real" for fps in (200, 100, 60, 50)]

    summary = run_all(sources, colour_bundle, sink, RunLimits(frames=80), workers)

    shares = Counter(result.camera for result in sink.results)
    assert sum(shares.values()) == 80
    jain = sum(shares.values()) ** 2 / (4 * sum(count**2 for count in shares.values()))
    assert jain >= 0.98
    for name in "abcd":
        frames = [result.frame.index for result in sink.results if result.camera == name]
        assert frames == sorted(set(frames))
    assert summary.total("dropped") > 80  # what the fast ones sent meanwhile


def test_two_workers_answer_every_picture_of_every_folder_once_and_in_order(
    colour_bundle: Bundle, colour_folder: Path
) -> None:
    sink = Collector()
    sources = [str(colour_folder / label) for label in ("red", "green", "blue")]

    run_all(sources, colour_bundle, sink, RunLimits(), workers=2)

    said = [(result.camera, result.frame.index, getattr(result.prediction, "label", "")) for result in sink.results]
    for name, label in zip("abc", ("red", "green", "blue"), strict=True):
        assert [entry for entry in said if entry[0] == name] == [(name, index, label) for index in range(4)]


def test_names_come_from_the_file_and_each_camera_has_its_models(
    colour_bundle: Bundle, colour_content: BundleContent, colour_folder: Path, tmp_path: Path
) -> None:
    write_bundle(tmp_path / "other.evb", replace(colour_content, name="other"))
    file = cameras_toml(
        tmp_path,
        f"""
        [[camera]]
        name = "gate"
        source = "{colour_folder / "red"}"
        models = ["other.evb"]

        [[camera]]
        name = "yard"
        source = "{colour_folder / "blue"}"
        """,
    )

    code, results, _, said = run(colour_bundle.path, "--cameras", file, "--also", tmp_path / "other.evb")

    assert code == 0, said
    assert Counter((line["camera"], line["model"], line["label"]) for line in results) == {
        ("gate", "other 1.0.0", "red"): 4,
        ("yard", "strongest-colour 1.0.0", "blue"): 4,
        ("yard", "other 1.0.0", "blue"): 4,
    }
    assert "8 results from 8 frames" in said  # a frame that two models answered is one


def test_a_camera_that_gives_up_is_told_at_once_and_the_others_go_on(
    colour_bundle: Bundle, colour_folder: Path
) -> None:
    lost = f"fake://{colour_folder}?fps=10&disconnect=1h@1"  # by its own clock, on which an hour takes a moment

    code, results, events, said = run(
        colour_bundle.path, "--source", lost, "--source", colour_folder, "--fps", "8", "--give-up-after", "5"
    )

    assert code == 5
    assert [line["frame"] for line in results if line["camera"] == str(colour_folder)] == list(range(12))
    assert len([line for line in results if line["camera"].startswith("fake")]) == 10
    ended = [number for number, event in enumerate(events) if event["name"] == "ended"]
    assert "given up" in events[ended[0]]["reason"]
    order = said.splitlines()
    told = next(number for number, line in enumerate(order) if "ended (" in line and "given up" in line)
    assert told < next(number for number, line in enumerate(order) if "results from 22 frames" in line)
    assert order[-1].startswith("error: ")
    assert "attempts to reconnect" in said
    assert "gaps 1" in said


def test_when_every_camera_is_lost_the_run_ends_at_once(colour_bundle: Bundle, colour_folder: Path) -> None:
    lost = [f"fake://{colour_folder}?fps=10&disconnect=1h@{second}" for second in (1, 2)]

    code, results, _, said = run(
        colour_bundle.path, "--source", lost[0], "--source", lost[1], "--give-up-after", "5", "--duration", "50"
    )

    assert code == 5
    assert len(results) == 30
    assert said.count("given up") == 3  # for each when it happened, and the first as the error of the run


def test_a_camera_that_is_not_there_at_the_start_is_told_and_the_others_run(
    colour_bundle: Bundle, colour_folder: Path
) -> None:
    code, results, events, said = run(colour_bundle.path, "--source", "/dev/video99", "--source", colour_folder)

    assert code == 5
    assert len(results) == 12
    assert next(event["reason"] for event in events if event["name"] == "ended").startswith("/dev/video99 cannot be")
    assert said.splitlines()[-1].startswith("error: /dev/video99 cannot be opened")


def test_two_cameras_of_one_name_need_names(colour_folder: Path) -> None:
    with pytest.raises(UsageError, match="two cameras are called 0"):
        plans_of(("0", "0"), None)
    assert [plan.name for plan in plans_of(("rtsp://anna:secret@gate/1", "0"), None)] == ["rtsp://***@gate/1", "0"]
    with pytest.raises(UsageError, match="no camera"):
        plans_of((), None)


def test_a_file_says_everything_of_a_camera(tmp_path: Path) -> None:
    file = cameras_toml(
        tmp_path,
        """
        [[camera]]
        source = "rtsp://anna:secret@10.0.0.7/stream"
        models = ["a.evb"]
        policy = "adaptive"
        max_fps = 5
        small_frames = true
        """,
    )

    (plan,) = read_cameras(file)

    assert plan == CameraPlan(
        source="rtsp://anna:secret@10.0.0.7/stream",
        name="rtsp://***@10.0.0.7/stream",
        models=(str(tmp_path / "a.evb"),),
        policy="adaptive",
        max_fps=5.0,
        small_frames=True,
    )


def test_the_file_that_the_guide_shows_can_be_read(tmp_path: Path) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "cameras.md").read_text()
    shown = guide.partition("```toml\n")[2].partition("```")[0]

    gate, yard = read_cameras(cameras_toml(tmp_path, shown))

    assert (gate.name, yard.models) == ("gate", (str(tmp_path / "people.evb"),))
    assert all(getattr(gate, field) or getattr(yard, field) for field in CameraPlan._fields)  # nothing is left out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no camera"),
        ("[[camera]]\n", "camera.0.*source"),
        ('[camera]\nsource = "0"\n', "array"),
        ('[[cameras]]\nsource = "0"\n', "unknown key 'cameras'.*camera"),
        ('[[camera]]\nsource = "0"\nfps = 3\n', "camera.0.: unknown key 'fps'.*max_fps"),
        ("[[camera]]\nsource = 0\n", "camera.0.: source is 0; expected a text"),
        ('[[camera]]\nsource = "0"\npolicy = "newest"\n', "camera.0.: policy 'newest.; expected latest"),
        ('[[camera]]\nsource = "0"\nmax_fps = 0\n', "max_fps 0; expected a number above 0"),
        ('[[camera]]\nsource = "0"\nmodels = "a.evb"\n', "models is 'a.evb.; expected an array"),
        ('[[camera]]\nsource = "0"\n[[camera]]\nsource = "0"\n', "two cameras are called 0"),
        ("[[camera]\n", "cameras.toml cannot be read.*line 1"),
    ],
)
def test_a_file_that_cannot_be_is_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        plans_of((), cameras_toml(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        plans_of((), tmp_path / "cameras.toml")
