import pytest

from edgevision.reports import wording


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (wording.percent(0.9534), "95.3 %"),
        (wording.percent(None), "–"),
        (wording.percent(float("nan")), "–"),
        (wording.points(-0.006), "−0.60"),
        (wording.points(0.00001), "0.00"),
        (wording.points(-0.00001), "0.00"),
        (wording.points_interval((-0.02, 0.004)), "−2.00 … +0.40"),
        (wording.size(812), "812 B"),
        (wording.size(81_234), "81.2 kB"),
        (wording.size(2_400_000), "2.40 MB"),
        (wording.milliseconds(3.14159), "3.14 ms"),
        (wording.milliseconds(31.4159), "31.4 ms"),
        (wording.milliseconds(0.0214), "0.021 ms"),
        (wording.milliseconds(None), "–"),
    ],
)
def test_a_number_reads_as_promised(written, expected):
    assert written == expected
