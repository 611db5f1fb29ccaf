import numpy as np

from edgevision.fidelity.gate import VerifyPlan
from edgevision.fidelity.images import open_images
from edgevision.fidelity.tally import enlarge, overlaps
from edgevision.fidelity.verify import verify
from edgevision_runtime.bundle_writer import write_bundle


def test_overlaps_count_pixels_of_both_and_of_either_and_leave_255_out():
    truth = np.array([[0, 1, 1], [2, 255, 1]], np.uint8)
    mask = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)

    both, either = overlaps(truth, mask, classes=3)

    assert both.tolist() == [1, 1, 1]
    assert either.tolist() == [2, 3, 2]


def test_a_coarse_mask_is_enlarged_by_whole_blocks():
    enlarged = enlarge(np.array([[0, 1], [2, 3]], np.uint8), (4, 6))

    assert enlarged.tolist() == [[0, 0, 0, 1, 1, 1]] * 2 + [[2, 2, 2, 3, 3, 3]] * 2


def test_tflite_on_litert_is_the_reference_of_onnx(colour_content, colour_folder, tmp_path):
    bundle = write_bundle(tmp_path / "colour.evb", colour_content)

    found = verify(bundle, open_images(str(colour_folder)), VerifyPlan())

    assert [result.name for result in found.results] == ["float32.tflite@litert", "float32.onnx@onnx"]
    assert found.results[1].agreement.value == 1.0
    # what did not run is said: tflite-runtime is not in this environment, or refuses its numpy
    assert [(skip.variant, skip.engine) for skip in found.skipped] == [("float32.tflite", "tflite")]
