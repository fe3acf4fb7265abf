"""Losses and gradients against PyTorch in float64 and the written formulas in mpmath (reference/make_losses.py), in both dtypes."""

from pathlib import Path

import numpy as np
import pytest

from mlpkit.plugin import REGISTRIES
from mlpkit.testing.loss_cases import joint_losses_and_grad, losses_and_grad

REFERENCE = dict(np.load(Path(__file__).parents[1] / "reference" / "losses.npz"))
OPTIONS = {  # by case: name and options
    "huber_delta": ("huber", {"delta": 0.25}),
    "smooth_l1_beta": ("smooth_l1", {"beta": 2.5}),
    "quantile_two": ("pinball", {"quantiles": [0.1, 0.75]}),
    "tweedie_power": ("tweedie", {"power": 1.2}),
    "binary_crossentropy_smooth": ("bce", {"label_smoothing": 0.125}),
    "binary_crossentropy_weight": ("bce", {"pos_weight": 3.0}),
    "binary_crossentropy_both": ("bce", {"label_smoothing": 0.25, "pos_weight": 0.5}),
    "categorical_crossentropy_smooth": ("cross_entropy", {"label_smoothing": 0.125}),
    "categorical_crossentropy_shares": ("cross_entropy", {}),
    "categorical_crossentropy_smooth_shares": ("cross_entropy", {"label_smoothing": 0.125}),
    "binary_focal_plain": ("focal", {"gamma": 0, "alpha": None}),
    "binary_focal_options": ("focal", {"gamma": 3.5, "alpha": 0.75}),
    "categorical_focal_options": ("categorical_focal", {"gamma": 0.5, "alpha": 1.0}),
    "categorical_focal_shares": ("categorical_focal", {}),
    "ordinal_shares": ("ordinal", {}),
}
CASES = sorted({name.rpartition("/")[0] for name in REFERENCE if name.endswith("/grad")})
TOLERANCES = {"float32": 2e-6, "float64": 1e-12}  # relative to the larger of 1 and the value


def made(case):
    name, options = OPTIONS.get(case, (case, {}))
    return REGISTRIES["losses"].get(name.removeprefix("exact/"))(**options)


def arrays(case, dtype):
    outputs, targets = REFERENCE[f"{case}/outputs"].astype(dtype), REFERENCE[f"{case}/targets"]
    return outputs, targets if targets.dtype.kind == "i" else targets.astype(dtype)


def assert_exact(found, case, dtype):
    for what, array in zip(("losses", "grad"), found, strict=True):
        right = REFERENCE[f"{case}/{what}"]
        assert array.dtype == dtype
        assert (np.abs(array - right) <= TOLERANCES[dtype] * np.maximum(1.0, np.abs(right))).all(), (what, array - right)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_values_and_gradients(case, dtype):
    loss = made(case)
    form = losses_and_grad if loss.joint_with is None else joint_losses_and_grad
    with np.errstate(all="ignore"):
        assert_exact(form(loss, *arrays(case, dtype)), case, dtype)


@pytest.mark.parametrize("case", [case for case in CASES if made(case).joint_with])
def test_the_separate_form_agrees(case):
    """From probabilities, at pre-activations whose probabilities are not clipped."""
    loss, (z, targets) = made(case), arrays(case, "float64")
    kept = np.abs(z).max(axis=1) < 20
    z, targets = z[kept], targets[kept]
    activation = REGISTRIES["activations"].get(loss.joint_with)()
    outputs = np.empty_like(z)
    activation.forward(z, outputs)
    losses, grad = losses_and_grad(loss, outputs, targets)
    activation.backward(z.copy(), outputs, grad)
    expected = joint_losses_and_grad(loss, z, targets)
    assert kept.sum() > 4
    np.testing.assert_allclose(losses, expected[0], rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(grad, expected[1], rtol=1e-7, atol=1e-9)


def test_every_loss_has_a_reference():
    assert {type(made(case)) for case in CASES} == {REGISTRIES["losses"].get(name) for name in REGISTRIES["losses"].builtins}


@pytest.mark.parametrize("name", ["poisson", "gamma", "tweedie"])
def test_exponentials_beyond_60_go_on_as_straight_lines(name):
    loss = made(name)
    sign = -1.0 if name == "gamma" else 1.0
    factor = 2.0 if name == "tweedie" else 1.0
    z = sign * factor * np.array([[60.0], [61.0], [62.0], [1e4]])
    losses, grad = losses_and_grad(loss, z, np.ones_like(z))
    steps = np.diff(losses)
    np.testing.assert_allclose(steps[0], steps[1], rtol=1e-9)
    np.testing.assert_allclose(grad, grad[0, 0], rtol=1e-9)
    assert np.isfinite(losses_and_grad(loss, z.astype("float32"), np.ones_like(z, "float32"))[0]).all()


def test_a_distance_that_is_0_in_float32_is_refused():
    with pytest.raises(ValueError, match="beta"):
        REGISTRIES["losses"].get("smooth_l1")(beta=1e-300)
