"""A picture that shows little is found by its number, with the limit that it is held to."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from edgevision.discovery.curation.looking import Look, light_range, sharpness_of
from edgevision.discovery.curation.quality import QualityLimits, blur_limit, find_quality
from edgevision.discovery.frames import FrameItem
from tests.edgevision.discovery.curation.scenes import scene


def look_of(pictures: dict[str, Any], unreadable: dict[str, str] | None = None) -> Look:
    gray = [cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY) for picture in pictures.values()]
    return Look(
        items=tuple(FrameItem(name, None) for name in pictures),  # type: ignore[arg-type]
        sides=np.array([picture.shape[:2] for picture in pictures.values()]),
        light=np.array([light_range(one) for one in gray], np.float32),
        sharpness=np.array([sharpness_of(one) for one in gray], np.float32),
        thumbnails=np.zeros((len(gray), 32, 32), np.uint8),
        features=None,
        unreadable=unreadable or {},
    )


def with_scenes(**planted: Any) -> Look:
    return look_of({**{f"{number}.png": scene(number) for number in range(20)}, **planted})


@pytest.mark.parametrize(
    ("reason", "change"),
    [
        ("blurred", lambda image: cv2.GaussianBlur(image, (0, 0), 3)),
        ("dark", lambda image: (image * 0.2).astype(np.uint8)),
        ("bright", lambda image: (215 + image * 0.15).astype(np.uint8)),
        ("flat", lambda image: (100 + image * 0.05).astype(np.uint8)),
        ("small", lambda image: cv2.resize(image, (20, 20))),
    ],
)
def test_a_planted_flaw_is_found_alone_and_states_its_number(reason: str, change: Any) -> None:
    look = with_scenes(planted=change(scene(0)))

    found = find_quality(look, QualityLimits())

    assert [(finding.name, finding.reason) for finding in found] == [("planted", reason)]
    assert found[0].value is not None
    assert found[0].limit is not None
    assert (found[0].value < found[0].limit) == (reason != "bright")


def test_a_dark_copy_is_as_sharp_as_its_original() -> None:
    gray = cv2.cvtColor(scene(0), cv2.COLOR_BGR2GRAY)

    dark = (gray * 0.4).astype(np.uint8)

    assert sharpness_of(dark) == pytest.approx(sharpness_of(gray), rel=0.2)  # whole steps are coarser in the dark


def test_blurred_pictures_do_not_move_the_limit_much() -> None:
    sharp = np.array([1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7], np.float32)

    alone, with_blurred = blur_limit(sharp, 3), blur_limit(np.append(sharp, [0.001, 0.002]).astype(np.float32), 3)

    assert 0.5 * alone < with_blurred < alone


def test_a_handful_of_pictures_says_nothing_of_what_is_sharp() -> None:
    assert blur_limit(np.array([1, 2, 0.001], np.float32), 3) == 0


def test_a_limit_that_is_asked_for_is_taken() -> None:
    look = with_scenes()

    found = find_quality(look, QualityLimits(small=97))

    assert {finding.reason for finding in found} == {"small"}
    assert found[0].describe() == "shorter side 96 < 97"
    assert len(found) == 20


def test_what_cannot_be_read_is_a_finding() -> None:
    look = look_of({"1.png": scene(1)}, {"2.png": "2.png is empty"})

    found = find_quality(look, QualityLimits())

    assert [(finding.name, finding.describe()) for finding in found] == [("2.png", "2.png is empty")]
