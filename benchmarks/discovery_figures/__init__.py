"""The parts of `benchmarks/discovery.py` and `benchmarks/loop.py`."""
