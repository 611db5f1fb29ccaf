"""The fast path's answers are those of the contract, `infer` and `Postprocess`, whatever the tensors store."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgevision_runtime.bundle import Bundle
from edgevision_runtime.bundle_writer import BundleContent, write_bundle
from edgevision_runtime.contract import Preprocess
from edgevision_runtime.engines import engines_for, open_engine
from edgevision_runtime.engines.quantization import dequantize
from edgevision_runtime.fast_answer import HighestChannel, PreparedOutput
from edgevision_runtime.operations import Color, Layout, Resize
from edgevision_runtime.postprocess import Postprocess
from edgevision_runtime.predictor import Choice, Predictor
from edgevision_runtime.types import Classification, Frame, ModelSpec, Operator, TensorSpec, Variant
from tests.edgevision_runtime import networks

SIZE = 64  # pixels a side: enough for planes to be compared whole
OUTPUTS = [
    TensorSpec("y", (1,), "float32"),
    TensorSpec("y", (1,), "int8", 0.11, -7),
    TensorSpec("y", (1,), "uint8", 1 / 256, 0),
    TensorSpec("y", (1,), "int16", 1e-4, 0),
    TensorSpec("y", (1,), "float16"),
    TensorSpec("y", (1,), "int32", 1e-9, 3),
]


def stored_values(spec: TensorSpec, shape: tuple[int, ...]) -> np.ndarray:
    """Few different values, so that ties are common."""
    random = np.random.default_rng(0)
    if spec.dtype.startswith("float"):
        return random.integers(-4, 5, shape).astype(spec.dtype)
    limits = np.iinfo(spec.dtype)
    return random.choice([limits.min, limits.min + 1, limits.max // 2, limits.max], shape).astype(spec.dtype)


@pytest.mark.parametrize("spec", OUTPUTS, ids=lambda spec: spec.dtype)
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("channels", [None, 1, 2, 3, 21])
@pytest.mark.parametrize("side", [7, 80])
def test_masks_are_those_of_the_real_numbers(spec, layout, channels, side) -> None:
    shape = (side, side) if channels is None else (side, side, channels)
    shape = (channels, side, side) if layout == "NCHW" and channels else shape
    postprocess = Postprocess("segment", output=1, layout=layout, threshold=0.1 if channels in (None, 1) else None)
    stored = (np.zeros(3, np.float32), stored_values(spec, shape))
    real = tuple(dequantize(values, spec) for values in stored)
    answer = PreparedOutput(postprocess, (spec, spec))

    for _ in range(2):  # the second one finds the arrays of the first
        mask = answer.mask(stored)

        assert mask.dtype == np.uint8
        assert np.array_equal(mask, postprocess.mask(real))


@pytest.mark.parametrize("spec", OUTPUTS, ids=lambda spec: spec.dtype)
@pytest.mark.parametrize("activation", ["none", "softmax"])
def test_scores_are_those_of_the_real_numbers_and_no_view(spec, activation) -> None:
    stored = stored_values(spec, (10,))
    postprocess = Postprocess("classify", activation=activation)

    scores = PreparedOutput(postprocess, (spec,)).scores((stored,))

    assert scores.tobytes() == postprocess.scores((dequantize(stored, spec),)).tobytes()
    assert not np.shares_memory(scores, stored)


def test_the_lower_class_wins_a_tie_and_what_is_no_number_is_found_as_numpy_finds_it() -> None:
    planes = np.array([[1, 5, 0, np.nan, 1], [1, 7, 0, 3, np.nan], [0, 7, 0, 9, np.nan]], np.float32)

    assert HighestChannel()(planes[:, :3]).tolist() == [0, 1, 0]
    assert HighestChannel()(planes).tolist() == planes.argmax(axis=0).tolist() == [0, 1, 0, 0, 1]


def colour_segmenter_onnx() -> bytes:
    """float32 (1, 3, 64, 64) RGB to the channels' own values as logits: each pixel's class is its strongest colour."""
    weight = numpy_helper.from_array(np.eye(3, dtype=np.float32)[:, :, None, None], "weight")
    graph = helper.make_graph(
        [helper.make_node("Conv", ["image", "weight"], ["logits"])],
        "colour_segmenter",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, SIZE, SIZE])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 3, SIZE, SIZE])],
        [weight],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    return bytes(model.SerializeToString())


def colour_segmenter_int8() -> bytes:
    """The same in int8 from end to end, as .tflite."""
    from edgevision.tensorflow_setup import keras, tf

    layers = [keras.layers.InputLayer((SIZE, SIZE, 3), batch_size=1), keras.layers.Conv2D(3, 1, use_bias=False)]
    network = keras.Sequential(layers)
    network.set_weights([np.eye(3, dtype=np.float32)[None, None]])
    converter = tf.lite.TFLiteConverter.from_keras_model(network)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    corners = [np.full((1, SIZE, SIZE, 3), value, np.float32) for value in (0, 255)]
    converter.representative_dataset = lambda: ([corner] for corner in corners)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return bytes(converter.convert())


def segmenter_bundle(path: Path, model_format: str) -> Bundle:
    is_onnx = model_format == "onnx"
    layout = "NCHW" if is_onnx else "NHWC"
    content = colour_segmenter_onnx() if is_onnx else colour_segmenter_int8()
    name = "float32.onnx" if is_onnx else "int8.tflite"
    contract = Preprocess((Resize((SIZE, SIZE), "squash", "bilinear"), Color("rgb"), Layout(layout)))
    with open_engine("onnx" if is_onnx else "litert", content) as engine:
        tensors = (engine.input,), engine.outputs
    variant = Variant(f"models/{name}", model_format, name.split(".")[0], *tensors, (Operator("CONV_2D", 1),))
    return write_bundle(
        path,
        BundleContent(
            name="strongest-colour-mask",
            version="1.0.0",
            created="2026-01-01T00:00:00Z",
            spec=ModelSpec("segment", networks.LABELS, contract, Postprocess("segment", layout=layout)),
            models=((variant, content),),
            default_variants=dict.fromkeys(["onnx"] if is_onnx else ["litert", "tflite"], name),
        ),
    )


@pytest.fixture(scope="module")
def segmenters(tmp_path_factory: pytest.TempPathFactory) -> list[Bundle]:
    folder = tmp_path_factory.mktemp("segmenters")
    return [segmenter_bundle(folder / f"{name}.evb", name) for name in ("onnx", "tflite")]


def noise(index: int) -> Frame:
    image = np.random.default_rng(index).integers(0, 256, (60 + index, 90, 3), np.uint8)
    return Frame(image, index, time.monotonic(), "test")


def test_predictions_on_every_engine_are_those_of_the_plain_way(segmenters, colour_bundle) -> None:
    tried = set()
    for bundle in (*segmenters, colour_bundle):
        for variant in bundle.variants:
            for name in engines_for(variant.format):
                spec, tried = bundle.spec, tried | {name}
                with Predictor(bundle, Choice(variant, name, "asked for")) as predictor:
                    for index in (0, 1, 1, 0):
                        frame = noise(index)
                        outputs = predictor.engine.infer(spec.preprocess(frame.image))
                        prediction = predictor.predict(frame)

                        if isinstance(prediction, Classification):
                            assert prediction.scores.tobytes() == spec.postprocess.scores(outputs).tobytes()
                        else:
                            assert np.array_equal(prediction.mask, spec.postprocess.mask(outputs))
                            assert len(np.unique(prediction.mask)) == 3
    assert {"litert", "onnx"} <= tried


def test_what_is_written_into_an_engines_memory_is_what_it_answers(segmenters, colour_bundle) -> None:
    for bundle in (*segmenters, colour_bundle):
        for variant in bundle.variants:
            for name in engines_for(variant.format):
                with Predictor(bundle, Choice(variant, name, "asked for")) as predictor:
                    engine, prepare = predictor.engine, predictor.prepare
                    for index in (0, 1):
                        stored = engine.infer_stored(prepare(noise(index).image), lambda outputs: outputs[0].copy())
                        prepare.write(noise(index).image, engine.memory)
                        written = engine.infer_written(lambda outputs: outputs[0].copy())

                        assert written.tobytes() == stored.tobytes()


def test_predictions_stay_what_they_were_when_the_next_frame_comes(segmenters) -> None:
    for bundle in segmenters:
        name = engines_for(bundle.variants[0].format)[0]
        with Predictor(bundle, Choice(bundle.variants[0], name, "asked for")) as predictor:
            first = predictor.predict(noise(0))
            kept = first.mask.copy()
            predictor.predict(noise(1))

            assert np.array_equal(first.mask, kept)


def test_a_prediction_makes_no_array_but_its_mask(segmenters) -> None:
    bundle = segmenters[1]
    with Predictor(bundle, Choice(bundle.variants[0], "litert", "asked for")) as predictor:
        frame = noise(0)
        predictor.predict(frame)

        tracemalloc.start()
        for _ in range(40):
            predictor.predict(frame)
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    mask_bytes = SIZE * SIZE
    assert peak_bytes < 2 * mask_bytes + 8192  # this frame's and the last one's, and Python's own; logits are 3 masks
