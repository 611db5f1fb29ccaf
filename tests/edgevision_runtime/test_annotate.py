"""An overlay lands where the object is in the frame, whatever the contract did to the frame on its way in."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgevision_runtime.annotate import PALETTE, Annotator, caption, describe
from edgevision_runtime.bundle_writer import BundleContent, write_bundle
from edgevision_runtime.contract import Preprocess
from edgevision_runtime.messages import Result
from edgevision_runtime.operations import Color, Crop, Layout, Operation, Resize
from edgevision_runtime.postprocess import Postprocess
from edgevision_runtime.predictor import Predictor, choose
from edgevision_runtime.types import Frame, ModelSpec, Operator, Segmentation, Stages, TensorSpec, Variant

HEIGHT, WIDTH = 240, 400
CONTRACTS: dict[str, tuple[Operation, ...]] = {
    "squash": (Resize((96, 96), "squash", "bilinear"),),
    "letterbox": (Resize((96, 96), "letterbox", "bilinear", 114),),
    "letterbox, bars at the sides": (Resize((60, 160), "letterbox", "bilinear", 114),),
    "fit_shortest": (Resize((96, 96), "fit_shortest", "bilinear"),),
    "roi, letterbox": (Crop("roi", box=(0.1, 0.1, 0.9, 0.95)), Resize((96, 96), "letterbox", "bilinear", 0)),
    "roi, fit_shortest": (Crop("roi", box=(0.05, 0.0, 1.0, 0.7)), Resize((96, 96), "fit_shortest", "bilinear")),
    "centre": (Crop("center", size=(200, 200)), Resize((100, 100), "squash", "bilinear")),
    "resize, then centre": (Resize((120, 160), "squash", "bilinear"), Crop("center", size=(96, 96))),
    "larger than the frame": (Resize((480, 480), "letterbox", "bilinear", 114),),
}


def truth() -> np.ndarray:
    """A rectangle in the upper right and a disc in the lower left: nothing symmetric."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.rectangle(mask, (240, 50), (320, 130), 1, -1)
    cv2.circle(mask, (120, 170), 40, 1, -1)
    return mask


def white_finder(contract: Preprocess, stride: int) -> bytes:
    """An .onnx that calls white pixels class 1: logits (100, value - 100) of the grey image, every `stride` pixels."""
    height, width = contract.size or (0, 0)
    nchw = contract.layout == "NCHW"
    axis, spatial = (1, [2, 3]) if nchw else (3, [1, 2])
    shape = [1, 1, height, width] if nchw else [1, height, width, 1]
    nodes = [
        helper.make_node("Slice", ["image", "starts", "ends", "axes", "steps"], ["thin"]),
        helper.make_node("Sub", ["thin", "half"], ["white"]),
        helper.make_node("Neg", ["white"], ["black"]),
        helper.make_node("Concat", ["black", "white"], ["logits"], axis=axis),
    ]
    counts = [len(range(stride // 2, size, stride)) for size in (height, width)]
    output = [1, 2, *counts] if nchw else [1, *counts, 2]
    constants = {
        "starts": np.array([stride // 2] * 2), "ends": np.array([height, width]), "axes": np.array(spatial),
        "steps": np.array([stride] * 2), "half": np.float32(180),
    }  # fmt: skip
    graph = helper.make_graph(
        nodes,
        "white_finder",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, output)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    return bytes(model.SerializeToString())


def segmented(operations: tuple[Operation, ...], folder: Path, stride: int = 1) -> tuple[Result, Segmentation]:
    """What a bundle with this contract says of a black frame with white objects."""
    contract = Preprocess(operations)
    layout = contract.layout
    size = [(s + stride // 2) // stride for s in contract.size or (0, 0)]
    variant = Variant(
        path="models/float32.onnx",
        format="onnx",
        precision="float32",
        inputs=(TensorSpec("image", (1, *contract.shape), "float32"),),
        outputs=(TensorSpec("logits", (1, 2, *size) if layout == "NCHW" else (1, *size, 2), "float32"),),
        operators=(Operator("Concat", 13),),
    )
    spec = ModelSpec("segment", ("background", "white"), contract, Postprocess("segment", layout=layout))
    models = ((variant, white_finder(contract, stride)),)
    content = BundleContent("white", "1.0.0", "2026-01-01T00:00:00Z", spec, models, {"onnx": "float32.onnx"})
    bundle = write_bundle(folder / "white.evb", content)
    frame = Frame(np.repeat((truth() * 255)[..., None], 3, axis=2), 0, 0.0, "test")
    with Predictor(bundle, choose(bundle)) as predictor:
        prediction = predictor.predict(frame)
    assert isinstance(prediction, Segmentation)
    return Result(frame, prediction, spec, "white 1.0.0", "test", 0.0), prediction


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("name", list(CONTRACTS))
def test_the_overlay_lies_on_the_object(name: str, layout: str, tmp_path: Path) -> None:
    operations = (*CONTRACTS[name], Color("gray"), *([Layout("NCHW")] if layout == "NCHW" else []))
    result, prediction = segmented(operations, tmp_path)
    contract = result.spec.preprocess

    drawn = Annotator()(result)[:HEIGHT, :WIDTH]

    coloured = (drawn != result.frame.image).any(axis=2)
    seen = contract.place_mask(np.zeros(prediction.mask.shape, np.uint8), HEIGHT, WIDTH) == 0
    assert not coloured[~seen].any()
    expected = (truth() == 1) & seen
    # the edge of an object moves by at most one pixel of the model's input, and 96 of them show 400: 4.2 of the frame
    reach = np.ones((2 * 5 + 1, 2 * 5 + 1), np.uint8)
    assert (cv2.erode(expected.astype(np.uint8), reach) <= coloured).all()
    assert (coloured <= cv2.dilate(expected.astype(np.uint8), reach)).all()
    on_black = drawn[coloured & (truth() == 0)]
    assert len(on_black) == 0 or np.abs(on_black.astype(int) - 0.45 * np.array(PALETTE[1])).max() <= 1


def test_a_caption_names_what_is_there_largest_first() -> None:
    mask = np.zeros((10, 20), np.uint8)
    mask[:5], mask[9, :2] = 3, 1  # half, and a hundredth
    labels = ("background", "bird", "cat", "dog", "eel")

    assert describe(Segmentation(0, 0.0, 1.0, 1.0, Stages(0.2, 0.7, 0.1), mask, labels)) == "dog 50%  bird 1%"
    assert describe(Segmentation(0, 0.0, 1.0, 1.0, Stages(0.2, 0.7, 0.1), mask * 0, labels)) == "background 100%"


def test_a_long_caption_is_made_smaller_before_the_picture_wider() -> None:
    picture = np.zeros((240, 320, 3), np.uint8)

    assert caption(picture, "x" * 30).shape[1] == 320
    assert caption(picture, "x" * 36).shape[1] == 320
    assert caption(picture, "x" * 100).shape[1] > 320


@pytest.mark.parametrize("stride", [1, 4])
@pytest.mark.parametrize("name", list(CONTRACTS))
def test_shares_are_of_the_frame_and_not_of_the_padding(name: str, stride: int, tmp_path: Path) -> None:
    result, prediction = segmented((*CONTRACTS[name], Color("gray")), tmp_path, stride)
    contract = result.spec.preprocess

    seen = contract.place_mask(np.zeros(prediction.mask.shape, np.uint8), HEIGHT, WIDTH) == 0
    expected = float((truth() == 1)[seen].mean())

    # a coarse mask counts in blocks of 4 × 4 pixels of the input, of which the objects' edges touch about one in ten
    assert prediction.shares["white"] == pytest.approx(expected, abs=0.01 if stride == 1 else 0.03)
    assert sum(prediction.shares.values()) == pytest.approx(1.0)
