import subprocess
import sys

import pytest

from edgevision_runtime.errors import UsageError


def test_a_gate_in_three_lines(parity, color_bundle, color_pictures):
    with pytest.raises(AssertionError, match=r"dynamic\.onnx .*fail"):
        parity(color_bundle.path, data=color_pictures, max_drop=0.01, min_agreement=0.95)


def test_a_bundle_that_keeps_up_passes(parity, good_bundle, color_pictures):
    found = parity(good_bundle.path, data=color_pictures, max_drop=0.01, min_agreement=0.95)

    assert found.status == "pass"


def test_too_few_images_fail_unless_told_otherwise(parity, good_bundle, few_pictures):
    with pytest.raises(AssertionError, match="270 more images would settle it"):
        parity(good_bundle.path, data=few_pictures)
    with pytest.warns(UserWarning, match="parity is inconclusive") as warnings:
        warned = parity(good_bundle.path, data=few_pictures, inconclusive="warn")
    passed = parity(good_bundle.path, data=few_pictures, inconclusive="pass")

    assert warned.status == passed.status == "inconclusive"
    assert warnings[0].filename == __file__  # the line of the test, not of the plugin


@pytest.mark.parametrize("wrong", [{"max_dorp": 0.1}, {"inconclusive": "ignore"}])
def test_an_argument_that_cannot_be_is_an_error(parity, good_bundle, few_pictures, wrong):
    with pytest.raises(UsageError):
        parity(good_bundle.path, data=few_pictures, **wrong)


def test_the_plugin_costs_other_projects_nothing():
    heavy = "{'numpy', 'cv2', 'scipy', 'tensorflow'}"
    code = f"import sys, edgevision.fidelity.pytest_plugin; print(sorted({heavy} & set(sys.modules)))"

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert said.strip() == "[]"
