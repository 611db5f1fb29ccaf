"""How a command ends: by the verdict, whatever becomes of the terminal; never with a traceback for the expected."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FULL = Path("/dev/full")

SCRIPT = """
import sys
import click
from edgevision_runtime.cli_main import SuggestingGroup, run_command, say
from edgevision_runtime.errors import CheckFailed

@click.group(cls=SuggestingGroup)
def tool(): pass

@tool.command()
def verify():
    for _ in range(20000):
        say("a line of the result")
    raise CheckFailed("it lost too much")

@tool.command()
def log():
    for _ in range(20000):
        click.echo("a line of the log")

sys.exit(run_command(tool, "tool"))
"""


def shell(command: str) -> subprocess.CompletedProcess[str]:
    line = f"set -o pipefail; {command}".replace("TOOL", f"{sys.executable} -c '{SCRIPT}'")
    return subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=30, check=False)


def test_a_reader_that_goes_does_not_change_the_verdict() -> None:
    done = shell("TOOL verify | head -1")

    assert done.returncode == 1
    assert done.stdout == "a line of the result\n"
    assert done.stderr == "error: it lost too much\n"


def test_a_closed_stdout_does_not_change_the_verdict() -> None:
    done = shell("TOOL verify >&-")

    assert (done.returncode, done.stderr) == (1, "error: it lost too much\n")


def test_without_a_reader_for_anything_it_ends_as_sigpipe_does() -> None:
    done = shell("TOOL log | head -1")

    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.skipif(not FULL.is_char_device(), reason="needs /dev/full")
def test_a_full_disk_under_stdout_is_one_line_and_no_success() -> None:
    done = shell("TOOL verify > /dev/full")

    assert (done.returncode, done.stderr) == (2, "error: No space left on device\n")


def test_a_typo_is_answered_with_the_nearest_verb() -> None:
    done = shell("TOOL verfy")

    assert done.returncode == 2
    assert "no such verb 'verfy'; did you mean verify?" in done.stderr


def test_an_interrupted_command_tidies_up_and_is_not_aborted_by_what_still_computes(tmp_path: Path) -> None:
    script = f"""
import atexit, os, pathlib, sys
import click
from edgevision_runtime.cli_main import end_process, run_command

class Computes:  # as a library's thread that comes back while the interpreter is taken apart
    def __del__(self):
        os.abort()

@click.command()
def tool():
    raise KeyboardInterrupt

computes = Computes()
atexit.register(pathlib.Path({str(tmp_path / "tidied")!r}).touch)
end_process(run_command(tool, "tool"))
"""

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False)

    assert (done.returncode, done.stderr.strip()) == (130, "interrupted")
    assert (tmp_path / "tidied").exists()
