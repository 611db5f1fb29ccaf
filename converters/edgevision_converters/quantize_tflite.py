"""Smaller .tflite files from one float .tflite, by ai-edge-quantizer's recipes.

Weights of FULLY_CONNECTED are quantized per tensor: per channel would need operator version 12, which runtimes before
TensorFlow 2.18 do not have. Convolutions are quantized per channel.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgevision_converters import flatbuffer
from edgevision_converters.inspect import describe_tflite
from edgevision_converters.ranges import Ranges
from edgevision_runtime.errors import ModelError
from edgevision_runtime.quiet import without_native_chatter

_DENSE = "FULLY_CONNECTED"

# The version that each operator needs for these types, after tensorflow/lite/tools/versioning/op_version.cc;
# ai-edge-quantizer leaves the float version in the file.
INT8_VERSIONS = {"CONV_2D": 3, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 4, "DEQUANTIZE": 2} | dict.fromkeys(
    (
        *("ADD", "AVERAGE_POOL_2D", "CONCATENATION", "DEPTH_TO_SPACE", "GATHER", "LEAKY_RELU", "LOGISTIC", "MAXIMUM"),
        *("MAX_POOL_2D", "MEAN", "MINIMUM", "MUL", "PACK", "PAD", "PADV2", "RELU", "RELU6", "RESIZE_BILINEAR"),
        *("RESIZE_NEAREST_NEIGHBOR", "SLICE", "SOFTMAX", "SPACE_TO_DEPTH", "SPLIT", "STRIDED_SLICE", "SUB", "SUM"),
        *("TANH", "TRANSPOSE", "TRANSPOSE_CONV"),
    ),
    2,
)
INT16_VERSIONS = {"CONV_2D": 4, "DEPTHWISE_CONV_2D": 5, "FULLY_CONNECTED": 7, "MUL": 4, "SUB": 5} | dict.fromkeys(
    (
        *("ADD", "AVERAGE_POOL_2D", "CONCATENATION", "LOGISTIC", "MAX_POOL_2D", "MEAN", "PAD", "RELU", "RELU6"),
        *("SOFTMAX", "TANH"),
    ),
    3,
)
DYNAMIC_VERSIONS = {"CONV_2D": 5, "DEPTHWISE_CONV_2D": 6, "FULLY_CONNECTED": 9}


def to_int8(data: bytes, ranges: Ranges, io_dtype: str = "float32") -> tuple[bytes, str]:
    """int8 weights and activations of a float .tflite with unique tensor names, and which tool made it.

    ai-edge-quantizer does it; TensorFlow's quantizer where it does not know an operator. Both take our ranges.

    Raises:
        ModelError: neither can take the model.
    """
    reason = ""
    try:
        quantized = _quantize(data, _static_recipe(8), ranges, INT8_VERSIONS)
        if describe_tflite(quantized).actual_precision == "int8":
            return flatbuffer.with_io_dtype(quantized, io_dtype), "ai-edge-quantizer"
    except ModelError as error:
        reason = error.what
    return flatbuffer.with_io_dtype(_quantize_by_tensorflow(data, ranges, reason), io_dtype), "tensorflow"


def _quantize_by_tensorflow(data: bytes, ranges: Ranges, reason: str) -> bytes:
    """int8 by TensorFlow's quantizer, which knows more operators; our ranges take the place of its calibration."""
    from edgevision_converters.tensorflow_setup import tf  # isort: skip
    from tensorflow.lite.python.convert import ConverterError, mlir_quantize

    model = flatbuffer.read(data)
    for tensor in model.subgraphs[0].tensors:
        name = flatbuffer.tensor_name(tensor)
        if name in ranges:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.min, tensor.quantization.max = [ranges[name][0]], [ranges[name][1]]
    try:
        with without_native_chatter():
            quantized = mlir_quantize(
                flatbuffer.write(model),
                fully_quantize=True,
                input_data_type=tf.int8,
                output_data_type=tf.int8,
                disable_per_channel_for_dense_layers=True,
            )
    except (ConverterError, RuntimeError, ValueError) as error:
        why = reason or (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(f"the model cannot be quantized to int8: {why}", hint="try float16") from error
    return bytes(quantized)


def to_int16x8(data: bytes, ranges: Ranges) -> bytes:
    """int8 weights and int16 activations; inputs and outputs are float32.

    Raises:
        ModelError: ai-edge-quantizer cannot take the model.
    """
    model = flatbuffer.read(data)
    for operator in model.subgraphs[0].operators:
        if hasattr(operator.builtinOptions, "potScaleInt16"):  # ADD and SUB: any scale, not only powers of two
            operator.builtinOptions.potScaleInt16 = False
    quantized = _quantize(flatbuffer.write(model), _static_recipe(16), ranges, INT16_VERSIONS)
    return flatbuffer.with_io_dtype(quantized, "float32")


def to_dynamic(data: bytes) -> bytes:
    """int8 weights; activations are float32 in the file and quantized while it runs."""
    from ai_edge_quantizer import recipe

    return _quantize(data, _dense_per_tensor(recipe.dynamic_wi8_afp32()), None, DYNAMIC_VERSIONS)


def to_float16(data: bytes) -> bytes:
    """float16 weights that the runtime widens to float32 when it loads them."""
    from ai_edge_quantizer import qtyping, recipe_manager
    from ai_edge_quantizer.algorithm_manager import AlgorithmName

    manager = recipe_manager.RecipeManager()
    weights = qtyping.TensorQuantizationConfig(num_bits=16, dtype=qtyping.TensorDataType.FLOAT)
    for operator in ("FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D", "CONV_2D_TRANSPOSE"):
        manager.add_quantization_config(
            regex=".*",
            operation_name=qtyping.TFLOperationName(operator),
            op_config=qtyping.OpQuantizationConfig(
                weight_tensor_config=weights,
                compute_precision=qtyping.ComputePrecision.FLOAT,
                explicit_dequantize=True,
            ),
            algorithm_key=AlgorithmName.FLOAT_CASTING,
        )
    return _quantize(data, manager.get_quantization_recipe(), None, {"DEQUANTIZE": 3})


def _static_recipe(activation_bits: int) -> list[dict[str, Any]]:
    from ai_edge_quantizer import recipe

    whole = recipe.static_wi8_ai8() if activation_bits == 8 else recipe.static_wi8_ai16()
    return _dense_per_tensor(whole)


def _dense_per_tensor(recipe: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The recipe, followed by its own entry for FULLY_CONNECTED with one scale per weight tensor."""
    entry = dict(recipe[-1])
    config = dict(entry["op_config"])
    config["weight_tensor_config"] = {**config["weight_tensor_config"], "granularity": "TENSORWISE"}
    return [*recipe, {**entry, "operation": _DENSE, "op_config": config}]


def _quantize(data: bytes, recipe: list[dict[str, Any]], ranges: Ranges | None, versions: dict[str, int]) -> bytes:
    """The quantized model with its buffers inside the flatbuffer and true operator versions."""
    from ai_edge_quantizer import quantizer

    statistics = None if ranges is None else _statistics(data, ranges)
    try:
        with contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():  # its progress bars
            warnings.simplefilter("ignore")  # its interpreter that keeps all tensors
            result = quantizer.Quantizer(data, recipe).quantize(
                statistics, enable_progress_bar=False, enable_progress_report=False
            )
    except (ValueError, RuntimeError, KeyError, IndexError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(f"ai-edge-quantizer cannot quantize this model: {reason}") from error
    if result.quantized_model is None:
        raise ModelError("ai-edge-quantizer gave no model")
    model = flatbuffer.read(bytes(result.quantized_model))
    for operator in model.subgraphs[0].operators:
        code = model.operatorCodes[operator.opcodeIndex]
        code.version = max(code.version, versions.get(flatbuffer.operator_name(model, operator), 1))
    return flatbuffer.write(model)


def _statistics(data: bytes, ranges: Ranges) -> dict[str, dict[str, Any]]:
    """The ranges in the form ai-edge-quantizer takes: minimum and maximum of the tensor's rank, zero included."""
    tensors = flatbuffer.read(data).subgraphs[0].tensors
    rank = {flatbuffer.tensor_name(t): 0 if t.shape is None else len(t.shape) for t in tensors}
    return {
        name: {
            "min": np.full((1,) * rank[name], min(low, 0.0), np.float32),
            "max": np.full((1,) * rank[name], max(high, 0.0), np.float32),
        }
        for name, (low, high) in ranges.items()
        if name in rank
    }
