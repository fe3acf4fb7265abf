"""The robust loss: the paper's formula, exact where that is not, and safe at the ends of a dtype."""

import json
from decimal import Decimal, localcontext
from pathlib import Path

import numpy as np
import pytest
from mlpkit_robust import Robust

import mlpkit
from mlpkit.losses import MeanSquaredError
from mlpkit.testing import parametrize_with_checks

REFERENCE = json.loads((Path(__file__).parent / "reference" / "torch.json").read_text())
SHAPES = [2.0, 1.999, 1.5, 1.0, 0.5, 1e-3, 0.0, -1e-3, -1.0, -2.0, -50.0, -1e6, -1e20]
BESIDE = [2 - 2.3e-16, 2 - 1e-12, 2 - 1e-7, 1 + 1e-15, 1 - 1e-15, 1e-7, 1e-12, 1e-17, 1e-300, -1e-300, -1e-12, -1e-7]


def values_and_derivatives(loss, errors, dtype="float64"):
    """Of one error in a row each."""
    outputs = np.asarray(errors, dtype)[:, None]
    losses, grad = np.empty(len(outputs), dtype), np.empty_like(outputs)
    loss.value_and_grad(outputs, np.zeros_like(outputs), losses, grad)
    return losses, grad[:, 0]


def exact(alpha, scale, errors):
    """The paper's formula in 400 digits, where the subtraction that ruins it in float64 does no harm."""
    with localcontext() as context:
        context.prec = 400
        a, c, two = Decimal(alpha), Decimal(scale), Decimal(2)
        width, values, derivatives = two - a, [], []
        for x in (Decimal(float(error)) for error in errors):
            z = (x / c) ** 2
            if a == 0:
                values.append((z / two + 1).ln())
            else:
                values.append(z / two if width == 0 else width / a * ((z / width + 1) ** (a / two) - 1))
            derivatives.append(x / c**2 * ((z / width + 1) ** (a / two - 1) if width else 1))
        return np.array(values, np.float64), np.array(derivatives, np.float64)


@parametrize_with_checks([Robust()])
def test_contract(check):
    check()


@pytest.mark.slow
@parametrize_with_checks([Robust(alpha=alpha, scale=0.3) for alpha in (0.0, -1e20)])
def test_contract_of_other_shapes(check):
    check()


def test_it_is_found_by_its_entry_point():
    (info,) = [info for info in mlpkit.plugins("losses") if info.name == "robust"]
    assert info.full_name == "mlpkit-robust:robust"
    spec = mlpkit.Spec.model_validate({"network": {"layers": [{"units": 1}]}, "loss": {"type": "robust", "alpha": 0, "scale": 0.5}})
    assert spec.loss == Robust(alpha=0.0, scale=0.5)
    assert spec.to_dict()["loss"] == {"type": "mlpkit-robust:robust", "alpha": 0.0, "scale": 0.5}


@pytest.mark.parametrize("case", REFERENCE["cases"], ids=lambda case: f"{case['alpha']}-{case['scale']}")
def test_it_is_what_pytorch_has_of_the_papers_definition(case):
    loss = Robust(alpha=-1e20 if case["alpha"] == "-inf" else case["alpha"], scale=case["scale"])
    losses, derivatives = values_and_derivatives(loss, REFERENCE["errors"])
    np.testing.assert_allclose(losses, case["values"], rtol=1e-11, atol=1e-15)
    np.testing.assert_allclose(derivatives, case["derivatives"], rtol=1e-11, atol=1e-300)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-13), ("float32", 5e-6)])
@pytest.mark.parametrize("alpha", [*SHAPES[:-1], *BESIDE])
def test_it_is_exact_beside_the_values_where_the_formula_is_not_defined(alpha, dtype, tolerance):
    errors = np.array([1e-9, 1e-4, 0.01, 0.3, 1.0, 3.0, 20.0, 1e4], dtype)
    scale = 0.25
    losses, derivatives = values_and_derivatives(Robust(alpha=alpha, scale=scale), errors, dtype)
    expected = exact(alpha, scale, errors)
    largest = np.finfo(dtype).tiny / np.finfo(dtype).eps
    np.testing.assert_allclose(losses, expected[0], rtol=tolerance, atol=largest)
    np.testing.assert_allclose(derivatives, expected[1], rtol=tolerance, atol=largest)


def test_far_down_it_is_welschs():
    errors = np.linspace(-5, 5, 101)
    for alpha in (-1e20, -1e300, -0.99e20):
        losses, derivatives = values_and_derivatives(Robust(alpha=alpha, scale=0.5), errors)
        np.testing.assert_allclose(losses, 1 - np.exp(-2 * errors**2), rtol=1e-13, atol=1e-15)
        np.testing.assert_allclose(derivatives, 4 * errors * np.exp(-2 * errors**2), rtol=1e-13)


@pytest.mark.parametrize("alpha", SHAPES)
def test_the_gradient_is_the_derivative(alpha):
    """Of rows of several outputs, against central differences."""
    rng, step = np.random.default_rng(0), 1e-6
    outputs, targets = rng.standard_normal((20, 3)), rng.standard_normal((20, 3))
    loss = Robust(alpha=alpha, scale=0.7)
    losses, grad, unused = np.empty(20), np.empty((20, 3)), np.empty((20, 3))
    kept = outputs.copy(), targets.copy()
    loss.value_and_grad(outputs, targets, losses, grad)
    np.testing.assert_array_equal([outputs, targets], kept)
    for unit in range(3):
        moved = np.zeros(3)
        moved[unit] = step
        above, below = np.empty(20), np.empty(20)
        loss.value_and_grad(outputs + moved, targets, above, unused)
        loss.value_and_grad(outputs - moved, targets, below, unused)
        np.testing.assert_allclose(grad[:, unit], (above - below) / (2 * step), rtol=1e-6, atol=1e-9)


def test_alpha_2_is_half_the_squared_error():
    rng = np.random.default_rng(0)
    outputs, targets = rng.standard_normal((50, 4)), rng.standard_normal((50, 4))
    found, expected = (np.empty(50), np.empty((50, 4))), (np.empty(50), np.empty((50, 4)))
    Robust(alpha=2.0).value_and_grad(outputs, targets, *found)
    MeanSquaredError().value_and_grad(outputs, targets, *expected)
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(2 * mine, theirs, rtol=1e-14)


@pytest.mark.parametrize("alpha", [*SHAPES, *BESIDE])
@pytest.mark.parametrize("scale", [1e-6, 0.1, 1.0, 1e6])
def test_far_outputs_stay_finite_in_float32(alpha, scale):
    errors = np.array([-1e4, -1.0, -1e-20, 0.0, 1e-20, 1.0, 1e4], np.float32)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        losses, derivatives = values_and_derivatives(Robust(alpha=alpha, scale=scale), errors, "float32")
    assert losses.dtype == derivatives.dtype == np.float32
    assert np.isfinite(losses).all()
    assert np.isfinite(derivatives).all()
    assert (losses >= 0).all()
    assert losses[3] == derivatives[3] == 0
    np.testing.assert_array_equal(losses, losses[::-1])


def test_an_outlier_pulls_less_the_further_it_is():
    _, pull = values_and_derivatives(Robust(alpha=-2.0), [1.0, 3.0, 10.0, 100.0])
    assert (np.diff(pull) < 0).all()
    _, pull = values_and_derivatives(Robust(alpha=1.0), [1.0, 3.0, 10.0, 100.0])
    assert (np.diff(pull) > 0).all()
    assert pull[-1] < 1


def test_many_rows_are_those_of_each_alone():
    """The rows go through in blocks; a block's end falls within these."""
    errors = np.random.default_rng(0).standard_normal((5000, 3))
    losses, grad = np.empty(5000), np.empty((5000, 3))
    Robust(alpha=0.0).value_and_grad(errors, np.zeros((5000, 3)), losses, grad)
    np.testing.assert_allclose(losses, np.log1p(errors**2 / 2).mean(axis=1), rtol=1e-13)
    np.testing.assert_allclose(grad, errors / (errors**2 / 2 + 1) / 3, rtol=1e-13)


@pytest.mark.parametrize("options", [{"alpha": 2.1}, {"alpha": float("-inf")}, {"alpha": float("nan")}, {"scale": 0.0}, {"scale": -1.0}])
def test_options_out_of_range_are_refused(options):
    (name,) = options
    with pytest.raises(ValueError, match=name):
        Robust(**options)


def test_a_saved_model_predicts_the_same(tmp_path):
    x = np.linspace(-3, 3, 50)[:, None]
    spec = {"network": {"layers": [{"units": 4, "activation": "tanh"}, {"units": 1}]}, "loss": "robust", "training": {"epochs": 3}}
    model = mlpkit.train(spec, x, np.sin(x))
    model.save(tmp_path / "model.h5")
    np.testing.assert_array_equal(mlpkit.load(tmp_path / "model.h5").predict(x), model.predict(x))
