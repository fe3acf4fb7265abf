"""Losses in C, at each level of the processor, against mlpkit's NumPy code and against differences."""

import numpy as np
import pytest
from mlpkit_fused import _engine
from mlpkit_fused.builder import Builder
from mlpkit_fused.functions import loss_code

from mlpkit.plugin import REGISTRIES

LOSSES = REGISTRIES["losses"]
CASES = [
    ("mean_squared_error", {}), ("mean_absolute_error", {}), ("huber", {}), ("huber", {"delta": 0.3}), ("smooth_l1", {}),
    ("smooth_l1", {"beta": 0.3}), ("log_cosh", {}), ("poisson", {}), ("binary_crossentropy", {}),
    ("binary_crossentropy", {"label_smoothing": 0.1}), ("binary_crossentropy", {"pos_weight": 3.0, "label_smoothing": 0.2}),
    ("categorical_crossentropy", {}), ("categorical_crossentropy", {"label_smoothing": 0.1}), ("binary_focal_crossentropy", {}),
    ("binary_focal_crossentropy", {"gamma": 0.5, "alpha": None}), ("binary_focal_crossentropy", {"gamma": 0.0}),
    ("categorical_focal_crossentropy", {}), ("categorical_focal_crossentropy", {"gamma": 3.5, "alpha": 2.0}),
    ("categorical_focal_crossentropy", {"gamma": 0.0, "alpha": 1.0}), ("quantile", {}), ("quantile", {"quantiles": (0.1, 0.5, 0.75)}),
]  # fmt: skip
NAMES = [" ".join([name, *(f"{key}={value}" for key, value in options.items())]) for name, options in CASES]
FORMS = [(case, shares) for case in CASES for shares in ((False, True) if case[0].startswith("categorical") else (False,))]
FORM_NAMES = [f"{NAMES[CASES.index(case)]}{' shares' if shares else ''}" for case, shares in FORMS]
TOLERANCES = {np.float32: 1e-6, np.float64: 1e-14}


def made(case):
    name, options = case
    return LOSSES.get(name)(**options)


def targets_of(loss, shape, dtype, shares, rng):
    if loss.targets == "classes":
        return rng.dirichlet(np.ones(shape[1]), shape[0]).astype(dtype) if shares else rng.integers(0, shape[1], shape[0])
    if loss.targets == "binary":
        soft = 0.2 if loss.soft_targets else 0.0
        return rng.choice([0.0, 1.0, 0.25], shape, p=[0.5 - soft, 0.5, soft]).astype(dtype)
    return np.abs(rng.normal(size=(shape[0], shape[1] // loss.outputs_per_target))).astype(dtype)


def in_numpy(loss, values, targets):
    """Return losses and gradient, computed in float64 and rounded to the dtype of the values."""
    dtype, values, targets = values.dtype, values.astype(np.float64), targets.astype(np.float64) if targets.dtype == np.float32 else targets
    losses, grad = np.full(len(values), 7, values.dtype), np.full_like(values, 7)
    form = loss.value_and_grad if loss.joint_with is None else loss.joint
    with np.errstate(all="ignore"):
        form(values.copy(), targets, losses, grad)
        return losses.astype(dtype), grad.astype(dtype)


def compute(coded, values, targets, losses, grad):
    code, options = coded
    columns = targets.shape[1] if targets.ndim == 2 else values.shape[1]
    build = Builder(values.dtype, {1: ("t", len(values) * columns, len(values) if targets.ndim == 1 else 0, False)})
    build.add("loss", (values, 1, losses, grad), (*values.shape, columns), options, code)
    build.finished()(None, targets)


def in_c(loss, values, targets):
    coded = loss_code(loss, loss.joint_with is not None)
    assert coded is not None
    losses, grad = np.full(len(values), 7, values.dtype), np.full_like(values, 7)
    compute(coded, values, targets, losses, grad)
    return losses, grad


def assert_close(found, expected, values, level):
    """Compare losses and gradients, relative to the largest number of each, of the row and of 1."""
    dtype = values.dtype.type
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(np.isnan(one), np.isnan(other))
        size = np.abs(np.where(np.isfinite(values), values, 0)).max(axis=1, initial=1.0, keepdims=other.ndim == 2)
        size = np.maximum(size, np.where(np.isfinite(other), np.abs(other), 0.0))
        with np.errstate(invalid="ignore"):
            error = np.where(one == other, 0.0, np.abs(one - other)) / size
        assert np.nanmax(error, initial=0.0) <= TOLERANCES[dtype], level


def compare(loss, values, targets, each_level):
    expected = in_numpy(loss, values, targets)
    for level in each_level():
        assert_close(in_c(loss, values, targets), expected, values, level)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize(("case", "shares"), FORMS, ids=FORM_NAMES)
def test_like_numpy_for_every_size(case, shares, dtype, each_level):
    loss, rng = made(case), np.random.default_rng(0)
    many = loss.outputs_per_target
    sizes = [*((3, units) for units in range(1, 71)), (1, 1), (70, 1), (1100, 1), (2, 1023), (2, 1024), (2, 1500), (700, 3)]
    for shape in ((rows, units * many) for rows, units in sizes):
        values = (rng.normal(size=shape) * rng.choice([0.01, 1.0, 10.0], (shape[0], 1))).astype(dtype)
        targets = targets_of(loss, shape, dtype, shares, rng)
        compare(loss, values, targets, each_level)


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize(("case", "shares"), FORMS, ids=FORM_NAMES)
def test_like_numpy_at_special_numbers(case, shares, dtype, each_level):
    loss, kind, rng = made(case), np.finfo(dtype), np.random.default_rng(1)
    sizes = np.array([0.0, kind.smallest_subnormal, 1e-20, 0.3, 1.0, 59.9, 60.0, 61.0, 88.0, 104.0, 800.0, 1e6, 1e15, np.inf], dtype)
    if loss.joint_with is not None:
        sizes = sizes[:-1]  # infinite pre-activations give inf or NaN: NumPy's own forms differ
    points = np.concatenate([sizes, -sizes, [np.nan]]).astype(dtype)[:, None]
    for width in (1, 4):
        values = np.hstack([points, rng.normal(size=(len(points), width * loss.outputs_per_target - 1)).astype(dtype)])
        for _ in range(3):
            targets = targets_of(loss, values.shape, dtype, shares, rng)
            compare(loss, values, targets, each_level)


@pytest.mark.parametrize(("case", "shares"), FORMS, ids=FORM_NAMES)
def test_gradient(case, shares):
    """The gradient is that of central differences, in float64."""
    loss, rng, step = made(case), np.random.default_rng(2), 1e-6
    values = rng.normal(size=(5, 6)) * 2
    targets = targets_of(loss, values.shape, np.float64, shares, rng)
    _, grad = in_c(loss, values, targets)
    for row, column in np.ndindex(values.shape):
        middle, ends = values[row, column], []
        for values[row, column] in (middle - step, middle + step):
            ends.append(in_c(loss, values, targets)[0][row])
        values[row, column] = middle
        assert grad[row, column] == pytest.approx((ends[1] - ends[0]) / (2 * step), rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("name", ["categorical_crossentropy", "categorical_focal_crossentropy"])
@pytest.mark.parametrize("wrong", [-1, 4, -(2**63), 2**63 - 1])
def test_a_class_that_does_not_exist_is_refused_before_anything_is_written(name, wrong, each_level):
    targets, losses, grad = np.array([0, 3, wrong]), np.full(3, 7.0), np.full((3, 4), 7.0)
    for _ in each_level():
        with pytest.raises(ValueError, match="a class number is out of range"):
            compute(loss_code(made((name, {})), True), np.zeros((3, 4)), targets, losses, grad)
        assert (losses == 7).all()
        assert (grad == 7).all()


def test_every_loss_in_c_is_tested_and_others_have_no_code():
    used = {_engine.losses[loss_code(made(case), made(case).joint_with is not None)[0]] for case, _ in FORMS}
    shares = {name for name in _engine.losses if name.endswith("_of_shares")}  # which follow from the targets
    assert used == set(_engine.losses) - shares
    assert loss_code(made(("binary_crossentropy", {})), fused=False) is None
    assert loss_code(made(("quantile", {"quantiles": tuple(np.linspace(0.1, 0.9, 8))})), fused=False) is None  # too many
    derived = type("MeanSquaredError", (LOSSES.get("mean_squared_error"),), {"__module__": __name__})
    assert loss_code(derived(), fused=False) is None


def test_wrong_calls_are_refused():
    z, losses = np.zeros((2, 3)), np.zeros(2)
    coded = loss_code(made(("categorical_crossentropy", {})), True)
    for targets, error in ((np.zeros(2), ValueError), (np.zeros(2, np.int32), TypeError), (np.zeros(1, np.int64), ValueError)):
        with pytest.raises(error, match=r"format|elements"):
            _run_with(coded, z, targets, losses)
    quantile, options = loss_code(made(("quantile", {"quantiles": (0.1, 0.9)})), False)
    for wrong in (options[:1], (0.0, *options[1:]), (9.0, *options[1:]), (np.nan, *options[1:]), options):  # the last: 3 columns
        with pytest.raises(ValueError, match="inconsistent"):
            compute((quantile, wrong), z, z, losses, z.copy())
    with pytest.raises(ValueError, match="at most 8 numbers"):
        compute((quantile, (0.5,) * 9), z, z, losses, z.copy())


def _run_with(coded, z, targets, losses):
    code, options = coded
    build = Builder(z.dtype, {1: ("t", z.size, len(z), False)})
    build.add("loss", (z, 1, losses, z.copy()), (*z.shape, z.shape[1]), options, code)
    build.finished()(None, targets)
