"""Named clusters are a classifier at once: the nearest centroid, in a graph that converts like any other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from edgevision.cli import edgevision
from edgevision.discovery.frames import open_frames
from edgevision.discovery.keras_backbone import KerasBackbone, features_of
from edgevision.discovery.naming.centroid import CentroidPlan, Centroids, centroid_model, write_centroid_run
from edgevision.discovery.naming.named_clusters import NamedClusters
from edgevision.discovery.whitening import Whitening
from edgevision.runs import RunDirectory
from edgevision.tensorflow_setup import keras
from edgevision.training.load import load_model
from edgevision_runtime.bundle import Bundle
from edgevision_runtime.errors import UsageError
from edgevision_runtime.predictor import Predictor, choose
from edgevision_runtime.types import Classification, Frame
from tests.edgevision.discovery.naming.conftest import make_clusters, name_as_a_person_would


@pytest.fixture(scope="module")
def named(digits_folder: Path, digits_run: Path, tmp_path_factory: pytest.TempPathFactory) -> NamedClusters:
    """Digits in 16 clusters by a network, named; one is rejected and one is open."""
    path = make_clusters(tmp_path_factory.mktemp("clusters") / "c", str(digits_folder), str(digits_run), 16)
    named = NamedClusters.open(path)
    name_as_a_person_would(named)
    named.store.reject(14)
    named.store.name([15], "")
    return named


@pytest.fixture(scope="module")
def run(named: NamedClusters, tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """What `apply --centroid-model` writes."""
    folder = tmp_path_factory.mktemp("applied")
    arguments = [named.folder.path, "-o", folder / "set", "--centroid-model", folder / "named"]
    done = CliRunner().invoke(edgevision, ["apply", *map(str, arguments)])
    assert done.exit_code == 0, done.output
    assert f"edgevision convert {folder / 'named'} -o named.evb" in done.output
    assert f"--weights {named.folder.model} --arch cnn_dense --width 0.5 --image-size 16,16 --color gray" in done.output
    return RunDirectory.open(folder / "named")


def tensors_of(named: NamedClusters, run: RunDirectory) -> np.ndarray:
    frames = open_frames(named.folder.embeddings.source)
    return np.stack([run.spec.preprocess(image) for _, image in frames.images()]).astype(np.float32)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # scikit-learn: one point a class has no spread
def test_it_answers_as_scikit_learns_nearest_centroid_does(named: NamedClusters, run: RunDirectory) -> None:
    from sklearn.neighbors import NearestCentroid

    centroids, vectors = Centroids.of(named), named.folder.embeddings.vectors
    nearest = NearestCentroid()
    rows = np.arange(len(centroids.points))
    nearest.fit(centroids.points.astype(np.float64), rows)
    expected = centroids.label[nearest.predict(vectors.astype(np.float64))]

    scores = np.asarray(load_model(run)(tensors_of(named, run), training=False))

    assert centroids.labels == run.spec.labels
    assert len(centroids.points) == 14
    assert np.array_equal(scores.argmax(axis=1), expected)
    assert scores.sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_its_embedding_is_that_of_the_clusters(named: NamedClusters, run: RunDirectory) -> None:
    model = load_model(run)
    embedding = keras.Model(model.input, model.get_layer("embedding").output)

    found = features_of(embedding, tensors_of(named, run))

    assert np.abs(found - named.folder.embeddings.vectors).max() < 1e-5  # float32 sums in another order


def test_the_median_picture_is_nine_to_one_sure(named: NamedClusters, run: RunDirectory) -> None:
    scores = np.sort(np.asarray(load_model(run)(tensors_of(named, run), training=False)), axis=1)

    odds = np.median(scores[:, -1] / scores[:, -2])

    assert odds == pytest.approx(9, rel=0.01)
    assert run.record["centroids"]["temperature"] > 0


def test_a_name_takes_the_best_of_its_clusters_by_hand() -> None:
    """Points at 0 and 90 degrees are `a`, one at 45 degrees is `b`; the picture at 40 degrees is nearest to `b`."""
    image = keras.Input((2,), name="image")
    backbone = keras.Model(image, keras.layers.Identity()(image))
    points = np.array([[1, 0], [0, 1], [0.5**0.5, 0.5**0.5]], np.float32)
    centroids = Centroids(points, np.array([0, 0, 1]), ("a", "b"))
    model = centroid_model(backbone, Whitening.none(2), centroids, temperature=0.5)
    angles = np.radians([5, 40, 80])

    scores = np.asarray(model(3 * np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)))

    logits = [[2 * np.cos(np.radians(turn)) - 1 for turn in turns] for turns in ((5, 40), (40, 5), (10, 35))]
    expected = np.exp(np.array(logits) / 0.5)
    assert scores == pytest.approx(expected / expected.sum(axis=1, keepdims=True), abs=1e-5)
    assert scores.argmax(axis=1).tolist() == [0, 1, 0]


def test_convert_makes_an_ordinary_bundle_of_it_that_agrees_with_it(
    named: NamedClusters, run: RunDirectory, tmp_path: Path
) -> None:
    arguments = ["convert", str(run.path), "-o", str(tmp_path / "named.evb"), "--to", "tflite"]
    done = CliRunner().invoke(edgevision, arguments)
    assert done.exit_code == 0, done.output
    bundle = Bundle.open(tmp_path / "named.evb")
    own = np.asarray(load_model(run)(tensors_of(named, run), training=False)).argmax(axis=1)

    assert bundle.spec.labels == run.spec.labels
    for variant, least in (("float32.tflite", 1.0), ("int8.tflite", 0.95)):  # a network of 6 epochs is not very sure
        with Predictor(bundle, choose(bundle, variant=variant)) as predictor:
            frames = enumerate(image for _, image in open_frames(named.folder.embeddings.source).images())
            answers = [predictor.predict(Frame(image, index, 0.0, "digits")) for index, image in frames]
        found = [answer.scores.argmax() for answer in answers if isinstance(answer, Classification)]
        assert np.mean(found == own) >= least


def test_a_network_that_has_changed_since_is_refused(named: NamedClusters, tmp_path: Path, digits_run: Path) -> None:
    other = KerasBackbone.of_run(digits_run)
    other.model.set_weights([weight + 1 for weight in other.model.get_weights()])
    other.model.save(tmp_path / "changed.keras")
    changed = tmp_path / "run"
    changed.mkdir()
    for file in digits_run.iterdir():
        if file.is_file():
            (changed / file.name).write_bytes(file.read_bytes())
    (changed / "model.keras").write_bytes((tmp_path / "changed.keras").read_bytes())

    with pytest.raises(UsageError, match="is not what the clusters were made with"):
        write_centroid_run(named, CentroidPlan(tmp_path / "named", "set", str(changed)))


def test_without_a_network_there_is_no_classifier(clusters: Path, tmp_path: Path) -> None:
    named = NamedClusters.open(clusters)
    name_as_a_person_would(named)

    with pytest.raises(UsageError, match="pixels is no network"):
        write_centroid_run(named, CentroidPlan(tmp_path / "named", "set"))
