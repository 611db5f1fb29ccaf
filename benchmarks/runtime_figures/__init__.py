"""The parts of `benchmarks/runtime.py`."""
