"""The preview over HTTP: of a run in a process of its own, with a camera that lives by the machine's clock."""

from __future__ import annotations

import base64
import hashlib
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgevision_runtime.bundle_writer import BundleContent, write_bundle
from tests.edgevision_runtime.previewed import RUNTIME, PreviewedRun, Stream, decoded, request, wait_for

TOKEN = "a-token-of-good-length"


@pytest.fixture(scope="module")
def bundle(colour_content: BundleContent, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("preview") / "colour.evb"
    write_bundle(path, colour_content)
    return path


@pytest.fixture(scope="module")
def run(bundle: Path, colour_folder: Path) -> Iterator[PreviewedRun]:
    with PreviewedRun(bundle, "--source", f"fake://{colour_folder}?fps=20&clock=real") as opened:
        opened.wait_for_frames(3)
        yield opened


def test_nothing_is_encoded_while_nobody_looks(run: PreviewedRun) -> None:
    wait_for(lambda: run.latest["preview"]["viewers"] == 0)
    before = run.latest["preview"]["encoded"]

    run.wait_for_frames(10)

    assert run.latest["preview"]["encoded"] == before


def test_two_viewers_share_one_encoding_of_each_picture(run: PreviewedRun) -> None:
    (before,) = run.latest["preview"]["encoded"].values()

    with Stream(run.port) as first, Stream(run.port) as second:
        seen = [viewer.part()[1] for _ in range(10) for viewer in (first, second)]
        (after,) = run.latest["preview"]["encoded"].values()

    assert len(set(seen)) <= after - before < len(seen)


def test_a_stream_moves_and_says_what_it_sends(run: PreviewedRun) -> None:
    with Stream(run.port, "/stream.mjpg") as viewer:
        parts = [viewer.part() for _ in range(6)]

    assert viewer.content_type == "multipart/x-mixed-replace; boundary=edgevision-picture"
    assert len({body for _, body in parts}) > 1
    assert all(decoded(body).shape[0] > 240 for _, body in parts)
    assert {headers["Content-Type"] for headers, _ in parts} == {"image/jpeg"}
    assert all(int(headers["X-Age-Ms"]) >= 0 for headers, _ in parts)


def test_a_viewer_that_takes_nothing_holds_up_nobody(run: PreviewedRun) -> None:
    with socket.create_connection(("127.0.0.1", run.port)) as idle:
        idle.sendall(b"GET /stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
        run.wait_for_frames(20)
        with Stream(run.port) as viewer:
            pictures = [viewer.part()[1] for _ in range(5)]

    assert len(set(pictures)) > 1


def test_a_viewer_that_leaves_is_counted_no_more(run: PreviewedRun) -> None:
    with Stream(run.port) as viewer:
        viewer.part()
        assert wait_for(lambda: run.latest["preview"]["viewers"] >= 1)

    wait_for(lambda: run.latest["preview"]["viewers"] == 0)


def test_latest_says_everything_there_is_to_know(run: PreviewedRun) -> None:
    latest = run.latest

    (camera,) = latest["cameras"]
    (answer,) = camera["latest"].values()
    assert (latest["healthy"], latest["reasons"]) == (True, [])
    assert (camera["state"], camera["state_in_words"]) == ("streaming", "streaming")
    assert answer["label"] in ("red", "green", "blue")
    assert 0 <= camera["age_s"] < 5
    assert latest["models"][0]["title"] == "strongest-colour 1.0.0"
    assert "streaming" in [event["name"] for event in latest["events"]]


def test_a_snapshot_is_the_annotated_frame(run: PreviewedRun) -> None:
    snapshot = run.get("/snapshot.jpg")

    assert snapshot.headers["Content-Type"] == "image/jpeg"
    assert decoded(snapshot.body).shape[0] > 240  # enlarged, with a caption under it


def test_a_camera_that_is_not_there_is_answered_with_those_that_are(run: PreviewedRun) -> None:
    for target in ("/snapshot.jpg?camera=none", "/stream.mjpg?camera=none"):
        answer = run.get(target)

        assert answer.code == 404
        assert b"is one of: fake%3A//" in answer.body


def test_the_page_brings_all_it_needs_and_the_browser_may_fetch_nothing_else(run: PreviewedRun) -> None:
    page = run.get("/")

    text, policy = page.body.decode(), page.headers["Content-Security-Policy"]
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//|@import|url\(""", text)
    for tag in ("script", "style"):
        content = re.search(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        assert content is not None
        digest = base64.b64encode(hashlib.sha256(content[1].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy


def test_every_answer_carries_the_headers_that_keep_others_out(run: PreviewedRun) -> None:
    for target in ("/", "/api/v1/latest", "/healthz", "/metrics", "/snapshot.jpg", "/nothing"):
        headers = run.get(target).headers

        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["Server"] == "edgevision"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "10.0.0.7", ""])
def test_a_page_of_another_name_is_refused_on_loopback(run: PreviewedRun, host: str) -> None:
    assert run.get("/api/v1/latest", Host=host).code == 421


@pytest.mark.parametrize("host", ["localhost", "localhost:9000", "LOCALHOST", "127.0.0.1:1", "[::1]:8080", "127.1.2.3"])
def test_every_name_of_this_machine_is_welcome(run: PreviewedRun, host: str) -> None:
    assert run.get("/api/v1/latest", Host=host).code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
def test_other_methods_are_not_allowed(run: PreviewedRun, method: str) -> None:
    answer = request(run.port, method, "/")

    assert (answer.code, answer.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("target", ["/", "/api/v1/latest", "/stream.mjpg", "/snapshot.jpg", "/healthz", "/metrics"])
def test_head_is_answered_without_a_body(run: PreviewedRun, target: str) -> None:
    answer = request(run.port, "HEAD", target)

    assert (answer.code, answer.body) == (200, b"")


@pytest.mark.parametrize(
    "target",
    ["/page.html", "/preview/page.html", "/../../etc/passwd", "/%2e%2e/etc/passwd", "//etc/passwd", "/api/", "/./",
     "/favicon.ico", "/stream.mjpg/", "/healthz/.."],
)  # fmt: skip
def test_there_is_nothing_beside_the_routes(run: PreviewedRun, target: str) -> None:
    assert run.get(target).code == 404


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/9.9\r\n\r\n",
        b"<script>alert(1)</script> / HTTP/1.1\r\n\r\n",
        b"GET //[ HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET /?a=\r\nSet-Cookie:x HTTP/1.1\r\n\r\n",
    ],
)
def test_nonsense_is_refused_and_nothing_of_it_repeated(run: PreviewedRun, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", run.port), timeout=20) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            while more := connection.recv(65536):
                answer += more
        except ConnectionResetError:  # it did not read all of it
            pass

    assert not answer or re.match(rb"HTTP/1.1 4\d\d |HTTP/1.1 50[15] ", answer)
    assert not re.search(rb"script|Set-Cookie|aaaa", answer)
    assert run.get("/healthz").code == 200


def test_whoever_has_the_token_may_look(bundle: Path, colour_folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    arguments = ("--preview-token-file", file, "--source", f"fake://{colour_folder}?fps=20&clock=real")

    with PreviewedRun(bundle, *arguments, preview="0.0.0.0:0") as run:
        refused = [
            run.get("/"),
            run.get("/metrics", Authorization="Bearer wrong"),
            run.get(f"/stream.mjpg?token={TOKEN[:-1]}"),
            run.get("/api/v1/latest", Cookie="edgevision_preview=1; a"),
        ]
        by_header = run.get("/api/v1/latest", Authorization=f"Bearer {TOKEN}")
        by_address = run.get(f"/snapshot.jpg?token={TOKEN}")
        traded = run.get(f"/?token={TOKEN}")
        linked = run.get(f"/?token={TOKEN}", **{"Sec-Fetch-Site": "cross-site"})
        cookie = traded.headers["Set-Cookie"]
        by_cookie = run.get("/api/v1/latest", Cookie=f"other=1; {cookie.partition(';')[0]}")
        wait_for(lambda: run.get("/healthz").code == 200)
        stranger, friend = run.get("/healthz"), run.get("/healthz", Authorization=f"Bearer {TOKEN}")
        said = run.end()

    assert [answer.code for answer in refused] == [401] * 4
    assert (by_header.code, by_address.code, by_cookie.code) == (200, 200, 200)
    assert (traded.code, traded.headers["Location"]) == (303, "./")
    assert cookie.endswith("; Path=/; HttpOnly; SameSite=Strict")
    assert (linked.code, linked.headers["Refresh"], linked.headers["Set-Cookie"]) == (200, "0; url=./", cookie)
    assert (stranger.json, friend.json) == ({"healthy": True}, {"healthy": True, "reasons": []})
    answers = [*refused, by_header, by_address, traded, linked, by_cookie]
    assert not [answer for answer in answers if TOKEN in f"{answer.headers} {answer.body!r}"]
    assert TOKEN not in said
    assert "(needs the token)" in said


def test_a_preview_ends_with_its_run(bundle: Path, colour_folder: Path) -> None:
    source = f"fake://{colour_folder}?fps=20&clock=real"
    with PreviewedRun(bundle, "--source", source) as run, Stream(run.port) as viewer:
        viewer.part()
        started_s = time.monotonic()
        said = run.end()
        took_s = time.monotonic() - started_s

    assert run.process.returncode == 0, said
    assert took_s < 10  # it does not wait for the viewer


def test_what_viewers_need_is_imported_before_the_first_of_them() -> None:
    """A viewer's thread that imports OpenCV while the run starts made the run end with `cv2.__spec__ is None`."""
    script = """
import sys
from edgevision_runtime.preview.serving import serve_preview
from edgevision_runtime.status import RunStatus
before = "cv2" in sys.modules
flags = {"preview": ":0", "preview_token": None, "preview_token_file": None}
with serve_preview(flags, RunStatus(), tell=lambda line: print(before, "cv2" in sys.modules)):
    pass
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)

    assert done.stdout == "False True\n", done.stderr


def test_a_port_that_is_taken_is_one_line_and_exit_code_2(bundle: Path, run: PreviewedRun) -> None:
    command = [*RUNTIME, "run", str(bundle), "--source", "none.mp4", "--preview", f":{run.port}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: --preview 127.0.0.1:{run.port}: Address already in use; expected ")
