"""Somebody else's model file is a backbone once its contract is stated; nothing is guessed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edgevision.discovery.backbones import open_backbone
from edgevision.tensorflow_setup import keras
from edgevision_converters.convert import convert
from edgevision_converters.plan import ConvertPlan
from edgevision_runtime.contract import Preprocess
from edgevision_runtime.errors import ContractError, ModelError, UsageError
from edgevision_runtime.operations import Color, Normalize, Resize

CONTRACT = Preprocess((Resize((8, 8), "squash", "bilinear"), Color("rgb"), Normalize(1 / 255, (0.0,), (1.0,))))
PICTURES = [np.full((20, 20, 3), shade, np.uint8) for shade in (10, 200)]


def network() -> keras.Model:
    keras.utils.set_random_seed(1)
    given = keras.Input((8, 8, 3))
    maps = keras.layers.Conv2D(5, 3, activation="relu")(given)
    features = keras.layers.GlobalAveragePooling2D()(maps)
    return keras.Model(given, keras.layers.Softmax()(keras.layers.Dense(3)(features)))


def stated(path: Path) -> Path:
    path.with_suffix(".preprocess.json").write_text(json.dumps(CONTRACT.to_json()), encoding="utf-8")
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


def test_another_file_or_another_contract_is_another_fingerprint(tmp_path: Path) -> None:
    network().save(tmp_path / "net.h5")
    first = open_backbone(str(stated(tmp_path / "net.h5"))).fingerprint
    other = Preprocess((*CONTRACT.operations[:2], Normalize(1 / 127.5, (1.0,), (1.0,))))
    (tmp_path / "net.preprocess.json").write_text(json.dumps(other.to_json()), encoding="utf-8")

    assert open_backbone(str(tmp_path / "net.h5")).fingerprint != first


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
