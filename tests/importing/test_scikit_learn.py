"""Test models from networks of scikit-learn and their pipelines: the same predictions to rounding, and errors that name a step."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_selector
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import KNNImputer, MissingIndicator, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

import mlpkit
from mlpkit.losses.distributions import Poisson

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning", "ignore:Found unknown categories:UserWarning")
ROWS = 60
RNG = np.random.default_rng(0)
X = RNG.normal(3, 5, (ROWS, 4))
GAPS = np.where(RNG.random(X.shape) < 0.2, np.nan, X)
Y = X[:, 0] > 3
TABLE = pd.DataFrame(GAPS, columns=list("abcd")).assign(
    city=RNG.choice(["Basel", "Bern", "Chur", "NA"], ROWS),
    kind=RNG.integers(0, 4, ROWS),
    sex=RNG.choice(["u", "v", None], ROWS),
    size=RNG.choice([1.5, 2.0, np.nan], ROWS),
    flag=RNG.random(ROWS) > 0.5,
    note="x",
)


def classifier(**options):
    return MLPClassifier(**{"hidden_layer_sizes": (8, 5), "max_iter": 4, "random_state": 0, **options})


def regressor(**options):
    return MLPRegressor(**{"hidden_layer_sizes": (8, 5), "max_iter": 4, "random_state": 0, **options})


def same(estimator, rows):
    """Assert that mlpkit predicts the same as a fitted estimator; return the model."""
    model = mlpkit.from_sklearn(estimator)
    proba = hasattr(estimator, "predict_proba")
    wanted = estimator.predict_proba(rows) if proba else estimator.predict(rows)
    found = model.predict_proba(rows) if proba else model.predict(rows)
    assert np.abs(found - wanted).max() <= 1e-15 * np.abs(wanted).max()
    if proba:
        np.testing.assert_array_equal(model.predict(rows), estimator.predict(rows))
    return model


@pytest.mark.parametrize(
    ("activation", "y"),
    [
        ("relu", Y),
        ("tanh", np.where(Y, "yes", "no")),
        ("logistic", np.arange(ROWS) % 3 - 1),
        ("identity", np.where(Y, 1.0, 2.0)),
        ("relu", RNG.integers(0, 2, (ROWS, 3))),
    ],
    ids=["binary", "texts", "classes", "floats", "labels"],
)
def test_classifiers(activation, y):
    model = same(classifier(activation=activation).fit(X, y), X)
    assert model.predict(X).dtype == classifier().fit(X, y).predict(X).dtype


@pytest.mark.parametrize("y", [X[:, 0], X[:, :2]], ids=["one", "two"])
def test_regressors(y):
    same(regressor().fit(X, y), X)


def test_counts():
    fitted = MLPRegressor(loss="poisson", max_iter=4, random_state=0).fit(X, np.arange(ROWS) % 4)
    assert same(fitted, X).spec.loss == Poisson()
    assert mlpkit.from_sklearn(fitted, spec={"loss": "mean_squared_error"}).target_encoder.decoded_by_loss is False


SCALERS = [
    *(StandardScaler(), MinMaxScaler((-1, 2)), RobustScaler(), MaxAbsScaler(), StandardScaler(with_mean=False), "passthrough"),
    *(
        RobustScaler(with_scaling=False),
        make_pipeline(StandardScaler(), MinMaxScaler()),
        FunctionTransformer(),
        StandardScaler(with_std=False),
    ),
]


@pytest.mark.parametrize("scaler", SCALERS, ids=str)
def test_scalers(scaler):
    named = pd.DataFrame(X, columns=list("abcd"))
    model = same(make_pipeline(scaler, regressor()).fit(named, X[:, 0]), named)
    np.testing.assert_array_equal(model.predict(named[["d", "c", "b", "a"]]), model.predict(named))


@pytest.mark.parametrize("scaler", [StandardScaler(), MinMaxScaler(), RobustScaler(), None], ids=str)
def test_scaled_targets(scaler):
    y = 100 * X[:, :2] + 1000
    same(make_pipeline(StandardScaler(), TransformedTargetRegressor(regressor(), transformer=scaler)).fit(X, y), X)
    same(TransformedTargetRegressor(make_pipeline(StandardScaler(), regressor()), transformer=scaler).fit(X, y[:, 0]), X)


@pytest.mark.parametrize(("strategy", "indicator"), [("mean", False), ("most_frequent", True)])
def test_imputers_before_and_after_scalers(strategy, indicator):
    imputer = SimpleImputer(strategy=strategy, add_indicator=indicator)
    for steps in ([imputer, StandardScaler()], [StandardScaler(), imputer], [imputer], [RobustScaler(), imputer, MinMaxScaler()]):
        same(make_pipeline(*steps, classifier()).fit(GAPS, Y), GAPS)


ENCODERS = [
    *(OneHotEncoder(), OneHotEncoder(handle_unknown="ignore"), OneHotEncoder(drop="first"), OneHotEncoder(drop="if_binary")),
    *(OneHotEncoder(min_frequency=18, handle_unknown="infrequent_if_exist"), OneHotEncoder(max_categories=2, handle_unknown="ignore")),
    OrdinalEncoder(encoded_missing_value=-2),
    OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-3),
]


@pytest.mark.parametrize("encoder", [ENCODERS[index] for index in (1, 2, 4, 7)], ids=lambda encoder: str(encoder)[:60])
@pytest.mark.filterwarnings("ignore::mlpkit.UnseenCategoryWarning")
def test_columns_of_a_table(encoder):
    numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    parts = [("n", numbers, ["a", "b"]), ("c", encoder, ["city", "kind", "sex", "size"])]
    parts += [("m", make_pipeline(RobustScaler(), SimpleImputer()), slice(2, 4)), ("f", "passthrough", ["flag"])]
    fitted = Pipeline([("prep", ColumnTransformer(parts)), ("mlp", classifier())]).fit(TABLE, Y)
    model = same(fitted, TABLE)
    assert "note" not in model.input_encoder.order
    records = TABLE.astype({"flag": int}).astype(object).where(TABLE.notna(), None).to_dict("records")
    np.testing.assert_array_equal(model.predict_proba(records[:5]), model.predict_proba(TABLE)[:5])
    if encoder.handle_unknown != "error":
        same(fitted, TABLE.assign(city="Neu"))


@pytest.mark.parametrize(
    "encoder",
    [
        OneHotEncoder(drop="first"),
        OneHotEncoder(drop="if_binary"),
        make_pipeline(OneHotEncoder(sparse_output=False), VarianceThreshold(0.2)),
    ],
    ids=["first", "binary", "selected"],
)
def test_categories_without_a_feature_are_known(encoder):
    """There is no warning of unseen categories, which are errors here."""
    rows = TABLE[["flag"]].assign(city=np.repeat(["Basel", "Bern", "Chur"], [5, 20, ROWS - 25]))
    fitted = make_pipeline(encoder, regressor()).fit(rows, X[:, 0])
    assert same(fitted, rows).input_encoder.width > fitted[-1].n_features_in_


def test_a_column_in_several_parts_and_steps_behind_the_columns():
    numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    texts = make_pipeline(SimpleImputer(strategy="most_frequent", add_indicator=True), OneHotEncoder())
    other = make_pipeline(SimpleImputer(strategy="constant", fill_value="missing"), OneHotEncoder(handle_unknown="ignore"))
    parts = [("t", texts, ["sex", "city"]), ("o", other, ["sex"]), ("n", numbers, [0, 1])]
    parts += [("m", make_pipeline(MinMaxScaler(), SimpleImputer()), ["b", "c"]), ("z", SimpleImputer(strategy="constant"), ["b"])]
    columns = ColumnTransformer(parts, transformer_weights={"n": 0.5, "t": 2.0}, sparse_threshold=0)
    steps = [("columns", columns), ("select", VarianceThreshold()), ("scale", StandardScaler()), ("mlp", classifier())]
    same(Pipeline(steps).fit(TABLE, Y), TABLE)


def test_selected_columns_and_steps_that_are_given_tables():
    chosen = ColumnTransformer(
        [("c", OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number"))],
        remainder=make_pipeline(SimpleImputer(), StandardScaler()),
    )
    same(make_pipeline(chosen, classifier()).fit(TABLE, Y), TABLE)
    first = ColumnTransformer([("n", SimpleImputer(add_indicator=True), list("abcd")), ("c", OneHotEncoder(sparse_output=False), ["city"])])
    second = ColumnTransformer([("s", StandardScaler(), ["n__a", "n__b"]), ("m", MinMaxScaler(), ["n__c"])], remainder="passthrough")
    steps = Pipeline([("first", first), ("second", second), ("mlp", classifier())]).set_output(transform="pandas")
    same(steps.fit(TABLE, Y), TABLE)


def test_unions_and_searches():
    union = FeatureUnion([("a", SimpleImputer()), ("b", MissingIndicator()), ("c", "drop")], transformer_weights={"a": 0.5})
    same(make_pipeline(union, classifier()).fit(GAPS, Y), GAPS)
    same(GridSearchCV(make_pipeline(StandardScaler(), classifier()), {"mlpclassifier__alpha": [0.1, 1.0]}, cv=2).fit(X, Y), X)


def test_arrays_with_columns_of_categories_or_without_some_columns():
    codes = np.column_stack([X, np.arange(ROWS) % 3])
    objects = codes.astype(object)
    objects[:, 4] = np.array(["p", "q", "r"])[np.arange(ROWS) % 3]
    part = ColumnTransformer([("n", StandardScaler(), [0, 1]), ("c", OneHotEncoder(), [-1])])
    for rows in (codes, objects):
        same(make_pipeline(part, classifier()).fit(rows, Y), rows)
    same(make_pipeline(OneHotEncoder(), classifier()).fit(codes[:, 4:], Y), codes[:, 4:])
    mask = ColumnTransformer([("n", StandardScaler(), [True, False, False, True, False])])
    same(make_pipeline(mask, classifier()).fit(codes, Y), codes)


def test_the_model_is_saved_and_trains_further(tmp_path):
    part = ColumnTransformer(
        [("n", make_pipeline(SimpleImputer(), StandardScaler()), list("abcd")), ("c", OneHotEncoder(), ["city", "sex"])]
    )
    fitted = make_pipeline(part, classifier(solver="sgd", learning_rate_init=0.5)).fit(TABLE, Y)
    model = mlpkit.from_sklearn(fitted, target="late", spec={"training": {"epochs": 40}})
    assert json.loads(json.dumps(model.spec.to_dict()))["optimizer"]["type"] == "sgd"
    model.save(tmp_path / "model.h5")
    np.testing.assert_array_equal(mlpkit.load(tmp_path / "model.h5").predict_proba(TABLE), model.predict_proba(TABLE))
    before = model.evaluate(TABLE.assign(late=Y))["loss"]
    assert len(list(mlpkit.epochs(model, TABLE.assign(late=Y)))) == 40
    assert model.evaluate(TABLE.assign(late=Y))["loss"] < before


def drawn_numbers(rng):
    """Steps for columns of numbers with missing values."""
    scaler = [StandardScaler, MinMaxScaler, RobustScaler, MaxAbsScaler][rng.integers(4)]()
    strategy = ["mean", "median", "most_frequent", "constant"][rng.integers(4)]
    steps = [SimpleImputer(strategy=strategy, add_indicator=bool(rng.integers(2))), scaler]
    return make_pipeline(*(steps if rng.integers(2) else steps[::-1]))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(60))
@pytest.mark.filterwarnings("ignore::mlpkit.UnseenCategoryWarning", "ignore:Skipping features")
def test_drawn_pipelines(seed):
    rng = np.random.default_rng(seed)
    texts = [each for each in ENCODERS if isinstance(each, OneHotEncoder)]
    picked = lambda names, most: rng.choice(names, rng.integers(1, most + 1), replace=False).tolist()  # noqa: E731
    parts = [("n", drawn_numbers(rng), picked(list("abcd"), 4)), ("m", drawn_numbers(rng), picked(["a", "b", "size"], 2))]
    parts += [("c", texts[rng.integers(len(texts))], picked(["city", "kind", "sex"], 3))]
    parts += [("o", ENCODERS[-1 - rng.integers(2)], ["city"])] * int(rng.integers(2))
    columns = ColumnTransformer([parts[index] for index in rng.permutation(len(parts))], remainder="drop", sparse_threshold=0)
    steps = [("columns", columns), *([("scale", StandardScaler())] * int(rng.integers(2)))]
    if rng.integers(2):
        y = rng.integers(0, rng.integers(2, 5), ROWS)
        same(Pipeline([*steps, ("mlp", classifier(random_state=seed))]).fit(TABLE, y), TABLE)
    else:
        y = rng.normal(size=(ROWS, 2))[:, rng.integers(2) :].squeeze() * 10 + 100
        scaled = TransformedTargetRegressor(Pipeline([*steps, ("mlp", regressor(random_state=seed))]), transformer=drawn_scaler(rng))
        found, wanted = mlpkit.from_sklearn(scaled.fit(TABLE, y)).predict(TABLE), scaled.predict(TABLE)
        assert np.abs(found - wanted.reshape(found.shape)).max() <= 1e-15 * np.abs(wanted).max()


def drawn_scaler(rng):
    return [StandardScaler(), MinMaxScaler(), RobustScaler(), None][rng.integers(4)]


class Own(StandardScaler):
    pass


def two(first, second):
    return make_pipeline(ColumnTransformer([("one", first, [0]), ("two", second, [0])]), classifier())


WRONG = {
    "the step 'powertransformer', PowerTransformer, has no counterpart": lambda: make_pipeline(PowerTransformer(), classifier()).fit(X, Y),
    "the step 'minmaxscaler', MinMaxScaler, limits": lambda: make_pipeline(MinMaxScaler(clip=True), classifier()).fit(X, Y),
    "the step 'own', Own, has no counterpart": lambda: make_pipeline(Own(), classifier()).fit(X, Y),
    "the step 'knnimputer'": lambda: make_pipeline(KNNImputer(), classifier()).fit(X, Y),
    "the step 'columntransformer.one', PowerTransformer": lambda: two(PowerTransformer(), "passthrough").fit(X, Y),
    "'functiontransformer', FunctionTransformer, calls": lambda: make_pipeline(FunctionTransformer(np.cbrt), classifier()).fit(X, Y),
    "takes -1 for a missing value": lambda: make_pipeline(SimpleImputer(missing_values=-1), classifier()).fit(X, Y),
    "'x0' is used as numbers and as categories": lambda: two(StandardScaler(), OneHotEncoder()).fit(X, Y),
    "encodes missing or unknown categories as NaN": lambda: make_pipeline(OrdinalEncoder(), SimpleImputer(), classifier()).fit(GAPS, Y),
    "calls a function on predictions": lambda: TransformedTargetRegressor(
        regressor(), func=np.cbrt, inverse_func=np.exp, check_inverse=False
    ).fit(X, X[:, 0]),
    "QuantileTransformer, is no scaling": lambda: TransformedTargetRegressor(
        regressor(), transformer=QuantileTransformer(n_quantiles=5)
    ).fit(X, X[:, 0]),
    "the MLPClassifier is not fitted": classifier,
    "the Pipeline is not fitted": lambda: make_pipeline(StandardScaler(), classifier()),
    "is of type LogisticRegression, which is no MLP": lambda: make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y),
    "the estimator is of type int": lambda: 3,
}


@pytest.mark.parametrize("message", WRONG)
def test_an_error_names_the_step(message):
    with pytest.raises(mlpkit.DataError) as found:
        mlpkit.from_sklearn(WRONG[message]())
    assert message in str(found.value)
