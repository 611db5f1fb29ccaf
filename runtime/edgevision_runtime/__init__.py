"""The device side of edgevision: take a frame, prepare it by contract, infer, act."""

__version__ = "0.1.0"
