"""Metrics against scikit-learn's of the same meaning: weights, ties, absent classes, one class. See reference/make_metrics.py."""

from pathlib import Path

import numpy as np
import pytest

from mlpkit.plugin import REGISTRIES

REFERENCE = dict(np.load(Path(__file__).parent / "reference" / "metrics.npz"))
TASKS = ("classification", "regression", "multilabel")
NAMES = [(task, index, str(name)) for task in TASKS for index, name in enumerate(REFERENCE[f"{task}/names"])]
CASES = {task: [key.split("/")[1] for key in REFERENCE if key.startswith(f"{task}/") and key.endswith("/outputs")] for task in TASKS}


def made(text):
    """Return the metric that a name and its options, such as "fbeta beta=0.5", refer to."""
    name, *options = text.split()
    cls = REGISTRIES["metrics"].get(name)
    given = dict(option.split("=") for option in options)
    return cls(**{key: cls.model_fields[key].annotation(value) if value[0].isdigit() else value for key, value in given.items()})


def data(task, case):
    """Return the outputs, targets and sets of weights of a case."""
    outputs, targets, weights = (REFERENCE[f"{task}/{case}/{part}"] for part in ("outputs", "targets", "weights"))
    return outputs, targets.astype(np.intp if task == "classification" else np.float64), weights


def test_every_metric_has_its_reference():
    assert {name.split()[0] for _, _, name in NAMES} == set(REGISTRIES["metrics"].builtins)
    assert {type(made(name)).task for task, _, name in NAMES} == set(TASKS)


@pytest.mark.parametrize(("task", "index", "name"), NAMES, ids=[name for _, _, name in NAMES])
def test_metric(task, index, name):
    metric, compared = made(name), 0
    for case in CASES[task]:
        outputs, targets, sets = data(task, case)
        for weights, answers in zip(sets, REFERENCE[f"{task}/{case}/answers"], strict=True):
            if np.isinf(answers[index]):  # scikit-learn has no answer
                continue
            found = metric.compute(outputs, targets, weights)
            np.testing.assert_allclose(found, answers[index], rtol=1e-11, atol=1e-13, err_msg=case)
            compared += 1
    assert compared >= 3


@pytest.mark.parametrize("name", ["roc_auc", "matthews", "recall", "f1"])
def test_a_metric_of_two_classes_is_not_defined_for_one(name):
    outputs = np.tile([0.9, 0.1], (5, 1))
    assert np.isnan(made(name).compute(outputs, np.zeros(5, np.intp), np.ones(5)))


def test_a_tied_class_is_the_first_one_as_for_accuracy():
    outputs, targets = np.full((3, 3), 1 / 3), np.arange(3)
    assert [made(f"top_k_accuracy k={k}").compute(outputs, targets, np.ones(3)) for k in (1, 2, 3)] == pytest.approx([1 / 3, 2 / 3, 1])


def test_numbers_below_the_range_of_a_metric_count_as_its_limit():
    targets, outputs = np.array([[1.0], [2.0]]), np.array([[-3.0], [2.0]])
    ones = np.ones(2)
    assert made("msle").compute(outputs, targets, ones) == pytest.approx(np.log(2) ** 2 / 2)
    for name in ("mean_poisson_deviance", "mean_gamma_deviance", "mean_tweedie_deviance"):
        assert np.isfinite(made(name).compute(outputs, targets, ones))


@pytest.mark.parametrize("name", ["pearson", "spearman"])
def test_a_correlation_does_not_depend_on_the_size(name):
    rng = np.random.default_rng(0)
    targets, outputs = rng.standard_normal((2, 20, 1))
    expected = made(name).compute(outputs, targets, np.ones(20))
    for size in (1e-200, 1e200):
        assert made(name).compute(size * outputs, size * targets, np.ones(20)) == pytest.approx(expected, rel=1e-12)
    assert made(name).compute(2 * targets - 1, targets, np.ones(20)) == pytest.approx(1, rel=1e-15)


def test_scikit_learns_names_are_aliases():
    for alias, name in {"f1_score": "f1", "roc_auc_score": "roc_auc", "brier_score_loss": "brier", "matthews_corrcoef": "matthews"}.items():
        assert type(made(alias)) is type(made(name))


def test_r2_of_a_constant_target_is_not_defined():
    r2 = REGISTRIES["metrics"].get("r2")()
    for rows in (1, 4):
        assert np.isnan(r2.compute(np.ones((rows, 1)), np.ones((rows, 1)), np.ones(rows)))
        assert np.isnan(r2.compute(np.zeros((rows, 1)), np.ones((rows, 1)), np.ones(rows)))
    one_varies = np.array([[1.0, 0.0], [1.0, 2.0]])
    assert r2.compute(one_varies, one_varies, np.ones(2)) == 1.0
    assert np.isnan(r2.compute(np.full((3, 1), 0.3), np.full((3, 1), 0.1), np.array([1.0, 2.0, 4.0])))
