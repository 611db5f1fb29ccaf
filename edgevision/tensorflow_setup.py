"""TensorFlow as edgevision uses it; set up in one place, beside the converters."""

from edgevision_converters.tensorflow_setup import keras, tf

__all__ = ["keras", "tf"]
