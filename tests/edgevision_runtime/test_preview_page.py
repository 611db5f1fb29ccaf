"""The preview's page in headless Chromium."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from edgevision_runtime.bundle import Bundle
from edgevision_runtime.bundle_writer import BundleContent, write_bundle
from edgevision_runtime.health.reading import HealthReading
from edgevision_runtime.messages import BEGAN, ENDED, Event
from edgevision_runtime.preview.serving import serve_preview
from tests.edgevision_runtime import networks
from tests.edgevision_runtime.browser import Browser, Tab
from tests.edgevision_runtime.camera_watch import MJPEG_SERVER, Server
from tests.edgevision_runtime.previewed import PreviewedRun, answered, result, status_of_one_camera, wait_for

TOKEN = "a-token-of-good-length"
PILL = "document.querySelector('.pill')?.textContent"
PIXELS = "(c => c.getContext('2d').getImageData(0, {}, c.width, {}).data)(document.querySelector('canvas'))"
DIGEST = f"{PIXELS.format(0, 'c.height')}.reduce((sum, value) => (sum * 31 + value) % 1e9, 7)"  # of all it shows
STRIP = f"Math.max(...{PIXELS.format(1, 1)}.filter((value, i) => i % 4 < 3))"  # brightest of the row above a note
PICTURES = "Number(document.querySelector('[data-pictures]')?.dataset.pictures || 0)"


@pytest.fixture(scope="module")
def bundle(colour_content: BundleContent, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "colour.evb"
    write_bundle(path, colour_content)
    return path


def moves(tab: Tab) -> bool:
    """Whether the picture changes within a while."""
    before = tab.evaluate(DIGEST)
    return bool(tab.wait_for(f"{DIGEST} !== {before}"))


def test_the_picture_moves_greys_out_when_the_camera_dies_and_comes_back(bundle: Path, browser: Browser) -> None:
    camera = Server(sys.executable, MJPEG_SERVER)
    try:
        with PreviewedRun(bundle, "--source", camera.url) as run:
            tab, other = browser.open(run.url), browser.open(run.url, width=390)
            for page in (tab, other):
                page.wait_for(f"{PILL} === 'streaming' && {PICTURES} > 1")
                assert moves(page)
            healthy = run.get("/healthz").code

            camera.kill()
            for page in (tab, other):
                page.wait_for(f"{PILL} === 'reconnecting'")
                page.wait_for(f"{STRIP} < 60")
            reconnecting = run.get("/healthz")

            camera.start()
            for page in (tab, other):
                page.wait_for(f"{PILL} === 'streaming'", within_s=60)
                assert moves(page)
            wait_for(lambda: run.get("/healthz").code == 200)
            tab.wait_for("document.getElementById('events').textContent.includes('gap ended')")
            faults = [page.faults for page in (tab, other)]
            texts = [tab.text, json.dumps(run.latest), "".join(run.told)]
            for page in (tab, other):
                page.close()
    finally:
        camera.kill()

    assert faults == [[], []]
    assert (healthy, reconnecting.code) == (200, 503)
    assert "backing off" in reconnecting.json["reasons"][0] or "connecting" in reconnecting.json["reasons"][0]
    assert not [text for text in texts if "secret" in text or "anna" in text or "token=abc" in text]


def test_a_page_that_is_closed_lets_the_encoding_end(bundle: Path, browser: Browser, colour_folder: Path) -> None:
    with PreviewedRun(bundle, "--source", f"fake://{colour_folder}?fps=20&clock=real") as run:
        tab = browser.open(run.url)
        tab.wait_for(f"{PICTURES} > 2")
        watched = run.latest["preview"]

        tab.close()
        wait_for(lambda: run.latest["preview"]["viewers"] == 0)
        before = run.latest["preview"]["encoded"]
        run.wait_for_frames(10)

        assert watched["viewers"] == 1
        assert run.latest["preview"]["encoded"] == before


def test_a_token_opens_the_page_and_survives_a_restart_of_the_run(
    bundle: Path, browser: Browser, colour_folder: Path
) -> None:
    arguments = ("--source", f"fake://{colour_folder}?fps=20&clock=real", "--preview-token", TOKEN)

    with PreviewedRun(bundle, *arguments) as run:
        stranger = browser.open(run.url)
        stranger.wait_for("document.body && document.body.innerText.includes('needs the token')")
        tab = browser.open(f"{run.url}?token={TOKEN}")
        tab.wait_for(f"{PICTURES} > 1")
        shown = tab.evaluate("location.href")
        readable = tab.evaluate("document.cookie")
        run.end()
        tab.wait_for("!document.getElementById('lost').hidden")
        lost = tab.evaluate(PILL)
    seen = tab.evaluate(PICTURES)
    with PreviewedRun(bundle, *arguments, preview=f":{run.port}") as run:
        tab.wait_for(f"{PILL} === 'streaming' && {PICTURES} > {seen} && document.getElementById('lost').hidden")
        tab.close()
        stranger.close()

    assert (shown, readable, lost) == (run.url, "", "not connected")


def test_the_page_tells_how_the_board_the_sinks_and_the_watched_things_are(
    browser: Browser, colour_bundle: Bundle
) -> None:
    status = status_of_one_camera()
    answered(status, result(colour_bundle, networks.frame_of(40, 200, 40)))
    status.health = HealthReading(0.0, temperature_c=71.46, throttled=True, under_voltage=True, step="slower")
    status.sinks = [SimpleNamespace(name="mqtt", written=7, dropped=2, failure="<b>broker down</b>")]
    status.tell(Event("label", "person", BEGAN, "gate", 1_800_000_000.0, {"score": 0.93}))
    status.tell(Event("gap", "stalled", ENDED, "gate", 1_800_000_005.0, {"duration_s": 3.25}))
    flags = {"preview": ":0", "preview_token": None, "preview_token_file": None}

    with serve_preview(flags, status, tell=lambda line: None) as url:
        tab = browser.open(url)
        tab.wait_for(f"{PICTURES} > 0")
        chips = tab.evaluate("[...document.querySelectorAll('.chip')].map((chip) => chip.textContent)")
        events = tab.evaluate("[...document.querySelectorAll('#events span')].map((event) => event.textContent)")
        answer = tab.evaluate("document.querySelector('.big').textContent")
        bars = tab.evaluate("[...document.querySelectorAll('.fill')].map((fill) => fill.style.width)")
        numbers = tab.evaluate("[...document.querySelectorAll('dd')].slice(1, 4).map((value) => value.textContent)")
        faults = tab.faults
        tab.close()

    model = "int8.tflite · int8 · litert 2.3.0 (XNNPACK)"
    assert chips == [model, "71.5 °C", "throttled", "under-voltage", "slower", "mqtt: <b>broker down</b>"]
    assert events == ["gate: gap ended (stalled, 3.3 s)", "gate: label person began (93 %)"]
    assert (answer, bars) == ("red 70 %", ["70%", "20%", "10%"])
    assert numbers[1:] == ["6.0 ms", "0"]  # latency, dropped
    assert faults == []


def test_names_are_shown_as_text_and_many_cameras_fit_a_small_screen(
    bundle: Path, browser: Browser, colour_folder: Path, tmp_path: Path
) -> None:
    names = [
        "<img src=x onerror=alert(1)>",
        "gate",
        "a-long-name-without-any-place-to-break-it-" * 3,
        "hof, süd 'x' \\\"y\\\"",
    ]
    tables = [f'[[camera]]\nname = "{n}"\nsource = "fake://{colour_folder}?fps=5&clock=real"\n' for n in names]
    (tmp_path / "cameras.toml").write_text("".join(tables), encoding="utf-8")

    with PreviewedRun(bundle, "--cameras", tmp_path / "cameras.toml") as run:
        tab = browser.open(run.url, width=360)
        tab.wait_for("document.querySelectorAll('[data-pictures]').length === 4")
        titles = tab.evaluate("[...document.querySelectorAll('h2')].map((h) => h.textContent)")
        scripts = tab.evaluate("document.querySelectorAll('img').length")
        width = tab.evaluate("document.documentElement.scrollWidth")
        labels = tab.evaluate("[...document.querySelectorAll('canvas')].every((c) => c.getAttribute('aria-label'))")
        live = tab.evaluate("document.querySelector('.pill').getAttribute('aria-live')")
        faults = tab.faults
        tab.close()

    assert titles[:4] == [name.replace('\\"', '"') for name in names]
    assert (scripts, width, labels, live, faults) == (0, 360, True, "polite", [])
