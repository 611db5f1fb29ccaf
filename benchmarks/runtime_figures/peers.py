"""The same work by MediaPipe: in an environment of its own, made for the occasion and thrown away."""

from __future__ import annotations

import json
import subprocess
import tempfile
import venv
from pathlib import Path
from typing import Any

from edgevision_runtime.bundle import Bundle
from runtime_figures.frame_loop import Plan

SCRIPT = Path(__file__).with_name("peer_mediapipe.py")


def mediapipe(folder: Path, plan: Plan) -> dict[str, Any]:
    """MediaPipe's ImageClassifier on the same files, as ratios to the bare invocation beside it; or why there is none.

    720p BGR frames, five best classes of the seeded MobileNetV2-224; what MediaPipe needs is an RGB copy of the frame.
    """
    bundle = Bundle.open(folder / "mobilenet.evb")
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        venv.create(place / "environment", with_pip=True)
        python = str(place / "environment" / "bin" / "python")
        install = [python, "-m", "pip", "install", "--quiet", "mediapipe", "ai-edge-litert"]
        installed = subprocess.run(install, capture_output=True, text=True, check=False)
        if installed.returncode != 0:
            return {"not_had": f"cannot be installed: {installed.stderr.strip().splitlines()[-1]}"}
        found: dict[str, Any] = {}
        for variant in ("float32.tflite", "int8.tflite"):
            (place / variant).write_bytes(bundle.read(f"models/{variant}"))
            command = [python, str(SCRIPT), str(place / variant), str(plan.blocks), str(plan.repeats)]
            run = subprocess.run(command, capture_output=True, text=True, check=False)
            lines = (run.stderr if run.returncode else run.stdout).strip().splitlines()
            found[variant] = {"not_had": lines[-1]} if run.returncode else json.loads(lines[-1])
        return found
