"""`edgevision embed`: the same pictures give the same vectors, and spaces are kept apart."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from edgevision.cli import edgevision
from edgevision.discovery.embeddings import Embeddings, require_same_space
from edgevision_runtime.errors import DataError, UsageError
from tests.edgevision.discovery.clips import BRICK, MEADOW, write_video
from tests.edgevision.discovery.conftest import DIGITS


def embed(*arguments: object) -> Result:
    return CliRunner().invoke(edgevision, ["embed", *map(str, arguments)])


def test_a_run_embeds_pictures_the_same_way_each_time(digits_folder: Path, digits_run: Path, tmp_path: Path) -> None:
    done = [embed(digits_folder, "--model", digits_run, "-o", tmp_path / name) for name in ("1.npz", "2.npz")]

    assert [one.exit_code for one in done] == [0, 0]
    first, second = Embeddings.load(tmp_path / "1.npz"), Embeddings.load(tmp_path / "2.npz")
    assert first.vectors.shape == (DIGITS, 32)
    assert (first.vectors == second.vectors).all()
    assert first.space == second.space
    assert first.names[0].startswith("0/")
    assert (first.root, first.model) == (str(digits_folder), str(digits_run))
    assert "edgevision cluster" in done[0].stderr


def test_the_result_and_the_report_say_the_space(digits_folder: Path, tmp_path: Path) -> None:
    flags = ["--dimension", "8", "--format", "json", "--report", tmp_path / "report.json"]

    done = embed(digits_folder, "-o", tmp_path / "emb.npz", *flags)

    document = json.loads((tmp_path / "report.json").read_text())
    assert json.loads(done.stdout) == document["metrics"]
    assert (document["command"], document["status"]) == ("embed", "pass")
    assert document["metrics"]["dimension"] == 8
    assert document["metrics"]["space"] == vars(Embeddings.load(tmp_path / "emb.npz").space)
    assert document["metrics"]["space"]["backbone"] == "hog"


def test_a_second_set_is_embedded_in_the_space_of_the_first(digits_folder: Path, tmp_path: Path) -> None:
    embed(digits_folder, "-o", tmp_path / "all.npz")
    embed(digits_folder / "3", "-o", tmp_path / "threes.npz", "--space", tmp_path / "all.npz")
    embed(digits_folder / "3", "-o", tmp_path / "alone.npz")

    whole, threes, alone = (Embeddings.load(tmp_path / f"{name}.npz") for name in ("all", "threes", "alone"))

    require_same_space(whole.space, threes.space)
    position = whole.names.index(f"3/{threes.names[0]}")
    assert threes.vectors[0] == pytest.approx(whole.vectors[position], abs=1e-5)  # another place in the batch
    with pytest.raises(UsageError, match="two spaces"):
        require_same_space(whole.space, alone.space)


def test_the_space_of_another_backbone_is_refused(digits_folder: Path, tmp_path: Path) -> None:
    embed(digits_folder, "-o", tmp_path / "hog.npz")

    done = embed(digits_folder, "--model", "pixels", "-o", tmp_path / "p.npz", "--space", tmp_path / "hog.npz")

    assert isinstance(done.exception, UsageError)
    assert "the space is that of hog, the backbone is pixels" in str(done.exception)


def test_frames_of_a_video_are_embedded_at_the_pace_asked_for(tmp_path: Path) -> None:
    write_video(tmp_path / "clips" / "a.avi", [MEADOW, BRICK], frames_each=10)

    embed(tmp_path, "--model", "pixels", "--every", "0.5", "-o", tmp_path / "emb.npz")

    names = Embeddings.load(tmp_path / "emb.npz").names
    assert names == ("clips/a.avi#0", "clips/a.avi#5", "clips/a.avi#10", "clips/a.avi#15")


def test_what_cannot_be_read_is_warned_of_and_left_out(tmp_path: Path) -> None:
    for number in range(4):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((8, 8, 3), 60 * number, np.uint8))
    (tmp_path / "broken.png").write_bytes(b"no picture")

    done = embed(tmp_path, "--model", "pixels", "-o", tmp_path / "emb.npz", "--report", tmp_path / "report.json")

    assert done.exit_code == 0
    assert "warning: left out: broken.png" in done.stderr
    assert len(Embeddings.load(tmp_path / "emb.npz").names) == 4
    (warning,) = json.loads((tmp_path / "report.json").read_text())["warnings"]
    assert "broken.png" in warning["message"]


@pytest.mark.parametrize(
    ("flags", "error", "message"),
    [
        (["--model", "hogg"], UsageError, "did you mean hog"),
        (["--space", "nowhere.npz"], DataError, "nowhere.npz cannot be read"),
        (["--space", "s.npz", "--dimension", "3"], UsageError, "one of the two"),
        (["-o", "emb"], UsageError, "a name that ends in .npz"),
    ],
)
def test_bad_flags_are_refused_in_one_line(
    flags: list[str], error: type[UsageError], message: str, digits_folder: Path, tmp_path: Path
) -> None:
    done = embed(digits_folder, "-o", tmp_path / "emb.npz", *flags)

    assert isinstance(done.exception, error)
    assert message in str(done.exception)
    assert not (tmp_path / "emb.npz").exists()


def test_what_is_there_is_not_overwritten_and_nothing_is_computed_before(digits_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "emb.npz").write_bytes(b"mine")

    done = embed(digits_folder, "-o", tmp_path / "emb.npz")

    assert "exists already" in str(done.exception)
    assert "embedding" not in done.stderr
    assert (tmp_path / "emb.npz").read_bytes() == b"mine"


def test_a_folder_in_the_place_of_the_file_is_told_before_anything_is_computed(
    digits_folder: Path, tmp_path: Path
) -> None:
    done = embed(digits_folder, "-o", tmp_path, "--force")

    assert "is there and is not a file" in str(done.exception)
    assert "through hog" not in done.stderr


def test_a_wrong_model_is_told_before_a_set_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    done = embed("mnist", "--model", "hogg", "-o", tmp_path / "emb.npz")

    assert "did you mean hog" in str(done.exception)
    assert not (tmp_path / "cache").exists()
