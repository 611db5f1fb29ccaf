"""The parts of `benchmarks/discovery.py`."""
