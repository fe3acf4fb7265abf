"""Constant outputs of least loss (`Loss.prior`): closed forms, and no constant output that costs less."""

import numpy as np
import pytest

from mlpkit.plugin import REGISTRIES, Loss
from mlpkit.testing.loss_cases import joint_losses_and_grad, losses_and_grad, targets_for

RNG = np.random.default_rng(50)
WEIGHTS = RNG.integers(1, 5, 40).astype(float)
VARIANTS = [
    *((name, {}) for name in REGISTRIES["losses"].builtins),
    ("quantile", {"quantiles": [0.1, 0.5, 0.8]}),
    ("tweedie", {"power": 1.9}),
    ("binary_crossentropy", {"label_smoothing": 0.2, "pos_weight": 3.0}),
    ("categorical_crossentropy", {"label_smoothing": 0.2}),
    ("binary_focal_crossentropy", {"gamma": 0.5, "alpha": None}),
    ("huber", {"delta": 0.1}),
]
WITHOUT = {"mean_squared_logarithmic_error", "categorical_focal_crossentropy"}


def loss_of(name, options):
    return REGISTRIES["losses"].get(name)(**options)


def mean_loss(loss, constant, targets, weights):
    form = losses_and_grad if loss.joint_with is None else joint_losses_and_grad
    return np.average(form(loss, np.tile(constant, (len(targets), 1)), targets)[0], weights=weights)


@pytest.mark.parametrize(("name", "options"), VARIANTS, ids=str)
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
def test_no_constant_output_costs_less(name, options, weights):
    loss, rng = loss_of(name, options), np.random.default_rng(51)
    targets = targets_for(loss, (40, 3), "float64", rng)
    found = loss.prior(targets, weights)
    if name in WITHOUT:
        assert found is None
        return
    assert found.shape == (3 * loss.outputs_per_target,)
    least = mean_loss(loss, found, targets, weights)
    others = [
        mean_loss(loss, found + size * rng.standard_normal(found.shape), targets, weights) for size in (1e-3, 0.1, 1, 5) for _ in range(30)
    ]
    assert min(others) >= least - 1e-12 * (1 + abs(least))


@pytest.mark.parametrize("name", sorted(set(REGISTRIES["losses"].builtins) - WITHOUT))
def test_a_weight_counts_rows(name):
    loss = loss_of(name, {})
    targets = targets_for(loss, (40, 3), "float64", np.random.default_rng(52))
    repeated = loss.prior(np.repeat(targets, WEIGHTS.astype(int), axis=0))
    np.testing.assert_allclose(loss.prior(targets, WEIGHTS), repeated, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(loss.prior(targets, 7 * WEIGHTS), repeated, rtol=1e-9, atol=1e-12)


Y = np.array([[1.0], [1.0], [0.0], [1.0], [4.0]])
T = np.array([[1.0], [1.0], [0.0], [1.0], [0.0]])
CLASSES = np.array([0, 2, 1, 0, 0])
CLOSED = {
    "mean_squared_error": (Y, [1.4]),
    "mean_absolute_error": (Y, [1.0]),
    "mean_absolute_percentage_error": (Y + 1, [2.0]),
    "quantile": (Y, [1.0]),
    "gaussian_nll": (Y, [1.4, np.log(np.expm1(Y.var() - 1e-6))]),
    "poisson": (Y, [np.log(1.4)]),
    "gamma": (Y + 1, [np.log(2.4)]),
    "tweedie": (Y, [np.log(1.4)]),
    "binary_crossentropy": (T, [np.log(3 / 2)]),
    "categorical_crossentropy": (CLASSES, np.log([0.6, 0.2, 0.2])),
    "hinge": (T, [1.0]),
    "squared_hinge": (T, [0.2]),
    "categorical_hinge": (CLASSES, [1.0, 0.0, 0.0]),
    "kl_divergence": (np.array([[0.2, 0.8], [0.6, 0.4]]), np.log([0.4, 0.6])),
    "cosine_similarity": (np.array([[2.0, 0.0], [0.0, 1.0]]), [0.5, 0.5]),
}


@pytest.mark.parametrize("name", CLOSED)
def test_closed_forms(name):
    targets, expected = CLOSED[name]
    np.testing.assert_allclose(loss_of(name, {}).prior(targets), expected, rtol=1e-12)


def test_distributions_are_targets_of_classes_too():
    shares = np.array([[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]])
    np.testing.assert_allclose(loss_of("categorical_crossentropy", {}).prior(shares, np.array([1.0, 3.0])), np.log([0.2, 0.2125, 0.5875]))


INFINITE = {
    "a label that never occurs": ("binary_crossentropy", np.array([[1.0, 0.0], [0.0, 0.0]])),
    "a label that always occurs, of a focal loss": ("binary_focal_crossentropy", np.ones((3, 1))),
    "a class without rows": ("categorical_crossentropy", np.array([0, 2])),
    "an output without share": ("kl_divergence", np.array([[1.0, 0.0], [1.0, 0.0]])),
    "counts that are all 0": ("poisson", np.zeros((3, 1))),
    "a constant target": ("gaussian_nll", np.ones((3, 1))),
    "opposite directions": ("cosine_similarity", np.array([[1.0, 0.0], [-1.0, 0.0]])),
}


@pytest.mark.parametrize("what", INFINITE)
def test_there_is_none_where_it_is_not_finite(what):
    name, targets = INFINITE[what]
    assert loss_of(name, {}).prior(targets) is None


def test_a_class_that_is_seldom_has_one_with_smoothing():
    np.testing.assert_allclose(loss_of("bce", {"label_smoothing": 0.2}).prior(np.ones((3, 1))), np.log(0.9 / 0.1))


def test_a_loss_of_ones_own_has_none():
    class Own(Loss):
        def value_and_grad(self, outputs, targets, losses, grad):
            pass

    assert Own().prior(np.ones((3, 1)), None) is None
