"""Ask a Raspberry Pi's firmware through `vcgencmd`, where the kernel does not show what it knows."""

from __future__ import annotations

from pathlib import Path

from edgevision_runtime.health.kernel_files import Unreadable

PLACES = ("usr/bin/vcgencmd", "opt/vc/bin/vcgencmd")
ANSWERS_WITHIN_S = 2.0


def ask_firmware(root: Path, question: str) -> str:
    """The answer to `get_throttled` or `measure_temp`, without its `name=`. Raises Unreadable."""
    command = next((root / place for place in PLACES if (root / place).is_file()), None)
    if command is None:
        raise Unreadable("no vcgencmd")
    import subprocess  # 5 ms that most machines need not wait for

    try:
        done = subprocess.run(
            [str(command), question], capture_output=True, text=True, timeout=ANSWERS_WITHIN_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise Unreadable(f"vcgencmd {question} did not answer within {ANSWERS_WITHIN_S:g} s") from error
    except OSError as error:
        raise Unreadable(f"vcgencmd cannot be run: {error.strerror}") from error
    _, _, answer = done.stdout.strip().partition("=")
    if done.returncode != 0 or not answer:
        said = (done.stderr or done.stdout).strip().splitlines() or [f"exit code {done.returncode}"]
        raise Unreadable(f"vcgencmd {question}: {said[0]}")
    return answer
