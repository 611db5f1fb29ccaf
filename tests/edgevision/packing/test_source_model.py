"""What a person states of a foreign model: whole, once, and never guessed."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgevision.packing.source_model import Statement, open_source_model, parse_labels
from edgevision_runtime.contract import Preprocess
from edgevision_runtime.errors import ContractError, UsageError
from edgevision_runtime.operations import Color, Resize
from edgevision_runtime.spec import read_preprocess

CONTRACT = Preprocess((Resize((8, 8), "squash", "bilinear"), Color("rgb")))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.tflite"
    path.write_bytes(b"")
    return path


def test_what_is_not_stated_is_named_flag_by_flag(model: Path) -> None:
    with pytest.raises(UsageError, match="--labels, --resize, --size, --mean, --std, --activation not given"):
        open_source_model(model, Statement(task="classify", color="rgb"))


@pytest.mark.parametrize(
    ("part", "flag"), [({"size": (4, 4)}, "--size"), ({"color": "gray"}, "--color"), ({"scale": 0.5}, "--scale")]
)
def test_a_contract_that_is_stated_twice_is_refused(model: Path, part: dict[str, object], flag: str) -> None:
    stated = Statement("classify", ("a", "b"), CONTRACT, activation="none", **part)  # type: ignore[arg-type]

    with pytest.raises(UsageError, match=f"stated twice: --preprocess and {flag}"):
        open_source_model(model, stated)


def test_a_bundle_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "lights.evb").write_bytes(b"")

    with pytest.raises(UsageError, match="a bundle already"):
        open_source_model(tmp_path / "lights.evb", Statement())


def test_labels_come_from_a_file_or_a_list(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("red\n green \n\nblue\n")

    assert parse_labels(str(tmp_path / "labels.txt")) == ("red", "green", "blue")
    assert parse_labels("red, green,blue,") == ("red", "green", "blue")


def test_labels_that_cannot_be_say_where_and_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("crane\nheron\ncrane\n")

    with pytest.raises(UsageError, match=r"label 'crane' stands twice, at 1 and 3; .*such as 'crane 2'"):
        parse_labels(str(tmp_path / "labels.txt"))
    for text in ("nowhere.txt", str(tmp_path), "a,", ""):
        with pytest.raises(UsageError, match="one label a line"):
            parse_labels(text)


def test_a_contract_file_that_cannot_be_read_is_a_usage_error_and_a_wrong_one_a_contract_error(tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text("{")

    with pytest.raises(UsageError, match=r"gone\.json cannot be read: No such file"):
        read_preprocess(tmp_path / "gone.json")
    with pytest.raises(ContractError, match=r"broken\.json is not JSON"):
        read_preprocess(tmp_path / "broken.json")
