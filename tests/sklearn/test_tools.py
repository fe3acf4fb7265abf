"""Test the estimators inside the tools of scikit-learn, on a table with texts and missing values."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor, make_column_selector, make_column_transformer
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score, learning_curve
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlpkit.sklearn import MLPKitClassifier, MLPKitRegressor

PENGUINS = pd.read_csv(Path(__file__).parents[2] / "models" / "penguins" / "penguins.csv").sample(frac=0.4, random_state=0)
X, SPECIES = PENGUINS.drop(columns="species"), PENGUINS["species"]
CLASSIFIER = MLPKitClassifier((8,), max_iter=10, learning_rate=0.01, random_state=0)
REGRESSOR = MLPKitRegressor((8,), max_iter=10, learning_rate=0.01, random_state=0)

pytestmark = pytest.mark.filterwarnings("ignore::mlpkit.errors.DataWarning")  # folds without a category


def test_pipelines_pass_rows_and_weights():
    columns = make_column_transformer((StandardScaler(), make_column_selector(dtype_include="number")), remainder="drop")
    fitted = make_pipeline(columns, CLASSIFIER).fit(X, SPECIES, mlpkitclassifier__sample_weight=np.ones(len(X)))
    assert fitted.score(X, SPECIES) > 0.8
    assert TransformedTargetRegressor(REGRESSOR, func=np.log, inverse_func=np.exp).fit(X, PENGUINS["year"]).predict(X).shape == (len(X),)


def test_searches_set_parameters_and_parts_of_the_spec():
    grid = {"hidden_layer_sizes": [(4,), (8,)], "spec": [None, {"training": {"clip_norm": 1}}]}
    search = GridSearchCV(CLASSIFIER, grid, cv=2, scoring="neg_log_loss", error_score="raise").fit(X, SPECIES)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.score(X, SPECIES) > -0.5


def test_folds_curves_and_several_targets():
    assert cross_val_score(CLASSIFIER, X, SPECIES, cv=3).mean() > 0.8
    assert cross_val_predict(CLASSIFIER, X, SPECIES, cv=2, method="decision_function").shape == (len(X), 3)
    assert learning_curve(CLASSIFIER, X, SPECIES, cv=2, train_sizes=[0.5, 1.0], error_score="raise")[2].shape == (2, 2)
    assert len(MultiOutputClassifier(CLASSIFIER).fit(X, PENGUINS[["species", "island"]]).predict_proba(X)) == 2


@pytest.mark.slow
def test_calibration():
    probabilities = CalibratedClassifierCV(CLASSIFIER, cv=2).fit(X, SPECIES).predict_proba(X)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)


def test_inspection_of_raw_columns():
    fitted = CLASSIFIER.fit(X, SPECIES)
    importances = permutation_importance(fitted, X, SPECIES, n_repeats=2, random_state=0).importances_mean
    assert importances[X.columns.get_loc("bill_length_mm")] > importances[X.columns.get_loc("year")]
    assert partial_dependence(fitted, X.dropna(), ["sex"], categorical_features=["sex"])["average"].shape == (3, 2)
    assert partial_dependence(fitted, X.dropna(), ["bill_length_mm"], grid_resolution=4)["average"].shape == (3, 4)


def test_scorers_take_what_the_displays_take():
    fitted = CLASSIFIER.fit(X, SPECIES == "Adelie")
    for name in ("roc_auc", "average_precision", "neg_brier_score", "accuracy"):
        assert np.isfinite(get_scorer(name)(fitted, X, SPECIES == "Adelie"))
