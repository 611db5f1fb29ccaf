"""Import TensorFlow the one way edgevision uses it: Keras 2 (`tf_keras`), a quiet log, the same bits from run to run.

tensorflow-model-optimization speaks Keras 2 only and chooses it by an environment variable that must be set before
TensorFlow is imported; this module is the one place that sets it.
"""

import os

from edgevision_runtime.quiet import without_native_chatter

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # the same bits from run to run


with without_native_chatter():
    import absl.logging
    import tensorflow as tf
    import tf_keras as keras

    for _gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(_gpu, True)

tf.get_logger().setLevel("ERROR")
absl.logging.set_verbosity(absl.logging.ERROR)

__all__ = ["keras", "tf"]
