"""MediaPipe's ImageClassifier on the same model and frames: a process of its own, in an environment of its own.

python peer_mediapipe.py MODEL.tflite BLOCKS REPEATS, prints one JSON; needs mediapipe, ai-edge-litert and numpy.
"""

from __future__ import annotations

import json
import statistics
import sys
import time

import cv2
import mediapipe
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from mediapipe.tasks.python import BaseOptions
from mediapipe.tasks.python.vision import ImageClassifier, ImageClassifierOptions

RING, BLOCK = 8, 25


def main() -> None:
    """Process CPU time of both, in turns: MediaPipe works in threads of its own."""
    path, blocks, repeats = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    cv2.setNumThreads(1)
    random = np.random.default_rng(0)
    coarse = [random.integers(0, 256, (90, 160, 3), np.uint8) for _ in range(RING)]
    frames = [cv2.resize(image, (1280, 720), interpolation=cv2.INTER_CUBIC) for image in coarse]
    interpreter = Interpreter(model_path=path, num_threads=1)
    interpreter.allocate_tensors()
    options = ImageClassifierOptions(base_options=BaseOptions(model_asset_path=path), max_results=5)
    with ImageClassifier.create_from_options(options) as classifier:

        def classify(index: int) -> object:
            image = cv2.cvtColor(frames[index], cv2.COLOR_BGR2RGB)
            return classifier.classify(mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=image))

        arms = {"bare": lambda index: interpreter.invoke(), "mediapipe": classify}
        ratios = [_ratio(arms, blocks) for _ in range(repeats)]
    print(json.dumps({"ratio": round(statistics.median(ratios), 3), "version": mediapipe.__version__}))


def _ratio(arms: dict[str, object], blocks: int) -> float:
    taken: dict[str, list[float]] = {name: [] for name in arms}
    for _ in range(blocks):
        for name, arm in arms.items():
            started = time.process_time_ns()
            for index in range(BLOCK):
                arm(index % RING)  # type: ignore[operator]
            taken[name].append((time.process_time_ns() - started) / BLOCK)
    return statistics.median(taken["mediapipe"]) / statistics.median(taken["bare"])


if __name__ == "__main__":
    main()
