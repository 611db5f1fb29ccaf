"""Run on a board's system and on this machine: what contracts make of frames, one .npy each in the folder argv[1]."""

import sys
from pathlib import Path

import numpy as np

from edgevision_runtime.contract import Preprocess
from edgevision_runtime.operations import Color, Contrast, Crop, Denoise, Layout, Normalize, Resize, WhiteBalance

IMAGENET = Normalize(scale=1 / 255, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
STABLE = {
    "squash": (Resize((96, 96), "squash", "bilinear"), Color("rgb")),
    "half": (Resize((240, 320), "squash", "bilinear"), Color("bgr")),
    "shortest": (Resize((64, 48), "fit_shortest", "bilinear"), Color("rgb"), IMAGENET, Layout("NCHW")),
    "letterbox": (Resize((96, 80), "letterbox", "bilinear", pad=114), Color("gray")),
    "cropped": (Crop("roi", box=(0.1, 0.2, 0.9, 0.95)), Resize((50, 50), "squash", "nearest"), Color("rgb")),
    "cleaned": (WhiteBalance("gray_world"), Denoise("median", size=3), Resize((48, 64), "squash", "bilinear")),
}
ONE_STEP = {
    "area": (Resize((60, 80), "squash", "area"), Color("rgb")),
    "equalized": (Contrast("clahe", clip_limit=2.0, tiles=4), Resize((60, 80), "squash", "bilinear")),
}
SIZES = ((480, 640), (97, 131))  # the first is exactly twice the height and width of `half`


def frame_of(height, width):
    """Smooth shapes with noise, the same bits everywhere: integers only."""
    rows, columns = np.mgrid[:height, :width]
    shapes = np.stack([rows * 255 // height, columns * 255 // width, (rows * columns) % 256], axis=-1)
    noise = np.random.default_rng(height).integers(-40, 40, shapes.shape)
    return np.clip(shapes + noise, 0, 255).astype(np.uint8)


if __name__ == "__main__":
    for name, operations in {**STABLE, **ONE_STEP}.items():
        contract = Preprocess(operations)
        for height, width in SIZES:
            np.save(Path(sys.argv[1], f"{name}-{width}x{height}.npy"), contract(frame_of(height, width)))
