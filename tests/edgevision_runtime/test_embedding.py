"""A bundle may say that one of its outputs is an embedding: it is read beside the answer, in float32, of length 1."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgevision_runtime.bundle import Bundle
from edgevision_runtime.bundle_writer import BundleChanges, BundleContent, rewrite_bundle, write_bundle
from edgevision_runtime.embedding import EmbeddingReader, embedded, read_whitening
from edgevision_runtime.errors import BundleError
from edgevision_runtime.manifest import manifest_from_bytes
from edgevision_runtime.predictor import Predictor, choose
from edgevision_runtime.types import Frame, TensorSpec
from tests.edgevision_runtime import networks


def test_a_frame_of_a_bundle_with_an_embedding_has_one_of_length_1(embedding_bundle: Bundle) -> None:
    image = networks.frame_of(red=200, green=110, blue=40)

    with Predictor(embedding_bundle, choose(embedding_bundle)) as predictor:
        said = predictor.predict(Frame(image, 0, 0.0, "test"))

    assert said.embedding is not None
    assert said.embedding.dtype == np.float32
    assert said.label == "red"
    # 90 above grey, at it, 70 below: divided by their length of 114
    np.testing.assert_allclose(said.embedding, [0.79, 0.0, -0.61], atol=0.03)
    assert float(np.linalg.norm(said.embedding)) == pytest.approx(1, abs=1e-6)


def test_an_embedding_that_is_asked_for_late_is_still_its_own_frame_s(embedding_bundle: Bundle) -> None:
    reddish, bluish = networks.frame_of(200, 110, 40), networks.frame_of(40, 110, 200)

    with Predictor(embedding_bundle, choose(embedding_bundle)) as predictor:
        first, second = (predictor.predict(Frame(image, 0, 0.0, "test")) for image in (reddish, bluish))

    assert first.embedding is not None
    assert second.embedding is not None
    np.testing.assert_allclose(first.embedding, [0.79, 0.0, -0.61], atol=0.03)
    np.testing.assert_allclose(second.embedding, [-0.61, 0.0, 0.79], atol=0.03)
    assert first.embedding is first.embedding  # made once


def test_a_frame_of_a_bundle_without_an_embedding_has_none(colour_bundle: Bundle) -> None:
    with Predictor(colour_bundle, choose(colour_bundle)) as predictor:
        said = predictor.predict(Frame(networks.frame_of(200, 110, 40), 0, 0.0, "test"))

    assert said.embedding is None


def test_stored_integers_are_whitened_as_the_numbers_that_they_stand_for() -> None:
    chance = np.random.default_rng(0)
    spec = TensorSpec("features", (1, 20), "int8", scale=0.037, zero_point=-128)
    stored = chance.integers(-128, 128, (5, 20)).astype(np.int8)
    whitening = chance.normal(0, 1, (21, 6)).astype(np.float32)
    real = (stored.astype(np.float32) + 128) * np.float32(0.037)

    reader = EmbeddingReader(1, spec, whitening)
    vectors = np.stack([reader.later((None, row))() for row in stored])

    np.testing.assert_allclose(vectors, embedded(real, whitening), atol=2e-6)


def test_an_embedding_that_is_one_already_is_only_brought_to_length_1() -> None:
    reader = EmbeddingReader(0, TensorSpec("embedding", (1, 2), "uint8", scale=0.5, zero_point=100))

    assert reader.later((np.array([106, 92], np.uint8),))().tolist() == pytest.approx([0.6, -0.8])
    assert reader.later((np.array([100, 100], np.uint8),))().tolist() == [0.0, 0.0]


def test_a_bundle_without_an_embedding_is_the_same_bytes_as_ever(colour_bundle: Bundle) -> None:
    document = json.loads(colour_bundle.read("manifest.json"))

    assert "embedding" not in document
    assert colour_bundle.embedding is None


def test_the_embedding_stays_when_a_bundle_is_rewritten(embedding_bundle: Bundle, tmp_path: Path) -> None:
    written = rewrite_bundle(tmp_path / "next.evb", embedding_bundle, BundleChanges(version="2.0.0"))

    assert written.embedding == embedding_bundle.embedding
    assert read_whitening(written).tolist() == read_whitening(embedding_bundle).tolist()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"output": 2}, "output 2 as the embedding"),
        ({"output": 0}, "another one than the head's, 0"),
        ({"whitening": None, "dimension": 2}, r"an embedding of \[1, 3\]"),
        ({"whitening": "reference/none.npy"}, "not a declared member"),
    ],
)
def test_what_cannot_be_an_embedding_is_refused(
    embedding_content: BundleContent, tmp_path: Path, changed: dict[str, object], message: str
) -> None:
    content = replace(embedding_content, embedding=embedding_content.embedding._replace(**changed))

    with pytest.raises(BundleError, match=message):
        write_bundle(tmp_path / "wrong.evb", content)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"dimension": 0}, "dimension is 0"),
        ({"output": True}, "output is True"),
        ({"fingerprint": "short"}, "not a sha256"),
        ({"colour": "red"}, "embedding has .*colour"),
    ],
)
def test_the_manifests_words_about_an_embedding_are_read_strictly(
    embedding_bundle: Bundle, changed: dict[str, object], message: str
) -> None:
    document = json.loads(embedding_bundle.read("manifest.json"))
    document["embedding"] = {**embedding_bundle.embedding._asdict(), **changed}

    with pytest.raises(BundleError, match=message):
        manifest_from_bytes(json.dumps(document).encode())


def test_a_whitening_of_another_shape_is_refused_when_it_is_read(
    embedding_content: BundleContent, tmp_path: Path
) -> None:
    content = replace(embedding_content, embedding=embedding_content.embedding._replace(dimension=2))
    bundle = write_bundle(tmp_path / "wrong.evb", content)

    with pytest.raises(BundleError, match=r"float32 \[4, 3\]; expected float32 \[4, 2\]"):
        read_whitening(bundle)
