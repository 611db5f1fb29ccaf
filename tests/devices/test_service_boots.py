"""The service as systemd runs it: booted in a container, ready, alive, reloaded, restarted by the watchdog, stopped."""

import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

import edgevision_runtime
from tests.edgevision_runtime.watched_bundle import Lights

DEVICES = Path(__file__).parents[2] / "devices"
FILES = DEVICES / "provision" / "files"
BOOT_TAKES_AT_MOST_S = 300
DROP_IN = """
[Service]
WatchdogSec=8s
RestartSec=1s
ProtectHome=read-only
StandardOutput=append:/opt/told/results.jsonl
StandardError=append:/opt/told/said.txt
"""
DRIVE_UNIT = """
[Unit]
DefaultDependencies=no
After=basic.target
[Service]
ExecStart=/bin/sh /opt/told/drive.sh
"""
TARGET = """
[Unit]
Requires=basic.target drive.service
After=basic.target
"""
DRIVE = """
cd /opt/told; exec > drive.txt 2>&1
show() { systemctl show edgevision-runtime -p ActiveState,StatusText,NRestarts,Result,ExecMainStatus > $1.txt; }
systemd-sysusers && systemd-tmpfiles --create /etc/tmpfiles.d/edgevision.conf
models=/var/lib/edgevision/models
cp 1.evb $models/model.evb; cp runtime.env /etc/edgevision/runtime.env
systemctl start edgevision-runtime; show started
cp 2.evb $models/next.evb; mv $models/next.evb $models/model.evb
systemctl reload edgevision-runtime; sleep 5; show reloaded
echo garbage > $models/model.evb; systemctl reload edgevision-runtime; sleep 5; show refused
cp 2.evb $models/model.evb; sleep 30; show restarted
systemctl stop edgevision-runtime; show stopped
systemctl poweroff
"""
SETTINGS = """
EDGEVISION_BUNDLE=/var/lib/edgevision/models/model.evb
EDGEVISION_OPTIONS='--source "fake:///opt/told/my pictures?fps=20&clock=real&stall=1h@20" --sink jsonl'
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="a container needs root"),
    pytest.mark.skipif(shutil.which("systemd-nspawn") is None, reason="systemd-nspawn is not installed"),
]


@pytest.fixture(scope="module")
def lights(colour_spec, colour_folder, tmp_path_factory):
    return Lights(colour_spec, colour_folder, tmp_path_factory.mktemp("lights"))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """This very system, with a layer in memory over it that takes every change."""
    folder = tmp_path_factory.mktemp("container")
    layers = f"lowerdir=/,upperdir={folder}/upper,workdir={folder}/work"
    with ExitStack() as mounted:
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], check=True)
        mounted.callback(subprocess.run, ["umount", folder], check=True)
        for name in ("upper", "work", "root"):
            (folder / name).mkdir()
        overlay = ["mount", "-t", "overlay", "overlay", "-o", layers, folder / "root"]
        if subprocess.run(overlay, capture_output=True).returncode != 0:
            pytest.skip("no overlay file system here")
        mounted.callback(subprocess.run, ["umount", folder / "root"], check=True)
        yield folder / "root"


@pytest.fixture(scope="module")
def told(root, lights, colour_folder, tmp_path_factory):
    """Boot it once; the folder with what was told."""
    folder = tmp_path_factory.mktemp("told")
    folder.chmod(0o777)
    shutil.copytree(colour_folder / "red", folder / "my pictures")
    for number in (1, 2):
        (folder / f"{number}.evb").write_bytes(lights(f"{number}.0.0"))
    (folder / "drive.sh").write_text(DRIVE)
    (folder / "runtime.env").write_text(SETTINGS)
    _furnish(root)
    command = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--link-journal=no", "-D", str(root)]
    command += [f"--bind={folder}:/opt/told", "--boot", "--", "systemd.unit=drive.target"]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=BOOT_TAKES_AT_MOST_S
    )
    assert (folder / "stopped.txt").exists(), done.stdout[-2000:] + done.stderr
    return folder


def _furnish(root):
    shutil.copytree(FILES, root, dirs_exist_ok=True)
    program = root / "opt/edgevision/bin/edgevision-runtime"
    program.parent.mkdir(parents=True, exist_ok=True)
    home = program.parents[1]  # with a copy of the package: /tmp is another one in there, and a checkout may lie in it
    shutil.copytree(Path(edgevision_runtime.__file__).parent, home / "runtime/edgevision_runtime")
    shutil.copytree(DEVICES, home / "devices")
    program.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, '/opt/edgevision/runtime')\n"
        "from edgevision_runtime.cli import main\nmain()\n"
    )
    program.chmod(0o755)
    for folder in Path(sys.executable).resolve().parents:  # a Python in somebody's home
        inside = root / folder.relative_to("/")
        inside.chmod(inside.stat().st_mode | 0o055)
    units = root / "etc/systemd/system"
    (units / "edgevision-runtime.service.d").mkdir()
    (units / "edgevision-runtime.service.d/test.conf").write_text(DROP_IN)
    (units / "drive.service").write_text(DRIVE_UNIT)
    (units / "drive.target").write_text(TARGET)


def shown(folder, moment):
    return dict(line.split("=", 1) for line in (folder / f"{moment}.txt").read_text().splitlines())


def test_it_becomes_ready_and_says_what_it_runs(told):
    assert shown(told, "started")["ActiveState"] == "active"
    assert shown(told, "started")["StatusText"]
    assert (told / "said.txt").read_text().startswith("lights 1.0.0, ")


def test_a_reload_exchanges_the_model(told):
    assert shown(told, "reloaded")["ActiveState"] == "active"
    assert "model: swapped (lights 2.0.0" in (told / "said.txt").read_text()


def test_garbage_is_refused_and_the_service_stays_active(told):
    assert (shown(told, "refused")["ActiveState"], shown(told, "refused")["NRestarts"]) == ("active", "0")
    assert "model: refused (model.evb: not a whole ZIP file" in (told / "said.txt").read_text()


def test_a_camera_that_falls_silent_ends_in_a_restart(told):
    assert (shown(told, "restarted")["ActiveState"], shown(told, "restarted")["NRestarts"]) == ("active", "1")


def test_it_stops_cleanly(told):
    stopped = shown(told, "stopped")

    assert (stopped["ActiveState"], stopped["Result"], stopped["ExecMainStatus"]) == ("inactive", "success", "0")
