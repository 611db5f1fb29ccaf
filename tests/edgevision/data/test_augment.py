import numpy as np
import pytest

from edgevision.data.augment import PRESETS, Augmentation
from edgevision_runtime.errors import UsageError

SEED = (3, 4)


def _batch(count=8, height=12, width=16, channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, height, width, channels), dtype=np.uint8)


def _paired(count=16, height=24, width=32):
    """Pictures of one bright rectangle each on black, and masks that mark it."""
    rng = np.random.default_rng(1)
    masks = np.zeros((count, height, width), np.uint8)
    for mask in masks:
        top, left = rng.integers(2, height // 2), rng.integers(2, width // 2)
        mask[top : top + 9, left : left + 11] = 1
    return np.repeat(masks[..., None] * np.uint8(200), 3, axis=-1), masks


def test_text_and_amounts_are_two_forms_of_the_same():
    augmentation = Augmentation.parse("flip,rotate=10, noise=2.5")

    assert augmentation == Augmentation(flip=0.5, rotate=10.0, noise=2.5)
    assert Augmentation.parse(str(augmentation)) == augmentation
    assert Augmentation.parse("none") is None
    assert Augmentation.parse("strong") == Augmentation.parse(PRESETS["strong"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rotat=10", "did you mean rotate"),
        ("rotate=much", "expected a number, such as rotate=0.1"),
        ("rotate=999", "expected 0 to 180"),
        ("noise=-1", "expected 0 to 128"),
        ("zoom=nan", "expected 0 to 0.9"),
        ("", "expected none, light, strong"),
    ],
)
def test_a_text_that_cannot_be_says_what_can(text, message):
    with pytest.raises(UsageError, match=message):
        Augmentation.parse(text)


@pytest.mark.parametrize("text", ["light,flip=0", "rotate=5,none"])
def test_a_preset_stands_alone(text):
    with pytest.raises(UsageError, match="a preset alone"):
        Augmentation.parse(text)


@pytest.mark.parametrize("text", ["light", "strong", "vflip=1", "color=0.5", "blur=3", "noise=20"])
def test_the_same_seed_gives_the_same_pictures_and_another_seed_others(text):
    augmentation, images = Augmentation.parse(text), _batch()

    first, again, other = (augmentation(images, None, seed)[0].numpy() for seed in (SEED, SEED, (5, 6)))

    assert np.array_equal(first, again)
    assert text == "vflip=1" or not np.array_equal(first, other)


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_stay_whole_steps_of_0_to_255(channels):
    images = Augmentation.parse("strong")(_batch(channels=channels), None, SEED)[0].numpy()

    assert images.shape == (8, 12, 16, channels)
    assert images.dtype == np.float32
    assert images.min() >= 0
    assert images.max() <= 255
    assert np.array_equal(images, np.rint(images))


def test_each_picture_draws_its_own_amount():
    same = np.repeat(_batch(1), 8, axis=0)

    changed = Augmentation.parse("brightness=0.2")(same, None, SEED)[0].numpy()

    assert len({image.tobytes() for image in changed}) > 4  # eight draws from 103 whole steps may meet


@pytest.mark.parametrize(("text", "turned"), [("flip=1", np.s_[:, :, ::-1]), ("vflip=1", np.s_[:, ::-1])])
def test_a_flip_is_exact_and_takes_the_mask_along(text, turned):
    images, masks = _paired()

    flipped, moved = Augmentation.parse(text)(images, masks, SEED)

    assert np.array_equal(flipped.numpy(), images[turned].astype(np.float32))
    assert np.array_equal(moved.numpy(), masks[turned])


def test_half_of_the_pictures_are_flipped():
    images = np.repeat(_batch(1), 1000, axis=0)

    flipped = Augmentation.parse("flip")(images, None, SEED)[0].numpy()

    share = (flipped != images).any(axis=(1, 2, 3)).mean()
    assert abs(share - 0.5) < 0.08  # five standard deviations of 1000 even draws


@pytest.mark.parametrize("text", ["rotate=20", "zoom=0.3", "crop=0.3", "flip,rotate=20,zoom=0.2,crop=0.2"])
def test_a_mask_moves_with_its_picture(text):
    images, masks = _paired()

    moved_images, moved_masks = (out.numpy() for out in Augmentation.parse(text)(images, masks, SEED))

    assert not np.array_equal(moved_masks, masks)
    assert moved_masks.dtype == np.uint8
    assert set(np.unique(moved_masks)) <= {0, 1, 255}
    bright = moved_images[..., 0] > 100  # half of 200: where bilinear interpolation puts the edge
    known = moved_masks != 255
    overlap = (bright & (moved_masks == 1) & known).sum() / ((bright | (moved_masks == 1)) & known).sum()
    assert overlap > 0.97  # edges may round to either side


def test_what_lies_outside_is_ignored_in_the_mask():
    images, masks = _paired()

    moved = Augmentation.parse("rotate=45")(images, masks, SEED)[1].numpy()

    assert (moved[:, 0, 0] == 255).any()
    assert (moved == 255).mean() < 0.5


def test_no_amount_changes_nothing():
    images, masks = _paired()

    same, same_masks = Augmentation()(images, masks, SEED)

    assert np.array_equal(same.numpy(), images)
    assert np.array_equal(same_masks, masks)


def test_a_rotation_keeps_the_centre_and_the_scale():
    images = np.zeros((64, 31, 31, 1), np.uint8)
    images[:, 14:17, 14:17] = 255
    images[:, 15, 25:28] = 255  # a bar 11 pixels from the centre

    turned = Augmentation.parse("rotate=180")(images, None, SEED)[0].numpy()[..., 0]

    assert (turned[:, 15, 15] > 250).all()
    rows, columns = np.mgrid[0:31, 0:31]
    radius = np.hypot(rows - 15, columns - 15)
    bar = (radius > 5) & (radius <= 15)  # beyond 15 the corners mirror it
    for image in turned:
        distance = (radius * image * bar).sum() / (image * bar).sum()
        assert abs(distance - 11) < 0.3  # a third of a pixel: what bilinear interpolation blurs


def test_colour_change_moves_saturation_and_leaves_gray_pictures_gray_without_gain():
    gray = np.full((4, 4, 4, 3), 100, np.uint8)

    changed = Augmentation.parse("color=0.5")(gray, None, SEED)[0].numpy()

    # the gain of each channel lies in 0.5..1.5; saturation alone leaves gray as it is
    assert changed.min() >= 50
    assert changed.max() <= 150


def test_blur_keeps_the_mean_and_lowers_the_variance():
    images = _batch(height=32, width=32)

    blurred = Augmentation.parse("blur=2")(images, None, SEED)[0].numpy()

    means = images.mean(axis=(1, 2, 3)), blurred.mean(axis=(1, 2, 3))
    assert np.allclose(*means, atol=2.0)  # the mirrored border counts some pixels twice
    assert (blurred.std(axis=(1, 2, 3)) <= images.std(axis=(1, 2, 3)) + 0.5).all()


def test_noise_has_the_spread_that_was_asked_for():
    images = np.full((200, 16, 16, 1), 128, np.uint8)

    noisy = Augmentation.parse("noise=10")(images, None, SEED)[0].numpy()

    spreads = noisy.std(axis=(1, 2, 3))
    assert abs(spreads.mean() - 5) < 1  # even in 0..10; the mean of 200 draws has deviation 0.2
    assert spreads.max() < 11.5
