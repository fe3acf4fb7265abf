"""Bootstrap of scores: widths of intervals, and differences of models on the same rows."""

import numpy as np
import pytest

from mlpkit.report.bootstrap import p_value, quantile_interval, replicates
from mlpkit.report.rows import Measured
from mlpkit.training.evaluation import choose_metrics

ACCURACY = choose_metrics(["accuracy"], "classification")


def guesses(right, seed=0):
    """Predictions of two classes, some of which are right."""
    p = np.where(right, 0.9, 0.2)
    return Measured(-np.log(p), np.column_stack([1 - p, p]), np.ones(len(right), int), np.ones(len(right)), "classification")


@pytest.mark.parametrize(("rows", "most"), [(400, 1000), (4000, 500)])
def test_intervals_have_the_width_of_the_binomial_distribution(rows, most):
    right = np.arange(rows) % 5 > 0
    found = replicates([guesses(right)], ACCURACY, count=2000, most=most)
    low, high = found.intervals()["accuracy"]
    assert found.scores[0]["accuracy"] == pytest.approx(0.8)
    width = 2 * 1.96 * np.sqrt(0.8 * 0.2 / rows)
    assert high - low == pytest.approx(width, rel=0.12)
    assert (low + high) / 2 == pytest.approx(0.8, abs=0.1 * width)
    assert found.intervals()["loss"].low < found.scores[0]["loss"] < found.intervals()["loss"].high


def test_a_perfect_score_has_no_interval_above_it():
    right = np.ones(3000, bool)
    right[:3] = False
    low, high = replicates([guesses(right)], ACCURACY, most=300).intervals()["accuracy"]
    assert low <= 0.999 <= high <= 1


def test_differences_are_of_the_same_rows():
    rng = np.random.default_rng(1)
    first = rng.random(500) < 0.8
    second = np.where(rng.random(500) < 0.06, ~first, first)
    found = replicates([guesses(first), guesses(second)], ACCURACY, count=2000)
    value, (low, high), p = found.difference(0, 1, "accuracy")
    assert value == pytest.approx(second.mean() - first.mean())
    width = 2 * 1.96 * (second.astype(float) - first).std() / np.sqrt(500)
    assert high - low == pytest.approx(width, rel=0.12)
    alone = found.intervals(1)["accuracy"]
    assert high - low < 0.6 * (alone.high - alone.low)
    assert (p < 0.05) == (not low <= 0 <= high)
    same = found.difference(0, 0, "accuracy")
    assert (same.value, same.p) == (0.0, 1.0)


def test_undefined_replicates_are_left_out():
    assert quantile_interval(np.array([np.nan, 1.0, 1.0, 1.0])) == (1.0, 1.0)
    assert np.isnan(quantile_interval(np.array([np.nan, np.nan, 1.0]))).all()
    assert np.isnan(p_value(np.full(3, np.nan)))
    assert p_value(np.full(99, 0.5)) == pytest.approx(0.02)
