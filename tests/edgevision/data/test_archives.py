import io
import shutil
import subprocess
import tarfile
import zipfile

import pytest

from edgevision.data.archives import open_archive, safe_target
from edgevision_runtime.errors import DataError


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/x", "", "a\\..\\x", "C:/x", "a\0b"])
def test_a_name_that_leaves_its_folder_is_refused(tmp_path, name):
    with pytest.raises(DataError, match="would leave its folder"):
        safe_target(tmp_path, name)


def test_a_name_inside_is_placed_below_the_folder(tmp_path):
    assert safe_target(tmp_path, "a/b.txt") == tmp_path / "a" / "b.txt"


def test_a_zip_and_a_tarball_give_the_same_bytes(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.whl", "w") as archive:
        archive.writestr("data/x.bin", b"seven")
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        member = tarfile.TarInfo("./data/x.bin")
        member.size = 5
        archive.addfile(member, io.BytesIO(b"seven"))

    zipped, tarred = open_archive(tmp_path / "a.whl"), open_archive(tmp_path / "a.tar.gz")

    assert zipped.names == tarred.names == ("data/x.bin",)
    assert zipped.read("data/x.bin") == tarred.read("data/x.bin") == b"seven"


def test_links_and_devices_of_a_tarball_are_no_members(tmp_path):
    with tarfile.open(tmp_path / "a.tgz", "w:gz") as archive:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)

    assert open_archive(tmp_path / "a.tgz").names == ()


def test_a_damaged_archive_is_one_clear_error(tmp_path):
    (tmp_path / "a.whl").write_bytes(b"PK\x03\x04 but no more")

    with pytest.raises(DataError, match=r"a\.whl cannot be read"):
        open_archive(tmp_path / "a.whl")


def test_a_missing_member_is_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.whl", "w") as archive:
        archive.writestr("x", b"")

    with pytest.raises(DataError, match="no member 'y'"):
        open_archive(tmp_path / "a.whl").read("y")


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="needs dpkg-deb")
def test_a_debian_package_is_read(tmp_path):
    tree = tmp_path / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN" / "control").write_text(
        "Package: tiny\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b.c>\nDescription: x\n"
    )
    (tree / "usr").mkdir()
    (tree / "usr" / "x.txt").write_bytes(b"seven")
    subprocess.run(["dpkg-deb", "--build", str(tree), str(tmp_path / "tiny.deb")], check=True, capture_output=True)

    archive = open_archive(tmp_path / "tiny.deb")

    assert archive.read("usr/x.txt") == b"seven"
