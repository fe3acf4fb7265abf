"""Test the estimators on tables and arrays: parameters, targets, training further, and the model inside."""

import copy
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import polars
import pytest
import scipy.sparse
from sklearn.base import clone

import mlpkit
from mlpkit.sklearn import MLPKitClassifier, MLPKitRegressor

PENGUINS = pd.read_csv(Path(__file__).parents[2] / "models" / "penguins" / "penguins.csv").iloc[::4].reset_index(drop=True)
X, SPECIES = PENGUINS.drop(columns="species"), PENGUINS["species"]
NUMBERS = X[["bill_length_mm", "flipper_length_mm"]].fillna(190.0).to_numpy()
ADELIE = (SPECIES == "Adelie").to_numpy()
LABELS = np.column_stack([ADELIE, SPECIES == "Gentoo", PENGUINS["year"] > 2007]).astype(int)
TABLES = {"pandas": X, "polars": polars.from_pandas(X), "arrow": polars.from_pandas(X).to_arrow()}


def classifier(**parameters):
    return MLPKitClassifier(**{"hidden_layer_sizes": (8,), "max_iter": 5, "random_state": 0, "learning_rate": 0.01, **parameters})


def regressor(**parameters):
    return MLPKitRegressor(**{"hidden_layer_sizes": (8,), "max_iter": 5, "random_state": 0, "learning_rate": 0.01, **parameters})


def layers(estimator):
    return [(layer.units, type(layer.activation).__name__) for layer in estimator.model_.spec.network.layers]


# -- rows


@pytest.mark.parametrize("kind", TABLES)
def test_tables_with_texts_and_missing_values_are_taken_as_they_are(kind):
    fitted = classifier(max_iter=30).fit(TABLES[kind], SPECIES)
    assert list(fitted.feature_names_in_) == list(X.columns)
    assert fitted.n_features_in_ == X.shape[1]
    assert fitted.score(TABLES[kind], SPECIES) > 0.9
    np.testing.assert_array_equal(fitted.predict_proba(TABLES[kind]), classifier(max_iter=30).fit(X, SPECIES).predict_proba(X))


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_other_columns_are_an_error(kind):
    table = TABLES[kind]
    fitted = classifier().fit(table, SPECIES)
    without = table.drop(columns="sex") if kind == "pandas" else table.drop("sex")
    for wrong in (without, table[table.columns[::-1]]):
        with pytest.raises(ValueError, match="feature names should match"):
            fitted.predict(wrong)


def test_a_model_of_a_table_takes_an_array_and_the_other_way_round():
    table = pd.DataFrame(NUMBERS, columns=["a", "b"])
    of_table, of_array = classifier().fit(table, SPECIES), classifier().fit(NUMBERS, SPECIES)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        np.testing.assert_array_equal(of_table.predict_proba(NUMBERS), of_table.predict_proba(table))
    with pytest.warns(UserWarning, match="was fitted without feature names"):
        np.testing.assert_array_equal(of_array.predict_proba(table), of_array.predict_proba(NUMBERS))
    np.testing.assert_array_equal(of_array.predict_proba(polars.from_pandas(table)), of_array.predict_proba(NUMBERS))
    with pytest.raises(ValueError, match="X has 1 features, but MLPKitClassifier is expecting 2"):
        of_array.predict(polars.from_pandas(table[["a"]]))


def test_arrays_of_objects_have_columns_of_numbers_and_of_texts():
    rows = X.to_numpy(object)
    fitted = classifier(max_iter=30).fit(rows, SPECIES)
    assert fitted.score(rows, SPECIES) > 0.9
    with pytest.raises(ValueError, match="Expected 2D array"):
        fitted.predict(rows[0])


def test_sparse_rows_and_infinity_are_errors():
    with pytest.raises(TypeError, match="toarray"):
        classifier().fit(scipy.sparse.csr_array(NUMBERS), SPECIES)
    with pytest.raises(ValueError, match="infinity"):
        classifier().fit(np.where(NUMBERS > 200, np.inf, NUMBERS), SPECIES)
    for count in (0, 1):
        with pytest.raises(ValueError, match=f"{count} sample"):
            classifier().fit(X[:count], SPECIES[:count])


def test_the_number_type_is_that_of_the_rows():
    for dtype in ("float32", "float64"):
        rows = NUMBERS.astype(dtype)
        assert classifier().fit(rows, SPECIES).model_.spec.dtype == dtype
        assert classifier().fit(pd.DataFrame(rows, columns=["a", "b"]), SPECIES).model_.spec.dtype == dtype
    assert classifier(dtype="float32").fit(NUMBERS, SPECIES).model_.spec.dtype == "float32"


# -- targets


@pytest.mark.parametrize(
    "labels",
    [
        ADELIE,
        ADELIE.astype("int8"),
        np.where(ADELIE, 1, -1),
        ADELIE.astype(float),
        SPECIES,
        SPECIES.astype("category"),
        SPECIES.to_numpy(str),
    ],
    ids=["bool", "int8", "signs", "float", "objects", "category", "texts"],
)
def test_classes_have_the_type_of_the_labels(labels):
    fitted = classifier(max_iter=30).fit(X, labels)
    expected = np.unique(np.asarray(labels))
    assert fitted.classes_.dtype == fitted.predict(X).dtype == expected.dtype
    np.testing.assert_array_equal(fitted.classes_, expected)
    assert fitted.score(X, labels) > 0.9
    several = len(expected) > 2
    scores = fitted.decision_function(X)
    codes = scores.argmax(axis=1) if several else (scores > 0).astype(int)
    np.testing.assert_array_equal(fitted.classes_[codes], fitted.predict(X))
    np.testing.assert_allclose(np.exp(fitted.predict_log_proba(X)), fitted.predict_proba(X))


def test_several_labels():
    fitted = classifier(max_iter=30).fit(X, LABELS)
    assert fitted.predict(X).shape == fitted.predict_proba(X).shape == LABELS.shape
    np.testing.assert_array_equal(fitted.decision_function(X) > 0, fitted.predict(X) == 1)
    np.testing.assert_array_equal(fitted.classes_, [0, 1, 2])
    assert fitted.score(X, LABELS) > 0.6
    with pytest.raises(ValueError, match="another form of targets"):
        fitted.set_params(warm_start=True).fit(X, SPECIES)


def test_several_numbers():
    rows, numbers = X.drop(columns=["bill_length_mm", "body_mass_g"]), PENGUINS[["bill_length_mm", "body_mass_g"]].fillna(0)
    fitted = regressor(max_iter=30).fit(rows, numbers)
    assert fitted.predict(rows).shape == numbers.shape
    assert not hasattr(fitted, "decision_function")
    assert not hasattr(fitted, "predict_proba")
    assert fitted.model_.target_encoder.names == ("bill_length_mm", "body_mass_g")


def test_the_decision_follows_the_threshold_and_the_order_of_the_spec():
    for data in ({}, {"positive": False}):
        fitted = classifier(max_iter=30, spec={"decision": {"threshold": 0.2}, "data": data}).fit(X, ADELIE)
        np.testing.assert_array_equal(fitted.decision_function(X) > 0, fitted.predict(X))
        assert fitted.score(X, ADELIE) > 0.8
        np.testing.assert_array_equal(fitted.classes_, [False, True])


@pytest.mark.parametrize(
    ("y", "problem"),
    [
        (np.linspace(0, 1, len(X)), "Unknown label type: continuous.*MLPKitRegressor"),
        (np.column_stack([np.arange(len(X)) % 3] * 2), "MultiOutputClassifier"),
        (np.zeros(len(X)), "at least two classes"),
        (ADELIE[:5], "inconsistent numbers of samples"),
        (None, "requires y to be passed"),
    ],
)
def test_wrong_classes_are_errors(y, problem):
    with pytest.raises(ValueError, match=problem):
        classifier().fit(X, y)


@pytest.mark.parametrize("loss", ["hinge", "binary_focal_crossentropy", "mean_squared_error"])
def test_losses_of_two_classes_get_their_last_activation(loss):
    assert classifier(loss=loss, max_iter=30).fit(X, ADELIE).score(X, ADELIE) > 0.8


@pytest.mark.parametrize("loss", ["categorical_hinge", "ordinal", "mse", {"type": "categorical_focal_crossentropy", "gamma": 1.0}])
def test_losses_of_more_classes_get_their_last_activation(loss):
    y = SPECIES.factorize()[0]
    assert classifier(loss=loss, max_iter=30).fit(X, y).score(X, y) > 0.8


@pytest.mark.parametrize("loss", ["poisson", "gaussian_nll", "mae", {"type": "quantile", "quantiles": [0.5]}])
def test_losses_of_numbers(loss):
    rows, mass = X.drop(columns="body_mass_g"), X["body_mass_g"].fillna(4000)
    assert regressor(loss=loss, max_iter=40).fit(rows, mass).score(rows, mass) > 0.5


def test_weights_of_classes_and_rows():
    rare = PENGUINS.index < 8
    plain = classifier().fit(X, rare)
    assert classifier(class_weight="balanced").fit(X, rare).predict(X).mean() > plain.predict(X).mean()
    weighted = classifier(class_weight={True: 3.0}, batch_size=None).fit(X, rare)
    same = classifier(batch_size=None).fit(X, rare, sample_weight=np.where(rare, 3.0, 1.0))
    np.testing.assert_allclose(weighted.loss_curve_[0], same.loss_curve_[0], rtol=0.2)
    for weights, problem in (
        (np.zeros(len(X)), "non-zero"),
        (-np.ones(len(X)), "is -1"),
        (np.ones((len(X), 2)), "shape"),
        ([1.0], "1 weight"),
    ):
        with pytest.raises(ValueError, match=problem):
            classifier().fit(X, rare, sample_weight=weights)


# -- parameters


def test_parameters_reach_the_spec():
    fitted = MLPKitClassifier(
        np.array([6, 4]), "tanh", optimizer="sgd", learning_rate=np.float32(0.5), batch_size=16, max_iter=np.int64(2), dropout=0.1,
        normalization="layer", class_weight="balanced", early_stopping=True, validation_fraction=0.25, n_iter_no_change=7, random_state=3,
    ).fit(X, SPECIES)  # fmt: skip
    spec = fitted.model_.spec
    assert layers(fitted) == [(6, "Tanh"), (4, "Tanh"), (3, "Softmax")]
    assert (spec.seed, spec.optimizer.learning_rate, spec.training.batch_size, spec.training.epochs) == (3, 0.5, 16, 2)
    assert (spec.data.class_weight, spec.data.split.validation, spec.training.early_stopping.patience) == ("balanced", 0.25, 7)
    assert (spec.network.layers[0].dropout, spec.network.layers[0].normalization.type) == (0.1, "layer")
    assert layers(classifier(hidden_layer_sizes=()).fit(X, SPECIES)) == [(3, "Softmax")]
    assert layers(classifier(hidden_layer_sizes=5).fit(X, SPECIES))[0][0] == 5


def test_spec_is_merged_last_and_stays_as_it_is():
    spec = {"optimizer": {"type": "adam", "beta2": 0.9}, "training": {"epochs": 3, "clip_norm": 1}, "preprocessing": {"numbers": "robust"}}
    before = copy.deepcopy(spec)
    fitted = classifier(spec=spec).fit(X, SPECIES)
    own = fitted.model_.spec
    assert (own.optimizer.beta2, own.optimizer.learning_rate, own.training.clip_norm, fitted.n_iter_) == (0.9, 0.01, 1.0, 3)
    assert spec == before
    assert clone(fitted).get_params()["spec"] == before


def test_presets_work_with_their_ensembles_and_their_validation_rows():
    short = {"training": {"epochs": 1}}
    good = classifier(spec={"preset": "good-classes-2", **short}).fit(X, SPECIES)
    assert len(good.model_.members) == 5
    assert good.decision_function(X).shape == (len(X), 3)
    fast = classifier(spec={"preset": "fast-classes-2", **short}, validation_fraction=0.3).fit(X, SPECIES)
    assert fast.model_.spec.data.split.validation == 0.3
    with pytest.raises(ValueError, match="partial_fit does not train an ensemble"):
        clone(good).partial_fit(X, SPECIES)
    assert clone(fast).partial_fit(X, SPECIES).n_iter_ == 1


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"hidden_layer_sizes": (0,)}, r"^hidden_layer_sizes \(in the spec: network.layers\[0\].units\)"),
        ({"max_iter": 0}, r"^max_iter"),
        ({"early_stopping": True, "validation_fraction": 2}, r"^validation_fraction"),
        ({"random_state": -1}, r"^random_state"),
        ({"dtype": "float16"}, r"^dtype"),
        ({"class_weight": {"Emperor": 2}}, "no class 'Emperor'"),
        ({"spec": {"trainin": {}}}, "did you mean 'training'"),
        ({"spec": {"preset": "x"}}, "^spec: there is no preset 'x'"),
        ({"spec": "spec.json"}, "must be a dictionary"),
        ({"spec": {"training": 3}}, "training"),
    ],
)
def test_wrong_parameters_are_named(parameters, problem):
    with pytest.raises(ValueError, match=problem):
        classifier(**parameters).fit(X, SPECIES)


def test_the_random_state_is_a_seed_a_generator_or_new():
    first, second = (classifier().fit(X, SPECIES).predict_proba(X) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    drawn = [classifier(random_state=np.random.RandomState(seed)).fit(X, SPECIES).model_.spec.seed for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert len({classifier(random_state=None, max_iter=1).fit(X, SPECIES).model_.spec.seed for _ in range(3)}) > 1


# -- training further


def test_validation_rows_are_measured_and_can_stop_the_run():
    held_out = X[:30], SPECIES[:30]
    fitted = classifier().fit(X[30:], SPECIES[30:], validation=(*held_out, np.ones(30)))
    assert fitted.n_iter_ == len(fitted.loss_curve_) == 5
    assert fitted.loss_ == fitted.loss_curve_[-1]
    assert all(epoch.validation_loss is not None for epoch in fitted.model_.history)
    stopping = classifier(early_stopping=True, n_iter_no_change=1, max_iter=200, learning_rate=0.3)
    assert stopping.fit(X[30:], SPECIES[30:], validation=held_out).n_iter_ < 200
    assert stopping.model_.spec.data.split is None
    assert clone(stopping).fit(X, SPECIES).model_.spec.data.split.validation == 0.1
    with pytest.raises(ValueError, match="validation must be"):
        classifier().fit(X, SPECIES, validation=X)


def test_partial_fit_keeps_the_state_of_the_optimizer():
    whole = classifier(batch_size=None, max_iter=4).fit(X, SPECIES)
    parts = classifier(batch_size=None)
    for _ in range(4):
        parts.partial_fit(X, SPECIES)
    assert parts.n_iter_ == 4
    np.testing.assert_allclose(parts.loss_curve_, whole.loss_curve_, rtol=1e-9)
    np.testing.assert_allclose(parts.predict_proba(X), whole.predict_proba(X), rtol=1e-6)


@pytest.mark.filterwarnings("ignore::mlpkit.errors.DataWarning")
def test_partial_fit_knows_classes_that_come_later():
    two = SPECIES[SPECIES != "Gentoo"].index
    fitted = classifier().partial_fit(X.loc[two], SPECIES[two], classes=["Gentoo", "Adelie", "Chinstrap"])
    assert fitted.classes_.tolist() == ["Adelie", "Chinstrap", "Gentoo"]
    for _ in range(20):
        fitted.partial_fit(X, SPECIES, sample_weight=np.ones(len(X)))
    assert fitted.score(X, SPECIES) > 0.8
    with pytest.raises(ValueError, match="the class 'Emperor'"):
        fitted.partial_fit(X[:3], ["Emperor"] * 3)
    with pytest.raises(ValueError, match="no validation rows"):
        fitted.set_params(early_stopping=True).partial_fit(X, SPECIES)


def test_a_warm_start_goes_on_with_the_model():
    fitted = classifier(warm_start=True, max_iter=2).fit(X, SPECIES)
    fitted.set_params(max_iter=1, learning_rate=0.02).fit(X, SPECIES)
    assert fitted.n_iter_ == 3
    assert fitted.loss_curve_[2] < fitted.loss_curve_[0]
    assert fitted.model_.history[2].learning_rate == 0.02
    for other in ({"hidden_layer_sizes": (3,)}, {"activation": "tanh"}, {"normalization": "batch"}, {"spec": {"ensemble": {"members": 2}}}):
        with pytest.raises(ValueError, match="another network"):
            copy.deepcopy(fitted).set_params(**other).fit(X, SPECIES)
    assert clone(fitted).set_params(warm_start=False).fit(X, SPECIES).n_iter_ == 1
    several = regressor(warm_start=True, max_iter=1, spec={"ensemble": {"members": 2}})
    assert several.fit(NUMBERS, ADELIE).fit(NUMBERS, ADELIE).n_iter_ == 2


# -- the model


def test_the_model_is_saved_with_the_names_of_the_table(tmp_path):
    fitted = classifier(max_iter=30).fit(X, SPECIES)
    fitted.model_.save(tmp_path / "model.h5")
    loaded = mlpkit.load(tmp_path / "model.h5")
    np.testing.assert_array_equal(loaded.predict(X), fitted.predict(X))
    assert loaded.evaluate(PENGUINS)["accuracy"] == fitted.score(X, SPECIES)
    same = classifier().fit(X.rename(columns={"sex": "species"}), SPECIES)
    assert "species" in same.model_.input_encoder.order


def test_copies_predict_the_same():
    fitted = classifier().fit(X, SPECIES)
    for other in (pickle.loads(pickle.dumps(fitted)), copy.deepcopy(fitted)):
        np.testing.assert_array_equal(other.predict_proba(X), fitted.predict_proba(X))
        assert other.partial_fit(X, SPECIES).n_iter_ == 6
    assert not hasattr(clone(fitted), "n_iter_")
    assert clone(fitted).get_params() == fitted.get_params()


MODULES = "('sklearn', 'sklearn.utils', 'sklearn.utils.validation')"
OLD = f"from types import ModuleType; sys.modules |= {{name: ModuleType(name) for name in {MODULES}}}"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("sys.modules['sklearn'] = None", 'needs scikit-learn: pip install "mlpkit[sklearn]"'),
        (
            OLD,
            "needs scikit-learn 1.6 or later",
        ),
    ],
)
def test_without_scikit_learn_the_error_says_what_to_install(code, message):
    done = subprocess.run([sys.executable, "-c", f"import sys; {code}; import mlpkit.sklearn"], capture_output=True, text=True)
    assert message in done.stderr.splitlines()[-1]
