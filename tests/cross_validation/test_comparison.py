"""Comparison of cross-validations: the corrected paired t-test over the same folds, from results and from their tables."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t as student
from scipy.stats import ttest_rel

import mlpkit
from mlpkit.cross_validation.result import CrossValidation, FoldScores

COUNT, TRAINING, HELD_OUT = 5, 80, 20
FIRST = [0.80, 0.84, 0.79, 0.88, 0.85]
SECOND = [0.86, 0.89, 0.83, 0.95, 0.90]


def result(values, name="accuracy", digest="d"):
    numbered = enumerate(values)
    folds = [FoldScores(0, fold, TRAINING, HELD_OUT, f"{digest}{fold}", 9, {"loss": 1.0, name: value}) for fold, value in numbered]
    return CrossValidation(tuple(folds), len(folds), {}, None)


def test_the_variance_is_corrected_for_shared_training_rows():
    found = mlpkit.compare_folds({"a": result(FIRST), "b": result(SECOND)})
    value, (low, high), p = found.differences[0]["accuracy"]
    assert value == pytest.approx(np.mean(SECOND) - np.mean(FIRST))
    plain = ttest_rel(SECOND, FIRST)
    factor = np.sqrt((1 / COUNT + HELD_OUT / TRAINING) / (1 / COUNT))
    ends = plain.confidence_interval(0.95)
    assert high - low == pytest.approx((ends.high - ends.low) * factor, rel=1e-10)
    assert (low + high) / 2 == pytest.approx(value)
    assert p == pytest.approx(2 * student.sf(plain.statistic / factor, COUNT - 1), rel=1e-10)
    assert found.verdict(1, "accuracy") == "better"
    assert list(found.scores[0]) == ["accuracy"]  # losses of different specs may differ
    assert str(found).startswith("5 folds; differences from a by a paired t-test")
    assert found.to_dict()["folds"] == COUNT


def test_a_lower_score_may_be_better_and_an_unknown_one_has_no_verdict():
    assert mlpkit.compare_folds([result(FIRST, "rmse"), result(SECOND, "rmse")]).verdict(1, "rmse") == "worse"
    assert mlpkit.compare_folds([result(FIRST, "gain"), result(SECOND, "gain")]).verdict(1, "gain") == ""


@pytest.mark.parametrize("values", [FIRST[:1], [0.8, np.nan, 0.9, 0.9, 0.8]])
def test_undefined_spread_has_no_p(values):
    found = mlpkit.compare_folds([result(values), result(values)])
    assert np.isnan(found.differences[0]["accuracy"].p)


def test_equal_differences_are_certain():
    assert mlpkit.compare_folds([result(FIRST), result(FIRST)]).differences[0]["accuracy"].p == 1
    shifted = mlpkit.compare_folds([result([0.5] * 5), result([0.75] * 5)])
    assert shifted.differences[0]["accuracy"].p == 0
    assert shifted.verdict(1, "accuracy") == "better"


MISFITS = {
    "one": ([result(FIRST)], {}, "fewer than two"),
    "other folds": ([result(FIRST), result(SECOND, digest="e")], {}, "model 0 and model 1 have other folds"),
    "fewer folds": ([result(FIRST), result(SECOND[:3])], {}, "other folds"),
    "no common score": ([result(FIRST), result(SECOND, "f1")], {}, "not all of the tables have a score other than the loss"),
    "unknown score": ([result(FIRST), result(SECOND)], {"metrics": "f1"}, "not all of the tables have f1"),
    "nothing finished": ([result([]), result([])], {}, "no finished fold"),
}


@pytest.mark.parametrize(("runs", "options", "message"), MISFITS.values(), ids=MISFITS)
def test_misfits(runs, options, message):
    with pytest.raises(mlpkit.DataError, match=message):
        mlpkit.compare_folds(runs, **options)
