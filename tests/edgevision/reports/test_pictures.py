import cv2
import numpy as np

from edgevision.reports.pictures import class_color, overlay, thumbnail


def decoded(data):
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


def test_a_thumbnail_keeps_the_shape_of_the_image():
    wide = np.full((100, 400, 3), 128, np.uint8)

    assert decoded(thumbnail(wide, 200)).shape == (50, 200, 3)


def test_a_small_image_is_enlarged_without_smoothing():
    image = np.zeros((2, 2, 3), np.uint8)
    image[:, 1] = 255

    shown = decoded(thumbnail(image, 64))

    assert shown[:, 8].max() < 40  # JPEG rings by a few grey levels at an edge
    assert shown[:, 56].min() > 215


def test_a_mask_tints_its_own_pixels_only():
    image = np.full((40, 40, 3), 200, np.uint8)
    mask = np.zeros((20, 20), np.uint8)  # half the size: it is scaled to the image
    mask[10:, :] = 1

    tinted = overlay(image, mask, opacity=0.5)

    assert (tinted[:19] == 200).all()
    expected = [(200 + part) // 2 for part in class_color(1)[::-1]]  # RGB to BGR, half and half
    assert tinted[30, 20].tolist() == expected


def test_ignored_pixels_stay_as_they_are():
    image = np.full((8, 8, 3), 90, np.uint8)

    assert (overlay(image, np.full((8, 8), 255, np.uint8)) == 90).all()
