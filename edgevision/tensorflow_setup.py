"""Import TensorFlow the one way edgevision uses it: Keras 2 (`tf_keras`), quiet log, GPU memory on demand.

tensorflow-model-optimization speaks Keras 2 only and chooses it by an environment variable that must be set before
TensorFlow is imported; this module is the one place that sets it.
"""

import os

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # the same bits from run to run

import tensorflow as tf
import tf_keras as keras

tf.get_logger().setLevel("ERROR")
for _gpu in tf.config.list_physical_devices("GPU"):
    tf.config.experimental.set_memory_growth(_gpu, True)

__all__ = ["keras", "tf"]
