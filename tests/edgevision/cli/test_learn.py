import json
import signal
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

from edgevision.cli import edgevision
from edgevision.runs import RunDirectory
from edgevision_runtime.errors import EdgeVisionError, ModelError, UsageError
from tests.edgevision.training.shapes import write_classes

PATIENCE_S = 120  # a fresh process imports TensorFlow, beside other tests
EPOCHS = 60


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_classes(tmp_path_factory.mktemp("classes") / "data")


def command(data, output, *flags):
    tiny = ["--arch", "cnn", "--width", "0.25", "--image-size", "8", "--batch", "8", "--epochs", str(EPOCHS)]
    program = [sys.executable, "-c", "from edgevision.cli import main; main()"]
    return [*program, "train", str(data), "-o", str(output), *tiny, *flags]


def start_and_wait_for_epochs(arguments, output, epochs):
    """A training that runs and has finished `epochs` epochs."""
    process = subprocess.Popen(arguments, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    checkpoints = output.with_name(f".{output.name}.training") / "train"
    end_s = time.monotonic() + PATIENCE_S
    while not any(int(path.name[6:]) >= epochs for path in checkpoints.glob("epoch-*")):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < end_s
        time.sleep(0.005)
    return process


def test_a_killed_training_leaves_no_run_and_resume_finishes_it(data, tmp_path):
    output = tmp_path / "run"
    process = start_and_wait_for_epochs(command(data, output), output, epochs=3)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    with pytest.raises(ModelError):
        RunDirectory.open(output)
    assert not output.exists()

    resumed = subprocess.run(
        command(data, output, "--resume"), capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )

    assert resumed.returncode == 0, resumed.stderr
    assert "going on from the checkpoint" in resumed.stderr
    assert f"{EPOCHS}/{EPOCHS}" not in resumed.stderr.split("going on")[0]
    assert len((output / "history.csv").read_text().splitlines()) == 1 + EPOCHS
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_ctrl_c_keeps_the_checkpoint_and_says_how_to_go_on(data, tmp_path):
    output = tmp_path / "run"
    process = start_and_wait_for_epochs(command(data, output), output, epochs=1)

    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 130
    assert "--resume" in errors
    assert "Traceback" not in errors
    assert list((tmp_path / ".run.training" / "train").glob("epoch-*"))


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--image-size", "big"], "H,W in pixels"),
        (["--split", "0.5,0.5"], "train,val,test"),
        (["--split", "0.9,0.9,0.1"], "sum to 1"),
        (["--group-by", "("], "regular expression"),
        (["--arch", "mobilenet_v9"], "did you mean mobilenet_v"),
        (["--arch", "unet_tiny"], "cannot classify"),
        (["--task", "segment"], "classify"),
        (["--augment", "flop"], "did you mean flip"),
        (["--learning-rate", "0", "--task", "classify"], "above 0"),
        (["--loss", "dice"], "dice is for masks"),
        (["--freeze"], "--weights"),
        (["--weights", "imagnet"], "did you mean imagenet"),
        (["--class-weights", "nowhere.json"], "balanced | none"),
        (["--preprocess", "nowhere.json"], "contract as JSON"),
        (["--width", "-1"], "above 0"),
        (["--learning-rate", "nan"], "above 0"),
        (["--split", "nan,nan,nan"], "sum to 1"),
        (["--split", "0.5,0,0.5"], "a share for val"),
        (["--augment", ""], "expected none, light, strong"),
    ],
)
def test_a_flag_that_cannot_be_is_one_line_and_no_run(data, tmp_path, flags, named):
    result = CliRunner().invoke(edgevision, ["train", str(data), "-o", str(tmp_path / "run"), *flags])

    assert isinstance(result.exception, EdgeVisionError)
    assert result.exception.exit_code == 2
    assert named in str(result.exception)
    assert "\n" not in str(result.exception)
    assert list(tmp_path.iterdir()) == []


def test_an_interruption_before_the_first_epoch_promises_nothing(data, tmp_path):
    output = tmp_path / "run"
    process = subprocess.Popen(command(data, output), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    while "training on" not in process.stderr.readline():
        assert process.poll() is None

    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 130
    assert "nothing is kept" in errors or list((tmp_path / ".run.training").glob("**/epoch-*"))


@pytest.mark.parametrize("seed", ["-1", "4294967296"])
def test_a_seed_that_numpy_cannot_take_is_refused_by_its_flag(data, tmp_path, seed):
    result = CliRunner().invoke(edgevision, ["train", str(data), "-o", str(tmp_path / "run"), "--seed", seed])

    assert result.exit_code == 2
    assert "Invalid value for '--seed'" in result.output


def test_a_report_that_cannot_be_written_is_refused_before_the_training(data, tmp_path):
    (tmp_path / "file").touch()

    result = CliRunner().invoke(
        edgevision,
        ["train", str(data), "-o", str(tmp_path / "run"), "--report", str(tmp_path / "file" / "report.json")],
    )

    assert isinstance(result.exception, UsageError)
    assert "report.json cannot be written" in str(result.exception)
    assert not (tmp_path / "run").exists()


def test_preprocess_is_the_whole_contract(data, tmp_path):
    contract = tmp_path / "contract.json"
    contract.write_text("{}", encoding="utf-8")

    arguments = ["train", str(data), "-o", str(tmp_path / "run"), "--preprocess", str(contract), "--color", "gray"]
    result = CliRunner().invoke(edgevision, arguments)

    assert "whole contract" in str(result.exception)


def test_a_contract_from_a_file_is_what_the_run_and_the_report_hold(data, tmp_path):
    operations = [
        {"op": "crop", "mode": "center", "size": [6, 6]},
        {"op": "denoise", "method": "median", "size": 3},
        {"op": "color", "to": "gray"},
    ]
    contract = {"schema": "edgevision.preprocess/1", "operations": operations}
    file = tmp_path / "contract.json"
    file.write_text(json.dumps(contract), encoding="utf-8")
    flags = ["--preprocess", str(file), "--arch", "mlp", "--epochs", "1", "--batch", "8", "--format", "json", "-q"]
    flags += ["--report", str(tmp_path / "report.json")]

    result = CliRunner().invoke(edgevision, ["train", str(data), "-o", str(tmp_path / "run"), *flags])

    assert result.exception is None
    assert json.loads(result.stdout)["task"] == "classify"
    run = RunDirectory.open(tmp_path / "run")
    assert run.spec.preprocess.to_json() == contract
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert (report["command"], report["status"], report["metrics"]) == ("train", "pass", run.metrics())


def test_help_names_every_choice_and_needs_no_tensorflow():
    code = "import sys; from edgevision.cli.learn import train; sys.exit('tensorflow' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    help_text = CliRunner().invoke(edgevision, ["train", "--help"]).output
    assert all(word in help_text for word in ("classify|segment", "cosine", "multiworker", "imagenet", "Examples"))
