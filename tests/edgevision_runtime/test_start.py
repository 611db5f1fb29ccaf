"""A process on a device comes to its first prediction without importing, starting or keeping what it does not need."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import cv2
import pytest
from click.testing import CliRunner

from edgevision_runtime import profile
from edgevision_runtime.bundle import Bundle
from edgevision_runtime.cli import edgevision_runtime
from edgevision_runtime.engines import ENGINES, installed_version
from tests.edgevision_runtime import networks

RUN_AND_LOOK = """
import json, os, sys
from edgevision_runtime import cli, cli_main
before = sorted(name for name in ("numpy", "cv2") if name in sys.modules)
try:
    cli.main()
except SystemExit:
    pass
slow = (
    "importlib.metadata", "edgevision_runtime.report", "edgevision_runtime.bench", "tensorflow", "cryptography",
    "zipfile", "lzma", "tempfile", "shutil", "difflib", "traceback", "ssl", "_hashlib", "http.client",
    "socket", "decimal", "edgevision_runtime.cameras.connection",
    "edgevision_runtime.embedding", "edgevision_runtime.noticing.reference", "edgevision_runtime.noticing.drift",
)
found = {"before": before, "slow": [name for name in slow if name in sys.modules]}
print(json.dumps({**found, "threads": os.environ.get("OPENBLAS_NUM_THREADS")}))
"""


def test_run_imports_nothing_slow_and_has_numpy_start_no_threads(colour_bundle: Bundle, tmp_path: Path) -> None:
    picture = tmp_path / "red.png"
    cv2.imwrite(str(picture), networks.frame_of(200, 40, 40))
    command = ["run", str(colour_bundle.path), "--source", str(picture), "--quiet"]

    done = subprocess.run([sys.executable, "-c", RUN_AND_LOOK, *command], capture_output=True, text=True, check=True)

    prediction, found = (json.loads(line) for line in done.stdout.splitlines())
    assert prediction["label"] == "red"
    assert found == {"before": [], "slow": [], "threads": "1"}


def test_nothing_is_hashed_before_the_first_prediction_but_what_it_needs(packed_bundle: Bundle) -> None:
    late = Bundle.open(packed_bundle.path, reads_late=True)
    late.read(late.variant("float32.tflite").path)

    needed = {"preprocess.json", "postprocess.json", "labels.txt", "models/float32.tflite"}
    assert set(late.manifest.members) - needed == {name for name in late.members if name in late.unread}
    late.unread.close()


def test_a_run_looks_for_its_board_once_and_leaves_the_garbage_collector_on(
    colour_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []
    monkeypatch.setattr(profile, "detect_profile", lambda: looks.append("at the board"))
    cv2.imwrite(str(tmp_path / "red.png"), networks.frame_of(200, 40, 40))
    command = ["run", str(colour_bundle.path), "--source", str(tmp_path / "red.png"), "--sink", "null", "--quiet"]

    done = CliRunner().invoke(edgevision_runtime, command)

    assert (done.exit_code, looks) == (0, ["at the board"])
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_versions_are_those_that_pip_knows() -> None:
    for name, kind in ENGINES.items():
        known = {}
        for distribution in kind.distributions:
            try:
                known[distribution] = metadata.version(distribution)
            except metadata.PackageNotFoundError:
                continue
        assert installed_version(name) == next(iter(known.values()), None)
