"""What a run does not read of a bundle is checked while it runs; what it does read, before it is used."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import cv2
import pytest

from edgevision_runtime.bundle import Bundle
from edgevision_runtime.errors import BundleError
from edgevision_runtime.late_check import LateCheck
from tests.edgevision_runtime import networks

USED, UNUSED = "models/float32.tflite", "models/float32.onnx"


def spoil(bundle: Bundle, member: str) -> None:
    """Change one byte in the middle of a member, in place."""
    content, data = bytearray(bundle.path.read_bytes()), bundle.read(member)
    content[content.index(data) + len(data) // 2] ^= 1
    bundle.path.write_bytes(bytes(content))


def run(bundle: Bundle, folder: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    cv2.imwrite(str(folder / "red.png"), networks.frame_of(200, 40, 40))
    program = "from edgevision_runtime.cli import main; main()"
    command = [
        sys.executable,
        "-c",
        program,
        "run",
        str(bundle.path),
        "--source",
        *flags,
        "--variant",
        "float32.tflite",
    ]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=120)


def test_a_bundle_that_is_read_late_gives_out_what_the_manifest_says_and_nothing_else(packed_bundle: Bundle) -> None:
    late = Bundle.open(packed_bundle.path, reads_late=True)

    assert (late.manifest, late.spec, late.members) == (
        packed_bundle.manifest,
        packed_bundle.spec,
        packed_bundle.members,
    )
    assert late.sha256 == packed_bundle.sha256
    spoil(packed_bundle, USED)
    with pytest.raises(BundleError, match=f"{USED}: sha256"):
        late.read(USED)
    assert late.read(UNUSED) == packed_bundle.read(UNUSED)
    late.unread.close()


def test_what_was_read_late_stays_when_the_file_changes(colour_bundle: Bundle) -> None:
    late = Bundle.open(colour_bundle.path, reads_late=True)
    before = late.read(USED)

    colour_bundle.path.write_bytes(b"garbage")

    assert late.read(USED) == before == colour_bundle.read(USED)
    with pytest.raises(BundleError, match="became shorter"):
        late.read(UNUSED)
    late.unread.close()


@pytest.mark.parametrize("flags", [("red.png",), ("fake://.?fps=50&clock=real",)], ids=["picture", "camera"])
def test_a_run_ends_with_4_when_a_member_that_it_does_not_use_is_tampered_with(
    packed_bundle: Bundle, tmp_path: Path, flags: tuple[str, ...]
) -> None:
    spoil(packed_bundle, UNUSED)

    done = run(packed_bundle, tmp_path, *flags, "--quiet")

    assert done.returncode == 4
    assert done.stderr.startswith(f"error: {UNUSED}: sha256")
    assert done.stderr.count("\n") == 1
    results = [document for document in map(json.loads, done.stdout.splitlines()) if "label" in document]
    assert {result["label"] for result in results} == {"red"}  # by a model that was checked


def test_a_model_that_was_tampered_with_never_predicts(packed_bundle: Bundle, tmp_path: Path) -> None:
    spoil(packed_bundle, USED)

    done = run(packed_bundle, tmp_path, "red.png")

    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.startswith(f"error: {USED}: sha256")


def test_the_rest_is_checked_by_itself_after_a_while(packed_bundle: Bundle) -> None:
    spoil(packed_bundle, UNUSED)
    late, is_broken = Bundle.open(packed_bundle.path, reads_late=True), threading.Event()

    with LateCheck([late.unread], broken=is_broken.set) as check:
        assert is_broken.wait(60)
        with pytest.raises(BundleError, match=f"{UNUSED}: sha256"):
            check.finish(waits=False)
    late.unread.close()


def test_a_sound_bundle_passes_and_is_then_read_to_its_end(packed_bundle: Bundle) -> None:
    late = Bundle.open(packed_bundle.path, reads_late=True)
    late.read(USED)

    with LateCheck([late.unread], broken=lambda: pytest.fail("broken")) as check:
        check.finish()

    assert len(late.unread) == 0
    late.unread.close()


@pytest.mark.parametrize("is_replaced", [True, False], ids=["replaced", "overwritten"])
def test_another_bundle_in_the_same_place_is_not_mistaken_for_a_broken_one(
    packed_bundle: Bundle, tmp_path: Path, is_replaced: bool
) -> None:
    late = Bundle.open(packed_bundle.path, reads_late=True)
    spoiled = tmp_path / "spoiled.evb"
    spoiled.write_bytes(packed_bundle.path.read_bytes()[:5000])
    if is_replaced:
        spoiled.replace(packed_bundle.path)
    else:
        packed_bundle.path.write_bytes(spoiled.read_bytes())

    with LateCheck([late.unread], broken=lambda: pytest.fail("broken")) as check:
        check.finish()

    assert (len(late.unread) == 0) is is_replaced
    late.unread.close()
