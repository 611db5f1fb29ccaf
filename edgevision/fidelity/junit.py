"""JUnit XML of a verification: one test case per variant, engine and check, as CI servers read it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

from edgevision.fidelity.verify import Verification, what_would_settle
from edgevision.reports.envelope import Check
from edgevision_runtime.atomic import write_text
from edgevision_runtime.redact import redact

_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd]")


def write_junit(path: Path, verification: Verification, bundle_name: str, duration_s: float) -> None:
    """Write the file, whole or not at all; an inconclusive check is a failure of type `inconclusive`."""
    suite = ET.Element("testsuite", name=f"edgevision verify {bundle_name}", time=f"{duration_s:.3f}")
    for result in verification.results:
        for check in result.checks:
            case = ET.SubElement(
                suite, "testcase", classname=f"{bundle_name}.{_class(result.name)}", name=check.id.rpartition("/")[2]
            )
            if check.status != "pass":
                ET.SubElement(case, "failure", type=check.status, message=_text(_message(check, verification)))
    for skip in verification.skipped:
        name = f"{bundle_name}.{_class(f'{skip.variant}@{skip.engine}')}"
        case = ET.SubElement(suite, "testcase", classname=name, name="runs")
        ET.SubElement(case, "skipped", message=_text(skip.reason))
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    suite.set("errors", "0")
    suite.set("skipped", str(len(verification.skipped)))
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    write_text(path, '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n")


def _class(name: str) -> str:
    """Dots separate packages in a JUnit class name."""
    return name.replace(".", "_")


def _message(check: Check, verification: Verification) -> str:
    low, high = check.ci95 or (check.value, check.value)
    text = f"{check.value:.4f} with 95 % interval [{low:.4f}, {high:.4f}], expected {check.op} {check.limit:g}"
    return f"{text}; {what_would_settle(verification)}" if check.status == "inconclusive" else text


def _text(text: str) -> str:
    return _NOT_XML.sub("?", redact(text))
