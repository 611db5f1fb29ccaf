"""Learning: architectures, weights, training and metrics."""
