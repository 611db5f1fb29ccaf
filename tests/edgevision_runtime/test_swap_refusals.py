from dataclasses import replace

import pytest

from edgevision_runtime.bundle import Bundle
from edgevision_runtime.bundle_writer import BundleChanges, BundleContent, rewrite_bundle, write_bundle
from edgevision_runtime.types import Operator, TensorSpec, Variant
from tests.edgevision_runtime import networks
from tests.edgevision_runtime.watched_bundle import CREATED, Lights, Watched


@pytest.fixture(scope="session")
def lights(colour_spec, colour_folder, tmp_path_factory):
    return Lights(colour_spec, colour_folder, tmp_path_factory.mktemp("lights"))


@pytest.fixture
def watched(lights, tmp_path):
    made = Watched(tmp_path / "lights.evb", lights())
    with made.slot:
        yield made


@pytest.mark.parametrize("garbage", [b"", b"garbage" * 1000, b"PK\x05\x06" + bytes(18)])
def test_garbage_is_refused_once_and_the_running_model_keeps_running(watched, garbage):
    watched.replace(garbage)

    watched.look(times=20)

    assert watched.told == ["refused"]
    assert watched.events[-1].detail["kept"] == watched.title == "lights 1.0.0"
    assert "lights.evb" in watched.events[-1].detail["reason"]


def test_a_deleted_bundle_is_told_once_and_the_running_model_keeps_running(watched):
    watched.path.unlink()

    watched.look(times=10)

    assert watched.told == ["refused"]
    assert "is not there" in watched.events[-1].detail["reason"]
    assert watched.title == "lights 1.0.0"


def test_a_single_wrong_bit_is_refused(watched, lights):
    content = bytearray(lights("2.0.0"))
    content[len(content) // 2] ^= 1
    watched.replace(bytes(content))

    watched.look()

    assert watched.told == ["refused"]


def test_a_bundle_whose_selftest_fails_is_refused(watched, tmp_path):
    good = Bundle.open(watched.path)
    recorded = good.read_json("golden/000.json")
    member = recorded["outputs"][0]["members"][0]
    other = good.read("golden/001." + member.split(".", 1)[1])
    assert other != good.read(member)
    wrong = rewrite_bundle(tmp_path / "wrong.evb", good, BundleChanges(extra={**golden_of(good), member: other}))
    watched.replace(wrong.path.read_bytes())

    watched.look()

    assert watched.told == ["refused"]
    assert "selftest failed: golden/000.png" in watched.events[-1].detail["reason"]


def golden_of(bundle):
    return {name: bundle.read(name) for name in bundle.members if name.startswith("golden/")}


def test_a_bundle_without_golden_vectors_is_refused(watched, lights, tmp_path):
    content = lights("2.0.0")
    (tmp_path / "whole.evb").write_bytes(content)
    whole = Bundle.open(tmp_path / "whole.evb")
    models = tuple((entry, whole.read(entry.path)) for entry in whole.variants)
    bare = BundleContent("lights", "2.0.0", whole.manifest.created, whole.spec, models, {"onnx": "float32.onnx"})
    watched.replace(write_bundle(tmp_path / "bare.evb", bare).path.read_bytes())

    watched.look()

    assert watched.told == ["refused"]
    assert "no golden vectors" in watched.events[-1].detail["reason"]


def test_an_unsigned_bundle_is_refused_where_signatures_are_asked_for(lights, tmp_path):
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = tmp_path / "key.pem"
    public = Ed25519PrivateKey.generate().public_key()
    key.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    watched = Watched(
        tmp_path / "lights.evb",
        lights(),
        open=lambda path: Bundle.open(path, public_key=key, require_signature=True),
    )
    watched.replace(lights("2.0.0"))

    with watched.slot:
        watched.look()

    assert watched.told == ["refused"]
    assert "sign" in watched.events[-1].detail["reason"]


def test_another_task_is_refused(watched, tmp_path, colour_spec):
    from edgevision_runtime.postprocess import Postprocess

    size = (1, networks.HEIGHT, networks.WIDTH)
    segmenter = Variant(
        "models/float32.onnx",
        "onnx",
        "float32",
        (TensorSpec("image", (*size, 3), "float32"),),
        (TensorSpec("image", (*size, 3), "float32"),),
        (Operator("IDENTITY", 1),),
    )
    spec = replace(colour_spec, task="segment", postprocess=Postprocess("segment"))
    content = BundleContent("roads", "1.0.0", CREATED, spec, ((segmenter, b"model"),), {"onnx": "float32.onnx"})
    watched.replace(write_bundle(tmp_path / "roads.evb", content).path.read_bytes())

    watched.look()

    assert watched.told == ["refused"]
    assert "roads 1.0.0 is made to segment; expected a model to classify" in watched.events[-1].detail["reason"]
