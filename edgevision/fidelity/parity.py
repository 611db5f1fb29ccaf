"""Hold a bundle to a gate from a test suite: what the `parity` fixture of the pytest plugin calls."""

from __future__ import annotations
