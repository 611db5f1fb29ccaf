"""`edgevision label` and `edgevision apply` as a person uses them."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edgevision.cli import edgevision
from edgevision.discovery.naming.named_clusters import NamedClusters
from tests.edgevision.discovery.naming.conftest import make_clusters, name_as_a_person_would
from tests.edgevision.discovery.naming.test_server import Client

LABEL = [sys.executable, "-c", "from edgevision.cli import main; main()", "label", "--no-browser"]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(edgevision, [str(one) for one in arguments])


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda how: how.name)
def test_names_are_saved_however_labelling_ends(clusters: Path, how: signal.Signals) -> None:
    process = subprocess.Popen(
        [*LABEL, str(clusters)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a shell starts what runs behind its back deaf to Ctrl-C, and children inherit that
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    client = Client(url)
    assert client.act(do="name", cluster=4, name="seven")[0] == 200

    process.send_signal(how)
    result, log = process.communicate(timeout=60)

    assert NamedClusters.open(clusters).state.names[4] == "seven"
    if how != signal.SIGKILL:
        assert process.returncode == 0
        assert "1 of 12 named" in result
        assert f"Next: edgevision apply {clusters} -o dataset/" in log


def test_a_port_that_is_taken_and_a_folder_that_is_none_are_told(clusters: Path, tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = subprocess.run([*LABEL, str(clusters), "--port", str(port)], capture_output=True, text=True)

    assert refused.returncode == 2
    assert f"port {port}" in refused.stderr
    assert "no clusters folder" in str(run("label", tmp_path).exception)


def test_names_that_were_written_into_names_csv_are_applied_without_any_page(clusters: Path, tmp_path: Path) -> None:
    rows = list(csv.reader((clusters / "names.csv").open()))
    text = "\n".join(";".join([*row[:2], "round" if int(row[0]) % 2 else "long"]) for row in rows[1:])
    (clusters / "names.csv").write_text("cluster;size;name\n" + text)

    done = run("apply", clusters, "-o", tmp_path / "set", "--abstain", "0.3")

    assert done.exit_code == 0, done.output
    assert "names.csv was edited by hand: 12 names taken over" in done.output
    assert {path.name for path in (tmp_path / "set").iterdir()} == {
        "classes.txt", "long", "provenance.csv", "report.json", "round",
    }  # fmt: skip
    report = json.loads((tmp_path / "set" / "report.json").read_text())
    counts = report["metrics"]["by"]
    assert counts["abstained"] == round(0.3 * (300 - counts["person"]))
    assert report["next"] == [f"edgevision train {tmp_path / 'set'} -o runs/set"]


def test_pictures_that_were_moved_away_are_told_before_anything_is_written(tmp_path: Path, digits_folder: Path) -> None:
    (tmp_path / "in").mkdir()
    for number, file in enumerate(sorted(digits_folder.glob("[03]/*.png"))[:8]):
        (tmp_path / "in" / f"{number}.png").write_bytes(file.read_bytes())
    clusters = make_clusters(tmp_path / "clusters", str(tmp_path / "in"), "pixels", 2)
    NamedClusters.open(clusters).store.name([0], "a")
    NamedClusters.open(clusters).store.name([1], "b")
    (tmp_path / "in").rename(tmp_path / "elsewhere")

    for refused in (run("label", clusters, "--no-browser"), run("apply", clusters, "-o", tmp_path / "set")):
        assert "whose pictures were clustered, is not there" in str(refused.exception)
    assert not (tmp_path / "set").exists()


def test_clusters_that_are_not_named_yet_are_told(clusters: Path, tmp_path: Path) -> None:
    named = NamedClusters.open(clusters)
    named.store.name([0], "cat")
    refused = run("apply", clusters, "-o", tmp_path / "set")
    named.store.name([1], "dog")

    done = run("apply", clusters, "-o", tmp_path / "set")

    assert "all named clusters have one name" in str(refused.exception)
    assert "10 clusters have no name yet" in done.output
    assert done.exit_code == 0


def test_a_name_that_is_nearly_all_left_open_is_told(clusters: Path, tmp_path: Path) -> None:
    named = NamedClusters.open(clusters)
    name_as_a_person_would(named)

    done = run("apply", clusters, "-o", tmp_path / "set", "--abstain", "0.9")

    assert "are too near to another name" in done.output


def test_a_classifier_that_cannot_be_made_is_told_before_the_data_set_is_written(
    clusters: Path, tmp_path: Path
) -> None:
    name_as_a_person_would(NamedClusters.open(clusters))

    without_network = run("apply", clusters, "-o", tmp_path / "set", "--centroid-model", tmp_path / "run")
    same_place = run("apply", clusters, "-o", tmp_path / "set", "--centroid-model", tmp_path / "set")

    assert "pixels is no network" in str(without_network.exception)
    assert "--centroid-model" in str(same_place.exception)
    assert "would replace" in str(same_place.exception)
    assert not (tmp_path / "set").exists()


def test_the_model_of_a_classifier_that_nobody_wants_is_refused(clusters: Path, tmp_path: Path) -> None:
    refused = run("apply", clusters, "-o", tmp_path / "set", "--model", "runs/ssl")

    assert "--centroid-model RUN beside it" in str(refused.exception)
    assert not (tmp_path / "set").exists()
