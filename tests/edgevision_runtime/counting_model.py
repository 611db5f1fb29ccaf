"""A network that reads the pictures of counted_pictures.py, so that a result says which picture it was made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from onnx import TensorProto, helper, numpy_helper

from edgevision_runtime.bundle import Bundle
from edgevision_runtime.bundle_writer import BundleContent, write_bundle
from edgevision_runtime.contract import Preprocess
from edgevision_runtime.operations import Color, Resize
from edgevision_runtime.postprocess import Postprocess
from edgevision_runtime.types import ModelSpec, Operator, TensorSpec, Variant
from tests.edgevision_runtime.counted_pictures import BRIGHT, COLUMNS, DARK, HEIGHT, ROWS, WIDTH, number_in, plane

FIELDS = COLUMNS * ROWS
INPUT = (60, 80)  # (height, width): ten by eight pixels a field
LABELS = ("dark", *(f"field {field}" for field in range(FIELDS)))


def counting_bundle(path: Path) -> Bundle:
    """A segmenter with a class for each field: it has a share where its field is bright."""
    variant = Variant(
        path="models/float32.onnx",
        format="onnx",
        precision="float32",
        inputs=(TensorSpec("image", (1, *INPUT, 3), "float32"),),
        outputs=(TensorSpec("fields", (1, ROWS, COLUMNS, FIELDS + 1), "float32"),),
        operators=(Operator("AveragePool", 1),),
    )
    contract = Preprocess((Resize(INPUT, "squash", "area"), Color("rgb")))
    content = BundleContent(
        name="counting",
        version="1.0.0",
        created="2026-01-01T00:00:00Z",
        spec=ModelSpec("segment", LABELS, contract, Postprocess("segment")),
        models=((variant, _network()),),
        default_variants={"onnx": variant.name},
    )
    return write_bundle(path, content)


def number_of_result(document: dict[str, Any]) -> int | None:
    """The number of the picture that a line of JSON was made of; None when it was no picture of a camera's."""
    shares = document["shares"]
    return number_in({field for field in range(FIELDS) if shares[f"field {field}"] > 0.5 / FIELDS})


def write_numbered_pictures(folder: Path, count: int) -> Path:
    """0.png, 1.png …, for cameras that play a folder."""
    for number in range(count):
        grey = np.frombuffer(plane(number), np.uint8).reshape(HEIGHT, WIDTH)
        cv2.imwrite(str(folder / f"{number}.png"), grey)
    return folder


def _network() -> bytes:
    """How much brighter than the middle each field is, in the channel of that field; channel 0 is the middle."""
    own = np.zeros((1, ROWS, COLUMNS, FIELDS + 1), np.float32)
    own[0, np.arange(FIELDS) // COLUMNS, np.arange(FIELDS) % COLUMNS, np.arange(FIELDS) + 1] = 1.0
    height, width = INPUT[0] // ROWS, INPUT[1] // COLUMNS
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["grey"], axes=[3], keepdims=1),
        helper.make_node("Transpose", ["grey"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("AveragePool", ["planes"], ["levels"], kernel_shape=[height, width], strides=[height, width]),
        helper.make_node("Transpose", ["levels"], ["last"], perm=[0, 2, 3, 1]),
        helper.make_node("Sub", ["last", "middle"], ["above"]),
        helper.make_node("Mul", ["above", "own"], ["fields"]),
    ]
    graph = helper.make_graph(
        nodes,
        "counting",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, *INPUT, 3])],
        [helper.make_tensor_value_info("fields", TensorProto.FLOAT, list(own.shape))],
        [
            numpy_helper.from_array(np.float32((BRIGHT + DARK) / 2), "middle"),
            numpy_helper.from_array(own, "own"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    return bytes(model.SerializeToString())
