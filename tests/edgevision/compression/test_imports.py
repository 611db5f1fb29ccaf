import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["edgevision.compression.pruning", "edgevision_converters.fake_quantization"])
def test_tensorflow_is_set_up_before_tfmot_imports_it(module):
    fresh = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}

    done = subprocess.run(
        [sys.executable, "-c", f"import {module}"], env=fresh, capture_output=True, text=True, check=True
    )

    # what TensorFlow says when nobody turned these kernels off, which would change the bits of a training
    assert "oneDNN custom operations are on" not in done.stderr
