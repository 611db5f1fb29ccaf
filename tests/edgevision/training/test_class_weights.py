import pytest

from edgevision.data.dataset import open_dataset
from edgevision.data.splits import SplitPlan, split
from edgevision.training.class_weights import balanced_weights, class_weights, read_weights
from edgevision_runtime.errors import UsageError
from tests.edgevision.training.shapes import write_squares


def test_balanced_weights_make_every_class_weigh_the_same_in_sum():
    weights = balanced_weights([60, 30, 10])

    assert weights == pytest.approx((100 / 180, 100 / 90, 100 / 30))
    assert [count * weight for count, weight in zip([60, 30, 10], weights, strict=True)] == pytest.approx([100 / 3] * 3)


def test_a_class_without_training_pictures_weighs_nothing():
    assert balanced_weights([4, 0])[1] == 0.0


def test_masks_are_balanced_by_their_pixels(tmp_path):
    dataset = split(open_dataset(write_squares(tmp_path / "data")), SplitPlan())

    # a square covers 64 of the 256 pixels of every mask
    assert class_weights("balanced", dataset) == pytest.approx((256 / (2 * 192), 256 / (2 * 64)))
    assert class_weights("none", dataset) is None


def test_a_file_names_weights_and_the_rest_weighs_one(tmp_path):
    file = tmp_path / "weights.json"
    file.write_text('{"yellow": 5}', encoding="utf-8")

    assert read_weights(file, ("red", "yellow")) == (1.0, 5.0)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{", "balanced | none"),
        ('{"blue": 1}', "red | yellow"),
        ('{"red": -1}', "label to number"),
        ("[1]", "label to number"),
        ('{"red": 0, "yellow": 0}', "every class weighs 0"),
    ],
)
def test_a_file_that_is_no_such_thing_is_refused(tmp_path, text, named):
    file = tmp_path / "weights.json"
    file.write_text(text, encoding="utf-8")

    with pytest.raises(UsageError) as caught:
        read_weights(file, ("red", "yellow"))

    assert named in str(caught.value)


def test_a_missing_file_says_what_can_be_given(tmp_path):
    with pytest.raises(UsageError, match=r"balanced \| none"):
        read_weights(tmp_path / "no.json", ("red",))
