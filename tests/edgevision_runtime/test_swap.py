import os
import threading

import pytest

from edgevision_runtime.bundle import Bundle
from edgevision_runtime.models import load_model
from edgevision_runtime.predictor import choose
from edgevision_runtime.swap import prove, smaller_choice
from tests.edgevision_runtime.watched_bundle import Lights, Watched, shorter_network, variant


@pytest.fixture(scope="session")
def lights(colour_spec, colour_folder, tmp_path_factory):
    return Lights(colour_spec, colour_folder, tmp_path_factory.mktemp("lights"))


@pytest.fixture
def watched(lights, tmp_path):
    made = Watched(tmp_path / "lights.evb", lights())
    with made.slot:
        yield made


def test_a_replaced_bundle_is_proven_loaded_and_offered(watched, lights):
    watched.replace(lights("2.0.0"))

    watched.look()

    assert watched.title == "lights 2.0.0"
    assert [event.name for event in watched.events] == ["checking", "swapped"]
    detail = watched.events[-1].detail
    assert (detail["old"], detail["new"], detail["variant"]) == ("lights 1.0.0", "lights 2.0.0", "float32.onnx")
    assert detail["manifest_sha256"] == watched.swapped[0].manifest_sha256 == Bundle.open(watched.path).manifest_sha256


def test_a_bundle_that_nobody_touches_is_left_alone(watched):
    watched.look(times=10)

    assert watched.events == []


def test_a_file_that_still_grows_is_not_judged(watched, lights):
    content = lights("2.0.0")

    for share in (0.2, 0.5, 0.8):
        watched.path.write_bytes(content[: int(share * len(content))])
        watched.look(times=1)
    assert watched.events == []
    watched.path.write_bytes(content)
    watched.look(times=2)

    assert watched.told == ["swapped"]


def test_a_good_bundle_after_garbage_is_taken(watched, lights):
    watched.replace(b"garbage")
    watched.look()
    watched.replace(lights("2.0.0"))
    watched.look()

    assert watched.told == ["refused", "swapped"]


def test_other_labels_are_taken_and_told(watched, lights):
    watched.replace(lights("2.0.0", labels=("stop", "go", "look out")))

    watched.look()

    assert watched.slot.take(0).spec.labels == ("stop", "go", "look out")
    assert watched.events[-1].detail["has_other_labels"] is True


def test_a_link_that_leads_to_another_bundle_is_another_bundle(lights, tmp_path):
    for version in ("1.0.0", "2.0.0"):
        (tmp_path / f"lights-{version}.evb").write_bytes(lights(version))
    path = tmp_path / "current.evb"
    path.symlink_to("lights-1.0.0.evb")
    watched = Watched(path)

    (tmp_path / "next").symlink_to("lights-2.0.0.evb")
    (tmp_path / "next").replace(path)

    with watched.slot:
        watched.look()
        assert watched.title == "lights 2.0.0"


def test_being_asked_judges_at_once_and_again(watched, lights):
    watched.replace(b"garbage")
    watched.watcher.ask()
    watched.look(times=3)
    watched.watcher.ask()
    watched.look(times=3)

    assert watched.told == ["refused", "refused"]


def test_being_asked_about_the_running_bundle_changes_nothing(watched):
    watched.watcher.ask()

    watched.look(times=3)

    assert watched.told == ["unchanged"]
    assert watched.swapped == []


def test_a_touched_file_with_the_same_content_is_not_loaded_again(watched):
    os.utime(watched.path, (1, 1))

    watched.look(times=5)

    assert watched.told == ["unchanged"]


def test_a_hot_board_gets_the_smaller_variant_and_the_usual_one_when_it_is_cool_again(lights, tmp_path):
    watched = Watched(tmp_path / "lights.evb", lights(also=((variant("int8", "int8"), shorter_network()),)))
    variants = []

    with watched.slot:
        for is_hot in (False, True, True, False, False):
            watched.wants_smaller = is_hot
            watched.look(times=1)
            variants.append(watched.slot.take(0).choice.variant.name)

    assert variants == ["float32.onnx", "int8.onnx", "int8.onnx", "float32.onnx", "float32.onnx"]
    assert watched.told == ["swapped", "swapped"]


def test_a_new_bundle_on_a_hot_board_comes_in_its_smaller_variant(lights, tmp_path):
    also = ((variant("int8", "int8"), shorter_network()),)
    watched = Watched(tmp_path / "lights.evb", lights(also=also))

    with watched.slot:
        watched.wants_smaller = True
        watched.look()
        watched.replace(lights("2.0.0", also=also))
        watched.look()

        assert (watched.title, watched.slot.take(0).choice.variant.name) == ("lights 2.0.0", "int8.onnx")


def test_float16_is_a_smaller_file_but_not_less_work(lights, tmp_path):
    (tmp_path / "lights.evb").write_bytes(lights(also=((variant("float16", "float16"), shorter_network()),)))
    bundle = Bundle.open(tmp_path / "lights.evb")

    assert smaller_choice(bundle, choose(bundle)) is None


def test_the_selftest_runs_in_a_thread_of_low_priority_and_the_models_threads_do_not(lights, tmp_path):
    niceness = {}

    def note(name, then):
        def noted(*arguments):
            niceness[name] = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
            return then(*arguments)

        return noted

    watched = Watched(tmp_path / "lights.evb", lights(), prove=note("prove", prove), load=note("load", load_model))
    usual = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    watched.replace(lights("2.0.0"))

    with watched.slot:
        watched.look()

    assert watched.told == ["swapped"]
    assert niceness == {"prove": usual + 10, "load": usual}


def test_the_thread_does_the_same_by_itself(lights, tmp_path):
    watched = Watched(tmp_path / "lights.evb", lights(), poll_s=0.01)

    with watched.slot, watched.watcher:
        watched.replace(lights("2.0.0"))

        assert watched.has_swapped.wait(30)
    assert watched.told[:1] == ["swapped"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_fault_that_ends_the_watch_is_told(lights, tmp_path):
    watched = Watched(tmp_path / "lights.evb", lights(), open=lambda path: {}["a fault of ours"])

    with watched.slot, watched.watcher:
        watched.watcher.ask()
        next(thread for thread in threading.enumerate() if thread.name == "bundle lights.evb").join(30)

    assert watched.told == ["unwatched"]
