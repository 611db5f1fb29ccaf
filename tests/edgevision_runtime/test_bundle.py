"""Opening a bundle believes nothing: each kind of damage is refused and the member is named."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import zipfile
from pathlib import Path

import pytest

from edgevision_runtime import bundle_file
from edgevision_runtime.bundle import Bundle
from edgevision_runtime.bundle_writer import BundleContent, write_bundle
from edgevision_runtime.contract import Preprocess
from edgevision_runtime.errors import BundleError, UsageError
from edgevision_runtime.operations import Color, Layout, Resize
from edgevision_runtime.postprocess import Postprocess

EPOCH = (1980, 1, 1, 0, 0, 0)


def members_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write_zip(path: Path, members: list[tuple[str, bytes]], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name, EPOCH), content, compression)
    return path


def redeclared(members: dict[str, bytes], **changes: object) -> dict[str, bytes]:
    """The members with a manifest that has `changes` and fits the members' present bytes."""
    manifest = json.loads(members["manifest.json"])
    for name in manifest["members"]:
        if name in members:
            digest = hashlib.sha256(members[name]).hexdigest()
            manifest["members"][name] = {"sha256": digest, "size_bytes": len(members[name])}
    manifest.update(changes)
    return {**members, "manifest.json": json.dumps(manifest).encode()}


def test_a_written_bundle_opens_and_says_what_it_holds(colour_bundle: Bundle) -> None:
    opened = Bundle.open(colour_bundle.path)

    assert (opened.name, opened.version) == ("strongest-colour", "1.0.0")
    assert opened.spec.labels == ("red", "green", "blue")
    assert [variant.name for variant in opened.variants] == ["float32.onnx", "float32.tflite"]
    assert opened.sha256 == hashlib.sha256(colour_bundle.path.read_bytes()).hexdigest()


def test_the_same_content_gives_the_same_bytes(colour_content: BundleContent, tmp_path: Path) -> None:
    first = write_bundle(tmp_path / "first.evb", colour_content)
    second = write_bundle(tmp_path / "second.evb", colour_content)

    assert first.sha256 == second.sha256


def test_members_are_stored_sorted_and_undated(colour_bundle: Bundle) -> None:
    with zipfile.ZipFile(colour_bundle.path) as archive:
        entries = archive.infolist()

    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
    assert {entry.compress_type for entry in entries} == {zipfile.ZIP_STORED}
    assert {entry.date_time for entry in entries} == {EPOCH}


def test_a_bundle_is_not_overwritten_unless_told_to(colour_content: BundleContent, tmp_path: Path) -> None:
    write_bundle(tmp_path / "a.evb", colour_content)

    with pytest.raises(UsageError, match="--force"):
        write_bundle(tmp_path / "a.evb", colour_content)
    write_bundle(tmp_path / "a.evb", colour_content, force=True)


def test_a_file_beyond_the_size_limit_is_refused_unread(colour_bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle_file, "MAX_BUNDLE_BYTES", 100)

    with pytest.raises(BundleError, match=r"colour\.evb: \d+ bytes; expected at most 100"):
        Bundle.open(colour_bundle.path)


@pytest.mark.parametrize("name", ["../escape", "/etc/passwd", "models/../../x", "C:\\x", "a//b", "./a", "a\\..\\b"])
def test_an_unsafe_member_name_is_refused(colour_bundle: Bundle, tmp_path: Path, name: str) -> None:
    members = [*members_of(colour_bundle.path).items(), (name, b"x")]

    with pytest.raises(BundleError, match="unsafe member name"):
        Bundle.open(write_zip(tmp_path / "bad.evb", members))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_stands_twice_is_refused(colour_bundle: Bundle, tmp_path: Path) -> None:
    members = list(members_of(colour_bundle.path).items())

    with pytest.raises(BundleError, match=r"labels\.txt: stands twice"):
        Bundle.open(write_zip(tmp_path / "bad.evb", [*members, ("labels.txt", b"other\n")]))


def test_a_compressed_member_is_refused(colour_bundle: Bundle, tmp_path: Path) -> None:
    members = list(members_of(colour_bundle.path).items())

    with pytest.raises(BundleError, match="compressed; expected stored"):
        Bundle.open(write_zip(tmp_path / "bad.evb", members, zipfile.ZIP_DEFLATED))


def test_an_undeclared_member_is_refused(colour_bundle: Bundle, tmp_path: Path) -> None:
    members = [*members_of(colour_bundle.path).items(), ("extra.bin", b"x")]

    with pytest.raises(BundleError, match=r"extra\.bin: not declared"):
        Bundle.open(write_zip(tmp_path / "bad.evb", members))


@pytest.mark.parametrize("name", ["manifest.json", "preprocess.json", "labels.txt", "models/float32.tflite"])
def test_a_missing_member_is_named(colour_bundle: Bundle, tmp_path: Path, name: str) -> None:
    members = members_of(colour_bundle.path)
    del members[name]

    with pytest.raises(BundleError, match=f"{name}.*missing"):
        Bundle.open(write_zip(tmp_path / "bad.evb", list(members.items())))


@pytest.mark.parametrize("name", ["preprocess.json", "labels.txt", "models/float32.onnx"])
def test_one_changed_byte_is_named(colour_bundle: Bundle, tmp_path: Path, name: str) -> None:
    members = members_of(colour_bundle.path)
    content = bytearray(members[name])
    content[len(content) // 2] ^= 1
    members[name] = bytes(content)

    with pytest.raises(BundleError, match=f"{name}: sha256"):
        Bundle.open(write_zip(tmp_path / "bad.evb", list(members.items())))


def test_a_member_of_another_length_is_named(colour_bundle: Bundle, tmp_path: Path) -> None:
    members = members_of(colour_bundle.path)
    members["models/float32.tflite"] += b"\0"

    with pytest.raises(BundleError, match=r"models/float32\.tflite: \d+ bytes; expected \d+"):
        Bundle.open(write_zip(tmp_path / "bad.evb", list(members.items())))


@pytest.mark.parametrize("kept", [0, 1, 100, 0.5, 0.99])
def test_a_truncated_file_is_refused(colour_bundle: Bundle, tmp_path: Path, kept: float) -> None:
    content = colour_bundle.path.read_bytes()
    length = int(kept if kept >= 1 else kept * len(content))
    (tmp_path / "bad.evb").write_bytes(content[:length])

    with pytest.raises(BundleError, match=r"bad\.evb: not a whole ZIP file"):
        Bundle.open(tmp_path / "bad.evb")


@pytest.mark.parametrize(("before", "after"), [(b"", b"pad"), (b"pad", b"")])
def test_a_padded_file_is_refused(colour_bundle: Bundle, tmp_path: Path, before: bytes, after: bytes) -> None:
    (tmp_path / "bad.evb").write_bytes(before + colour_bundle.path.read_bytes() + after)

    with pytest.raises(BundleError, match=r"stray bytes|after the end|not a whole ZIP"):
        Bundle.open(tmp_path / "bad.evb")


def test_bytes_hidden_between_members_are_refused(colour_bundle: Bundle, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for position, (name, content) in enumerate(members_of(colour_bundle.path).items()):
            archive.writestr(zipfile.ZipInfo(name, EPOCH), content)
            if position == 1:
                buffer.write(b"hidden")
                archive.start_dir = buffer.tell()
    (tmp_path / "bad.evb").write_bytes(buffer.getvalue())

    with pytest.raises(BundleError, match="stray bytes"):
        Bundle.open(tmp_path / "bad.evb")


def test_another_major_schema_is_refused(colour_bundle: Bundle, tmp_path: Path) -> None:
    members = redeclared(members_of(colour_bundle.path), schema="edgevision.bundle/2")

    with pytest.raises(
        BundleError, match=r"manifest\.json: schema 'edgevision\.bundle/2'; expected edgevision\.bundle/1"
    ):
        Bundle.open(write_zip(tmp_path / "bad.evb", list(members.items())))


def test_labels_must_be_as_many_as_the_output_tells_apart(colour_content: BundleContent, tmp_path: Path) -> None:
    spec = dataclasses.replace(colour_content.spec, labels=("red", "green"))

    with pytest.raises(BundleError, match=r"an output of 3 classes; expected 2 \(labels\.txt\)"):
        write_bundle(tmp_path / "bad.evb", dataclasses.replace(colour_content, spec=spec))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "contract",
    [
        Preprocess((Resize((16, 12), "squash", "bilinear"), Color("rgb"))),
        Preprocess((Resize((12, 16), "squash", "bilinear"), Color("gray"))),
        Preprocess((Resize((12, 16), "squash", "bilinear"), Color("rgb"), Layout("NCHW"))),
    ],
)
def test_the_contract_must_make_what_the_model_reads(
    colour_content: BundleContent, tmp_path: Path, contract: Preprocess
) -> None:
    spec = dataclasses.replace(colour_content.spec, preprocess=contract)

    with pytest.raises(BundleError, match=r"input \[12, 16, 3\]; expected .*preprocess\.json"):
        write_bundle(tmp_path / "bad.evb", dataclasses.replace(colour_content, spec=spec))


def test_a_classifier_is_no_segmenter(colour_content: BundleContent, tmp_path: Path) -> None:
    spec = dataclasses.replace(colour_content.spec, task="segment", postprocess=Postprocess("segment"))

    with pytest.raises(BundleError, match=r"float32\.onnx: an output of \[1, 3\]; expected a mask"):
        write_bundle(tmp_path / "bad.evb", dataclasses.replace(colour_content, spec=spec))


def test_a_variant_that_stands_twice_is_refused(colour_content: BundleContent, tmp_path: Path) -> None:
    twice = dataclasses.replace(colour_content, models=(*colour_content.models, colour_content.models[0]))

    with pytest.raises(BundleError, match=r"variant float32\.onnx stands twice"):
        write_bundle(tmp_path / "bad.evb", twice)


@pytest.mark.parametrize("change", [{"name": "lights\n"}, {"version": "1.0.0\n"}, {"version": "١.٠.٠"}])
def test_a_name_or_version_with_something_behind_it_is_refused(
    colour_content: BundleContent, tmp_path: Path, change: dict[str, str]
) -> None:
    with pytest.raises(BundleError, match=r"manifest\.json: (name|version)"):
        write_bundle(tmp_path / "bad.evb", dataclasses.replace(colour_content, **change))  # type: ignore[arg-type]


def test_labels_txt_must_say_what_the_manifest_says(colour_bundle: Bundle, tmp_path: Path) -> None:
    members = members_of(colour_bundle.path)
    members["labels.txt"] = b"green\nred\nblue\n"

    with pytest.raises(BundleError, match=r"labels\.txt: 3 labels; expected the manifest's labels, in its order"):
        Bundle.open(write_zip(tmp_path / "bad.evb", list(redeclared(members).items())))


def test_an_unknown_contract_field_is_named(colour_bundle: Bundle, tmp_path: Path) -> None:
    members = members_of(colour_bundle.path)
    contract = json.loads(members["preprocess.json"])
    contract["operations"][0]["antialias"] = True
    members["preprocess.json"] = json.dumps(contract).encode()

    with pytest.raises(BundleError, match=r"preprocess\.json: .*unknown field 'antialias'"):
        Bundle.open(write_zip(tmp_path / "bad.evb", list(redeclared(members).items())))


def test_what_was_checked_is_what_is_read_even_when_the_file_changes_later(colour_bundle: Bundle) -> None:
    opened = Bundle.open(colour_bundle.path)
    before = opened.read("models/float32.onnx")

    colour_bundle.path.write_bytes(b"garbage")

    assert opened.read("models/float32.onnx") == before


def test_a_place_without_a_bundle_is_named_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.evb")

    with pytest.raises(UsageError, match=r"gone\.evb is not there"):
        Bundle.open(tmp_path / "gone.evb")
    for path in (tmp_path, tmp_path / "pipe.evb", Path("/dev/zero")):
        with pytest.raises(BundleError, match="not a file"):
            Bundle.open(path)


def test_a_variant_that_is_not_there_is_a_typo_with_the_nearest_name(colour_bundle: Bundle) -> None:
    with pytest.raises(UsageError, match=r"no variant 'float32.tflit'.*did you mean float32.tflite\?"):
        colour_bundle.variant("float32.tflit")
