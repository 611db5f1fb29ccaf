from __future__ import annotations

import pytest

from edgevision_converters import flatbuffer
from edgevision_converters.inspect import describe, describe_onnx, describe_tflite, require_precision
from edgevision_converters.plan import Conversion
from edgevision_runtime.errors import ModelError
from edgevision_runtime.types import Operator
from tests.converters.conftest import content


def test_a_float_file_is_not_called_int8(all_targets: Conversion) -> None:
    for name in ("float32.tflite", "float32.onnx"):
        with pytest.raises(ModelError, match=r"is float32, computed in float: .*(CONV_2D × 2|Conv × 3)"):
            require_precision(describe(content(all_targets, name)), "int8")


def test_a_file_with_one_float_operator_is_mixed_and_the_operator_is_named(all_targets: Conversion) -> None:
    model = flatbuffer.read(content(all_targets, "int8.tflite"))
    graph = model.subgraphs[0]
    softmax = graph.operators[-1]
    for index in [*softmax.inputs, *softmax.outputs]:  # what a forgotten layer looks like
        graph.tensors[index].type = flatbuffer.FLOAT32

    facts = describe_tflite(flatbuffer.write(model))

    assert facts.actual_precision == "mixed"
    assert "SOFTMAX 'scores'" in facts.float_operators
    with pytest.raises(ModelError, match="SOFTMAX × 1"):
        require_precision(facts, "int8")


def test_an_onnx_operator_without_quantization_behind_it_is_float(all_targets: Conversion) -> None:
    import onnx

    model = onnx.ModelProto.FromString(content(all_targets, "int8.onnx"))
    softmax = next(node for node in model.graph.node if node.op_type == "Softmax")
    behind = [node for node in model.graph.node if softmax.output[0] in node.input or "scores" in node.output]
    assert [node.op_type for node in behind] == ["QuantizeLinear", "DequantizeLinear"]
    for node in behind:  # the result leaves as float
        model.graph.node.remove(node)
    softmax.output[0] = "scores"

    facts = describe_onnx(model.SerializeToString())

    assert facts.actual_precision == "mixed"
    assert [operator.split(" ")[0] for operator in facts.float_operators] == ["Softmax"]


def test_operators_are_listed_in_the_version_that_int8_needs(all_targets: Conversion) -> None:
    operators = describe(content(all_targets, "int8.tflite")).operators

    # tensorflow/lite/tools/versioning/op_version.cc: the first versions with int8; 12 would be per-channel dense
    assert Operator("CONV_2D", 3) in operators
    assert Operator("DEPTHWISE_CONV_2D", 3) in operators
    assert Operator("FULLY_CONNECTED", 4) in operators
    assert Operator("CONV_2D", 1) in describe(content(all_targets, "float32.tflite")).operators
    assert Operator("Conv", 11) in describe(content(all_targets, "float32.onnx")).operators


def test_the_census_counts_what_is_there(all_targets: Conversion) -> None:
    facts = describe(content(all_targets, "float32.tflite"))

    assert facts.operator_counts == {
        "ADD": 2,  # rescaling, residual
        "CONV_2D": 2,
        "DEPTHWISE_CONV_2D": 1,
        "FULLY_CONNECTED": 1,
        "MEAN": 1,
        "MUL": 1,
        "SOFTMAX": 1,
    }
    assert facts.float_operators[-1] == "SOFTMAX 'scores'"


def test_bytes_that_are_no_model_are_refused() -> None:
    with pytest.raises(ModelError, match="not ONNX"):
        describe(b"no model at all")
