"""What is counted of a mask: the pixels that show the frame, never the bars that the contract put around it."""

from __future__ import annotations

import numpy as np

from edgevision.fidelity.tally import MaskAnswers, tally_for
from edgevision_runtime.contract import Preprocess
from edgevision_runtime.operations import Color, Resize
from edgevision_runtime.postprocess import Postprocess
from edgevision_runtime.types import ModelSpec


def test_agreement_does_not_count_the_padding() -> None:
    letterbox = Preprocess((Resize((8, 8), "letterbox", "nearest", 0), Color("rgb")))
    tally = tally_for(ModelSpec("segment", ("background", "lung"), letterbox, Postprocess("segment")))
    lungs, nothing = np.zeros((8, 8, 2), np.float32), np.zeros((8, 8, 2), np.float32)
    lungs[..., 1] = 1.0  # class 1 everywhere
    nothing[..., 0] = 1.0
    other = lungs.copy()
    other[2:6, :4] = nothing[2:6, :4]  # half of what shows the frame, and in the bars as the reference

    tally.add(np.ones((40, 80), np.uint8), [(lungs,), (other,)])  # twice as wide as high: rows 2 to 5 show it
    answers = tally.answers(1, np.zeros(1))

    assert isinstance(answers, MaskAnswers)
    assert (answers.agreeing[0], answers.pixels[0]) == (16, 32)
    assert answers.intersections[0].tolist() == [0.0, 16.0]
    assert answers.iou_with_reference[0] == 0.25  # background 0 of 16, lung 16 of 32
