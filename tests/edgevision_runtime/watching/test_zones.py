"""A zone is a place on the frame, whatever the contract does to the frame on its way to the mask."""

from __future__ import annotations

import numpy as np
import pytest

from edgevision_runtime.errors import UsageError
from edgevision_runtime.messages import BEGAN, ENDED, HAPPENED
from edgevision_runtime.operations import Crop, Operation, Resize
from edgevision_runtime.watching.settings import Condition, Zone
from edgevision_runtime.watching.zones import ZoneCounter
from tests.edgevision_runtime.watching.answers import STREET, masked, rules_of, street_spec, told

SQUASH = (Resize((10, 10), "squash", "bilinear"),)
LETTERBOX = (Resize((10, 10), "letterbox", "bilinear", 0),)  # 100×200: rows 2 to 6 of 10 show the frame
SHORTEST = (Resize((10, 10), "fit_shortest", "bilinear"),)  # 100×200: columns 50 to 150 of 200 are seen
CENTRE = (Crop("center", size=(50, 50)), Resize((10, 10), "squash", "bilinear"))  # rows 25…75, columns 75…125
REGION = (Crop("roi", box=(0.5, 0.0, 1.0, 0.5)), Resize((10, 10), "squash", "bilinear"))  # top right quarter
ALL = [SQUASH, LETTERBOX, SHORTEST, CENTRE, REGION, (Resize((10, 10), "squash", "bilinear"), Crop("center", (6, 6)))]


def box(left: float, top: float, right: float, bottom: float, name: str = "door") -> Zone:
    return Zone(name, ((left, top), (right, top), (right, bottom), (left, bottom)))


def shares(zone: Zone, operations: tuple[Operation, ...], mask: np.ndarray) -> list[float] | None:
    spec = street_spec(*operations)
    result = masked(0.0, mask, spec=spec)
    counter = ZoneCounter([zone], spec.preprocess, len(STREET))
    counter.fit(result.prediction, result.frame.image.shape)
    found = counter.shares(result.prediction, zone.name)
    return None if found is None else found.tolist()


def test_a_quarter_of_the_frame_is_a_quarter_of_a_squashed_mask() -> None:
    mask = np.zeros((10, 10), np.uint8)
    mask[:5, :5], mask[5:, 5:] = 1, 2

    assert shares(box(0, 0, 0.5, 0.5), SQUASH, mask) == [0.0, 1.0, 0.0]
    assert shares(box(0.5, 0.5, 1, 1), SQUASH, mask) == [0.0, 0.0, 1.0]
    assert shares(box(0, 0, 1, 1), SQUASH, mask) == pytest.approx([0.5, 0.25, 0.25])


def test_a_letterboxed_zone_counts_no_padding() -> None:
    mask = np.full((10, 10), 2, np.uint8)  # what a network says of the bars
    mask[2:7] = 0
    mask[2:4] = 1

    assert shares(box(0, 0, 1, 0.4), LETTERBOX, mask) == [0.0, 1.0, 0.0]
    assert shares(box(0, 0, 1, 1), LETTERBOX, mask) == [0.6, 0.4, 0.0]


def test_a_zone_follows_the_frame_through_a_crop() -> None:
    mask = np.zeros((10, 10), np.uint8)
    mask[:, 5:] = 1

    assert shares(box(0.5, 0, 0.75, 1), SHORTEST, mask) == [0.0, 1.0, 0.0]
    assert shares(box(0.25, 0, 0.5, 1), SHORTEST, mask) == [1.0, 0.0, 0.0]
    assert shares(box(0.5, 0.25, 0.625, 0.75), CENTRE, mask) == [0.0, 1.0, 0.0]
    assert shares(box(0.75, 0, 1, 0.5), REGION, mask) == [0.0, 1.0, 0.0]


@pytest.mark.parametrize("operations", ALL)
def test_zones_lie_where_the_overlay_paints_the_mask(operations: tuple[Operation, ...]) -> None:
    """Counted on the frame with the mask laid over it, up to the pixels that a zone's border cuts."""
    spec = street_spec(*operations)
    generator = np.random.default_rng(3)
    height, width = spec.preprocess.size or (0, 0)
    mask = np.kron(generator.integers(0, 3, (height, width)), np.ones((8, 8))).astype(np.uint8)
    zone = box(0.36, 0.3, 0.61, 0.7) if operations is not REGION else box(0.55, 0.1, 0.9, 0.45)

    placed = spec.preprocess.place_mask(mask, 100, 200)
    (left, top), (right, bottom) = zone.corners[0], zone.corners[2]
    part = placed[round(top * 100) : round(bottom * 100), round(left * 200) : round(right * 200)]
    part = part[part != 255]
    expected = np.bincount(part, minlength=3) / part.size

    assert shares(zone, operations, mask) == pytest.approx(expected, abs=0.06)


def test_a_triangle_is_no_box() -> None:
    mask = np.zeros((10, 10), np.uint8)
    mask[np.tril_indices(10, -1)] = 1  # below the diagonal

    assert shares(Zone("door", ((0, 0), (0, 1), (1, 1))), SQUASH, mask) == pytest.approx([0.0, 1.0, 0.0], abs=0.2)


def test_a_zone_counts_the_same_at_every_resolution() -> None:
    coarse = np.zeros((10, 10), np.uint8)
    coarse[3:6, 2:9] = 1
    fine = np.kron(coarse, np.ones((26, 26))).astype(np.uint8)

    assert shares(box(0.2, 0.2, 0.7, 0.7), SQUASH, coarse) == pytest.approx(
        shares(box(0.2, 0.2, 0.7, 0.7), SQUASH, fine)
    )


def test_pixels_are_worked_out_once_for_each_size() -> None:
    spec = street_spec(*SQUASH)
    counter = ZoneCounter([box(0, 0, 1, 1)], spec.preprocess, 3)
    small, large = np.zeros((100, 200, 3), np.uint8), np.zeros((200, 400, 3), np.uint8)
    answer = masked(0.0, np.zeros((10, 10)), spec=spec)

    assert [counter.fit(answer.prediction, image.shape) for image in (small, small, large, large, small)] == [
        True, False, True, False, True,
    ]  # fmt: skip


def test_a_zone_event_names_its_zone_and_its_label() -> None:
    rules = rules_of(Condition("person", "door", for_s=0.0), zones=(box(0, 0, 0.5, 0.5),), spec=street_spec())
    inside, outside = np.zeros((10, 10)), np.zeros((10, 10))
    inside[:2, :2], outside[8:, 8:] = 1, 1

    events = [
        event
        for number, mask in enumerate([outside, inside, outside])
        for event in rules.observe(masked(float(number), mask, index=number))
    ]

    assert told(events) == [(1.0, "door: person", BEGAN), (2.0, "door: person", ENDED)]
    assert (events[0].kind, events[0].detail["score"]) == ("zone", 0.16)  # 4 of 25 pixels


def test_without_events_every_label_in_every_zone_is_watched() -> None:
    zones = (box(0, 0, 0.5, 1, "left"), box(0.5, 0, 1, 1, "right"))
    rules = rules_of(zones=zones, spec=street_spec())
    mask = np.zeros((10, 10))
    mask[:, :3], mask[:, 8:] = 1, 2

    events = [event for n in range(20) for event in rules.observe(masked(n / 10, mask, index=n))]

    assert told(events) == [(0.5, "left: person", BEGAN), (0.5, "right: car", BEGAN)]


def test_a_zone_that_the_model_does_not_see_is_an_error_at_the_first_answer() -> None:
    spec = street_spec(*CENTRE)
    rules = rules_of(zones=(box(0, 0, 0.2, 0.2),), spec=spec)

    with pytest.raises(UsageError, match="zone 'door' lies outside of what the model sees of the frame"):
        rules.observe(masked(0.0, np.zeros((10, 10)), spec=spec))


def test_a_zone_smaller_than_a_pixel_of_the_mask_is_an_error() -> None:
    rules = rules_of(zones=(box(0.11, 0.11, 0.12, 0.12),), spec=street_spec())

    with pytest.raises(UsageError, match="smaller than a pixel of the model's 10×10 mask"):
        rules.observe(masked(0.0, np.zeros((10, 10))))


def test_a_zone_that_is_partly_seen_is_told_once_and_counted() -> None:
    spec = street_spec(*SHORTEST)
    rules = rules_of(Condition("person", "door", for_s=0.0), zones=(box(0, 0, 0.5, 1),), spec=spec)

    first = rules.observe(masked(0.0, np.ones((10, 10)), index=0, spec=spec))
    second = rules.observe(masked(1.0, np.ones((10, 10)), index=1, spec=spec))

    assert told(first) == [(0.0, "door", HAPPENED), (0.0, "door: person", BEGAN)]
    assert first[0].detail["reason"].startswith("the model sees 50% of the zone")
    assert second == []


def test_a_zone_that_a_new_frame_size_hides_ends_its_events_and_says_so() -> None:
    spec = street_spec(*CENTRE)
    rules = rules_of(Condition("person", "door", for_s=0.0), zones=(box(0.4, 0.3, 0.45, 0.7),), spec=spec)
    large = np.zeros((400, 800, 3), np.uint8)  # 50 × 50 around its centre are 0.47 … 0.53 of its width

    first = rules.observe(masked(0.0, np.ones((10, 10)), index=0, spec=spec))
    second = rules.observe(masked(1.0, np.ones((10, 10)), index=1, spec=spec, image=large))
    third = rules.observe(masked(2.0, np.ones((10, 10)), index=2, spec=spec))

    assert told(first) == [(0.0, "door: person", BEGAN)]
    assert told(second) == [(1.0, "door: person", ENDED), (1.0, "door", HAPPENED)]
    assert "outside of what the model sees" in second[1].detail["reason"]
    assert told(third) == [(2.0, "door: person", BEGAN)]
