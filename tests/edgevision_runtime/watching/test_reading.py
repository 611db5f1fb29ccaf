"""What a person wrote becomes settings; what cannot be is answered in one clear line."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import click
import pytest
from click.testing import CliRunner

from edgevision_runtime.errors import UsageError
from edgevision_runtime.watching.flags import watch_flags
from edgevision_runtime.watching.reading import WatchTexts, read_watch
from edgevision_runtime.watching.settings import (
    Condition,
    EventSettings,
    Limits,
    MotionSettings,
    Smoothing,
    WatchSettings,
    Zone,
    check_events,
)
from tests.edgevision_runtime.watching.answers import LIGHTS, STREET

DOOR = Zone("door", ((0.1, 0.2), (0.4, 0.2), (0.4, 0.9)))


def given(*arguments: str) -> WatchSettings:
    """What a command with the flags reads from a command line."""

    @click.command()
    @click.argument("bundle")
    @watch_flags
    def command(bundle: str, **options: Any) -> WatchSettings:
        return read_watch(WatchTexts(**options))

    settings: WatchSettings = command.main(["b.evb", *arguments], standalone_mode=False)
    return settings


def test_without_flags_nothing_is_watched() -> None:
    assert given() == WatchSettings()


def test_events_alone_watch_every_label() -> None:
    settings = given("--events").events

    assert settings == EventSettings()
    assert settings.for_model(LIGHTS, "classify").conditions == (Condition(),)


def test_every_flag_reaches_its_setting() -> None:
    settings = given(
        "--event", "person: enter=0.7 leave=0.5 for=2s cooldown=30s", "--event", "* in door", "--smooth",
        "exponential=1s", "--zone", "door: 0.1,0.2 0.4,0.2 0.4,0.9", "--longest-gap", "1m",
        "--motion-gate", "0.01 refresh=10s",
    )  # fmt: skip

    conditions = Condition("person", None, 0.7, 0.5, 2.0, 30.0), Condition("*", "door")
    events = EventSettings(conditions, Smoothing(time_constant_s=1.0), (DOOR,), 60.0)
    assert settings == WatchSettings(events, MotionSettings(0.01, 10.0))


@pytest.mark.parametrize(
    ("text", "smoothing"),
    [
        ("majority=9", Smoothing("majority", answers=9)),
        ("exponential=250ms", Smoothing(time_constant_s=0.25)),
        ("none", Smoothing(time_constant_s=0.0)),
    ],
)
def test_the_ways_to_smooth(text: str, smoothing: Smoothing) -> None:
    settings = given("--smooth", text).events

    assert settings is not None
    assert settings.smoothing == smoothing


def test_the_motion_gate_needs_no_number_and_takes_no_neighbour_for_one() -> None:
    assert given("--motion-gate", "--events").motion == MotionSettings()
    assert given("--motion-gate", "refresh=2s").motion == MotionSettings(refresh_s=2.0)


def test_labels_may_hold_spaces_colons_and_the_word_in() -> None:
    settings = given("--event", "man in hat: for=1s", "--event", "a: b:", "--event", "traffic light").events

    assert settings is not None
    assert [condition.label for condition in settings.conditions] == ["man in hat", "a: b", "traffic light"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--event", "red: entr=0.7"),
            "--event 'red': unknown 'entr'; expected enter | leave | for | cooldown; did you",
        ),
        (("--event", "red: enter=2"), "--event 'red': enter: '2' cannot be; expected a share"),
        (("--event", "red: enter=0"), "--event 'red': enter: '0' cannot be; expected a share above 0"),
        (("--event", "red: for=soon"), "--event 'red': for: 'soon' cannot be; expected a duration such as"),
        (("--event", "red: 0.7"), "--event 'red': 0.7; expected LABEL, or LABEL: enter=0.7"),
        (("--event", "red: enter=0.3 leave=0.5"), "--event 'red': leave=0.5; expected at most enter=0.3"),
        (("--event", "red: for=1s for=2s"), "for is given twice"),
        (("--event", "red", "--event", "red: for=1s"), "--event 'red' is given twice"),
        (("--event", ": enter=1"), "names nothing"),
        (("--smooth", "majority=0"), "--smooth majority: '0' cannot be; expected a whole number above 0"),
        (("--smooth", "majorty=3"), "did you mean majority?"),
        (("--smooth", "exponential"), "--smooth exponential: '' cannot be; expected a duration"),
        (("--zone", "door: 0.1,0.2 0.3,0.4"), "--zone 'door' encloses nothing"),
        (("--zone", "door: 0.1,0.2 0.1,0.4 0.1,0.9"), "--zone 'door' encloses nothing"),
        (("--zone", "door"), "--zone 'door' encloses nothing"),
        (
            ("--zone", "door: 0.1,0.2 0.3,0.4 300,200"),
            "--zone 'door': corner: '300,200' cannot be; expected a share from 0 to 1",
        ),
        (("--zone", "door: 0.1 0.3,0.4 0.5,0.5"), "corner: '0.1' cannot be; expected X,Y such as"),
        (("--longest-gap", "0"), "--longest-gap: '0' cannot be; expected a duration above 0"),
        (("--motion-gate", "b.evb"), "--motion-gate: 'b.evb' cannot be; expected"),
        (("--motion-gate", "0.1 speed=3"), "--motion-gate '0.1 speed=3': speed=3; expected the share of the picture"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        given(*arguments)

    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_camera_of_a_file_is_named_in_errors() -> None:
    with pytest.raises(UsageError, match="camera gate: --event 'red': unknown 'entr'"):
        read_watch(WatchTexts(event=["red: entr=1"]), where="camera gate")


def test_thresholds_that_are_not_given_follow_from_the_task() -> None:
    assert Condition().limits("classify") == Limits(0.6, pytest.approx(0.4), 0.5, 0.0)
    assert Condition().limits("segment") == Limits(0.05, pytest.approx(0.0333, abs=1e-4), 0.5, 0.0)
    assert Condition(enter=0.9).limits("classify").leave == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("arguments", "labels", "task", "message"),
    [
        (("--event", "gren"), LIGHTS, "classify", "event 'gren': no label 'gren'; expected red | yellow | green; did"),
        (("--event", "*", "--zone", "door: 0,0 1,0 1,1"), LIGHTS, "classify", "zones need a model that segments"),
        (("--smooth", "majority=5"), STREET, "segment", "a majority is of labels"),
        (("--event", "red: leave=0.8"), LIGHTS, "classify", "event 'red' ends below 0.8 and begins at 0.6"),
        (("--zone", "door: 0,0 1,0 1,1", "--event", "car in dor"), STREET, "segment", "did you mean car in door?"),
        (("--event", "person in door"), STREET, "segment", "a zone is given with --zone"),
    ],
)  # fmt: skip
def test_what_the_model_cannot_fulfil_is_refused_before_the_run(
    arguments: tuple[str, ...], labels: tuple[str, ...], task: str, message: str
) -> None:
    settings = given(*arguments).events
    assert settings is not None

    with pytest.raises(UsageError) as caught:
        check_events(settings, [(labels, task)])

    assert message in str(caught.value)


def test_of_two_models_one_must_know_the_label() -> None:
    settings = given("--event", "red", "--event", "person").events
    assert settings is not None

    check_events(settings, [(LIGHTS, "classify"), (STREET, "segment")])

    with pytest.raises(UsageError, match="no label 'person'"):
        check_events(settings, [(LIGHTS, "classify"), (LIGHTS, "classify")])


def test_help_shows_the_flags() -> None:
    @click.command()
    @watch_flags
    def command(**options: Any) -> None: ...

    text = CliRunner().invoke(command, ["--help"]).output

    assert all(
        flag in text for flag in ("--events", "--event ", "--smooth", "--zone", "--longest-gap", "--motion-gate")
    )


def test_the_flags_do_not_wait_for_numpy() -> None:
    code = "import sys, edgevision_runtime.watching.flags; sys.exit('numpy' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
