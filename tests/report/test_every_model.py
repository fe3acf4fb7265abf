"""Pages and explanations of models with everything that a file can hold."""

import warnings

import numpy as np
import pytest

import mlpkit
from mlpkit.explain.raw_columns import raw_columns
from tests.modelfile.models import make_cases, mixed_targets
from tests.report.test_page import checked

ROWS = 60


def targets_of(model):
    """Targets of the models of mixed columns."""
    found = mixed_targets()
    return {name: values for name, values in found.items() if name in model.spec.data.target} or {"y": found["mass"]}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")  # unseen and constant values, undefined metrics
def test_every_model_has_a_page_and_explanations(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        cases = make_cases(tmp_path)
    for name, (path, records, rows) in cases.items():
        model = mlpkit.load(path)
        page = checked(mlpkit.html_report(path, without_targets(model, records)))
        assert "predictions" in page.sections, name
        if isinstance(rows, dict):
            page = checked(mlpkit.html_report(path, rows | targets_of(model)))
            assert {"slices", "drift", "columns"} <= set(page.sections), name
            check_encoded_inputs(model, rows)
            assert mlpkit.importance(model, rows | targets_of(model), repeats=1).rows == ROWS
        found = mlpkit.contributions(model, records[:2], background=rows, orders=8)
        np.testing.assert_allclose(found.values.sum(axis=1) + found.mean, found.predictions, rtol=1e-9, atol=1e-12)


def without_targets(model, records):
    return [{name: value for name, value in record.items() if name not in model.spec.data.target} for record in records[:30]]


def check_encoded_inputs(model, rows):
    """Shuffling a raw column is shuffling the inputs that it becomes."""
    encoded, order = model.encode(rows), np.random.default_rng(0).permutation(ROWS)
    for column in raw_columns(model.input_encoder):
        values = rows[column.column.name]
        shuffled = [values[row] for row in order] if isinstance(values, list) else np.asarray(values)[order]
        expected = encoded.copy()
        expected[:, column.encoded] = encoded[order][:, column.encoded]
        np.testing.assert_array_equal(model.encode({**rows, column.column.name: shuffled}), expected)
