import pytest

from edgevision_runtime.errors import UsageError
from edgevision_runtime.health.limits import CAUTIOUS, Band, ThermalLimits
from edgevision_runtime.health.reading import HealthReading
from edgevision_runtime.health.steps import Dwell, HealthSteps
from edgevision_runtime.messages import BEGAN, ENDED
from edgevision_runtime.profile import profile_files, read_profile

LIMITS = ThermalLimits(Band(75, 70), Band(79, 74), Band(84, 79), "hand-made")
DWELL = Dwell(hotter_s=10, cooler_s=60)


@pytest.fixture
def steps():
    return HealthSteps(LIMITS, has_smaller=True, dwell=DWELL)


def feed(steps, *course):
    """(second, °C) pairs; returns the events."""
    events = [
        steps.observe(HealthReading(at=1000.0 + now_s, temperature_c=c, zone="cpu"), now_s) for now_s, c in course
    ]
    return [event for event in events if event]


def test_each_step_slows_more_and_the_last_two_want_a_smaller_model(steps):
    seen = [(steps.step, steps.pace_factor, steps.wants_smaller)]

    for now_s, celsius in ((0, 75), (10, 79), (20, 84)):
        feed(steps, (now_s, celsius))
        seen.append((steps.step, steps.pace_factor, steps.wants_smaller))

    assert seen == [("normal", 1, False), ("slow", 2, False), ("small", 2, True), ("alarm", 8, True)]


def test_without_a_smaller_model_the_pace_goes_down_instead():
    steps = HealthSteps(LIMITS, has_smaller=False, dwell=DWELL)

    feed(steps, (0, 80), (10, 80))

    assert (steps.step, steps.pace_factor, steps.wants_smaller) == ("small", 4, False)


def test_sudden_heat_goes_one_step_at_a_time(steps):
    events = feed(steps, (0, 95), (5, 95), (9.9, 95), (10, 95), (15, 95), (20, 95), (30, 95))

    assert [(event.name, event.phase, event.at) for event in events] == [
        ("heat: slow", BEGAN, 1000),
        ("heat: small", BEGAN, 1010),
        ("heat: alarm", BEGAN, 1020),
    ]


def test_a_temperature_between_leaving_and_entering_changes_nothing(steps):
    feed(steps, (0, 75))

    events = feed(steps, *((now_s, 70 + now_s % 5) for now_s in range(1, 2000, 3)))

    assert events == []
    assert steps.step == "slow"


def test_a_step_ends_after_a_minute_without_a_break_below_its_limit(steps):
    feed(steps, (0, 75))

    events = feed(steps, (100, 69), (150, 69), (155, 71), (160, 69), (219, 69), (220, 69))

    assert [(event.name, event.phase, event.detail["duration_s"]) for event in events] == [("heat: slow", ENDED, 220)]
    assert steps.step == "normal"


def test_steps_are_left_one_by_one_too(steps):
    feed(steps, (0, 90), (10, 90), (20, 90))

    events = feed(steps, *((now_s, 40) for now_s in range(30, 400, 10)))

    assert [(event.name, event.at) for event in events] == [
        ("heat: alarm", 1090),
        ("heat: small", 1160),  # 60 s after the first look that found it cool enough for this step
        ("heat: slow", 1230),
    ]


def test_a_temperature_that_swings_around_a_limit_does_not_make_it_flutter(steps):
    events = feed(steps, *((now_s, 74 if now_s % 2 else 76) for now_s in range(600)))

    assert len(events) == 1


def test_an_event_says_what_was_measured_and_what_is_done(steps):
    (event,) = feed(steps, (0, 76.04))

    assert event.kind == "health"
    assert event.detail == {
        "reason": "cpu at 76.0 °C",
        "temperature_c": 76.04,
        "step": "slow",
        "pace_factor": 2,
        "wants_smaller": False,
    }


def test_a_board_that_throttles_itself_is_slowed_even_without_a_thermometer(steps):
    event = steps.observe(HealthReading(at=0, throttled=True), 0)
    again = steps.observe(HealthReading(at=0, throttled=True), 100)

    assert (steps.step, event.detail["reason"], again) == ("slow", "the board slows its processor", None)


def test_a_board_that_throttles_for_want_of_voltage_is_not_slowed(steps):
    steps.observe(HealthReading(at=0, temperature_c=50, throttled=True, under_voltage=True), 0)

    assert steps.step == "normal"


def test_a_thermometer_that_falls_silent_keeps_the_step(steps):
    feed(steps, (0, 80), (10, 80))

    assert feed(steps, (100, None), (1000, None)) == []
    assert steps.step == "small"


def test_a_board_without_any_sensor_stays_at_its_full_pace(steps):
    assert feed(steps, *((now_s, None) for now_s in range(100))) == []


@pytest.mark.parametrize(
    ("bands", "said"),
    [
        ((Band(70, 70), Band(80, 75), Band(85, 80)), "leave_c below enter_c"),
        ((Band(80, 70), Band(75, 70), Band(85, 80)), "rising enter_c"),
    ],
)
def test_limits_that_cannot_be_are_refused(bands, said):
    with pytest.raises(UsageError, match=said):
        HealthSteps(ThermalLimits(*bands, "hand-made"))


def test_every_board_has_limits_of_its_own_that_can_be_and_says_where_they_come_from():
    limits = {name: read_profile(name).thermal for name in profile_files()}

    for name, own in limits.items():
        HealthSteps(own)
        assert own.source != CAUTIOUS.source, name
    assert limits["raspberry-pi-5"][:3] == CAUTIOUS[:3]
