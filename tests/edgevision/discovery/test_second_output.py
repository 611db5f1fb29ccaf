"""`convert --with-embedding`: the bundle's frames live in the same space as its run's, on every engine and in int8."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from edgevision.cli import edgevision
from edgevision.discovery.backbones import open_backbone
from edgevision.discovery.embeddings import EmbedPlan, embed, require_same_space
from edgevision.discovery.frames import open_frames
from edgevision_runtime.bundle import Bundle
from edgevision_runtime.errors import DataError, ModelError, UsageError


def run(*arguments: object) -> Result:
    return CliRunner().invoke(edgevision, [str(part) for part in arguments], standalone_mode=False)


@pytest.fixture(scope="module")
def flat_digits(digits_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The digits without their folders: nobody knows what they are."""
    root = tmp_path_factory.mktemp("flat")
    for path in digits_folder.rglob("*.png"):
        cv2.imwrite(str(root / path.name), cv2.imread(str(path)))
    return root


@pytest.fixture(scope="module")
def bundle_path(digits_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The network that learned without labels, as a bundle."""
    path = tmp_path_factory.mktemp("bundles") / "ssl.evb"
    assert run("convert", digits_run, "-o", path, "--with-embedding", "-q").exception is None
    return path


def test_a_network_without_labels_becomes_a_bundle_that_tells_groups_apart(bundle_path: Path) -> None:
    bundle = Bundle.open(bundle_path)

    assert bundle.spec.task == "classify"
    assert bundle.spec.labels[:2] == ("group 1", "group 2")
    assert bundle.embedding.output == 1
    assert bundle.embedding.dimension == 32
    assert {variant.name for variant in bundle.variants} == {
        "float32.tflite", "int8.tflite", "float32.onnx", "int8.onnx",
    }  # fmt: skip


def test_the_report_says_how_well_each_variant_keeps_the_embedding(bundle_path: Path) -> None:
    parities = Bundle.open(bundle_path).read_json("reports/convert.json")["embedding"]

    assert parities["float32.tflite"]["cosine_mean"] == pytest.approx(1, abs=1e-5)
    assert parities["float32.onnx"]["cosine_mean"] == pytest.approx(1, abs=1e-5)
    # 0.998 here; whitened inside the graph it would be lower
    assert parities["int8.tflite"]["cosine_mean"] > 0.99
    assert parities["int8.onnx"]["cosine_mean"] > 0.99


def test_verify_measures_the_embedding_and_judges_it_when_it_is_asked_to(
    bundle_path: Path, flat_digits: Path, tmp_path: Path
) -> None:
    report = tmp_path / "verify.json"

    plain = run("verify", bundle_path, "--data", flat_digits, "--min-agreement", "0.9", "--report", report)
    rows = json.loads(report.read_text())["metrics"]["results"]
    judged = run("verify", bundle_path, "--data", flat_digits, "--min-embedding-cosine", "0.99999", "--report", report)

    assert plain.return_value == 0
    assert rows[0]["embedding"] is None  # the reference itself
    assert all(row["embedding"]["cosine_mean"] > 0.99 for row in rows[1:])
    assert "embedding of int8.tflite@litert: cosine 0.99" in plain.stdout
    assert judged.return_value == 1
    checks = {check["id"]: check["status"] for check in json.loads(report.read_text())["checks"]}
    assert checks["int8.tflite@litert/embedding_cosine"] == "fail"


def test_a_bundle_and_its_run_speak_of_the_same_space(
    bundle_path: Path, digits_run: Path, digits_folder: Path, tmp_path: Path
) -> None:
    frames = open_frames(str(digits_folder))

    device = embed(frames, open_backbone(str(bundle_path)))
    path = tmp_path / "device.npz"
    device.save(path)
    workstation = embed(frames, open_backbone(str(digits_run)), EmbedPlan(space=device))
    again = embed(frames, open_backbone(str(bundle_path)), EmbedPlan(space=workstation))

    require_same_space(device.space, workstation.space)
    require_same_space(device.space, again.space)
    assert (device.vectors * workstation.vectors).sum(axis=1).mean() > 0.99
    assert (again.vectors == device.vectors).all()


def test_embedding_with_another_space_is_refused_for_a_bundle(bundle_path: Path, digits_folder: Path) -> None:
    frames = open_frames(str(digits_folder))
    other = embed(frames, open_backbone("pixels"))

    with pytest.raises(UsageError, match="the space is that of pixels"):
        embed(frames, open_backbone(str(bundle_path)), EmbedPlan(space=other))


def test_a_network_without_head_is_not_converted_without_an_embedding(digits_run: Path, tmp_path: Path) -> None:
    ended = run("convert", digits_run, "-o", tmp_path / "out.evb")

    with pytest.raises(UsageError, match=r"has no head; expected --with-embedding.*train DATA --weights"):
        raise ended.exception


def test_too_few_pictures_to_whiten_by_are_refused(digits_run: Path, digits_folder: Path, tmp_path: Path) -> None:
    ended = run("convert", digits_run, "-o", tmp_path / "out.evb", "--with-embedding", "--samples", "40")

    with pytest.raises(DataError, match="40 calibration images; expected 64 or more"):
        raise ended.exception


def test_a_bundle_without_embedding_is_no_backbone(colour_bundle: Bundle) -> None:
    with pytest.raises(ModelError, match=r"strongest-colour 1\.0\.0 has no embedding.*--with-embedding"):
        open_backbone(str(colour_bundle.path))


def test_a_layer_called_embedding_is_taken_as_it_is(digits_folder: Path, tmp_path: Path) -> None:
    from edgevision.discovery.second_output import with_embedding
    from edgevision.packing.source_model import Statement, open_source_model
    from edgevision.runs import NewRun, write_run
    from edgevision.tensorflow_setup import keras
    from edgevision_runtime.contract import Preprocess
    from edgevision_runtime.operations import Color, Resize
    from edgevision_runtime.postprocess import Postprocess
    from edgevision_runtime.spec import make_spec

    image = keras.Input((8, 8, 1), name="image")
    space = keras.layers.UnitNormalization(name="embedding")(keras.layers.Flatten()(image))
    model = keras.Model(image, keras.layers.Dense(3, activation="softmax")(space))
    contract = Preprocess((Resize((8, 8), "squash", "bilinear"), Color("gray")))
    spec = make_spec("classify", ("a", "b", "c"), contract, Postprocess("classify"))
    known = {"backbone": "x", "fingerprint": "c" * 64, "backbone_fingerprint": "d" * 64}
    record = {"stage": "trained", "data": {"source": str(digits_folder)}, "space": known}

    def save(folder: Path) -> None:
        model.save(folder / "model.keras")
        (folder / "metrics.json").write_text("{}")

    write_run(NewRun(tmp_path / "named", spec, record), save)
    pictures = [np.full((8, 8, 1), 10 + number, np.uint8) for number in range(3)]

    with with_embedding(open_source_model(tmp_path / "named", Statement()), tmp_path / "named", pictures) as (_, draft):
        assert draft.facts.whitening is None
        assert (draft.facts.fingerprint, draft.facts.backbone) == ("c" * 64, "d" * 64)
        assert draft.facts.dimension == 64
        np.testing.assert_allclose(np.linalg.norm(draft.vectors, axis=1), 1, atol=1e-6)
