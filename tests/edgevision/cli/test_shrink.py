import subprocess
import sys

import pytest
from click.testing import CliRunner

from edgevision.cli.shrink import prune, quantize
from edgevision_runtime.errors import ModelError, UsageError


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["--sparsity", "1.5"], "sparsity"),
        (["--schedule", "cubic"], "polynomial | constant"),
        (["--structure", "4:8"], "2:4"),
    ],
)
def test_a_flag_that_cannot_be_is_refused_before_anything_is_read(arguments, what):
    result = CliRunner().invoke(prune, ["nowhere", "-o", "out", *arguments])

    assert isinstance(result.exception, UsageError)
    assert what in str(result.exception)


@pytest.mark.parametrize("verb", [prune, quantize])
def test_a_source_that_is_no_model_is_one_clear_line(verb, tmp_path):
    (tmp_path / "folder").mkdir()

    for source in ("folder", "nothing"):
        result = CliRunner().invoke(verb, [str(tmp_path / source), "-o", str(tmp_path / "out")])

        assert isinstance(result.exception, (UsageError, ModelError))
        assert "\n" not in str(result.exception)


def test_help_imports_no_tensorflow():
    code = (
        "import sys; from click.testing import CliRunner; from edgevision.cli.shrink import prune, quantize; "
        "[CliRunner().invoke(verb, ['--help']) for verb in (prune, quantize)]; "
        "sys.exit('tensorflow' in sys.modules or 'numpy' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
