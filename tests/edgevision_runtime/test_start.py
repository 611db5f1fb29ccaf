"""A process on a device comes to its first prediction without importing, starting or keeping what it does not need."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import cv2

from edgevision_runtime.bundle import Bundle
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
    "socket", "decimal",
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


def test_versions_are_those_that_pip_knows() -> None:
    for name, kind in ENGINES.items():
        known = {}
        for distribution in kind.distributions:
            try:
                known[distribution] = metadata.version(distribution)
            except metadata.PackageNotFoundError:
                continue
        assert installed_version(name) == next(iter(known.values()), None)
