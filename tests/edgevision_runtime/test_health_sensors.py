import json
import os

import pytest

from edgevision_runtime.health.sensors import Sensors
from tests.edgevision_runtime.fake_board import WORD, FakeBoard


@pytest.fixture
def board(tmp_path):
    return FakeBoard(tmp_path / "root")


@pytest.fixture
def sensors(board):
    return Sensors(board.root)


def test_a_raspberry_pi_tells_its_temperature_and_that_all_is_well(board, sensors):
    board.zone(0, "cpu-thermal", 48312)
    board.show(WORD, "0")

    reading = sensors.read()

    assert (reading.temperature_c, reading.zone) == (48.312, "cpu-thermal")
    assert (reading.under_voltage, reading.frequency_capped, reading.throttled, reading.soft_limit) == (False,) * 4
    assert reading.occurred == ()


@pytest.mark.parametrize(
    ("word", "now", "occurred"),
    [  # bits 0 to 3 now, 16 to 19 since it was switched on; the kernel writes hexadecimal without 0x
        ("1", {"under_voltage"}, ()),
        ("2", {"frequency_capped"}, ()),
        ("4", {"throttled"}, ()),
        ("8", {"soft_limit"}, ()),
        ("50000", set(), ("throttled", "under-voltage")),
        ("50005", {"under_voltage", "throttled"}, ("throttled", "under-voltage")),
        ("a0000", set(), ("frequency capped", "soft temperature limit")),
    ],
)
def test_each_bit_of_the_firmwares_word_is_told(board, sensors, word, now, occurred):
    board.show(WORD, word)

    reading = sensors.read()

    names = ("under_voltage", "frequency_capped", "throttled", "soft_limit")
    assert {name for name in names if getattr(reading, name)} == now
    assert reading.occurred == occurred


def test_a_raspberry_pi_5_has_its_word_at_another_address(board, sensors):
    board.show("sys/devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled", "4")

    assert sensors.read().throttled is True


def test_vcgencmd_answers_where_the_kernel_does_not_show_it(board, sensors):
    board.vcgencmd("""case "$1" in get_throttled) echo throttled=0x50001;; measure_temp) echo "temp=61.2'C";; esac""")

    reading = sensors.read()

    assert (reading.temperature_c, reading.zone) == (61.2, "vcgencmd")
    assert (reading.under_voltage, reading.throttled) == (True, False)
    assert reading.occurred == ("throttled", "under-voltage")


def test_vcgencmd_that_may_not_ask_the_firmware_is_a_reason_and_no_reading(board, sensors):
    board.vcgencmd("echo 'Can not open device file: /dev/vcio' >&2; exit 255")

    reading = sensors.read()

    assert reading.under_voltage is None
    assert "Can not open device file: /dev/vcio" in reading.unread["under_voltage"]
    assert "Can not open device file: /dev/vcio" in reading.unread["temperature_c"]


def test_the_voltage_monitor_of_a_raspberry_pi_is_believed(board, sensors):
    board.show("sys/class/hwmon/hwmon1/name", "rpi_volt")
    board.show("sys/class/hwmon/hwmon1/in0_lcrit_alarm", "1")

    reading = sensors.read()

    assert reading.under_voltage is True
    assert reading.throttled is None


def test_the_hottest_processor_of_a_jetson_counts_and_its_power_chip_does_not(board, sensors):
    board.zone(0, "cpu-thermal", 51000)
    board.zone(1, "gpu-thermal", 53500)
    board.zone(2, "tj-thermal", 54250)
    board.zone(3, "PMIC-Die", 100000)  # a Jetson Nano says so at any temperature
    board.zone(4, "thermal-fan-est", 60000)

    reading = sensors.read()

    assert (reading.temperature_c, reading.zone) == (54.25, "tj-thermal")


@pytest.mark.parametrize("name", ["CPU-therm", "GPU-therm", "MCPU-therm", "cpu_thermal", "soc0-thermal"])
def test_zones_have_other_names_on_older_systems(board, sensors, name):
    board.zone(0, name, 42000)

    assert sensors.read().temperature_c == 42.0


def test_a_processor_that_is_switched_off_is_not_the_temperature(board, sensors):
    board.zone(0, "CPU-therm", 45000)
    board.zone(1, "GPU-therm", -256000)

    assert sensors.read().temperature_c == 45.0


def test_a_sensor_that_cannot_be_read_is_a_reason_and_not_zero(board, sensors):
    board.zone(0, "cpu-thermal", 0)
    (board.root / "sys/class/thermal/thermal_zone0/temp").write_text("")

    reading = sensors.read()

    assert reading.temperature_c is None
    assert "thermal_zone0/temp" in reading.unread["temperature_c"]


def test_over_current_on_a_jetson_shows_as_throttled_while_it_is_counted(board, sensors):
    board.show("sys/class/hwmon/hwmon3/oc1_event_cnt", 0)
    board.show("sys/class/hwmon/hwmon3/oc3_event_cnt", 7)
    first = sensors.read()

    board.show("sys/class/hwmon/hwmon3/oc3_event_cnt", 9)
    second = sensors.read()
    third = sensors.read()

    assert (first.throttled, second.throttled, third.throttled) == (False, True, False)
    assert third.occurred == ("throttled",)
    assert third.under_voltage is False


def test_a_jetsons_first_counter_is_under_voltage(board, sensors):
    board.show("sys/class/hwmon/hwmon3/oc1_event_cnt", 0)
    sensors.read()

    board.show("sys/class/hwmon/hwmon3/oc1_event_cnt", 1)

    assert sensors.read().under_voltage is True


def test_a_processor_that_the_kernel_slows_is_throttled_and_a_fan_is_not(board, sensors):
    board.cooling(0, "pwm-fan", 3)
    board.cooling(1, "cpufreq-cpu0", 0)
    idle = sensors.read()

    board.cooling(1, "cpufreq-cpu0", 2)

    assert (idle.throttled, sensors.read().throttled) == (False, True)


def test_an_x86_machine_has_its_temperature_in_coretemp(board, sensors):
    board.show("sys/class/hwmon/hwmon2/name", "coretemp")
    board.show("sys/class/hwmon/hwmon2/temp1_input", 41000)
    board.show("sys/class/hwmon/hwmon2/temp2_input", 39000)

    reading = sensors.read()

    assert (reading.temperature_c, reading.zone) == (41.0, "coretemp")


def test_memory_load_and_free_disk_are_told(board, tmp_path):
    board.process(rss_pages=1000, load="1.25")

    reading = Sensors(board.root, folder=tmp_path).read()

    assert reading.rss_mb == round(1000 * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)
    assert reading.load_1min == 1.25
    assert reading.memory_free_mb == 512.0
    assert reading.disk_free_mb > 0


def test_a_machine_without_sensors_says_why_for_each_and_the_reading_is_fit_for_json(board, sensors):
    reading = sensors.read()

    document = json.loads(json.dumps(reading.to_json()))
    empty = {name for name, value in document.items() if value is None}
    assert empty == set(document["unread"])
    assert {"temperature_c", "under_voltage", "throttled", "rss_mb", "disk_free_mb"} <= empty
    assert all(document["unread"].values())


def test_this_very_machine_can_be_read():
    reading = Sensors().read()

    assert reading.rss_mb > 1
    assert reading.temperature_c is None or -45 < reading.temperature_c < 150
