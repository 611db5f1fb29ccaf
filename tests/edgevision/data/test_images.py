import cv2
import numpy as np
import pytest
from PIL import Image as Picture

from edgevision.data.images import ColouredMask, check_image, read_image, read_mask_values
from edgevision_runtime.errors import DataError


def _photo(height=40, width=60):
    """A picture that a JPEG keeps to within a few steps: one ramp each way."""
    rows, columns = np.mgrid[0:height, 0:width]
    return np.stack([rows * 4, columns * 4, np.full_like(rows, 128)], axis=-1).astype(np.uint8)


def test_a_picture_is_read_as_bgr(tmp_path):
    Picture.fromarray(np.full((2, 3, 3), (250, 10, 20), np.uint8)).save(tmp_path / "red.png")

    assert read_image(tmp_path / "red.png")[0, 0].tolist() == [20, 10, 250]


def test_a_photo_is_turned_upright_as_imread_does(tmp_path):
    exif = Picture.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise
    Picture.fromarray(_photo()).save(tmp_path / "turned.jpg", exif=exif)

    image = read_image(tmp_path / "turned.jpg")

    assert image.shape == (60, 40, 3)
    assert np.array_equal(image, cv2.imread(str(tmp_path / "turned.jpg")))


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (np.full((2, 2), 0x8040, np.uint16), [128, 128, 128]),  # 16-bit gray: the upper byte
        (np.full((2, 2), 7, np.uint8), [7, 7, 7]),  # 8-bit gray
        (np.full((2, 2, 4), (1, 2, 3, 0), np.uint8), [1, 2, 3]),  # fully transparent: the colour stays
        (np.full((2, 2, 3), (0x0100, 0x0200, 0x0300), np.uint16), [1, 2, 3]),
    ],
)
def test_every_depth_and_alpha_becomes_uint8_bgr(tmp_path, stored, expected):
    cv2.imwrite(str(tmp_path / "x.png"), stored)

    image = read_image(tmp_path / "x.png")

    assert image.dtype == np.uint8
    assert image.shape == (2, 2, 3)
    assert image[0, 0].tolist() == expected


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize("read", [read_image, check_image])
def test_a_file_that_was_cut_off_is_named(tmp_path, suffix, read):
    data = cv2.imencode(suffix, np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))[1].tobytes()
    (tmp_path / f"half{suffix}").write_bytes(data[: len(data) // 2])

    with pytest.raises(DataError, match=f"half{suffix} is cut off"):
        read(tmp_path / f"half{suffix}")


def test_a_thumbnail_does_not_hide_that_a_photo_was_cut_off(tmp_path):
    thumbnail = cv2.imencode(".jpg", _photo(8, 8))[1].tobytes()
    photo = cv2.imencode(".jpg", _photo())[1].tobytes()
    segment = b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    (tmp_path / "whole.jpg").write_bytes(photo[:2] + segment + photo[2:])
    (tmp_path / "half.jpg").write_bytes(photo[:2] + segment + photo[2:-20])

    check_image(tmp_path / "whole.jpg")
    with pytest.raises(DataError, match="cut off"):
        check_image(tmp_path / "half.jpg")


@pytest.mark.parametrize(
    ("data", "reason"), [(b"", "is empty"), (b"hello", "is not a picture"), (b"\xff\xd8\xff", "cut off")]
)
def test_a_file_that_is_no_picture_says_why(tmp_path, data, reason):
    (tmp_path / "odd.jpg").write_bytes(data)

    with pytest.raises(DataError, match=f"odd.jpg {reason}" if reason != "cut off" else reason):
        read_image(tmp_path / "odd.jpg")


def test_an_index_png_gives_positions_and_not_colours(tmp_path):
    picture = Picture.fromarray(np.array([[0, 1], [2, 255]], np.uint8), mode="L").convert("P")
    indexed = Picture.new("P", (2, 2))
    indexed.putdata([0, 1, 2, 255])
    indexed.putpalette([200, 0, 0, 0, 200, 0, 0, 0, 200] + [9] * 759)
    indexed.save(tmp_path / "mask.png")

    assert picture.mode == "P"
    assert read_mask_values(tmp_path / "mask.png").tolist() == [[0, 1], [2, 255]]


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "RGBA", "LA"])
def test_a_black_and_white_mask_is_0_and_255_however_it_is_stored(tmp_path, mode):
    Picture.fromarray(np.array([[0, 255]], np.uint8)).convert(mode).save(tmp_path / "mask.png")

    assert read_mask_values(tmp_path / "mask.png").tolist() == [[0, 255]]


def test_a_mask_in_colours_is_refused(tmp_path):
    Picture.fromarray(np.full((2, 2, 3), (200, 0, 0), np.uint8)).save(tmp_path / "mask.png")

    with pytest.raises(ColouredMask, match=r"mask mask\.png is in colours"):
        read_mask_values(tmp_path / "mask.png")


def test_a_16_bit_mask_beyond_255_is_refused(tmp_path):
    Picture.fromarray(np.array([[0, 300]], np.uint16)).save(tmp_path / "mask.png")

    with pytest.raises(ColouredMask, match="holds 300"):
        read_mask_values(tmp_path / "mask.png")
