import json
import os
import socket
import subprocess
import sys
from contextlib import ExitStack

import numpy as np
import pytest

from edgevision.runs import RunDirectory
from edgevision.training.load import load_model
from edgevision.training.strategy import place
from edgevision_runtime.errors import UsageError
from tests.edgevision.training.shapes import write_classes

PATIENCE_S = 180  # two processes import TensorFlow and find each other; seconds on an idle machine


def free_ports(count):
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def start_worker(index, ports, folder):
    cluster = {"worker": [f"127.0.0.1:{port}" for port in ports]}
    config = json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})
    arguments = [str(folder / "data"), str(folder / "run"), str(folder / f"{index}.npz")]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.edgevision.training.worker", *arguments],
        env=os.environ | {"TF_CONFIG": config, "CUDA_VISIBLE_DEVICES": ""},
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_workers_end_with_equal_weights_and_one_run(tmp_path):
    write_classes(tmp_path / "data")
    ports = free_ports(2)

    workers = [start_worker(index, ports, tmp_path) for index in range(2)]
    try:
        errors = [worker.communicate(timeout=PATIENCE_S)[1] for worker in workers]
    finally:
        for worker in workers:
            worker.kill()

    assert [worker.returncode for worker in workers] == [0, 0], errors
    with np.load(tmp_path / "0.npz") as chief, np.load(tmp_path / "1.npz") as other:
        names = [name for name in chief.files if name != "has_run"]
        assert len(names) > 4
        assert all(np.array_equal(chief[name], other[name]) for name in names)
        assert (bool(chief["has_run"]), bool(other["has_run"])) == (True, False)
        saved = load_model(RunDirectory.open(tmp_path / "run")).get_weights()
        assert all(np.array_equal(array, chief[name]) for array, name in zip(saved, names, strict=True))
    assert "worker 2 of 2" in errors[1]
    assert [path.name for path in tmp_path.glob(".run*")] == []


def test_multiworker_without_a_cluster_says_what_tf_config_should_hold(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)

    with pytest.raises(UsageError, match=r"TF_CONFIG.*cluster.*task"):
        place("multiworker")


def test_a_tf_config_that_is_no_json_is_refused(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", "{")

    with pytest.raises(UsageError, match="TF_CONFIG cannot be read"):
        place("multiworker")


def test_one_process_alone_is_the_chief():
    placement = place("none")

    assert (placement.is_chief, placement.workers, placement.agree_on_least(3)) == (True, 1, 3)
    assert placement.describe().startswith("training on the")
