"""The report envelope, as the workstation imports it.

The envelope itself lives in the runtime, because `bench` and `selftest` write one on the device too.
"""

from edgevision_runtime.redact import redact
from edgevision_runtime.report import (
    SCHEMA,
    Check,
    Finding,
    Report,
    Stopwatch,
    environment,
    file_input,
    read_report,
    verdict,
)

__all__ = [
    "SCHEMA",
    "Check",
    "Finding",
    "Report",
    "Stopwatch",
    "environment",
    "file_input",
    "read_report",
    "redact",
    "verdict",
]
