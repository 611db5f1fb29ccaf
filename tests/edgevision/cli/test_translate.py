"""`edgevision convert` looks at what it was asked before it works, and says what it left out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edgevision.cli import edgevision
from edgevision.cli.translate import bundle_name
from edgevision_runtime.bundle import Bundle
from edgevision_runtime.errors import UsageError
from tests.edgevision_runtime import networks

STATED = ("--task", "classify", "--labels", "red,green,blue", "--activation", "none", "--to", "onnx")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(edgevision, [str(part) for part in arguments], standalone_mode=False)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A foreign .onnx with its contract beside it."""
    path = tmp_path / "colour.onnx"
    path.write_bytes(networks.strongest_colour_onnx())
    operations = [
        {"op": "resize", "size": [networks.HEIGHT, networks.WIDTH], "mode": "squash", "kernel": "bilinear"},
        {"op": "color", "to": "rgb"},
    ]
    contract = {"schema": "edgevision.preprocess/1", "operations": operations}
    (tmp_path / "contract.json").write_text(json.dumps(contract))
    return path


def convert(model: Path, *more: object) -> Result:
    contract = model.with_name("contract.json")
    return run("convert", model, "-o", model.with_name("out.evb"), *STATED, "--preprocess", contract, *more)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--version", "1.0"), "version '1.0'; expected a semantic version"),
        (("--name", "My Model"), "name 'My Model'; expected lower-case"),
        (("--precision", "flaot32"), "unknown precision 'flaot32'.*did you mean float32"),
        (("--precision", ","), "no precision"),
    ],
)
def test_what_cannot_be_is_refused_before_any_work(model: Path, flags: tuple[str, str], message: str) -> None:
    ended = convert(model, *flags)

    assert isinstance(ended.exception, UsageError)
    assert ended.output == ""
    with pytest.raises(UsageError, match=message):
        raise ended.exception


def test_a_precision_that_is_named_twice_is_made_once(model: Path) -> None:
    ended = convert(model, "--precision", "float32, float32", "--format", "json")

    assert [entry["variant"] for entry in json.loads(ended.stdout)["variants"]] == ["float32.onnx"]
    assert [variant.name for variant in Bundle.open(model.with_name("out.evb")).variants] == ["float32.onnx"]


def test_calibration_says_what_it_left_out_and_that_it_saw_little(
    model: Path, colour_folder: Path, tmp_path: Path
) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number, path in enumerate(sorted(colour_folder.rglob("*.png"))):
        (pictures / f"{number}.png").write_bytes(path.read_bytes())
    (pictures / "broken.png").write_bytes(b"no picture")

    ended = convert(model, "--precision", "int8", "--calib", pictures)

    assert f"warning: left out of {pictures}: 1, the first is broken.png" in ended.stderr
    assert "12 images are few for int8" in ended.stderr
    assert f"edgevision verify {model.with_name('out.evb')} --data DATA" in ended.stderr  # not the same pictures again


def test_a_file_name_of_any_language_gives_a_name_that_a_bundle_may_have() -> None:
    assert bundle_name(Path("Modèle-Été v2.h5")) == "mod-le--t--v2"
    assert bundle_name(Path("模型.onnx")) == "model"


def test_a_model_that_is_int8_already_needs_no_calibration(model: Path, colour_folder: Path, tmp_path: Path) -> None:
    convert(model, "--precision", "int8", "--calib", colour_folder)
    quantized = tmp_path / "quantized.onnx"
    quantized.write_bytes(Bundle.open(model.with_name("out.evb")).read("models/int8.onnx"))
    quantized.with_name("contract.json").write_text(model.with_name("contract.json").read_text())

    packed = convert(quantized, "--precision", "int8", "--force")
    calibrated = convert(model, "--precision", "int8", "--force")

    assert packed.exception is None
    assert Bundle.open(model.with_name("out.evb")).variants[0].name == "int8.onnx"
    assert isinstance(calibrated.exception, UsageError)  # the float one does
