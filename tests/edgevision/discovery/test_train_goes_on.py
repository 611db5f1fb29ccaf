"""`edgevision train --weights RUN` after `edgevision pretrain`."""

import csv

import numpy as np
from click.testing import CliRunner

from edgevision.cli import edgevision
from edgevision.runs import RunDirectory
from edgevision.training.load import load_model
from edgevision_runtime.errors import UsageError


def train(*arguments):
    return CliRunner().invoke(edgevision, ["train", *map(str, arguments)])


def backbone_weights(run):
    return load_model(run).get_layer("conv2").get_weights()[0]


def test_few_labels_probe_what_was_pretrained(digits_folder, digits_run, tmp_path):
    result = train(digits_folder, "--weights", digits_run, "-o", tmp_path / "probe")

    run = RunDirectory.open(tmp_path / "probe")
    assert result.exit_code == 0, result.output
    assert f"fewer than 2000: {digits_run} stays as it is and only the head learns (--no-freeze" in result.stderr
    assert np.array_equal(backbone_weights(tmp_path / "probe"), backbone_weights(digits_run))
    assert run.spec.preprocess == RunDirectory.open(digits_run).spec.preprocess
    assert run.record["architecture"]["name"] == "cnn_dense"
    assert (run.record["arguments"]["network"]["freeze"], run.record["data"]["augment"]) == (True, "none")
    # 300 digits, a network that saw them six times: far above the tenth of a guess
    assert run.metrics()["splits"]["test"]["accuracy"] > 0.6


def test_everything_learns_on_when_that_is_asked_for(digits_folder, digits_run, tmp_path):
    result = train(digits_folder, "--weights", digits_run, "--no-freeze", "--epochs", 1, "-o", tmp_path / "tuned")

    assert result.exit_code == 0, result.output
    assert "as asked" in result.stderr
    assert not np.array_equal(backbone_weights(tmp_path / "tuned"), backbone_weights(digits_run))
    with (tmp_path / "tuned" / "history.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 1


def test_another_size_than_the_runs_is_refused_before_data_is_read(digits_run, tmp_path):
    result = train("nowhere", "--weights", digits_run, "--image-size", 32, "-o", tmp_path / "run")

    assert isinstance(result.exception, UsageError)
    assert "learned with --image-size 16,16, and 32,32 is asked for" in str(result.exception)
    assert list(tmp_path.iterdir()) == []
