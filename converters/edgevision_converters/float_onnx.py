"""Float .onnx from a float .tflite by tf2onnx: one export feeds both formats, batch norms are folded already."""

from __future__ import annotations

import contextlib
import importlib
import io
import logging
import tempfile
import warnings
from pathlib import Path
from typing import Any

import onnx

from edgevision_converters import flatbuffer, onnx_graph
from edgevision_runtime.errors import ModelError
from edgevision_runtime.quiet import without_native_chatter

OPSET = 17  # onnxruntime 1.13 and later, TensorRT 8.6 and later (JetPack 5)


def tflite_to_onnx(data: bytes) -> bytes:
    """The .onnx form of a float .tflite: same input and output names, input stays NHWC.

    Raises:
        ModelError: an operator that tf2onnx does not know.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tf2onnx opens TensorFlow's deprecated interpreter
        importlib.import_module("edgevision_converters.tensorflow_setup")  # before tf2onnx imports TensorFlow loudly
        import tf2onnx

        logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)  # what it would log is in our error
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
            path = Path(folder) / "model.tflite"
            path.write_bytes(data)
            try:
                with without_native_chatter():
                    model, _ = tf2onnx.convert.from_tflite(str(path), opset=OPSET)
            except (ValueError, KeyError, AttributeError, NotImplementedError, RuntimeError, AssertionError) as error:
                reason = (str(error).splitlines() or [type(error).__name__])[0]
                raise ModelError(f"tf2onnx cannot convert the model: {reason}") from error
    _check(model, data)
    return onnx_graph.canonical(model)


def _check(model: Any, data: bytes) -> None:
    graph = flatbuffer.read(data).subgraphs[0]
    wanted = [flatbuffer.tensor_name(graph.tensors[index]) for index in graph.outputs]
    given = [value.name for value in model.graph.output]
    if wanted != given:
        raise ModelError(f"tf2onnx renamed the outputs to {given}", expected=str(wanted))
    for node in model.graph.node:
        if node.domain in ("", "ai.onnx") and not onnx.defs.has(node.op_type):
            raise ModelError(
                f"tf2onnx left {node.op_type} unconverted", expected="an ONNX operator", hint="convert with --to tflite"
            )
