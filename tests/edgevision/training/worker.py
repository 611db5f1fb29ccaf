"""One worker of a multi-worker training: `python -m tests.edgevision.training.worker DATA OUTPUT WEIGHTS.npz`."""

import sys
from pathlib import Path

import numpy as np

from edgevision.training.plan import DataPlan, NetworkPlan, TrainPlan
from edgevision.training.train import TrainHooks, train
from edgevision.training.unfinished import Target

data, output, weights = sys.argv[1:]
plan = TrainPlan(
    DataPlan(data), NetworkPlan("cnn", 0.25, (8, 8)), epochs=2, batch=8, learning_rate=0.01, strategy="multiworker"
)
result = train(plan, Target(Path(output)), TrainHooks(log=lambda text: print(text, file=sys.stderr)))
np.savez(weights, *result.model.get_weights(), has_run=result.run is not None)
