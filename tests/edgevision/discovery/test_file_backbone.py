"""Somebody else's model file is a backbone once its contract is stated; nothing is guessed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from edgevision.cli import edgevision
from edgevision.discovery.backbones import open_backbone
from edgevision.discovery.embeddings import Embeddings
from edgevision.runs import RunDirectory
from edgevision.tensorflow_setup import keras, tf
from edgevision_converters.convert import convert
from edgevision_converters.plan import ConvertPlan
from edgevision_runtime.contract import Preprocess
from edgevision_runtime.errors import ContractError, ModelError, UsageError
from edgevision_runtime.operations import Color, Normalize, Resize
from tests.edgevision_runtime.networks import strongest_colour_tflite

CONTRACT = Preprocess((Resize((8, 8), "squash", "bilinear"), Color("rgb"), Normalize(1 / 255, (0.0,), (1.0,))))
PICTURES = [np.full((20, 20, 3), shade, np.uint8) for shade in (10, 200)]


def network() -> keras.Model:
    keras.utils.set_random_seed(1)
    given = keras.Input((8, 8, 3))
    maps = keras.layers.Conv2D(5, 3, activation="relu")(given)
    features = keras.layers.GlobalAveragePooling2D()(maps)
    return keras.Model(given, keras.layers.Softmax()(keras.layers.Dense(3)(features)))


def stated(path: Path, contract: Preprocess = CONTRACT) -> Path:
    path.with_suffix(".preprocess.json").write_text(json.dumps(contract.to_json()), encoding="utf-8")
    return path


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_of_a_keras_model_the_features_are_what_its_last_dense_layer_reads(suffix: str, tmp_path: Path) -> None:
    model = network()
    model.save(tmp_path / f"net{suffix}")
    backbone = open_backbone(str(stated(tmp_path / f"net{suffix}")))

    features = backbone.features(PICTURES)

    tensors = np.stack([CONTRACT(picture) for picture in PICTURES])
    expected = keras.Model(model.input, model.layers[-3].output)(tensors).numpy()
    assert features == pytest.approx(expected, abs=1e-6)
    assert features.shape == (2, 5)


def test_of_another_file_they_are_its_first_output(tmp_path: Path) -> None:
    model = network()
    model.save(tmp_path / "net.keras")
    plan = ConvertPlan(formats=("tflite", "onnx"), precisions=("float32",), input_range=(0.0, 1.0))
    made = convert(tmp_path / "net.keras", plan, [CONTRACT(picture) for picture in PICTURES])
    for one in made.models:
        (tmp_path / Path(one.variant.path).name).write_bytes(one.data)
    files = [*tmp_path.glob("*.tflite"), *tmp_path.glob("*.onnx")]
    expected = model(np.stack([CONTRACT(picture) for picture in PICTURES])).numpy()

    assert len(files) == 2
    for file in files:
        assert open_backbone(str(stated(file))).features(PICTURES) == pytest.approx(expected, abs=1e-5)


def saved_model(path: Path) -> Path:
    """As a folder, whose name may have dots."""
    tf.saved_model.save(network(), str(path))
    path.with_name(f"{path.name}.preprocess.json").write_text(json.dumps(CONTRACT.to_json()), encoding="utf-8")
    return path


def test_of_a_saved_model_they_are_its_first_output(tmp_path: Path) -> None:
    first, second = saved_model(tmp_path / "net_v2_1.0_224"), tmp_path / "net_v2_1.4_224"
    expected = network()(np.stack([CONTRACT(picture) for picture in PICTURES])).numpy()
    second.mkdir()
    (second / "saved_model.pb").touch()

    backbone = open_backbone(str(first))

    assert backbone.title == "net_v2_1.0_224"
    assert backbone.features(PICTURES) == pytest.approx(expected, abs=1e-6)
    assert open_backbone(f"{first}/").fingerprint == backbone.fingerprint
    with pytest.raises(UsageError, match=r"its contract as .*net_v2_1\.4_224\.preprocess\.json"):
        open_backbone(str(second))


def test_a_saved_model_that_is_not_whole_is_one_line(tmp_path: Path) -> None:
    path = saved_model(tmp_path / "net")
    shutil.rmtree(path / "variables")
    with pytest.raises(ModelError, match="net: the SavedModel cannot be read") as without_variables:
        open_backbone(str(path))

    (path / "saved_model.pb").write_bytes(b"no model")
    with pytest.raises(ModelError, match="net: the SavedModel cannot be read") as without_graph:
        open_backbone(str(path))

    assert not any("\n" in str(one.value) for one in (without_variables, without_graph))


def test_a_saved_model_embeds_and_teaches(digits_folder: Path, tmp_path: Path) -> None:
    path = saved_model(tmp_path / "net")
    student = ["--arch", "cnn_dense", "--width", 0.25, "--image-size", "8,8", "--color", "gray", "--epochs", 1]

    embedded = does("embed", digits_folder, "--model", path, "-o", tmp_path / "emb.npz")
    taught = does("pretrain", digits_folder, "--teacher", path, "-o", tmp_path / "run", *student)

    assert embedded.exit_code == taught.exit_code == 0, taught.output
    assert Embeddings.load(tmp_path / "emb.npz").space.backbone == "net"
    assert RunDirectory.open(tmp_path / "run").record["teacher"] == str(path)


def does(*arguments: object) -> Result:
    return CliRunner().invoke(edgevision, list(map(str, arguments)))


def test_another_file_or_another_contract_is_another_fingerprint(tmp_path: Path) -> None:
    network().save(tmp_path / "net.h5")
    first = open_backbone(str(stated(tmp_path / "net.h5"))).fingerprint
    other = Preprocess((*CONTRACT.operations[:2], Normalize(1 / 127.5, (1.0,), (1.0,))))
    (tmp_path / "net.preprocess.json").write_text(json.dumps(other.to_json()), encoding="utf-8")

    assert open_backbone(str(tmp_path / "net.h5")).fingerprint != first


@pytest.mark.parametrize("kind", ["keras 2", "keras 3", "tflite"])
def test_a_contract_that_does_not_fit_is_told_when_the_file_is_opened(kind: str, tmp_path: Path) -> None:
    path = tmp_path / ("net.tflite" if kind == "tflite" else "net.keras")
    if kind == "keras 2":
        network().save(path)
    elif kind == "keras 3":  # which itself would take one channel instead of three in silence
        import keras as keras3  # after tensorflow_setup, which decides how TensorFlow computes

        keras3.Sequential([keras3.Input((8, 8, 3)), keras3.layers.Flatten(), keras3.layers.Dense(3)]).save(path)
    else:
        path.write_bytes(strongest_colour_tflite())
    grey = Preprocess((*CONTRACT.operations[:1], Color("gray")))

    with pytest.raises(ModelError, match=rf"contract of {path.name} makes 8 × 8 × 1, and its network takes .* × 3;"):
        open_backbone(str(stated(path, grey)))


def test_without_a_stated_size_each_picture_must_fit(tmp_path: Path) -> None:
    given = keras.Input((None, None, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 7)(given))
    keras.Model(given, keras.layers.Dense(2)(pooled)).save(tmp_path / "free.keras")
    network().save(tmp_path / "fixed.keras")
    whole = Preprocess((Color("rgb"),))
    free, fixed = (open_backbone(str(stated(tmp_path / f"{name}.keras", whole))) for name in ("free", "fixed"))

    assert free.features(PICTURES).shape == (2, 4)
    assert fixed.features([picture[:8, :8] for picture in PICTURES]).shape == (2, 5)
    with pytest.raises(ModelError, match="does not take an input of 4 × 4 × 3"):
        free.features([PICTURES[0][:4, :4]])
    with pytest.raises(ModelError, match="makes 20 × 20 × 3, and its network takes 8 × 8 × 3"):
        fixed.features(PICTURES)


def test_grey_pictures_suit_a_network_without_an_axis_for_channels(tmp_path: Path) -> None:
    model = keras.Sequential([keras.layers.Flatten(input_shape=(8, 8)), keras.layers.Dense(3)])
    model.save(tmp_path / "net.h5")
    grey = Preprocess((*CONTRACT.operations[:1], Color("gray")))

    features = open_backbone(str(stated(tmp_path / "net.h5", grey))).features(PICTURES)

    assert features.tolist() == [[10.0] * 64, [200.0] * 64]


def test_a_file_without_contract_or_with_nonsense_is_refused(tmp_path: Path) -> None:
    network().save(tmp_path / "net.h5")
    with pytest.raises(UsageError, match=r"net\.preprocess\.json"):
        open_backbone(str(tmp_path / "net.h5"))

    (tmp_path / "net.preprocess.json").write_text("{", encoding="utf-8")
    with pytest.raises(UsageError, match="is no JSON"):
        open_backbone(str(tmp_path / "net.h5"))

    (tmp_path / "net.preprocess.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ContractError):
        open_backbone(str(tmp_path / "net.h5"))

    with pytest.raises(ModelError, match="no such file"):
        open_backbone(str(tmp_path / "nowhere.tflite"))
