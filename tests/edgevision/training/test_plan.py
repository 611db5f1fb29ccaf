import json

import pytest

from edgevision.training.plan import DataPlan, NetworkPlan, TrainPlan, plan_differences
from edgevision_runtime.contract import Preprocess
from edgevision_runtime.errors import UsageError
from edgevision_runtime.operations import Color, Crop, Layout, Normalize, Resize

DATA = DataPlan("photos")
SMALL = Resize((8, 8), "squash", "bilinear")


def test_what_nobody_said_comes_from_the_task():
    classify, segment = TrainPlan(DATA).complete("classify"), TrainPlan(DATA, epochs=3).complete("segment")

    assert (classify.network.architecture, classify.batch, classify.class_weights) == ("cnn", 32, "balanced")
    assert (segment.network.architecture, segment.batch, segment.loss) == ("unet_tiny", 8, "cross-entropy+dice")
    assert segment.epochs == 3


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: TrainPlan(DATA, batch=0), "1 or more"),
        (lambda: TrainPlan(DATA, strategy="many"), "mirrored"),
        (lambda: TrainPlan(DATA, task="classify", learning_rate=-1.0), "above 0"),
        (lambda: TrainPlan(DATA, task="classify", loss="dice"), "dice is for masks"),
        (lambda: TrainPlan(DATA, task="detect"), "classify | segment"),
        (lambda: DataPlan("photos", shares=(0.7, 0.7, 0.1)), "sum to 1"),
        (lambda: DataPlan("photos", group_by="("), "regular expression"),
        (lambda: NetworkPlan(freeze=True), "--weights"),
        (lambda: NetworkPlan(width=0.0), "above 0"),
        (lambda: NetworkPlan(fine_tune_epochs=-1), "0 or more"),
        (lambda: TrainPlan(DATA, preprocess=Preprocess((Color("rgb"),))), "resize"),
        (lambda: TrainPlan(DATA, preprocess=Preprocess((SMALL, Normalize(1 / 255, (0.5,), (0.5,))))), "normalizes"),
        (lambda: TrainPlan(DATA, preprocess=Preprocess((SMALL, Layout("NCHW")))), "NHWC"),
        (lambda: TrainPlan(DATA, learning_rate=-1.0), "above 0"),
        (lambda: TrainPlan(DATA, label_smoothing=2.0), "label smoothing"),
    ],
)
def test_a_value_that_cannot_be_is_refused_and_says_what_can(make, named):
    with pytest.raises(UsageError) as caught:
        make()

    assert named in str(caught.value)


def test_the_contract_is_a_resize_and_a_colour_unless_a_whole_one_is_given():
    given = Preprocess((Crop("center", size=(20, 20)), Resize((8, 8), "squash", "nearest"), Color("bgr")))

    assert TrainPlan(DATA).contract((48, 48)) == Preprocess((Resize((48, 48), "squash", "bilinear"), Color("rgb")))
    assert TrainPlan(DATA, preprocess=given).contract((48, 48)) == given
    letterbox = TrainPlan(DATA, NetworkPlan(image_size=(32, 64)), resize="letterbox", color="gray").contract((48, 48))
    assert letterbox == Preprocess((Resize((32, 64), "letterbox", "bilinear", 0), Color("gray")))


def test_plans_say_in_which_fields_they_differ():
    first = TrainPlan(DATA, NetworkPlan("cnn", image_size=(8, 8)), epochs=3)
    second = TrainPlan(DataPlan("photos", augment="none"), NetworkPlan("cnn", image_size=(8, 9)), epochs=3)

    stored = json.loads(json.dumps(first.to_json()))

    assert plan_differences(stored, json.loads(json.dumps(first.to_json()))) == []
    assert plan_differences(stored, json.loads(json.dumps(second.to_json()))) == ["augment", "image_size"]


def test_fine_tuning_is_ten_times_as_careful():
    plan = TrainPlan(DATA, NetworkPlan(weights="imagenet", fine_tune_epochs=4), learning_rate=0.01).complete("classify")

    fine = plan.fine_tune_plan(plan.fit_plan(classes=3, class_weights=None))

    assert (fine.epochs, fine.learning_rate) == (4, pytest.approx(0.001))
