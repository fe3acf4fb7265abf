"""scikit-learn's own checks of estimators: all of them pass, none is expected to fail."""

import pytest
from sklearn.utils.estimator_checks import check_estimator, check_sample_weight_equivalence_on_dense_data

from mlpkit.sklearn import MLPKitClassifier, MLPKitRegressor

UNASKED = {"check_array_api_input"}  # skipped unless SCIPY_ARRAY_API is set


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::mlpkit.errors.DataWarning")
@pytest.mark.parametrize("estimator", [MLPKitClassifier(), MLPKitRegressor()], ids=["classifier", "regressor"])
def test_all_checks_of_scikit_learn_pass(estimator):
    results = check_estimator(estimator, on_skip=None, on_fail=None)
    assert len(results) > 50
    assert [(each["check_name"], each["exception"]) for each in results if each["status"] not in ("passed", "skipped")] == []
    assert {each["check_name"] for each in results if each["status"] == "skipped"} <= UNASKED


@pytest.mark.parametrize("estimator", [MLPKitClassifier, MLPKitRegressor])
@pytest.mark.parametrize(
    "options",
    [{"optimizer": "lbfgs", "max_iter": 2}, {"optimizer": "sgd", "learning_rate": 0.01, "batch_size": None, "max_iter": 50}],
    ids=["lbfgs", "gradient descent"],
)
def test_a_row_of_weight_k_is_k_rows(estimator, options):
    check_sample_weight_equivalence_on_dense_data(estimator.__name__, estimator(**options))
