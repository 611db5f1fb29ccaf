"""Runs in the guest: `edgevision-runtime` as a process whose lines are kept with the time at which they came."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

CODE = "from edgevision_runtime.cli import main; main()"
PATIENCE_S = 120  # an emulated machine on a busy one


def environment():
    """For a Python with the runtime and its libraries."""
    libraries = Path("/job/libraries").read_text()
    return {**os.environ, "PYTHONPATH": libraries, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}


def finished(*arguments, code=CODE):
    """One that ran to its end."""
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    return {"code": done.returncode, "out": done.stdout.splitlines(), "err": done.stderr.splitlines()}


class Watched:
    """One that runs on."""

    def __init__(self, *arguments):
        command = [sys.executable, "-c", CODE, *arguments]
        self.process = subprocess.Popen(
            command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.out, self.err = [], []  # (time, line)
        self._readers = [
            threading.Thread(target=self._keep, args=pipe, daemon=True)
            for pipe in ((self.process.stdout, self.out), (self.process.stderr, self.err))
        ]
        for reader in self._readers:
            reader.start()

    def results(self):
        """The answers so far: (time of arrival, document)."""
        documents = [(at_s, json.loads(line)) for at_s, line in list(self.out)]
        return [(at_s, document) for at_s, document in documents if "frame" in document]

    def wait_for(self, what):
        """Until `what()` is true; ends the job when that takes too long."""
        end_s = time.monotonic() + PATIENCE_S
        while not what():
            if time.monotonic() > end_s or self.process.poll() is not None:
                sys.exit(f"waited in vain; stderr: {self.err}")
            time.sleep(0.02)

    def wait_for_results(self, number):
        """Until so many more answers are there."""
        wanted = len(self.results()) + number
        self.wait_for(lambda: len(self.results()) >= wanted)

    def stop(self):
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE_S)
        for reader in self._readers:
            reader.join()
        return code

    @staticmethod
    def _keep(pipe, lines):
        for line in pipe:
            lines.append((time.monotonic(), line.rstrip("\n")))
