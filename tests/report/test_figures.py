"""Figures of the report: those of scikit-learn."""

import warnings

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.inspection import partial_dependence as their_dependence
from sklearn.linear_model import Ridge
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    confusion_matrix,
    f1_score,
    mean_absolute_error,
    precision_recall_curve,
    precision_recall_fscore_support,
    r2_score,
    recall_score,
    roc_auc_score,
    roc_curve,
    root_mean_squared_error,
)

import mlpkit
from mlpkit.explain.partial_dependence import partial_dependence
from mlpkit.explain.raw_columns import raw_columns
from mlpkit.numerics import ranking
from mlpkit.report.baselines import baseline_predictions
from mlpkit.report.calibration import probability_bins
from mlpkit.report.classes import class_figures, label_figures, matrix_of
from mlpkit.report.decisions import thresholds
from mlpkit.report.drift import drift_of
from mlpkit.report.layers import dead_units
from mlpkit.report.numbers import deciles, target_figures
from mlpkit.report.rows import Measured, ReportRows
from mlpkit.report.slices import row_scores, slices_of
from mlpkit.report.values import levels_of, numbers_of
from mlpkit.report.wrong_rows import row_errors
from tests.report.kinds import KINDS, raw_table, trained

EXACT = {"rtol": 1e-12, "atol": 1e-12}


def rows_of(classes, seed=0, weighted=False, threshold=0.5, count=200):
    """Random probabilities with ties, and classes."""
    rng = np.random.default_rng(seed)
    p = np.round(rng.dirichlet(np.ones(classes), count), 2) + 1e-6
    weights = rng.random(count) if weighted else np.ones(count)
    return Measured(
        np.zeros(count), p / p.sum(axis=1, keepdims=True), rng.integers(0, classes, count), weights, "classification", threshold
    )


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("classes", [2, 4])
def test_figures_of_classes(classes, weighted):
    rows = rows_of(classes, weighted=weighted)
    predicted = rows.outputs.argmax(axis=1)
    own = {"sample_weight": rows.weights}
    np.testing.assert_allclose(matrix_of(rows), confusion_matrix(rows.values, predicted, **own), **EXACT)
    precision, recall, f1, _ = precision_recall_fscore_support(rows.values, predicted, **own)
    found = class_figures(rows)
    for name, expected in (("precision", precision), ("recall", recall), ("f1", f1)):
        np.testing.assert_allclose(found[name], expected, **EXACT)
    for number in range(classes):
        score, true = rows.outputs[:, number], rows.values == number
        assert found["ROC AUC"][number] == pytest.approx(roc_auc_score(true, score, **own), abs=1e-12)
        assert found["average precision"][number] == pytest.approx(average_precision_score(true, score, **own), abs=1e-12)


def test_figures_of_labels():
    rng = np.random.default_rng(1)
    rows = Measured(np.zeros(90), rng.random((90, 3)), rng.integers(0, 2, (90, 3)).astype(float), np.ones(90), "multilabel")
    precision, recall, f1, _ = precision_recall_fscore_support(rows.values, rows.outputs > 0.5)
    found = label_figures(rows)
    for name, expected in (("precision", precision), ("recall", recall), ("f1", f1)):
        np.testing.assert_allclose(found[name], expected, **EXACT)
    np.testing.assert_allclose(found["ROC AUC"], roc_auc_score(rows.values, rows.outputs, average=None), **EXACT)
    np.testing.assert_allclose(row_scores(rows)[0], (rows.values != (rows.outputs > 0.5)).mean(axis=1), **EXACT)


@pytest.mark.parametrize("weighted", [False, True])
def test_curves(weighted):
    rows = rows_of(2, seed=3, weighted=weighted)
    score, true = rows.outputs[:, 1], rows.values == 1
    false, right = ranking.roc_curve(score, true, rows.weights)
    expected = roc_curve(true, score, sample_weight=rows.weights, drop_intermediate=False)
    np.testing.assert_allclose(false, expected[0], **EXACT)
    np.testing.assert_allclose(right, expected[1], **EXACT)
    precision, recall = ranking.precision_recall_curve(score, true, rows.weights)
    expected = precision_recall_curve(true, score, sample_weight=rows.weights)
    np.testing.assert_allclose(precision, expected[0], **EXACT)
    np.testing.assert_allclose(recall, expected[1], **EXACT)


def test_thresholds():
    rows = rows_of(2, seed=4, weighted=True)
    at = [0.0, 0.25, 0.5, 0.99]
    found = thresholds(rows, at)
    for place, threshold in enumerate(at):
        predicted = (rows.outputs[:, 1] > threshold).astype(int)
        own = {"sample_weight": rows.weights, "zero_division": 0}
        assert found["recall"][place] == pytest.approx(recall_score(rows.values, predicted, **own), abs=1e-12)
        assert found["f1"][place] == pytest.approx(f1_score(rows.values, predicted, **own), abs=1e-12)
        assert found["specificity"][place] == pytest.approx(recall_score(rows.values, predicted, pos_label=0, **own), abs=1e-12)
        assert found["accuracy"][place] == pytest.approx(accuracy_score(rows.values, predicted, sample_weight=rows.weights), abs=1e-12)
        assert found["predicted"][place] == pytest.approx(np.average(predicted, weights=rows.weights), abs=1e-12)
    assert (rows_of(2, threshold=0.25).chosen == (rows_of(2).outputs[:, 1] > 0.25)).all()


def test_calibration():
    rng = np.random.default_rng(5)
    p = np.append(np.round(rng.random(300), 1), [0.0, 1.0])  # on the edges of bins too
    true = rng.random(302) < p
    found = probability_bins(p, true, np.ones(302))
    share, predicted = calibration_curve(true, p, n_bins=10)
    np.testing.assert_allclose(found.observed, share, **EXACT)
    np.testing.assert_allclose(found.predicted, predicted, **EXACT)
    assert found.rows.sum() == 302


def test_figures_of_numbers():
    rng = np.random.default_rng(6)
    values, outputs, weights = rng.standard_normal((103, 2)), rng.standard_normal((103, 2)), rng.random(103)
    rows = Measured(np.zeros(103), outputs, values, weights, "regression")
    found, own = target_figures(rows), {"sample_weight": weights, "multioutput": "raw_values"}
    np.testing.assert_allclose(found["rmse"], root_mean_squared_error(values, outputs, **own), **EXACT)
    np.testing.assert_allclose(found["mae"], mean_absolute_error(values, outputs, **own), **EXACT)
    np.testing.assert_allclose(found["r2"], r2_score(values, outputs, **own), **EXACT)
    tenths = deciles(rows, 1)
    order = np.argsort(outputs[:, 1])
    assert tenths["rows"].tolist() == [11, 11, 11] + [10] * 7
    for place, part in enumerate(np.array_split(order, 10)):
        expected = root_mean_squared_error(values[part, 1], outputs[part, 1], sample_weight=weights[part])
        assert tenths["rmse"][place] == pytest.approx(expected, abs=1e-12)
        expected = np.average(values[part, 1] - outputs[part, 1], weights=weights[part])
        assert tenths["mean residual"][place] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_losses_of_rows_and_predictions_are_those_of_evaluate(kind):
    model, table = trained(kind, 40, seed=3)
    rows = ReportRows(model, table)
    assert np.mean(rows.measured.losses) == pytest.approx(model.evaluate(table)["loss"], rel=1e-6, abs=1e-7)
    expected = model.predict(table).reshape(40, -1) if model.encoders[1].task == "regression" else model.predict_proba(table)
    np.testing.assert_allclose(rows.outputs, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["size", "colour", "day", "steps", "smoker", "town", "member", "paid"])
def test_partial_dependence_is_the_mean_prediction_of_changed_tables(name):
    model, table = trained("three classes", 30, seed=3)
    rows = ReportRows(model, table)
    sample, column = rows.sample(30), rows.column(name)
    values = numbers_of(model.input_encoder, sample.raw, column)
    if name == "day":
        grid = np.array(["2024-02-03", "2025-07-01"], "datetime64[us]")
    elif values is None:
        grid = np.array([level for level in levels_of(model.input_encoder, sample.raw, column).names if level is not None][:3], object)
    else:
        grid = np.unique(values[np.isfinite(values)])[:3].astype(bool if name in ("smoker", "member") else float)
    found = partial_dependence(model, sample.raw, sample.inputs, column, grid)
    for place, value in enumerate(grid):
        same = np.array([f"${value}"] * 30, object) if name == "paid" else np.full(30, value, grid.dtype)
        np.testing.assert_allclose(found.mean[place], model.predict_proba({**table, name: same}).mean(axis=0), rtol=1e-5)


def test_partial_dependence_is_that_of_scikit_learn():
    from mlpkit.sklearn import MLPKitRegressor

    rng = np.random.default_rng(2)
    x = rng.standard_normal((60, 3))
    estimator = MLPKitRegressor(max_iter=5, dtype="float64").fit(x, x[:, 0] ** 2 + x[:, 1])
    theirs = their_dependence(estimator, x, [0], grid_resolution=7, kind="average", method="brute")
    rows = ReportRows(estimator.model_, x)
    sample = rows.sample(60)
    found = partial_dependence(estimator.model_, sample.raw, sample.inputs, rows.columns[0], theirs["grid_values"][0])
    np.testing.assert_allclose(found.mean[:, 0], theirs["average"][0], rtol=1e-12)


def test_baselines_predict_rows_from_others():
    model, table = trained("a number", 60, seed=3)
    rows = ReportRows(model, table)
    found = baseline_predictions(model, rows.labelled, rows.measured)
    assert (found.name, found.skipped) == ("mean", "")
    np.testing.assert_allclose(found.constant.outputs, table["price"].mean(), rtol=1e-6)
    x, y = rows.labelled.data.inputs.astype(np.float64), rows.measured.values
    from mlpkit.preprocessing.embedded_inputs import one_hot_levels

    x = one_hot_levels(model.input_encoder, x)
    part = np.random.Generator(np.random.PCG64(0)).permutation(np.arange(60) % 5)
    for each in range(5):
        expected = Ridge(alpha=1.0).fit(x[part != each], y[part != each] / np.abs(y[part != each]).max()).predict(x[part == each])
        expected = expected.reshape(-1, 1) * np.abs(y[part != each]).max()
        np.testing.assert_allclose(found.linear.outputs[part == each], expected, rtol=1e-6)


@pytest.mark.parametrize("kind", ["three classes", "a number"])
def test_slices_are_the_scores_of_their_rows(kind):
    model, table = trained(kind, 150, seed=3)
    rows = ReportRows(model, table)
    sample = rows.sample(150)
    each, name, _ = row_scores(rows.measured)
    own = {column.name: slices_of(model.input_encoder, sample, column, each, rows.measured.weights) for column in rows.columns}
    assert name in ("accuracy", "mean absolute error")
    predicted, target = model.predict(table), table["kind" if kind == "three classes" else "price"]
    score = accuracy_score if kind == "three classes" else mean_absolute_error
    for found in own["colour"]:
        inside = np.array([(level or "missing") == found.label for level in table["colour"]])
        assert found.rows == inside.sum()
        assert found.score == pytest.approx(score(target[inside], predicted[inside]), rel=1e-6)
        assert found.difference == pytest.approx(found.score - score(target[~inside], predicted[~inside]), rel=1e-4, abs=1e-6)
    assert [found.label for found in own["size"]][-1] == "missing"
    assert sum(found.rows for found in own["size"]) == 150
    assert len(own["size"]) == 11
    assert {found.label for found in own["smoker"]} == {"true", "false"}
    assert own["pixels"] == []
    assert own["day"][0].label.startswith("2024-01")


def test_the_error_of_a_difference_is_that_of_two_means():
    model, table = trained("a number", 150, seed=3)
    rows = ReportRows(model, table)
    each = row_scores(rows.measured)[0]
    found = slices_of(model.input_encoder, rows.sample(150), rows.column("smoker"), each, np.ones(150))[1]
    inside = table["smoker"]
    expected = np.hypot(*(each[part].std(ddof=1) / np.sqrt(part.sum()) for part in (inside, ~inside)))
    assert found.error == pytest.approx(expected, rel=1e-12)


def test_the_most_wrong_rows_have_the_largest_errors():
    model, table = trained("three classes", 50, seed=3)
    rows = ReportRows(model, table)
    errors = row_errors(rows.measured)
    p = model.predict_proba(table)
    right = [model.classes.tolist().index(label) for label in table["kind"]]
    np.testing.assert_allclose(errors, 1 - p[np.arange(50), right], rtol=1e-5)


def test_levels_are_found_without_comparing_each_with_all(monkeypatch):
    compared = []

    class Name(str):
        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other):
            compared.append(other.startswith("town"))
            return str(self) == str(other)

    model, rows = trained("two classes")
    column = next(each for each in raw_columns(model.input_encoder) if each.name == "town")
    names = [Name(f"town {number}") for number in range(300)]
    monkeypatch.setattr("mlpkit.report.values.coded", lambda texts: (np.arange(300), names))
    found = levels_of(model.input_encoder, rows, column)
    assert found.names == names
    assert sum(compared) < 3000


def test_drift_finds_other_rows():
    model, table = trained("a number", 150, seed=0)
    changed = {**table, "size": table["size"] + 3, "colour": np.where(table["smoker"], "violet", table["colour"]).astype(object)}
    changed["steps"] = np.where(np.arange(150) < 15, np.nan, table["steps"])
    changed["same"] = np.full(150, 2.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mlpkit.UnseenCategoryWarning)
        rows = ReportRows(model, changed)
    found = {column.name: drift_of(model.input_encoder, rows.sample(150), column) for column in rows.columns}
    assert found["size"].shift == pytest.approx(3 / np.nanstd(table["size"]), rel=0.2)
    assert found["size"].findings == ["shifted"]
    assert found["colour"].outside == pytest.approx(table["smoker"].mean())
    assert found["colour"].findings == ["new values"]
    assert found["steps"].findings == ["missing, unlike in training"]
    assert found["steps"].missing == pytest.approx(0.1)
    assert found["same"].findings == ["new values"]
    assert not found["pixels"].findings
    assert not found["day"].findings
    assert not found["paid"].findings


def test_dead_units_are_those_that_never_change():
    x = np.random.default_rng(0).standard_normal((20, 2))
    weights = [np.array([[1.0, 0.0, -1.0], [0.0, 0.0, 1.0]]), np.ones((3, 1))]
    model = mlpkit.from_arrays(weights, [np.array([0.0, 1.0, -99.0]), np.zeros(1)], "relu")
    assert dead_units(model.network, model.encode(x)).tolist() == [2, 0]


def test_raw_table_has_every_kind_of_column():
    assert set(raw_table()) == {"size", "colour", "day", "pixels", "town", "steps", "smoker", "same", "member", "paid"}
