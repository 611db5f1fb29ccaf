"""Dependencies run one way, and a command pays only for what it uses."""

import json
import re
import resource
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ("tensorflow", "tf_keras", "keras", "numpy", "cv2", "onnx", "onnxruntime", "sklearn", "matplotlib", "jinja2")
WORKSTATION_ONLY = ("tensorflow", "tf_keras", "keras", "onnx", "tf2onnx", "matplotlib", "sklearn")
HELP_SECONDS = 0.3  # of CPU time, which a busy machine stretches less than the clock's

PROBE = """
import json, sys
from edgevision.cli import edgevision
try:
    edgevision.main(args=sys.argv[1:], prog_name="edgevision")
except SystemExit as end:
    code = end.code
print(json.dumps({"code": code, "modules": sorted({name.partition(".")[0] for name in sys.modules})}), file=sys.stderr)
"""


def verbs():
    from edgevision.cli import VERBS

    return list(VERBS)


def test_dependencies_run_one_way():
    program = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports())"

    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("arguments", [["--help"], *([verb, "--help"] for verb in verbs())], ids=" ".join)
def test_help_is_there_and_imports_nothing_heavy(arguments):
    done = subprocess.run([sys.executable, "-c", PROBE, *arguments], capture_output=True, text=True)

    probe = json.loads(done.stderr.splitlines()[-1])
    assert probe["code"] == 0
    assert not set(HEAVY) & set(probe["modules"])
    assert re.search(r"^Usage: edgevision", done.stdout)


@pytest.mark.parametrize("arguments", [["--help"], *([verb, "--help"] for verb in verbs())], ids=" ".join)
def test_help_takes_less_than_a_third_of_a_second(arguments):
    command = [sys.executable, "-c", "from edgevision.cli import main; main()", *arguments]

    seconds = statistics.median(cpu_seconds(command) for _ in range(3))

    assert seconds < HELP_SECONDS


def cpu_seconds(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_the_device_side_works_where_the_workstations_libraries_are_missing():
    modules = [
        path.relative_to(ROOT / "runtime").with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
        for path in sorted((ROOT / "runtime" / "edgevision_runtime").rglob("*.py"))
        if path.stem != "__main__"
    ]
    program = (
        f"import sys\nfor name in {WORKSTATION_ONLY}: sys.modules[name] = None\n"
        f"import importlib\nfor name in {modules}: importlib.import_module(name)"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
