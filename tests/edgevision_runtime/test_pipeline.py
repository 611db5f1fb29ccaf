"""The loop: newest frame first when the source is live, every frame when it is not, sinks flushed in every case."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edgevision_runtime.bundle import Bundle
from edgevision_runtime.cameras import kind_of, open_camera
from edgevision_runtime.cameras.clock import REAL_CLOCK
from edgevision_runtime.cameras.images import find_images
from edgevision_runtime.cameras.options import CameraOptions
from edgevision_runtime.errors import MissingDependency, SourceLost, UsageError
from edgevision_runtime.messages import Result
from edgevision_runtime.models import ModelSlot, load_model
from edgevision_runtime.outputs import Outputs
from edgevision_runtime.pipeline import ADAPTIVE_LOAD, Channel, RunLimits, run_pipeline
from edgevision_runtime.predictor import Predictor, choose
from edgevision_runtime.sinks import SinkSetup, open_sink, open_sinks
from edgevision_runtime.status import CameraStatus
from edgevision_runtime.types import Classification, Frame
from tests.edgevision_runtime import networks
from tests.edgevision_runtime.loop import Collector, model_of, run_one

FAST = CameraOptions(is_fast=True)


class SlowCollector(Collector):
    """Takes its time."""

    def write(self, result: Result) -> None:
        super().write(result)
        time.sleep(0.1)


class BreakingCamera:
    """Delivers two frames and breaks."""

    fps = None
    is_live = True
    total = None
    clock = REAL_CLOCK

    def stop(self) -> None:
        """It ends by itself."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __iter__(self) -> Iterator[Frame]:
        for index in range(2):
            yield frame(index)
        raise self.error


def frame(index: int) -> Frame:
    return Frame(networks.frame_of(200, 40, 40), index, time.monotonic(), "test")


@pytest.fixture
def predictor(colour_bundle: Bundle) -> Iterator[Predictor]:
    with Predictor(colour_bundle, choose(colour_bundle)) as opened:
        yield opened


def test_every_picture_of_a_folder_is_classified_in_order(colour_bundle: Bundle, colour_folder: Path) -> None:
    sink = Collector()

    with open_camera(str(colour_folder)) as camera:
        summary = run_one(camera, colour_bundle, [sink])

    assert sink.indices == list(range(12))
    labels = [r.prediction.label for r in sink.results if isinstance(r.prediction, Classification)]
    assert labels == ["blue"] * 4 + ["green"] * 4 + ["red"] * 4  # the folders in the order of their names
    assert [summary.total(count) for count in ("captured", "inferred", "dropped")] == [12, 12, 0]


def test_a_live_source_faster_than_the_loop_drops_old_frames_never_new_ones(
    colour_bundle: Bundle, colour_folder: Path
) -> None:
    sink = SlowCollector()

    with open_camera(str(colour_folder), fps=50) as camera:
        summary = run_one(camera, colour_bundle, [sink], policy="latest")

    assert sink.indices == sorted(sink.indices)
    assert sink.indices[-1] == 11  # the newest is never lost
    assert summary.total("dropped") == 12 - len(sink.indices) > 0


def test_frames_older_than_the_limit_are_dropped_and_counted(colour_bundle: Bundle, colour_folder: Path) -> None:
    sink = Collector()

    with open_camera(str(colour_folder)) as camera:
        summary = run_one(camera, colour_bundle, [sink], limits=RunLimits(max_age_ms=0.0))

    assert (summary.total("too_old"), sink.indices) == (12, [])


def test_a_limit_of_results_ends_the_run(colour_bundle: Bundle, colour_folder: Path) -> None:
    sink = Collector()

    with open_camera(str(colour_folder)) as camera:
        run_one(camera, colour_bundle, [sink], limits=RunLimits(frames=3))

    assert sink.indices == [0, 1, 2]


@pytest.mark.parametrize("error", [SourceLost("the cable is out"), cv2.error("the cable is out")])
def test_a_lost_source_is_an_error_after_what_came_before_was_written(colour_bundle: Bundle, error: Exception) -> None:
    sink = Collector()
    camera: Any = BreakingCamera(error)

    with pytest.raises(type(error), match="the cable is out"):
        run_one(camera, colour_bundle, [sink])

    assert sink.indices == [0, 1]


def test_age_counts_from_capture_and_contains_the_latency(predictor: Predictor) -> None:
    old = Frame(networks.frame_of(40, 200, 40), 7, time.monotonic() - 1.0, "test")

    prediction = predictor.predict(old)

    assert prediction.frame_index == 7
    assert 1000 <= prediction.age_ms < 2000
    assert 0 < prediction.latency_ms < prediction.age_ms


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("0", "device"),
        ("v4l2:///dev/video0", "device"),
        ("/dev/video2", "device"),
        ("*.png", "images"),
        ("a.jpg", "images"),
    ],
)
def test_a_source_text_says_its_kind(source: str, kind: str) -> None:
    assert kind_of(source) == kind


@pytest.mark.parametrize("source", ["ftp://user:secret@host/stream", "nowhere.mp4", "nothing"])
def test_an_unknown_source_is_refused_without_showing_credentials(source: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_camera(source)
    assert "secret" not in str(caught.value)


def test_pictures_come_in_natural_order_and_unreadable_ones_are_counted(tmp_path: Path) -> None:
    for number in (10, 2, 1):
        cv2.imwrite(str(tmp_path / f"{number}.png"), networks.frame_of(200, 40, 40))
    (tmp_path / "3.png").write_bytes(b"no picture")
    (tmp_path / "4.png").write_bytes(b"")

    with open_camera(str(tmp_path)) as camera:
        names = [Path(frame.source).name for frame in camera]

    assert names == ["1.png", "2.png", "10.png"]
    assert [Path(what.split()[0]).name for what in camera.unreadable] == ["3.png", "4.png"]
    assert len(find_images(str(tmp_path / "*.png"))) == 5


def test_an_empty_folder_and_a_broken_video_are_lost_sources(tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"\0" * 100)

    with pytest.raises(SourceLost, match="no pictures"):
        open_camera(str(tmp_path))
    with pytest.raises(SourceLost, match="not a video"):
        open_camera(str(tmp_path / "broken.mp4"))


def test_a_written_video_can_be_played_back_as_a_source(
    colour_bundle: Bundle, colour_folder: Path, tmp_path: Path
) -> None:
    video = tmp_path / "out.mp4"
    with open_camera(str(colour_folder)) as camera, open_sinks([f"video:{video}"], SinkSetup()) as sinks:
        run_one(camera, colour_bundle, sinks)

    with open_camera(str(video), options=FAST) as played:
        frames = list(played)

    assert len(frames) == 12
    assert frames[0].image.shape[0] >= 240  # enlarged so that the caption can be read
    assert (played.fps, played.total, played.unreadable) == (10.0, 12, [])
    assert [file.name for file in tmp_path.glob("*")].count("out.mp4") == 1


def test_a_picture_that_goes_away_after_it_was_listed_is_skipped_and_named(tmp_path: Path) -> None:
    for name in ("1.png", "2.png"):
        cv2.imwrite(str(tmp_path / name), networks.frame_of(200, 40, 40))

    with open_camera(str(tmp_path)) as camera:
        (tmp_path / "1.png").unlink()
        frames = list(camera)

    assert [frame.index for frame in frames] == [1]
    assert camera.unreadable == [f"{tmp_path / '1.png'} could not be decoded"]


def test_a_video_that_breaks_off_says_how_many_frames_are_missing(tmp_path: Path) -> None:
    path = tmp_path / "whole.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25.0, (64, 64))
    noise = np.random.default_rng(0)
    for _ in range(40):
        writer.write(noise.integers(0, 256, (64, 64, 3), dtype=np.uint8))
    writer.release()
    content = path.read_bytes()
    assert content.rindex(b"moov") > content.index(b"mdat")  # the index stands behind the pictures
    broken = bytearray(content)
    start, end = content.index(b"mdat") + 4, content.rindex(b"moov") - 4
    broken[start + (end - start) // 2 : end] = bytes(end - start - (end - start) // 2)
    (tmp_path / "broken.mp4").write_bytes(broken)

    broken_off = str(tmp_path / "broken.mp4")
    with open_camera(str(path), options=FAST) as whole, open_camera(broken_off, options=FAST) as camera:
        assert len(list(whole)) == 40
        read = len(list(camera))

    assert whole.unreadable == []
    assert 0 < read < 38
    assert camera.unreadable == [f"{tmp_path / 'broken.mp4'} ended after {read} of the 40 frames that it announces"]


def test_json_lines_say_everything_once_a_frame(colour_bundle: Bundle, colour_folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    with open_camera(str(colour_folder / "red")) as camera, open_sinks([f"jsonl:{output}"], SinkSetup()) as sinks:
        run_one(camera, colour_bundle, sinks)

    lines = [json.loads(line) for line in output.read_text().splitlines()]

    assert [line["frame"] for line in lines] == [0, 1, 2, 3]
    assert {line["label"] for line in lines} == {"red"}
    assert set(lines[0]) == {
        *("time", "camera", "model", "frame", "source", "captured_s", "age_ms"),
        *("latency_ms", "preprocess_ms", "infer_ms", "postprocess_ms", "label", "score", "top"),
    }
    stages = [sum(line[f"{stage}_ms"] for stage in ("preprocess", "infer", "postprocess")) for line in lines]
    assert stages == pytest.approx([line["latency_ms"] for line in lines], abs=0.002)  # rounded to a microsecond each
    assert lines[0]["top"][0]["label"] == "red"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("jsnol", "did you mean jsonl"),
        ("video", "video:FILE"),
        ("video:/nowhere/a.mp4", "folder"),
        ("video:/tmp/a.xyz", "ending in .mp4"),
        ("jsonl:/nowhere/a.jsonl", "No such file"),
        ("jsonl:/tmp", "Is a directory"),
        ("null:a.txt", "takes no file"),
    ],
)
def test_a_sink_that_cannot_be_is_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        open_sink(text, SinkSetup())


def test_the_headless_opencv_says_how_to_get_a_window() -> None:
    build = cv2.getBuildInformation()
    if "GTK" in build.split("GUI:")[1].split("\n")[0] or "QT" in build.split("GUI:")[1].split("\n")[0]:
        pytest.skip("this OpenCV has windows")
    with pytest.raises(MissingDependency, match="opencv-python"):
        open_sink("display", SinkSetup())


def test_a_bundle_without_a_runnable_variant_says_what_to_install(colour_bundle: Bundle) -> None:
    with pytest.raises(UsageError, match="does not run"):
        choose(colour_bundle, variant="float32.onnx", engine="litert")
    with pytest.raises(MissingDependency, match="pip install"):
        choose(colour_bundle, engine="tflite")
    assert choose(colour_bundle, engine="onnx").variant.name == "float32.onnx"


class SleepyPredictor:
    """Stands in a slot for a model that takes its time and nothing of the processor."""

    def __init__(self, real: Predictor, seconds: float) -> None:
        self.real, self.seconds, self.spec = real, seconds, real.spec

    def predict(self, frame: Frame, now: Any) -> Any:
        time.sleep(self.seconds)
        return self.real.predict(frame, now)

    def close(self) -> None:
        self.real.close()


def sleepy_model(bundle: Bundle, seconds: float) -> ModelSlot:
    loaded = load_model(bundle, choose(bundle))
    slow: Any = SleepyPredictor(loaded.predictors[0], seconds)
    return ModelSlot(replace(loaded, predictors=(slow,)))


@pytest.mark.parametrize(("policy", "most_of_the_time"), [("latest", 1.01), ("adaptive", ADAPTIVE_LOAD + 0.03)])
def test_adaptive_leaves_the_interpreter_idle_for_a_part_of_the_time(
    policy: str, most_of_the_time: float, colour_bundle: Bundle, colour_folder: Path
) -> None:
    service_s, sink = 0.02, Collector()
    with (
        sleepy_model(colour_bundle, service_s) as model,
        open_camera(f"fake://{colour_folder}?fps=200&clock=real") as camera,
    ):
        channel = Channel(camera, [model], CameraStatus("camera", "test"), policy)
        summary = run_pipeline([channel], Outputs([sink]), RunLimits(duration_s=1.0))

    busy = summary.total("inferred") * service_s / summary.duration_s

    assert summary.total("inferred") > 5
    assert busy <= most_of_the_time  # sleeping longer than asked only lowers it
    assert sink.indices == sorted(set(sink.indices))


def test_no_more_answers_a_second_than_suffice(colour_bundle: Bundle, colour_folder: Path) -> None:
    with model_of(colour_bundle) as model, open_camera(f"fake://{colour_folder}?fps=200&clock=real") as camera:
        channel = Channel(camera, [model], CameraStatus("camera", "test"), "latest", most_fps=10)
        summary = run_pipeline([channel], Outputs(), RunLimits(duration_s=1.0))

    assert 1 <= summary.total("inferred") <= 11
