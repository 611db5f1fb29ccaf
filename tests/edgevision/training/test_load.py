import pytest

from edgevision.training.load import load_model
from edgevision_runtime.errors import ModelError


def test_a_file_that_is_no_model_is_one_line(tmp_path):
    file = tmp_path / "model.keras"
    file.write_bytes(b"not a model")

    with pytest.raises(ModelError) as caught:
        load_model(file)

    assert "model.keras" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"model\.keras is missing"):
        load_model(tmp_path)
