"""Scaling of numeric inputs: robust, min_max, quantile and bins, with clipping, in memory, on disk and in files."""

from __future__ import annotations

import itertools
import warnings
from statistics import NormalDist

import numpy as np
import pytest
from sklearn.preprocessing import MinMaxScaler, RobustScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import mlpkit
from mlpkit.data.frames import as_table
from mlpkit.errors import ConstantColumnWarning, ModelFileError, SpecError
from mlpkit.modelfile import reader, writer
from mlpkit.preprocessing import InputEncoder, running_statistics
from mlpkit.preprocessing.knots import _scores, fit_knots
from mlpkit.preprocessing.prepare import prepare
from mlpkit.preprocessing.tree_edges import tree_edges
from mlpkit.spec import Preprocessing

RNG = np.random.default_rng(3)
ROWS = 301
TABLE = {
    "normal": 5 + 2 * RNG.normal(size=ROWS),
    "skewed": np.exp(2 * RNG.normal(size=ROWS)),
    "zeros": np.where(RNG.random(ROWS) < 0.6, 0.0, RNG.normal(size=ROWS)),
    "gaps": np.where(RNG.random(ROWS) < 0.2, np.nan, RNG.integers(0, 50, ROWS)),
    "block": RNG.normal(size=(ROWS, 3)),
    "whole": RNG.integers(-5, 5, ROWS),
    "same": np.full(ROWS, 7.0),
    "flag": RNG.random(ROWS) < 0.4,
    "word": RNG.choice(["a", "b"], ROWS),
}
Y = np.sin(TABLE["normal"]) + 0.1 * TABLE["whole"]
SCALINGS = [
    "robust",
    "min_max",
    "quantile",
    "bins",
    {"type": "standardize", "clip": "smooth"},
    {"type": "robust", "clip": "smooth"},
    {"type": "min_max", "clip": 0.5},
    {"type": "quantile", "knots": 7, "clip": "smooth"},
    {"type": "bins", "count": 5, "edges": "tree", "clip": 2},
    {"type": "none", "clip": 3},
]


def fitted(scaling, table=TABLE, *, weights=None, targets=None, columns=()):
    options = Preprocessing.model_validate({"numbers": scaling, "columns": dict(columns)})
    names = list(table)
    return InputEncoder.fit(options, as_table(table), names, ("",), weights, lambda: Y[:, None] if targets is None else targets)


def encoded(scaling, table=TABLE, **parts):
    return fitted(scaling, table, **parts).encode(as_table(table), "float64")


def spec(scaling, **parts):
    network = {"layers": [{"units": 5, "activation": "tanh"}, {}]}
    base = {"network": network, "loss": "mse", "training": {"epochs": 2}, "preprocessing": {"numbers": scaling}}
    return mlpkit.Spec.model_validate({**base, **parts})


def trained(scaling, table=TABLE, **parts):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConstantColumnWarning)
        return mlpkit.train(spec(scaling, **parts), table, Y)


# -- the numbers


def test_min_max_is_that_of_scikit_learn():
    column = TABLE["skewed"][:, None]
    np.testing.assert_allclose(encoded("min_max", {"x": column}), MinMaxScaler().fit_transform(column), rtol=1e-12, atol=1e-15)


def test_robust_is_that_of_scikit_learn_where_quantiles_are_values():
    rng = np.random.default_rng(21)
    column = rng.normal(size=(401, 2))  # quartiles of 4 k + 1 rows need no interpolation
    np.testing.assert_allclose(encoded("robust", {"x": column}), RobustScaler().fit_transform(column), rtol=1e-12)


def test_robust_has_a_scale_where_most_values_are_equal():
    found = encoded("robust", {"x": TABLE["zeros"]})[:, 0]
    values = TABLE["zeros"]
    deciles = np.quantile(values, [0.1, 0.9], method="averaged_inverted_cdf")
    assert deciles[0] < 0 < deciles[1]
    np.testing.assert_allclose(found, values / (deciles[1] - deciles[0]), rtol=1e-12)


def test_smooth_clipping_is_its_formula_and_limits_everything():
    values = TABLE["skewed"]
    plain, clipped = (encoded({"type": "robust", "clip": clip}, {"x": values})[:, 0] for clip in (None, "smooth"))
    np.testing.assert_allclose(clipped, plain / np.sqrt(1 + (plain / 3) ** 2), rtol=1e-12)
    encoder = fitted({"type": "robust", "clip": "smooth"}, {"x": values})
    far = encoder.encode(as_table({"x": [1e300, -1e300, 1e160]}), "float64")
    np.testing.assert_allclose(far[:, 0], [3, -3, 3])


def test_a_number_as_clip_cuts_at_both_ends():
    plain, cut = (encoded({"type": "standardize", "clip": clip}, {"x": TABLE["skewed"]})[:, 0] for clip in (None, 0.25))
    np.testing.assert_array_equal(cut, np.clip(plain, -0.25, 0.25))
    assert (cut == 0.25).any()
    assert (cut == -0.25).any()


def test_quantiles_become_normal_scores():
    """101 knots of 101 distinct values are the values themselves, so that the score of rank r is that of the share r / 100."""
    rng = np.random.default_rng(22)
    values = np.exp(rng.normal(size=101))
    found = encoded({"type": "quantile", "knots": 101}, {"x": values})[:, 0]
    shares = np.clip(values.argsort().argsort() / 100, 0.5 / 101, 1 - 0.5 / 101)
    expected = [NormalDist().inv_cdf(share) for share in shares]
    assert np.median(np.abs(found - expected)) < 0.02  # an inner quantile is between two values, or the value itself
    assert np.abs(found[[values.argmin(), values.argmax()]] - np.array(expected)[[values.argmin(), values.argmax()]]).max() < 1e-12
    assert (np.diff(found[values.argsort()]) > 0).all()


def test_normal_scores_are_computed_once_for_all_columns():
    _scores.cache_clear()
    fitted({"type": "quantile", "knots": 11}, {"x": TABLE["block"], "z": TABLE["normal"]})
    assert _scores.cache_info().misses == 1


def test_equal_quantiles_have_the_mean_of_their_scores_and_values_beyond_the_ends_those_of_the_ends():
    encoder = fitted({"type": "quantile", "knots": 5}, {"x": [0, 0, 0, 0, 0, 0, 0, 1, 2]})
    scores = [NormalDist().inv_cdf(share) for share in (0.1, 0.25, 0.5, 0.75, 0.9)]
    assert encoder.numbers.knots.points.tolist() == [0, 2]
    np.testing.assert_allclose(encoder.numbers.knots.scores, [np.mean(scores[:4]), scores[4]])
    far = encoder.encode(as_table({"x": [-1e9, 1.0, 1e9]}), "float64")[:, 0]
    np.testing.assert_allclose(far, [np.mean(scores[:4]), (np.mean(scores[:4]) + scores[4]) / 2, scores[4]])


def test_bins_are_places_between_quantiles_behind_the_standardized_numbers():
    values = TABLE["skewed"]
    encoder = fitted({"type": "bins", "count": 4}, {"x": values, "z": TABLE["normal"]})
    found = encoder.encode(as_table({"x": values, "z": TABLE["normal"]}), "float64")
    assert encoder.feature_names == ("x", "z", *(f"{name} in bin {number}" for name in "xz" for number in (1, 2, 3, 4)))
    np.testing.assert_allclose(found[:, 0], (values - values.mean()) / values.std(), rtol=1e-12)
    edges = np.quantile(values, np.linspace(0, 1, 5), method="averaged_inverted_cdf")
    for number, (low, high) in enumerate(itertools.pairwise(edges)):
        np.testing.assert_allclose(found[:, 2 + number], np.clip((values - low) / (high - low), 0, 1), atol=1e-12)
    widths = np.diff(edges)
    np.testing.assert_allclose(edges[0] + found[:, 2:6] @ widths, values, rtol=1e-10)  # a linear layer can represent the number


@pytest.mark.parametrize("count", [2, 3, 8])
@pytest.mark.parametrize("task", ["numbers", "classes"])
def test_edges_of_a_tree_are_the_thresholds_of_scikit_learn(count, task):
    rng = np.random.default_rng(23)
    x = np.round(rng.normal(size=2000), 1) + np.arange(2000) / 2**16  # exact in the float32 of scikit-learn
    x = np.round(x * 2**16) / 2**16
    y = np.floor(3 * np.sin(3 * x) + rng.normal(size=2000)) if task == "numbers" else (np.floor(2 * x) % 3).astype(int)
    model = DecisionTreeRegressor if task == "numbers" else DecisionTreeClassifier
    tree = model(max_leaf_nodes=count, min_samples_leaf=20).fit(x[:, None], y).tree_
    expected = np.sort(tree.threshold[tree.feature == 0])
    found = tree_edges(x, y[:, None] if task == "numbers" else y, count, None)
    assert (found[0], found[-1]) == (x.min(), x.max())
    np.testing.assert_allclose(found[1:-1], expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("factor", [1e-200, 1e200, -3e307])
def test_a_tree_finds_the_same_edges_for_targets_of_any_size(factor):
    x, y = TABLE["normal"], np.sin(TABLE["normal"])[:, None]
    for weights in (None, 1.0 + np.arange(ROWS) % 3):
        np.testing.assert_array_equal(tree_edges(x, factor * y, 6, weights), tree_edges(x, y, 6, weights))


@pytest.mark.parametrize("factor", [1e-250, 1e250, 1e305])
def test_a_tree_finds_the_same_edges_for_weights_of_any_size(factor):
    x, y, weights = TABLE["normal"], np.sin(TABLE["normal"])[:, None], np.arange(ROWS) % 3 + 1.0
    np.testing.assert_array_equal(tree_edges(x, y, 6, factor * weights), tree_edges(x, y, 6, weights))
    assert len(tree_edges(x, y, 6, factor * weights)) == 7


def test_a_tree_uses_the_weights_of_rows():
    rng = np.random.default_rng(24)
    x, weights = rng.normal(size=400), rng.integers(1, 4, 400)
    y = np.cos(3 * x)[:, None]
    repeated = tree_edges(np.repeat(x, weights), np.repeat(y, weights, axis=0), 6, None)
    np.testing.assert_allclose(tree_edges(x, y, 6, weights.astype(float)), repeated, rtol=1e-12)


@pytest.mark.parametrize("scaling", SCALINGS, ids=str)
def test_a_row_of_weight_k_counts_as_k_rows(scaling):
    rng = np.random.default_rng(25)
    weights = rng.integers(1, 4, ROWS)
    rows = np.repeat(np.arange(ROWS), weights)
    repeated = {name: values[rows] for name, values in TABLE.items()}
    encoder = fitted(scaling, weights=weights.astype(float))
    other = fitted(scaling, repeated, targets=Y[rows, None])
    assert encoder.feature_names == other.feature_names
    np.testing.assert_allclose(encoder.encode(as_table(TABLE), "float64"), other.encode(as_table(TABLE), "float64"), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("scaling", SCALINGS, ids=str)
def test_constants_are_0_and_missing_values_are_imputed_with_the_median(scaling):
    encoder = fitted(scaling)
    found = dict(zip(encoder.feature_names, encoder.encode(as_table(TABLE), "float64").T, strict=True))
    assert not found["same"].any()
    assert not [name for name in found if name.startswith("same in bin")]
    missing = np.isnan(TABLE["gaps"])
    np.testing.assert_array_equal(found["gaps is missing"], missing)
    filled = TABLE | {"gaps": np.where(missing, np.nanmedian(TABLE["gaps"]), TABLE["gaps"])}
    other = dict(zip(encoder.feature_names, encoder.encode(as_table(filled), "float64").T, strict=True))
    for name in found.keys() - {"gaps is missing"}:
        np.testing.assert_array_equal(found[name], other[name])


def test_differences_by_rounding_are_no_scale():
    """The quartiles of 0.3 and 0.1 + 0.2 differ in the last digit alone, and a value 5 must not become 1e17."""
    x = np.where(np.arange(100) % 2, 0.3, 0.1 + 0.2) + np.where(np.arange(100) < 2, 5.0, 0)
    for scaled in (encoded("robust", {"x": x}), encoded("robust", {"x": x}, weights=1.0 + np.arange(100) % 3)):
        assert 1 <= np.abs(scaled).max() < 20


@pytest.mark.parametrize("scaling", [{"type": "standardize", "clip": "smooth"}, {"type": "robust", "clip": 4}, "quantile"], ids=str)
def test_a_value_beyond_the_dtype_is_limited_like_any_other(scaling, tmp_path):
    np.save(tmp_path / "wild.npy", np.array([[-1e200], [1.0], [1e200]]))
    encoder = fitted(scaling, {"x": TABLE["normal"]})
    found = encoder.encode(as_table({"x": [-1e200, 1.0, 1e200]}), "float32")
    np.testing.assert_allclose(found[[0, 2]], encoder.encode(as_table({"x": [-1e30, 1e30]}), "float32"), rtol=1e-6)
    training = {"x": np.append(TABLE["skewed"], 1e200)} if scaling == "quantile" else {"x": TABLE["skewed"]}
    assert np.isfinite(fitted(scaling, training).encode(as_table(training), "float32")).all()
    model = mlpkit.train(spec(scaling), {"x": TABLE["normal"]}, TABLE["whole"])
    assert np.isfinite(model.predict(tmp_path / "wild.npy")).all()
    assert np.isfinite(model.evaluate(tmp_path / "wild.npy", [1.0, 2.0, 3.0])["loss"])


@pytest.mark.parametrize("values", [np.full(61, 1.7e308), np.where(np.arange(61) % 2, -1.7e308, 1.7e308)], ids=["equal", "far apart"])
def test_quantiles_that_a_file_could_not_hold_are_refused(values):
    with pytest.raises(mlpkit.DataError, match="'x' has values too large to compute with"):
        fitted("quantile", {"x": values})


def test_the_targets_are_asked_for_once():
    asked = []

    def targets():
        asked.append(1)
        return Y[:, None]

    options = Preprocessing.model_validate({"numbers": {"type": "bins", "edges": "tree"}})
    InputEncoder.fit(options, as_table(TABLE), list(TABLE), ("",), None, targets)
    assert len(asked) == 1


def test_each_column_may_have_its_own_scaling():
    columns = {"normal": "min_max", "skewed": {"type": "quantile", "knots": 20}, "zeros": "none", "flag": "robust", "whole": "one_hot"}
    encoder = fitted({"type": "bins", "count": 3}, columns=columns)
    kinds = {column.name: column.treatment for column in encoder.columns}
    assert kinds == {**dict.fromkeys(TABLE, "bins"), **columns, "skewed": "quantile", "word": "one_hot"}
    found = dict(zip(encoder.feature_names, encoder.encode(as_table(TABLE), "float64").T, strict=True))
    assert (found["normal"].min(), found["normal"].max()) == (0, 1)
    np.testing.assert_array_equal(found["zeros"], TABLE["zeros"])
    assert "block0 in bin 3" in found
    assert "normal in bin 1" not in found


def test_booleans_are_scaled_only_if_their_column_is_named():
    found = dict(zip(fitted("robust").feature_names, encoded("robust").T, strict=True))
    np.testing.assert_array_equal(found["flag"], TABLE["flag"])


# -- the same numbers everywhere


@pytest.mark.parametrize("scaling", SCALINGS, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_file_and_the_fast_path_encode_the_same_bits(scaling, dtype, tmp_path):
    model = trained(scaling, dtype=dtype)
    model.save(tmp_path / "model.h5")
    loaded = mlpkit.load(tmp_path / "model.h5")
    expected = model.predict(TABLE)
    np.testing.assert_array_equal(loaded.predict(TABLE), expected)
    small, whole = {name: values for name, values in TABLE.items() if name != "block"}, np.flatnonzero(~np.isnan(TABLE["gaps"]))[:4]
    rows = [{name: values[row].item() for name, values in small.items()} for row in whole]
    other = trained(scaling, small, dtype=dtype)
    assert other.input_encoder.plain.encode(rows, dtype) is not None
    single = np.concatenate([other.input_encoder.plain.encode([row], dtype) for row in rows])
    np.testing.assert_array_equal(single, other.input_encoder.encode(as_table(small), dtype)[whole])


@pytest.mark.parametrize("scaling", [scaling for scaling in SCALINGS if "tree" not in str(scaling)], ids=str)
def test_data_on_disk_are_encoded_as_in_memory(scaling, tmp_path):
    matrix = np.column_stack([TABLE[name] for name in ("normal", "skewed", "zeros", "gaps", "whole", "same")]).astype(np.float64)
    np.save(tmp_path / "rows.npy", matrix)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConstantColumnWarning)
        memory = mlpkit.train(spec(scaling, dtype="float64"), matrix, Y)
        disk = mlpkit.train(spec(scaling, dtype="float64", data={"in_memory": False}), tmp_path / "rows.npy", Y)
    expected, found = memory.input_encoder, disk.input_encoder
    np.testing.assert_allclose(found.encode(as_table(matrix), "float64"), expected.encode(as_table(matrix), "float64"), rtol=1e-10)
    np.testing.assert_array_equal(disk.predict(tmp_path / "rows.npy"), disk.predict(matrix))
    loaded = prepare(disk.spec, tmp_path / "rows.npy", Y, encoders=(found, disk.target_encoder)).train.inputs
    np.testing.assert_array_equal(loaded[:], found.encode(as_table(matrix), "float64"))


@pytest.mark.parametrize("scaling", ["standardize", "robust", "min_max", "quantile", "bins"])
def test_values_on_disk_that_are_too_far_apart_are_refused(scaling, tmp_path):
    np.save(tmp_path / "rows.npy", np.where(np.arange(60) % 2, -1.7e308, 1.7e308)[:, None])
    with pytest.raises(mlpkit.DataError, match=r"'x0?' has values too large to compute with"):
        mlpkit.train(spec(scaling, data={"in_memory": False}), tmp_path / "rows.npy", Y[:60])


def test_a_large_constant_on_disk_is_constant(tmp_path):
    """The square of the first mean is infinite, but has no part in the deviation."""
    np.save(tmp_path / "rows.npy", np.column_stack([np.full(60, 1e200), Y[:60]]))
    for scaling in ("standardize", "min_max"):
        with pytest.warns(ConstantColumnWarning, match="'x0'"):
            mlpkit.train(spec(scaling, data={"in_memory": False}), tmp_path / "rows.npy", Y[:60])


def test_knots_of_a_sample_reach_the_smallest_and_the_largest_value(tmp_path, monkeypatch):
    monkeypatch.setattr(running_statistics, "SAMPLE", 50)
    monkeypatch.setattr(running_statistics, "FEWEST", 50)
    matrix = RNG.normal(size=(ROWS, 2))
    np.save(tmp_path / "rows.npy", matrix)
    for scaling in ("quantile", "bins", "robust", "min_max"):
        model = mlpkit.train(spec(scaling, dtype="float64", data={"in_memory": False}), tmp_path / "rows.npy", Y)
        encoder = model.input_encoder
        found = encoder.encode(as_table(matrix), "float64")
        if scaling == "min_max":
            np.testing.assert_allclose([found.min(axis=0), found.max(axis=0)], [[0, 0], [1, 1]])
        elif scaling in ("quantile", "bins"):
            for index, column in enumerate(matrix.T):
                points = encoder.numbers.knots.of(slice(index, index + 1)) * encoder.numbers.scale[index] + encoder.numbers.center[index]
                np.testing.assert_allclose([points[0], points[-1]], [column.min(), column.max()], rtol=1e-12)
        else:
            np.testing.assert_allclose(np.diff(np.quantile(found, [0.25, 0.75], axis=0), axis=0), 1, atol=0.4)


def test_a_wild_value_does_not_dominate_a_prediction():
    """It does without clipping: the network's hidden units are linear, so that the prediction grows with the value."""
    rng = np.random.default_rng(26)
    network = {"layers": [{"units": 8, "activation": "relu"}, {}]}
    x, training = rng.normal(size=(300, 2)), {"epochs": 30, "batch_size": 32}
    y = x @ [1.0, -2.0]
    wild = np.array([[1000.0, 0.0]])
    found = {
        str(clip): mlpkit.train(
            spec({"type": "standardize", "clip": clip}, network=network, optimizer="adam", training=training), x, y
        ).predict(wild)[0]
        for clip in (None, "smooth", 4)
    }
    assert abs(found["None"]) > 100
    assert abs(found["smooth"]) < 10
    assert abs(found["4"]) < 10


def test_a_resumed_run_finds_knots_of_other_data(tmp_path):
    part = mlpkit.Model(spec("quantile"), inputs=1, outputs=1)
    x, y = RNG.normal(size=(40, 1)), RNG.normal(size=40)
    for _ in mlpkit.epochs(part, x, y):
        break
    part.save(tmp_path / "part.h5", training_state=True)
    changed = x.copy()
    changed[x.argmax()] += 1
    with pytest.raises(mlpkit.MLPKitError, match="the column 'x' is not the same"):
        list(mlpkit.epochs(mlpkit.load(tmp_path / "part.h5"), changed, y, resume=True))
    assert len(list(mlpkit.epochs(mlpkit.load(tmp_path / "part.h5"), x, y, resume=True))) == 1


# -- specs and files


@pytest.mark.parametrize("scaling", SCALINGS, ids=str)
def test_a_model_with_a_new_scaling_states_schema_5(scaling, tmp_path):
    trained(scaling).save(tmp_path / "model.h5")
    assert mlpkit.inspect(tmp_path / "model.h5")["spec_schema"] == 5
    trained("standardize").save(tmp_path / "old.h5")
    assert mlpkit.inspect(tmp_path / "old.h5")["spec_schema"] == 3


def test_an_object_with_the_defaults_is_its_name():
    assert spec({"type": "bins", "count": 8}) == spec("bins")
    assert spec("bins").to_dict()["preprocessing"]["numbers"] == "bins"
    assert spec({"type": "standardize", "clip": None}) == spec("standardize")


WRONG = {
    "of categories": ("one_hot", "preprocessing.numbers", "should be 'standardize', 'robust'"),
    "unknown": ("power", "preprocessing.numbers", "should be 'standardize', 'robust'"),
    "a limit of 0": ({"type": "robust", "clip": 0}, "preprocessing.numbers.clip", "greater than 0"),
    "another text": ({"type": "robust", "clip": "hard"}, "preprocessing.numbers.clip", "smooth"),
    "one knot": ({"type": "quantile", "knots": 1}, "preprocessing.numbers.knots", "2"),
    "one bin": ({"type": "bins", "count": 1}, "preprocessing.numbers.count", "2"),
    "an option of another": ({"type": "robust", "knots": 5}, "preprocessing.numbers.knots", "unknown key"),
}


@pytest.mark.parametrize("name", WRONG)
def test_other_values_are_refused_at_their_place(name):
    scaling, path, words = WRONG[name]
    with pytest.raises(SpecError, match=words) as caught:
        spec(scaling)
    assert path in str(caught.value)


def test_a_tree_needs_its_values_in_memory(tmp_path):
    rng = np.random.default_rng(27)
    np.save(tmp_path / "rows.npy", rng.normal(size=(30, 2)))
    tree = {"type": "bins", "edges": "tree"}
    with pytest.raises(SpecError, match="a tree needs all of its values in memory") as caught:
        mlpkit.train(spec(tree, data={"in_memory": False}), tmp_path / "rows.npy", Y[:30])
    assert "preprocessing.numbers" in str(caught.value)


def test_knots_need_options_of_a_column_with_knots():
    options, columns = Preprocessing(), fitted("quantile", {"x": TABLE["normal"]}).numbers.columns
    found = fit_knots(options, [], lambda column: None, np.empty(0), np.empty(0), (), None, lambda: Y)
    assert (found.counts.size, found.points.size) == (0, 0)
    assert columns[0].treatment == "quantile"


def overflowing(arrays):
    """Return counts of 2^62 and more that are, added in 64 bits, the number of knots."""
    counts = np.zeros_like(arrays["knot_counts"])
    counts[:4] = 2**62
    counts[4] = arrays["knots"].size
    return counts


def unsigned(arrays):
    """Return counts of which the first is -2 as an integer with a sign."""
    counts = np.zeros(arrays["knot_counts"].size, "u8")
    counts[:2] = 2**64 - 2, arrays["knots"].size + 2
    return counts


DAMAGES = {
    "counts of another length": lambda arrays: arrays.update(knot_counts=arrays["knot_counts"][:1]),
    "counts that are floats": lambda arrays: arrays.update(knot_counts=arrays["knot_counts"].astype(float)),
    "a billion knots": lambda arrays: arrays.update(knot_counts=np.where(arrays["knot_counts"] > 0, 10**9, 0)),
    "counts whose sum overflows": lambda arrays: arrays.update(knot_counts=overflowing(arrays)),
    "counts that are negative without their sign": lambda arrays: arrays.update(knot_counts=unsigned(arrays)),
    "knots too far apart": lambda arrays: arrays.update(knots=np.where(np.arange(arrays["knots"].size) == 0, -1.7e308, 1.7e308)),
    "scores alone": lambda arrays: (arrays.pop("knot_counts"), arrays.pop("knots")),
    "negative counts": lambda arrays: arrays.update(knot_counts=-arrays["knot_counts"]),
    "one knot": lambda arrays: arrays.update(knot_counts=np.minimum(arrays["knot_counts"], 1)),
    "no counts": lambda arrays: arrays.pop("knot_counts"),
    "fewer knots": lambda arrays: arrays.update(knots=arrays["knots"][:-1]),
    "falling knots": lambda arrays: arrays.update(knots=arrays["knots"][::-1].copy()),
    "equal knots": lambda arrays: arrays.update(knots=np.zeros_like(arrays["knots"])),
    "infinite knots": lambda arrays: arrays.update(knots=np.where(arrays["knots"] == arrays["knots"].max(), np.inf, arrays["knots"])),
    "missing scores": lambda arrays: arrays.pop("scores"),
    "NaN as a score": lambda arrays: arrays.update(scores=np.full_like(arrays["scores"], np.nan)),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_knots_are_refused(name, tmp_path):
    trained("quantile").save(tmp_path / "model.h5")
    contents = reader.read(tmp_path / "model.h5")
    arrays = {path.removeprefix("inputs/"): array for path, array in contents.arrays.items() if path.startswith("inputs/")}
    DAMAGES[name](arrays)
    contents.arrays.clear()
    contents.arrays.update({f"inputs/{path}": array for path, array in arrays.items()})
    writer.write(tmp_path / "damaged.h5", contents)
    with pytest.raises(ModelFileError, match="preprocessing of the inputs is not valid"):
        mlpkit.load(tmp_path / "damaged.h5")
