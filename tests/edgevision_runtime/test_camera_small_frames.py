"""`--small-frames`: cameras may deliver no more pixels than the models that look at them need."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from edgevision_runtime.bundle import Bundle
from edgevision_runtime.cameras.needed_size import needed_size
from edgevision_runtime.contract import Preprocess
from edgevision_runtime.errors import UsageError
from edgevision_runtime.operations import Color, Crop, Operation, Resize
from tests.edgevision_runtime.camera_watch import MJPEG_SERVER, Server

SQUASH = Resize((224, 320), "squash", "bilinear")


def needed(*contracts: tuple[Operation, ...]) -> tuple[int, int]:
    return needed_size([Preprocess(operations) for operations in contracts])


def test_what_suffices_follows_from_the_contracts_of_all_models() -> None:
    assert needed((SQUASH, Color("rgb"))) == (320, 224)
    assert needed((SQUASH,), (Resize((300, 100), "fit_shortest", "area"),)) == (320, 300)
    assert needed((Crop("roi", box=(0.25, 0.0, 0.75, 0.8)), SQUASH)) == (640, 280)  # a half and four fifths are left
    assert needed((SQUASH, Crop("center", size=(200, 200)))) == (320, 224)  # of the resized picture


@pytest.mark.parametrize("operations", [(Crop("center", size=(224, 224)), SQUASH), (Color("rgb"),)])
def test_a_contract_that_counts_pixels_of_the_frame_needs_all_of_them(operations: tuple[Operation, ...]) -> None:
    with pytest.raises(UsageError, match="something else in a smaller frame"):
        needed(operations)


@pytest.mark.parametrize(
    ("flags", "granted"),
    [((), "MJPG 320x240"), (("--small-frames",), "MJPG 320x240, frames of 40x30")],  # the model takes 16x12
)
def test_pictures_are_decoded_small_only_when_asked_for_and_that_is_said(
    colour_bundle: Bundle, flags: tuple[str, ...], granted: str
) -> None:
    server = Server(sys.executable, MJPEG_SERVER)
    command = [sys.executable, "-c", "from edgevision_runtime.cli import main; main()", "run", str(colour_bundle.path)]
    done = subprocess.run(
        [*command, "--source", server.url, "--limit", "3", *flags],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    server.kill()

    events = [json.loads(line) for line in done.stdout.splitlines() if "event" in line]
    assert done.returncode == 0, done.stderr
    assert [event["granted"] for event in events if event["name"] == "streaming"] == [granted]
    assert f": streaming ({granted})" in done.stderr
    assert "secret" not in done.stdout + done.stderr
