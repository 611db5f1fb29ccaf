"""Shrinking a trained network: magnitude pruning and quantization-aware training, with what each really gained."""
