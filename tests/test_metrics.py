"""Metrics against scikit-learn's of the same meaning, with and without weights."""

import numpy as np
import pytest
from sklearn import metrics as reference

from mlpkit.plugin import REGISTRIES

RNG = np.random.default_rng(5)
CLASSES = RNG.integers(0, 3, 60)
PROBABILITIES = RNG.dirichlet([1, 1, 1], 60)
VALUES = RNG.standard_normal((60, 2)) * [1, 50]
OUTPUTS = VALUES + RNG.standard_normal((60, 2))
LABELS = RNG.integers(0, 2, (60, 3))
CHANCES = np.clip(LABELS + 0.5 * RNG.standard_normal((60, 3)), 0, 1)
TABLE = {
    "accuracy": lambda w: reference.accuracy_score(CLASSES, PROBABILITIES.argmax(1), sample_weight=w),
    "log_loss": lambda w: reference.log_loss(CLASSES, PROBABILITIES, sample_weight=w),
    "mse": lambda w: reference.mean_squared_error(VALUES, OUTPUTS, sample_weight=w),
    "rmse": lambda w: reference.root_mean_squared_error(VALUES, OUTPUTS, sample_weight=w),
    "mae": lambda w: reference.mean_absolute_error(VALUES, OUTPUTS, sample_weight=w),
    "r2": lambda w: reference.r2_score(VALUES, OUTPUTS, sample_weight=w),
    "subset_accuracy": lambda w: reference.accuracy_score(LABELS, CHANCES > 0.5, sample_weight=w),
    "hamming_loss": lambda w: reference.hamming_loss(LABELS, CHANCES > 0.5, sample_weight=w),
}
DATA = {"classification": (PROBABILITIES, CLASSES), "regression": (OUTPUTS, VALUES), "multilabel": (CHANCES, LABELS)}


def compute(name, weights):
    metric = REGISTRIES["metrics"].get(name)()
    return metric.compute(*DATA[metric.task], weights)


def test_every_metric_has_its_reference():
    assert set(TABLE) == set(REGISTRIES["metrics"].builtins)


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("weights", [None, RNG.uniform(0.1, 3, 60)], ids=["plain", "weighted"])
def test_metric(name, weights):
    assert compute(name, np.ones(60) if weights is None else weights) == pytest.approx(TABLE[name](weights), rel=1e-12)


@pytest.mark.parametrize("name", TABLE)
def test_a_weight_of_zero_leaves_a_row_out(name):
    weights = (np.arange(60) < 40).astype(float)
    metric = REGISTRIES["metrics"].get(name)()
    data = DATA[metric.task]
    assert compute(name, weights) == pytest.approx(metric.compute(*(part[:40] for part in data), np.ones(40)), rel=1e-12)


def test_r2_of_a_constant_target_is_not_defined():
    r2 = REGISTRIES["metrics"].get("r2")()
    for rows in (1, 4):
        assert np.isnan(r2.compute(np.ones((rows, 1)), np.ones((rows, 1)), np.ones(rows)))
        assert np.isnan(r2.compute(np.zeros((rows, 1)), np.ones((rows, 1)), np.ones(rows)))
    one_varies = np.array([[1.0, 0.0], [1.0, 2.0]])
    assert r2.compute(one_varies, one_varies, np.ones(2)) == 1.0
    assert np.isnan(r2.compute(np.full((3, 1), 0.3), np.full((3, 1), 0.1), np.array([1.0, 2.0, 4.0])))
