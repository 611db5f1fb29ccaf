"""Import TensorFlow the one way the converters use it: Keras 2 beside Keras 3, quiet log, the same bits each run.

tensorflow-model-optimization speaks Keras 2 only and chooses it by an environment variable that must be set before
TensorFlow is imported.
"""

import os

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

import tensorflow as tf
import tf_keras as keras

tf.get_logger().setLevel("ERROR")

__all__ = ["keras", "tf"]
