"""A reference fitted on contiguous frames: few false alarms at the same site, and every hand-made fault found."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from edgevision.cli import edgevision
from edgevision.discovery.drift import FitPlan, Seen, check_frames, fit_reference
from edgevision.discovery.whitening import normalized
from edgevision_runtime.bundle import Bundle
from edgevision_runtime.cli import edgevision_runtime
from edgevision_runtime.errors import DataError, Inconclusive, ModelError, UsageError
from edgevision_runtime.noticing.picture import MEASURED
from edgevision_runtime.noticing.reference import read_reference
from tests.edgevision_runtime import networks

PLAN = FitPlan(window=16)


def site(seed: int, frames: int = 640, persistence: float = 0.95) -> Seen:
    """Embeddings and pictures that wander slowly, as those of a camera do: each frame is nearly the last one."""
    chance = np.random.default_rng(seed)
    home = normalized(np.random.default_rng(9).normal(0, 1, (1, 8)))
    state, rows = chance.normal(0, 1, 11), []
    for _ in range(frames):
        state = persistence * state + np.sqrt(1 - persistence**2) * chance.normal(0, 1, 11)
        rows.append(state)
    wander = np.array(rows)
    vectors = normalized(home + 0.05 * wander[:, :8])
    pictures = np.array([120.0, 3.5, 2.5]) + wander[:, 8:] * [3, 0.02, 0.03]
    grid = np.linspace(80, 160, MEASURED - 3) + 3 * wander[:, 8:9]
    return Seen(vectors, np.hstack([pictures, grid]), (640, 480), 0.1)


def picture_plus(seen: Seen, change: Sequence[float]) -> Seen:
    """The same with something added to the first numbers of each picture."""
    return seen._replace(pictures=seen.pictures + np.pad(np.array(change), (0, MEASURED - len(change))))


def with_less_blue(seen: Seen) -> Seen:
    """The same with a third of the blue gone."""
    pictures = seen.pictures.copy()
    pictures[:, 3::3] *= 2 / 3
    return seen._replace(pictures=pictures)


def upside_down(seen: Seen) -> Seen:
    """The same with the cells of the grid in the other order."""
    grid = seen.pictures[:, 3:].reshape(-1, 16, 3)[:, ::-1]
    return seen._replace(pictures=np.hstack([seen.pictures[:, :3], grid.reshape(len(grid), -1)]))


def test_windows_of_the_same_site_are_seldom_away_although_frames_hang_together() -> None:
    away = []
    for seed in range(5):
        reference = fit_reference(site(seed), "s", PLAN, "yard")
        away.append(check_frames(site(100 + seed, 1600), reference).share_away)

    # 1 % is what was asked for; of 500 windows
    assert np.mean(away) <= 0.02


def test_thresholds_of_shuffled_frames_would_have_been_too_low() -> None:
    frames = site(1)
    shuffled = frames.part(np.random.default_rng(0).permutation(640))

    contiguous, loose = (fit_reference(part, "s", PLAN, "yard").thresholds for part in (frames, shuffled))

    assert (loose[:2] < contiguous[:2] / 2).all()


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("embedding", lambda seen: seen._replace(vectors=normalized(seen.vectors + np.float32([0.5] + [0] * 7)))),
        ("luma", lambda seen: picture_plus(seen, [-60])),
        ("contrast", lambda seen: picture_plus(seen, [0, -0.7])),
        ("sharpness", lambda seen: picture_plus(seen, [0, 0, -1])),
        ("colour", with_less_blue),
        ("layout", upside_down),
    ],
)
def test_a_fault_is_found_in_every_window_and_called_by_its_name(name: str, change: object) -> None:
    reference = fit_reference(site(1), "s", PLAN, "yard")

    found = check_frames(change(site(2, 160)), reference)

    assert found.share_away == 1.0
    assert found.alarms == ((1, name),)


def test_too_few_frames_for_a_reference_are_refused_with_the_number() -> None:
    with pytest.raises(DataError, match="too few frames, 63; expected 64 or more, as they came"):
        fit_reference(site(1, 63), "s", PLAN, "yard")


def test_frames_of_another_size_are_not_judged_by_their_sharpness() -> None:
    reference = fit_reference(site(1), "s", PLAN, "yard")
    blurred = site(2, 64)._replace(size=(320, 240))
    blurred = picture_plus(blurred, [0, 0, -1])

    found = check_frames(blurred, reference)

    assert not found.same_size
    assert found.alarms == ()


def write_frames(folder: Path, count: int, seed: int, *, dims: float = 1.0) -> Path:
    folder.mkdir()
    chance = np.random.default_rng(seed)
    for number in range(count):
        red, green = 140 + 10 * np.sin(number / 9) + chance.normal(0, 2), 100 + chance.normal(0, 2)
        picture = networks.frame_of(int(red), int(green), 90) * dims
        cv2.imwrite(str(folder / f"{number:04}.png"), picture.astype(np.uint8))
    return folder


def write_video(path: Path, frames: Path, fps: int) -> Path:
    pictures = [cv2.imread(str(frame)) for frame in sorted(frames.iterdir())]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, pictures[0].shape[1::-1])
    for picture in pictures:
        writer.write(picture)
    writer.release()
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(edgevision, [str(part) for part in arguments], standalone_mode=False)


@pytest.fixture
def fitted(embedding_bundle: Bundle, tmp_path: Path) -> Path:
    """A bundle that knows a site of red pictures."""
    data, path = write_frames(tmp_path / "monday", 160, 0), tmp_path / "site.evb"
    ended = run("drift", "fit", data, "--bundle", embedding_bundle.path, "-o", path, "--window", "16")
    assert ended.exception is None
    return path


def test_fit_puts_the_reference_into_the_bundle_and_check_finds_a_fault(fitted: Path, tmp_path: Path) -> None:
    same = write_frames(tmp_path / "tuesday", 64, 1)
    dark = write_frames(tmp_path / "night", 64, 2, dims=0.3)
    report = tmp_path / "report.json"

    quiet = run("drift", "check", same, "--bundle", fitted)
    found = run("drift", "check", dark, "--bundle", fitted, "--report", report)

    reference = read_reference(Bundle.open(fitted))
    assert reference is not None
    assert (reference.window, reference.fitted_on["frames"], reference.fitted_on["source"]) == (16, 160, "monday")
    assert (quiet.return_value, found.return_value) == (0, 1)
    assert "verdict: no drift" in quiet.stdout
    assert "verdict: drift" in found.stdout
    document = json.loads(report.read_text())
    assert (document["command"], document["status"]) == ("drift check", "fail")
    assert document["metrics"]["share_away"] == 1.0


def test_the_device_raises_an_event_where_check_finds_one(fitted: Path, tmp_path: Path) -> None:
    dark = write_frames(tmp_path / "night", 64, 2, dims=0.3)
    command = ["run", str(fitted), "--source", str(dark), "--events"]

    told = CliRunner().invoke(edgevision_runtime, command, standalone_mode=False)
    silenced = CliRunner().invoke(edgevision_runtime, [*command, "--no-drift"], standalone_mode=False)

    events = [json.loads(line) for line in told.stdout.splitlines()]
    drifts = [(event["name"], event["phase"]) for event in events if event["event"] == "drift"]
    assert drifts == [(drifts[0][0], "began"), (drifts[0][0], "ended")]
    assert f"drift of {drifts[0][0]} began" in told.stderr
    assert '"drift"' not in silenced.stdout


def test_a_reference_may_stand_alone(embedding_bundle: Bundle, fitted: Path, tmp_path: Path) -> None:
    data, path = tmp_path / "monday", tmp_path / "reference.json"

    fit = run("drift", "fit", data, "--bundle", embedding_bundle.path, "-o", path, "--window", "16")
    checked = run("drift", "check", data, "--bundle", embedding_bundle.path, "--reference", path)
    in_bundle = run("drift", "check", data, "--bundle", embedding_bundle.path, "--reference", fitted)

    assert fit.exception is None
    assert (checked.return_value, in_bundle.return_value) == (0, 0)
    inside = read_reference(Bundle.open(fitted))
    assert json.loads(path.read_text()) == inside.to_json()


def test_of_a_video_five_frames_a_second_make_the_reference(embedding_bundle: Bundle, tmp_path: Path) -> None:
    video = write_video(tmp_path / "monday.avi", write_frames(tmp_path / "frames", 200, 0), fps=30)
    fit = "drift", "fit", video, "--bundle", embedding_bundle.path, "-o", tmp_path / "site.json", "--window", "8"

    assert run(*fit).exception is None
    document = json.loads((tmp_path / "site.json").read_text())
    assert document["every_s"] == pytest.approx(0.2)
    assert document["fitted_on"]["frames"] == 34  # each sixth of 200

    ended = run(*fit, "--force", "--every", "2")
    assert isinstance(ended.exception, DataError)
    assert "too few frames, 4" in str(ended.exception)
    assert "a smaller --every" in str(ended.exception)


def test_what_cannot_be_is_one_line(
    colour_bundle: Bundle, embedding_bundle: Bundle, fitted: Path, tmp_path: Path
) -> None:
    few = write_frames(tmp_path / "few", 20, 0)
    other = tmp_path / "other.json"
    site_reference = read_reference(Bundle.open(fitted))
    other.write_bytes(replace(site_reference, space="c" * 64).to_bytes())

    asked = {
        ("fit", few, "--bundle", colour_bundle.path, "-o", tmp_path / "a.evb"): (ModelError, "has no embedding"),
        ("fit", few, "--bundle", embedding_bundle.path, "-o", tmp_path / "a.txt"): (UsageError, "is neither"),
        ("fit", few, "--bundle", embedding_bundle.path, "-o", tmp_path / "a.evb"): (DataError, "too few frames, 20"),
        ("check", few, "--bundle", embedding_bundle.path): (UsageError, "has no reference"),
        ("check", few, "--bundle", fitted, "--reference", colour_bundle.path): (UsageError, "has no reference"),
        ("check", few, "--bundle", fitted): (Inconclusive, "20 frames; expected 32 or more"),
        ("check", few, "--bundle", fitted, "--reference", other): (UsageError, "of another space"),
    }
    for arguments, (kind, message) in asked.items():
        with pytest.raises(kind, match=message):
            raise run("drift", *arguments).exception
