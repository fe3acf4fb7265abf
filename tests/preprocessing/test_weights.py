"""Sample weights in fitted statistics: a row of weight 0 is ignored, and one of weight k counts as k rows."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mlpkit
from mlpkit.data.frames import as_table
from mlpkit.errors import DataError
from mlpkit.numerics.weighted import quantile
from mlpkit.preprocessing import TargetEncoder
from mlpkit.preprocessing.labelled import encode_labelled
from mlpkit.preprocessing.prepare import prepare
from mlpkit.preprocessing.statistics import mean_and_deviation, median, robust_scale
from mlpkit.spec import Spec

RNG = np.random.default_rng(3)
ROWS = 40
EXACT = {"rtol": 1e-9, "atol": 1e-9}


def make(loss="mse", activation="linear", data=None, normalization=None, **parts):
    hidden = {"units": 3, "activation": "tanh"} | ({"normalization": normalization} if normalization else {})
    network = {"layers": [hidden, {"activation": activation}]}
    return Spec.model_validate({"network": network, "loss": loss, "data": data or {}, "dtype": "float64", **parts})


def table(rows=ROWS):
    numbers = RNG.normal(size=rows)
    return {
        "a": np.where(RNG.random(rows) < 0.2, np.nan, RNG.exponential(size=rows)),
        "b": RNG.integers(0, 9, rows),
        "c": RNG.choice(["p", "q", "r"], rows).tolist(),
        "flag": RNG.random(rows) < 0.3,
        "y": numbers**3,
    }


def repeated(columns, weights):
    return {name: np.repeat(np.array(values, dtype=object if name == "c" else None), weights) for name, values in columns.items()}


def fitted(prepared):
    numbers, target = prepared.inputs.numbers, prepared.target
    return [numbers.fill, numbers.center, numbers.scale, target.center, target.scale]


@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(st.one_of(st.integers(-5, 5), st.just(None)), st.integers(1, 6)), min_size=1, max_size=30), st.floats(0.1, 1e6))
def test_quantiles_and_moments_of_weights_are_those_of_repeated_rows(rows, unit):
    values = np.array([np.nan if value is None else value for value, _ in rows], np.float64)[:, None]
    if np.isnan(values).all():
        return
    weights = np.array([weight for _, weight in rows])
    many = np.repeat(values, weights, axis=0)
    present = many[~np.isnan(many)]
    for share in (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99):
        expected = np.quantile(present, share, method="averaged_inverted_cdf")
        assert quantile(values, share, weights * unit)[0] == pytest.approx(expected, rel=1e-12)
        assert quantile(many, share, None)[0] == pytest.approx(expected, rel=1e-12)
    assert median(values, weights * unit)[0] == np.median(present)
    np.testing.assert_allclose(np.ravel(mean_and_deviation(values, weights * unit)), [present.mean(), present.std()], **EXACT)
    np.testing.assert_allclose(robust_scale(values, weights * unit), robust_scale(many, None), **EXACT)


@pytest.mark.parametrize("target", ["standardize", "robust"])
@pytest.mark.parametrize("seed", range(5))
def test_integer_weights_fit_like_repeated_rows(seed, target):
    rows = table()
    weights = np.random.default_rng(seed).integers(1, 7, ROWS)
    spec = make(data={"target": "y"}, preprocessing={"target": target})
    weighted, many = prepare(spec, rows, weights=weights), prepare(spec, repeated(rows, weights))
    for one, other in zip(fitted(weighted), fitted(many), strict=True):
        np.testing.assert_allclose(one, other, **EXACT)
    np.testing.assert_array_equal(weighted.inputs.numbers.missing_indices, many.inputs.numbers.missing_indices)
    np.testing.assert_allclose(np.repeat(weighted.train.inputs, weights, axis=0), many.train.inputs, **EXACT)
    np.testing.assert_allclose(np.average(weighted.train.weights), 1)


@pytest.mark.parametrize("seed", range(3))
def test_integer_weights_fit_on_disk_as_in_memory(tmp_path, seed):
    values = RNG.normal(size=(300, 3))
    values[::7, 1] = np.nan
    weights = np.random.default_rng(seed).integers(0, 5, 300)
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file["x"], file["y"], file["w"] = values, values[:, 0] ** 2, weights
    data = {"path": "t.h5", "target": "y", "weight": "w"}
    memory = prepare(Spec.model_validate({**make(data=data).to_dict()}, folder=tmp_path))
    disk = prepare(Spec.model_validate({**make(data={**data, "in_memory": False}).to_dict()}, folder=tmp_path))
    for one, other in zip(fitted(disk), fitted(memory), strict=True):
        np.testing.assert_allclose(one, other, **EXACT)
    np.testing.assert_allclose(disk.train.inputs[:], memory.train.inputs, **EXACT)
    np.testing.assert_array_equal(disk.train.weights, memory.train.weights)


WILD = {"a": 1e6, "b": -77, "c": "unheard of", "flag": True, "y": -99999.0}


def with_wild_rows(rows, count=10):
    """Rows that would change everything, every fourth one, and the weights that leave them out."""
    wild = np.arange(ROWS + count) % 4 == 0
    wild[np.flatnonzero(wild)[count:]] = False
    columns = {}
    for name, values in rows.items():
        column = np.empty(ROWS + count, dtype=object if name == "c" else np.asarray(values).dtype)
        column[wild], column[~wild] = WILD[name], values
        columns[name] = column
    return columns, np.where(wild, 0.0, RNG.integers(1, 4, ROWS + count))


@pytest.mark.parametrize("where", ["memory", "file"])
@pytest.mark.parametrize("split", [None, {"validation": 0.25}])
def test_rows_of_weight_zero_are_not_there(tmp_path, where, split):
    rows = table()
    wild, weights = with_wild_rows(rows)
    kept = weights > 0
    data = {"target": "y", "weight": "w"} | ({"split": split} if split else {})
    spec = make(data=data, normalization="batch", training={"epochs": 3, "batch_size": 7}, metrics=["r2"])
    clean = {name: column[kept] for name, column in (wild | {"w": weights}).items()}
    everything = wild | {"w": weights}
    if where == "file":
        with h5py.File(tmp_path / "t.h5", "w") as file:
            for name, column in everything.items():
                file[name] = column.astype(h5py.string_dtype()) if name == "c" else column
        everything = tmp_path / "t.h5"
    expected, found = mlpkit.train(spec, clean), mlpkit.train(spec, everything)
    np.testing.assert_array_equal(found.network.parameters.vector, expected.network.parameters.vector)
    assert [epoch[:4] for epoch in found.history] == [epoch[:4] for epoch in expected.history]
    for weighted in (False, True):
        assert found.evaluate(everything, weighted=weighted) == found.evaluate(clean, weighted=weighted)


def test_rows_of_weight_zero_are_not_there_on_disk(tmp_path):
    values = RNG.normal(size=(200, 3))
    wild, weights = values.copy(), np.ones(200)
    wild[::10], weights[::10] = 1e7, 0
    wild[::20, 1] = np.nan
    y = values.sum(axis=1)
    target = np.where(weights > 0, y, np.nan)
    kept = weights > 0
    for name, columns in (("all.h5", (wild, target, weights)), ("clean.h5", (values[kept], y[kept], weights[kept]))):
        with h5py.File(tmp_path / name, "w") as file:
            file["x"], file["y"], file["w"] = columns
    models = []
    for name in ("all.h5", "clean.h5"):
        data = {"path": name, "target": "y", "weight": "w", "in_memory": False, "split": {"validation": 0.2}}
        spec = Spec.model_validate(make(data=data, training={"epochs": 2}).to_dict(), folder=tmp_path)
        models.append(mlpkit.train(spec))
    np.testing.assert_allclose(fitted_model(models[0]), fitted_model(models[1]), **EXACT)
    assert models[0].input_encoder.numbers.missing_indices.size == 0
    measured = [models[1].evaluate(str(tmp_path / name)) for name in ("all.h5", "clean.h5")]
    assert measured[0] == pytest.approx(measured[1], rel=1e-12)


def fitted_model(model):
    numbers, target = model.input_encoder.numbers, model.target_encoder
    return np.concatenate([numbers.fill, numbers.center, numbers.scale, target.center, target.scale])


def test_classes_and_categories_of_weight_zero_are_not_there():
    rows = {"a": ["p", "q", "z", "p", "q"], "y": ["u", "v", "w", "u", None]}
    spec = make("categorical_crossentropy", "softmax", {"target": "y"})
    prepared = prepare(spec, rows, weights=[1, 2, 0, 1, 0])
    assert prepared.target.classes.tolist() == ["u", "v"]
    assert prepared.inputs.feature_names == ("a=p", "a=q")
    labelled = encode_labelled(spec, prepared.inputs, prepared.target, rows, weights=[1, 1, 0, 1, 0])
    assert len(labelled.values) == 3


def test_an_outlier_of_weight_zero_leaves_a_fit_alone():
    x = np.linspace(-2, 2, 200)[:, None]
    y, weights = np.sin(x[:, 0]), np.ones(200)
    y[::20], weights[::20] = -99999, 0
    spec = make(training={"epochs": 150, "batch_size": 20}, optimizer={"type": "adam", "learning_rate": 0.02})
    model = mlpkit.train(spec, x, y, weights=weights)
    assert model.evaluate(x, y, weights=weights, metrics="r2")["r2"] > 0.99


def test_equal_weights_do_not_change_the_scale_of_a_target():
    y = as_table(RNG.normal(size=9), default="y")
    plain, same = (TargetEncoder.fit(make(), y, weights) for weights in (None, np.full(9, 0.3)))
    assert (same.center.tobytes(), same.scale.tobytes()) == (plain.center.tobytes(), plain.scale.tobytes())


def test_weights_that_are_all_zero_are_refused():
    for part in ("training", "validation"):
        given = {"weights": np.zeros(4)} if part == "training" else {"validation": (np.eye(4), np.arange(4.0), np.zeros(4))}
        with pytest.raises(DataError, match=f"weights of all {part} rows are 0"):
            prepare(make(), np.eye(4), np.arange(4.0), **given)
