"""What is copied to a device holds: systemd takes the units, they lock the service in, and the engines work inside."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROVISION = Path(__file__).parents[2] / "devices" / "provision"
UNIT = PROVISION / "files/etc/systemd/system/edgevision-runtime.service"
DROP_INS = sorted(PROVISION.glob("optional/etc/systemd/system/edgevision-runtime.service.d/*.conf"))
SETTINGS = PROVISION / "files/usr/share/edgevision/runtime.env"
MOST_EXPOSED = 3.0  # of 10, by systemd's own rating
DENY_WRITE_EXECUTE = """
import ctypes, sys
PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 1
if ctypes.CDLL(None).prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) != 0:
    sys.exit(77)
from edgevision_runtime.cli import main
main()
"""

DROP_IN_SETS = [[], *([path] for path in DROP_INS)]
needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


@pytest.fixture
def unit(tmp_path):
    """The unit with a program that is here, so that what is checked is the unit."""
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace("/opt/edgevision/bin/edgevision-runtime", sys.executable))
    return copy


def add_drop_ins(unit, drop_ins):
    folder = unit.parent / f"{unit.name}.d"
    folder.mkdir()
    for drop_in in drop_ins:
        shutil.copy(drop_in, folder)


def analyze(*arguments):
    return subprocess.run(["systemd-analyze", *map(str, arguments)], capture_output=True, text=True, timeout=60)


@needs_systemd
@pytest.mark.parametrize("drop_ins", DROP_IN_SETS, ids=str)
def test_systemd_finds_nothing_wrong_with_the_unit(unit, drop_ins):
    add_drop_ins(unit, drop_ins)

    done = analyze("verify", "--man=no", unit)

    assert (done.returncode, done.stderr) == (0, "")


@needs_systemd
@pytest.mark.parametrize("drop_ins", [[], DROP_INS], ids=["alone", "with all drop-ins"])
def test_the_service_is_locked_in_by_systemds_own_rating(unit, drop_ins):
    add_drop_ins(unit, drop_ins)

    done = analyze("security", "--offline=true", "--no-pager", f"--threshold={MOST_EXPOSED * 10:.0f}", unit)

    assert done.returncode == 0, done.stdout
    assert float(re.search(r"exposure level .*: ([\d.]+)", done.stdout)[1]) <= MOST_EXPOSED


@pytest.mark.parametrize("key", ["WatchdogSec=60s", "WatchdogSignal=SIGTERM", "Restart=always", "Type=notify"])
def test_a_run_that_hangs_is_ended_gently_and_started_anew(key):
    assert key in UNIT.read_text().splitlines()


def test_reload_asks_the_run_to_look_at_its_bundle():
    assert "ExecReload=/bin/kill -HUP $MAINPID" in UNIT.read_text().splitlines()


def test_the_settings_that_are_copied_are_options_that_run_has():
    from edgevision_runtime.run_command import run

    settings = dict(line.split("=", 1) for line in SETTINGS.read_text().splitlines() if re.match(r"[A-Z_]+=", line))
    arguments = [settings["EDGEVISION_BUNDLE"], *shlex.split(settings["EDGEVISION_OPTIONS"])]

    parsed = run.make_context("run", arguments)

    assert parsed.params["sources"] == ("/dev/video0",)
    assert str(parsed.params["bundle_path"]).startswith("/var/lib/edgevision/models/")


def test_the_service_may_not_write_its_bundles():
    assert "ReadOnlyPaths=-/var/lib/edgevision/models" in UNIT.read_text().splitlines()
    assert (
        "d /var/lib/edgevision/models 0755 root root -"
        in (PROVISION / "files/etc/tmpfiles.d/edgevision.conf").read_text()
    )


@pytest.mark.parametrize("engine", ["litert", "onnx"])
def test_the_engines_need_no_memory_that_is_both_written_and_executed(engine, packed_bundle):
    command = [sys.executable, "-c", DENY_WRITE_EXECUTE, "selftest", str(packed_bundle.path), "--engine", engine]

    done = subprocess.run(command, capture_output=True, text=True, timeout=120)

    if done.returncode == 77:
        pytest.skip("this kernel cannot deny it (before Linux 6.3)")
    assert done.returncode == 0, done.stderr
