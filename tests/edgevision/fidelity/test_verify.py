import math

import pytest

from edgevision.fidelity.gate import VerifyPlan
from edgevision.fidelity.images import open_images
from edgevision.fidelity.verify import verify, what_would_settle
from edgevision_runtime.errors import DataError, ModelError, UsageError


@pytest.fixture(scope="module")
def colors(color_bundle, color_pictures):
    return verify(color_bundle, open_images(str(color_pictures)), VerifyPlan())


@pytest.fixture(scope="module")
def spots(spot_bundle, spot_pictures):
    return verify(spot_bundle, open_images(str(spot_pictures)), VerifyPlan())


def result(verification, variant):
    return next(found for found in verification.results if found.variant == variant)


def test_the_reference_is_measured_and_not_judged(colors):
    reference = result(colors, "float32.onnx")

    assert reference.status == "reference"
    assert reference.metric.value == 1.0
    assert reference.metric.low == pytest.approx(300 / (300 + 3.8415), abs=1e-4)  # Wilson at p = 1
    assert reference.checks == ()


def test_a_variant_that_keeps_up_passes_with_three_hundred_images(colors):
    int8 = result(colors, "int8.onnx")

    assert int8.status == "pass"
    assert (int8.lost, int8.gained, int8.mcnemar_p) == (0, 0, 1.0)
    assert int8.difference.ci95 == pytest.approx((-3 / 302, 3 / 302))  # rule of three: just within one point
    assert 0 < int8.drift_mean < 0.01


def test_a_variant_that_lost_something_fails(colors):
    spoiled = result(colors, "dynamic.onnx")

    # always green: right on 100 of 300, so the reference is 200 images better
    assert spoiled.metric.value == pytest.approx(1 / 3)
    assert (spoiled.lost, spoiled.gained) == (200, 0)
    assert spoiled.mcnemar_p < 1e-50
    assert [check.status for check in spoiled.checks] == ["fail", "fail"]
    assert colors.status == "fail"


def test_the_worst_images_are_those_with_another_answer(colors):
    worst = result(colors, "dynamic.onnx").worst

    assert len(worst) == 8
    assert all(image.agreement == 0.0 and image.path.parent.name in ("red", "blue") for image in worst)
    assert "this one green" in worst[0].note


def test_too_few_images_are_inconclusive_and_say_how_many_more(color_bundle, few_pictures):
    found = verify(color_bundle, open_images(str(few_pictures)), VerifyPlan(reference="float32.onnx"))

    int8 = result(found, "int8.onnx")
    assert int8.status == "inconclusive"
    assert int8.more_images == 270  # rule of three: 300 for one point, 30 are there
    assert "270 more images" in what_would_settle(found)


def test_every_image_goes_through_the_contract_once_whatever_the_number_of_variants(colors):
    assert len(colors.results) == 3
    assert colors.timing.contract_runs == colors.images == 300


def test_masks_are_judged_by_the_iou_of_their_foreground(spots):
    reference, int8, spoiled = (result(spots, f"{name}.onnx") for name in ("float32", "int8", "dynamic"))

    assert spots.metric == "foreground_iou"
    assert reference.metric.value == 1.0  # 16 → 8 pixels by nearest: image and mask move alike
    assert int8.status == "pass"
    assert int8.agreement.value == 1.0
    assert spoiled.status == "fail"
    assert spoiled.metric.value < 0.5
    # everything is called spot: IoU = the share of spot pixels, and agreement too
    assert spoiled.agreement.value == pytest.approx(spoiled.metric.value)
    assert "pixels differ" in spoiled.worst[0].note


def test_labels_are_matched_by_name_not_by_position(colors, color_pictures):
    # the folder sorts blue, green, red; the bundle says red, green, blue
    assert open_images(str(color_pictures)).labels == ("blue", "green", "red")
    assert result(colors, "float32.onnx").metric.value == 1.0


def test_a_label_that_the_bundle_does_not_know_is_named(color_bundle, color_pictures, tmp_path):
    for folder, name in (("red", "red"), ("blue", "navy")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "0.png").write_bytes((color_pictures / folder / "000.png").read_bytes())

    with pytest.raises(DataError, match=r"label 'navy'.*red, green, blue"):
        verify(color_bundle, open_images(str(tmp_path)), VerifyPlan())


def test_data_of_another_task_is_refused(color_bundle, spot_pictures):
    with pytest.raises(DataError, match="labelled to segment"):
        verify(color_bundle, open_images(str(spot_pictures)), VerifyPlan())


def test_images_without_labels_are_judged_by_agreement_alone(color_bundle, color_pictures, tmp_path):
    for index in range(100):
        (tmp_path / f"{index}.png").write_bytes((color_pictures / "red" / f"{index:03}.png").read_bytes())

    found = verify(color_bundle, open_images(str(tmp_path)), VerifyPlan())

    int8 = result(found, "int8.onnx")
    assert [check.id for check in int8.checks] == ["int8.onnx@onnx/agreement"]
    assert int8.status == "pass"
    assert math.isnan(int8.metric.value)
    assert "W306" in [finding.code for finding in found.warnings]


def test_a_split_is_kept_when_the_data_has_one(color_pictures, tmp_path):
    for split, count in (("train", 3), ("test", 2)):
        for name in ("red", "green"):
            (tmp_path / split / name).mkdir(parents=True)
            for index in range(count):
                source = color_pictures / name / f"{index:03}.png"
                (tmp_path / split / name / f"{index}.png").write_bytes(source.read_bytes())

    test, everything = open_images(str(tmp_path)), open_images(str(tmp_path), split="all")

    assert (test.split, len(test.samples)) == ("test", 4)
    assert (everything.split, len(everything.samples)) == ("all", 10)
    assert test.warnings == ()
    assert [finding.code for finding in everything.warnings] == ["W305"]


def test_a_split_that_the_data_has_not_is_an_error(color_pictures):
    with pytest.raises(UsageError, match=r"no split 'test'.*--splits"):
        open_images(str(color_pictures), split="test")


def test_the_fingerprint_follows_images_and_labels(color_pictures, tmp_path):
    for name in ("red", "green"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "0.png").write_bytes((color_pictures / name / "000.png").read_bytes())
    before = open_images(str(tmp_path)).fingerprint()

    same = open_images(str(tmp_path)).fingerprint()
    (tmp_path / "red").rename(tmp_path / "crimson")
    renamed = open_images(str(tmp_path)).fingerprint()

    assert same == before
    assert renamed != before


def test_a_reference_that_is_not_there_is_an_error(color_bundle, color_pictures):
    with pytest.raises(UsageError, match=r"reference 'float16'.*float32\.onnx"):
        verify(color_bundle, open_images(str(color_pictures)), VerifyPlan(reference="float16"))


def test_a_variant_that_an_engine_refuses_is_skipped_with_the_reason(broken_bundle, color_pictures):
    found = verify(broken_bundle, open_images(str(color_pictures)), VerifyPlan())

    assert [(skip.variant, skip.engine) for skip in found.skipped] == [("int8.onnx", "onnx")]
    assert "refuses the model" in found.skipped[0].reason
    assert {"W301", "W302"} <= {finding.code for finding in found.warnings}
    assert found.status == "inconclusive"  # the reference alone proves nothing
    assert "only it ran" in what_would_settle(found)


def test_no_engine_for_any_variant_is_an_error(color_bundle, color_pictures):
    with pytest.raises(ModelError, match="no variant ran on any engine"):
        verify(color_bundle, open_images(str(color_pictures)), VerifyPlan(engines=("litert",)))


@pytest.mark.parametrize(
    "wrong", [{"max_drop": -0.1}, {"max_drop": 1.5}, {"min_agreement": 95}, {"engines": ("tensorrt",)}]
)
def test_a_gate_that_cannot_be_is_refused(wrong):
    with pytest.raises(UsageError):
        VerifyPlan(**wrong)
