"""Prove that a small model still does what the trained one did, and measure what it costs."""
