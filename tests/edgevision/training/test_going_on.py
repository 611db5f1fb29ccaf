import dataclasses
from pathlib import Path

import pytest

from edgevision.runs import RunDirectory
from edgevision.training.going_on import FEWEST_TO_FINE_TUNE, decide_freezing, pretrained_run, with_network_of
from edgevision.training.plan import DataPlan, NetworkPlan, TrainPlan
from edgevision_runtime.contract import Preprocess
from edgevision_runtime.errors import UsageError
from edgevision_runtime.operations import Color, Resize
from edgevision_runtime.postprocess import Postprocess
from edgevision_runtime.spec import make_spec

CONTRACT = Preprocess((Resize((16, 16), "squash", "bilinear"), Color("gray")))
RECORD = {"stage": "pretrained", "data": {}, "architecture": {"name": "cnn_dense", "width": 0.5}}
RUN = RunDirectory(Path("runs/ssl"), make_spec("embed", (), CONTRACT, Postprocess("embed")), RECORD)


def plan_with(network=None, **changes):
    return TrainPlan(DataPlan("photos"), network or NetworkPlan(weights="runs/ssl"), **changes)


def test_what_nobody_said_of_the_network_comes_from_the_run():
    plan = with_network_of(RUN, plan_with())

    assert (plan.network.architecture, plan.network.width) == ("cnn_dense", 0.5)
    assert plan.contract((48, 48)) == CONTRACT


def test_a_plan_that_asks_for_what_the_run_has_is_taken():
    asked = plan_with(NetworkPlan("cnn_dense", 0.5, (16, 16), "runs/ssl"), color="gray")

    assert with_network_of(RUN, asked) == asked


@pytest.mark.parametrize(
    ("network", "changes", "said"),
    [
        (NetworkPlan("cnn"), {}, "learned with --arch cnn_dense, and cnn is asked for"),
        (NetworkPlan(width=1.0), {}, "learned with --width 0.5, and 1 is asked for"),
        (NetworkPlan(image_size=(16, 32)), {}, "learned with --image-size 16,16, and 16,32 is asked for"),
        (NetworkPlan(), {"color": "rgb"}, "learned with --color gray, and rgb is asked for"),
        (
            NetworkPlan(),
            {"preprocess": Preprocess((Resize((8, 8), "squash", "bilinear"), Color("gray")))},
            "learned with --image-size 16,16, and 8,8 is asked for; expected a contract like the run's",
        ),
    ],
)
def test_another_network_than_the_runs_is_one_line(network, changes, said):
    plan = plan_with(dataclasses.replace(network, weights="runs/ssl"), **changes)

    with pytest.raises(UsageError) as caught:
        with_network_of(RUN, plan)

    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_few_labels_are_for_the_head_and_thousands_for_everything():
    few, why_few = decide_freezing(RUN, plan_with(), FEWEST_TO_FINE_TUNE - 1)
    many, why_many = decide_freezing(RUN, plan_with(), FEWEST_TO_FINE_TUNE)

    assert (few.network.freeze, many.network.freeze) == (True, False)
    assert why_few.endswith("only the head learns (--no-freeze: all of it)")
    assert why_many.endswith("learns on as a whole (--freeze: only the head)")
    assert f"{FEWEST_TO_FINE_TUNE - 1} labelled pictures, fewer than {FEWEST_TO_FINE_TUNE}" in why_few


@pytest.mark.parametrize("freeze", [True, False])
def test_what_is_asked_for_is_done_whatever_the_labels(freeze):
    network = NetworkPlan(weights="runs/ssl", freeze=freeze)

    decided = [decide_freezing(RUN, plan_with(network), labelled)[0] for labelled in (10, 100_000)]

    assert [plan.network.freeze for plan in decided] == [freeze, freeze]


def test_a_probe_learns_on_pictures_as_they_are_unless_told_otherwise():
    by_itself, _ = decide_freezing(RUN, plan_with(), 80)
    asked = TrainPlan(DataPlan("photos", augment="flip"), NetworkPlan(weights="runs/ssl"), epochs=3, learning_rate=0.1)
    told, _ = decide_freezing(RUN, asked, 80)
    then_all = NetworkPlan(weights="runs/ssl", freeze=True, fine_tune_epochs=2)
    both, _ = decide_freezing(RUN, plan_with(then_all), 80)

    assert by_itself.complete("classify").data.augment == "none"
    assert (told.data.augment, told.epochs, told.learning_rate) == ("flip", 3, 0.1)
    assert both.complete("classify").data.augment == "light"  # fine-tuning sees the pictures too


def test_only_a_pretrained_run_that_is_to_classify_is_gone_on_from(tmp_path):
    assert pretrained_run(plan_with(NetworkPlan())) is None
    assert pretrained_run(plan_with(NetworkPlan(weights="imagenet"))) is None
    assert pretrained_run(plan_with(NetworkPlan(weights=str(tmp_path)), task="segment")) is None
    assert pretrained_run(plan_with(NetworkPlan("unet_tiny", weights=str(tmp_path)))) is None
