import os
import pty
import re
import subprocess
import sys

PROGRAM = """
import time
from edgevision.cli.console import Console
console = Console(is_verbose=True)
with console.progress(3, "train") as advance:
    for number in range(3):
        advance(f"epoch {number}")
        time.sleep(0.2)  # the bar is drawn ten times a second
        console.detail(f"epoch {number}: loss 0.5")
        console.warn("slow")
"""


def on_a_terminal(program):
    """What a program writes to a terminal of 80 columns, with the control codes taken out, line by line."""
    leader, follower = pty.openpty()
    environment = os.environ | {"COLUMNS": "80", "TERM": "xterm"}
    process = subprocess.Popen([sys.executable, "-c", program], stderr=follower, stdout=follower, env=environment)
    os.close(follower)
    data = b""
    try:
        while part := os.read(leader, 65536):
            data += part
    except OSError:  # how Linux says that the other end is closed
        pass
    assert process.wait() == 0
    return re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", data.decode()))


def test_log_lines_stand_above_the_bar_and_not_in_it():
    lines = on_a_terminal(PROGRAM)

    assert [line for line in lines if "loss" in line] == [f"epoch {number}: loss 0.5" for number in range(3)]
    assert lines.count("warning: slow") == 3
    assert any("3/3" in line and "left" in line for line in lines)
