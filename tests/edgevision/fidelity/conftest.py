"""Hand-made ONNX networks whose answers are known on paper, in bundles of a few kilobytes; no training."""

from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgevision_runtime.bundle_writer import BundleContent, write_bundle
from edgevision_runtime.contract import Preprocess
from edgevision_runtime.operations import Color, Resize
from edgevision_runtime.postprocess import Postprocess
from edgevision_runtime.types import ModelSpec, Operator, TensorSpec, Variant

SIZE = 8  # pixels: edge of the model's input
COLORS = {"blue": (200, 40, 40), "green": (40, 200, 40), "red": (40, 40, 200)}  # BGR


def brightest_channel(bias=(0.0, 0.0, 0.0)) -> bytes:
    """Class = the channel with the highest mean: labels red, green, blue for an RGB input; `bias` spoils it."""
    nodes = [
        helper.make_node("ReduceMean", ["image", "axes"], ["means"], keepdims=0),
        helper.make_node("MatMul", ["means", "weights"], ["scaled"]),
        helper.make_node("Add", ["scaled", "bias"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["scores"], axis=-1),
    ]
    constants = {
        "axes": np.array([1, 2], np.int64),
        "weights": np.eye(3, dtype=np.float32) / 50,
        "bias": np.array(bias, np.float32),
    }
    return _model(nodes, constants, "scores", [1, 3])


def bright_pixels(threshold=128.0) -> bytes:
    """Logits of background and spot: a pixel is spot where its red is above `threshold`."""
    nodes = [
        helper.make_node("MatMul", ["image", "weights"], ["scaled"]),
        helper.make_node("Add", ["scaled", "bias"], ["logits"]),
    ]
    constants = {
        "weights": np.array([[0, 1], [0, 0], [0, 0]], np.float32),
        "bias": np.array([0, -threshold], np.float32),
    }
    return _model(nodes, constants, "logits", [1, SIZE, SIZE, 2])


def _model(nodes, constants, output, output_shape) -> bytes:
    graph = helper.make_graph(
        nodes,
        "hand-made",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, SIZE, SIZE, 3])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, output_shape)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def onnx_variant(name: str, output: str, output_shape: tuple[int, ...]) -> Variant:
    return Variant(
        path=f"models/{name}.onnx",
        format="onnx",
        precision=name,
        inputs=(TensorSpec("image", (1, SIZE, SIZE, 3), "float32"),),
        outputs=(TensorSpec(output, output_shape, "float32"),),
        operators=(Operator("MatMul", 13), Operator("Add", 14)),
    )


def write(path: Path, spec: ModelSpec, models):
    content = BundleContent(
        name="hand-made",
        version="1.0.0",
        created="2026-01-01T00:00:00Z",
        spec=spec,
        models=tuple(models),
        default_variants={"onnx": models[0][0].name},
    )
    return write_bundle(path, content)


CLASSIFY = ModelSpec(
    task="classify",
    labels=("red", "green", "blue"),
    preprocess=Preprocess((Resize((SIZE, SIZE), "squash", "bilinear"), Color("rgb"))),
    postprocess=Postprocess("classify"),
)
SEGMENT = ModelSpec(
    task="segment",
    labels=("background", "spot"),
    preprocess=Preprocess((Resize((SIZE, SIZE), "squash", "nearest"), Color("rgb"))),
    postprocess=Postprocess("segment"),
)


@pytest.fixture(scope="session")
def color_bundle(tmp_path_factory):
    """float32: right on every picture; int8: the same answers; dynamic: says green unless the picture is very red."""
    models = [
        (onnx_variant("float32", "scores", (1, 3)), brightest_channel()),
        (onnx_variant("int8", "scores", (1, 3)), brightest_channel((0.02, 0.0, 0.0))),
        (onnx_variant("dynamic", "scores", (1, 3)), brightest_channel((0.0, 9.0, 0.0))),
    ]
    return write(tmp_path_factory.mktemp("bundle") / "colors.evb", CLASSIFY, models)


@pytest.fixture(scope="session")
def good_bundle(tmp_path_factory):
    """A float32 and an int8 that give the same answers."""
    models = [
        (onnx_variant("float32", "scores", (1, 3)), brightest_channel()),
        (onnx_variant("int8", "scores", (1, 3)), brightest_channel((0.02, 0.0, 0.0))),
    ]
    return write(tmp_path_factory.mktemp("bundle") / "good.evb", CLASSIFY, models)


@pytest.fixture(scope="session")
def broken_bundle(tmp_path_factory):
    """A float32 that runs and an int8 that no engine takes."""
    models = [
        (onnx_variant("float32", "scores", (1, 3)), brightest_channel()),
        (onnx_variant("int8", "scores", (1, 3)), b"no model at all"),
    ]
    return write(tmp_path_factory.mktemp("bundle") / "broken.evb", CLASSIFY, models)


@pytest.fixture(scope="session")
def spot_bundle(tmp_path_factory):
    """float32 and int8 find the bright spot; dynamic calls everything spot."""
    shape = (1, SIZE, SIZE, 2)
    models = [
        (onnx_variant("float32", "logits", shape), bright_pixels()),
        (onnx_variant("int8", "logits", shape), bright_pixels(127.0)),
        (onnx_variant("dynamic", "logits", shape), bright_pixels(-1.0)),
    ]
    return write(tmp_path_factory.mktemp("bundle") / "spots.evb", SEGMENT, models)


@pytest.fixture(scope="session")
def color_pictures(tmp_path_factory):
    """A folder per class, 100 pictures each, plain colour with noise."""
    root = tmp_path_factory.mktemp("colors")
    random = np.random.default_rng(0)
    for name, color in COLORS.items():
        (root / name).mkdir()
        for index in range(100):
            picture = np.clip(np.array(color) + random.normal(0, 20, (12, 16, 3)), 0, 255).astype(np.uint8)
            cv2.imwrite(str(root / name / f"{index:03}.png"), picture)
    return root


@pytest.fixture(scope="session")
def few_pictures(color_pictures, tmp_path_factory):
    """Ten of each colour."""
    root = tmp_path_factory.mktemp("few")
    for name in COLORS:
        (root / name).mkdir()
        for index in range(10):
            picture = (color_pictures / name / f"{index:03}.png").read_bytes()
            (root / name / f"{index:03}.png").write_bytes(picture)
    return root


@pytest.fixture(scope="session")
def spot_pictures(tmp_path_factory):
    """images/ and masks/: a bright rectangle of random size on black."""
    root = tmp_path_factory.mktemp("spots")
    random = np.random.default_rng(0)
    (root / "images").mkdir()
    (root / "masks").mkdir()
    (root / "classes.txt").write_text("background\nspot\n")
    for index in range(24):
        mask = np.zeros((16, 16), np.uint8)
        top, left = random.integers(0, 6, 2)
        mask[top : top + random.integers(4, 10), left : left + random.integers(4, 10)] = 1
        cv2.imwrite(str(root / "images" / f"{index:02}.png"), np.repeat(mask[..., None] * np.uint8(255), 3, axis=2))
        cv2.imwrite(str(root / "masks" / f"{index:02}.png"), mask)
    return root
