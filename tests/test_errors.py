"""The errors of wrong specs and data are ValueErrors too, and no context that converts ValueErrors changes them."""

import h5py
import numpy as np
import pytest

import mlpkit
from mlpkit.files.atomic import replacing


def test_wrong_specs_and_wrong_data_are_value_errors():
    with pytest.raises(ValueError, match="unknown key") as spec:
        mlpkit.Spec.model_validate({"los": "mse"})
    with pytest.raises(ValueError, match="the data have no rows") as data:
        mlpkit.train({"network": {"layers": [{}]}, "loss": "mean_squared_error"}, np.empty((0, 2)), [])
    assert (type(spec.value), type(data.value)) == (mlpkit.SpecError, mlpkit.DataError)


def test_a_folder_as_the_spec_is_reported_once(tmp_path):
    with pytest.raises(mlpkit.SpecError) as raised:
        mlpkit.Spec.read(tmp_path)
    assert raised.value.message == f"cannot read the spec {tmp_path}: it is a folder"
    assert raised.value.help == "give the path of a JSON file in it"


def test_a_folder_to_write_data_to_is_reported_once(tmp_path):
    with pytest.raises(mlpkit.DataError) as raised, replacing(tmp_path, error=mlpkit.DataError):
        pass
    assert raised.value.message == f"cannot write {tmp_path}: it is a folder"


def test_values_in_another_file_keep_their_error(tmp_path):
    with h5py.File(tmp_path / "rows.h5", "w") as file:
        file["x"] = h5py.ExternalLink("other.h5", "/x")
    spec = {"network": {"layers": [{}]}, "loss": "mean_squared_error", "data": {"inputs": ["x"], "target": "y"}}
    with pytest.raises(mlpkit.DataError) as raised:
        mlpkit.train(spec, tmp_path / "rows.h5")
    assert "link" in raised.value.message
    assert not isinstance(raised.value.__cause__, mlpkit.DataError)
