"""Activations in C, at each level of the processor, against mlpkit's NumPy code and against differences."""

import numpy as np
import pytest
from mlpkit_fused import _engine
from mlpkit_fused.builder import Builder
from mlpkit_fused.functions import activation_code

from mlpkit.plugin import REGISTRIES, Gated

ACTIVATIONS = REGISTRIES["activations"]
OPTIONS = [
    ("leaky_relu", {"negative_slope": 0.3}), ("leaky_relu", {"negative_slope": 0.0}), ("elu", {"alpha": 0.3}), ("celu", {"alpha": 2.5}),
    ("gelu", {"approximate": "tanh"}), ("geglu", {"approximate": "tanh"}), ("softplus", {"beta": 2.5, "threshold": 5.0}),
    ("squareplus", {"b": 0.5}), ("soft_shrink", {"threshold": 1.5}), ("hard_shrink", {"threshold": 1.5}), ("sine", {"omega": 30.0}),
]  # fmt: skip
CASES = [(name, {}) for name in ACTIVATIONS.builtins] + OPTIONS
NAMES = [" ".join([name, *(f"{key}={value}" for key, value in options.items())]) for name, options in CASES]
TOLERANCES = {np.float32: 1e-6, np.float64: 1e-14}


def made(case):
    name, options = case
    return ACTIVATIONS.get(name)(**options)


def activation_is_wide(activation):
    """Return True if a value depends on several pre-activations."""
    return isinstance(activation, Gated) or activation_code(activation)[0] >= _engine.activations.index("softmax")


ELEMENTWISE = [case for case in CASES if not activation_is_wide(made(case))]


def arrays(activation, z, seed=0):
    """Return pre-activations, a gradient, and parameters of the activation."""
    rng = np.random.default_rng(seed)
    units = z.shape[1] // 2 if isinstance(activation, Gated) else z.shape[1]
    return z, rng.uniform(-1, 1, (len(z), units)).astype(z.dtype), [rng.normal(size=units).astype(z.dtype) for _ in activation.parameters]


def in_numpy(activation, z, grad, parameters):
    """Return the values, the gradient of z, and those of parameters."""
    out, grad, grad_z = np.full_like(grad, 7), grad.copy(), np.full_like(z, 7)
    gradients = [np.zeros_like(each) for each in parameters]
    with np.errstate(all="ignore"):
        activation.forward(z, out, *parameters)
        values = out.copy()
        if isinstance(activation, Gated):
            activation.backward(z.copy(), out, grad, grad_z)
        else:
            activation.backward(z.copy(), out, grad, *parameters, *gradients)
    return values, grad_z if isinstance(activation, Gated) else grad, *gradients


def forward(coded, z, out, *slope):
    build, (code, options) = Builder(z.dtype, {}), coded
    build.add("activate", (z, None, out, *(slope or (None,))), (*z.shape, out.shape[1]), options, code)
    build.finished()()


def backward(coded, z, out, grad, grad_z, *slope_and_gradient):
    build, (code, options) = Builder(z.dtype, {}), coded
    places = (z, out, grad, grad_z, *(slope_and_gradient or (None, None)), None)
    build.add("backward", places, (*z.shape, out.shape[1]), options, code)
    build.finished()()


def in_c(activation, z, grad, parameters):
    coded = activation_code(activation)
    assert coded is not None
    out, grad = np.full_like(grad, 7), grad.copy()
    gradients = [np.zeros_like(each) for each in parameters]
    forward(coded, z, out, *parameters)
    if isinstance(activation, Gated):
        grad_z = np.full_like(z, 7)
        backward(coded, z, out, grad, grad_z)
        return out, grad_z
    backward(coded, z, out, grad, grad, *parameters, *gradients)
    return out, grad, *gradients


def assert_close(found, expected, z, level):
    """Compare arrays, relative to the largest number of the row, and of its pre-activations."""
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(np.isnan(one), np.isnan(other))
        largest = [np.where(np.isfinite(each), np.abs(each), 0.0).max(axis=-1, keepdims=True) for each in (z, other)]
        size = np.maximum(1.0, largest[1] if other.ndim == 1 else np.maximum(*largest))
        with np.errstate(invalid="ignore"):
            error = np.where(one == other, 0.0, np.abs(one - other)) / size
        assert np.nanmax(error, initial=0.0) <= TOLERANCES[z.dtype.type], level


def compare(activation, given, each_level):
    expected = in_numpy(activation, *given)
    for level in each_level():
        assert_close(in_c(activation, *given), expected, given[0], level)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_like_numpy_for_every_size(case, dtype, each_level):
    """Rows of 1 to 70 numbers, of the usual sizes, small and large."""
    activation, rng = made(case), np.random.default_rng(1)
    for units in range(1, 71):
        columns = 2 * units if isinstance(activation, Gated) else units
        z = (rng.normal(size=(3, columns)) * np.array([[1.0], [1e-3], [20.0]])).astype(dtype)
        given = arrays(activation, z, units)
        compare(activation, given, each_level)


def special(activation, dtype):
    """Return kinks, their neighbours, and numbers at the ends of the dtype, with both signs."""
    kind = np.finfo(dtype)
    sizes = [0.0, kind.smallest_subnormal, kind.tiny, 1e-20, 0.5, 20.0, 40.0, 60.0, 88.0, 89.0, 104.0, 709.0, 746.0, 1e5, 1e6, 1e18, 1e30]
    points = np.array([*sizes, kind.max, np.inf, *activation.kinks], dtype)
    with np.errstate(over="ignore"):
        points = np.concatenate([points, np.nextafter(points, dtype(0)), np.nextafter(points, dtype(np.inf))])
    return np.concatenate([points, -points, np.array([np.nan], dtype)])


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_like_numpy_at_special_numbers(case, dtype, each_level):
    activation = made(case)
    points = special(activation, dtype)[:, None]
    others = np.random.default_rng(2).normal(size=(len(points), 3)).astype(dtype)
    z = np.hstack([points, others]) if activation_is_wide(activation) else points
    z = np.vstack([z, np.roll(z, 2, axis=1)])
    given = arrays(activation, z)
    compare(activation, given, each_level)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_derivative(case):
    """The gradient is that of central differences, in float64."""
    activation, step = made(case), 1e-6
    z = np.random.default_rng(3).normal(size=(5, 6)) * 2
    for kink in activation.kinks:
        assert (np.abs(z - kink) > 10 * step).all()
    z, grad, parameters = arrays(activation, z)
    coded = activation_code(activation)

    def values():
        out = np.empty_like(grad)
        forward(coded, z, out, *parameters)
        return out

    _, *gradients = in_c(activation, z, grad, parameters)
    for array, gradient in zip([z, *parameters], gradients, strict=True):
        for place in np.ndindex(array.shape):
            middle, ends = array[place], []
            for array[place] in (middle - step, middle + step):
                ends.append(values())
            array[place] = middle
            assert gradient[place] == pytest.approx(((ends[1] - ends[0]) * grad).sum() / (2 * step), rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("dtype", TOLERANCES)
def test_rows_of_more_numbers_than_a_block(dtype, each_level):
    for name in ("softmax", "log_softmax", "continuation_ratio"):
        for shape in ((3, 1023), (2, 1024), (2, 2500), (700, 5), (1500, 1)):
            activation = made((name, {}))
            given = arrays(activation, np.random.default_rng(4).normal(size=shape).astype(dtype))
            compare(activation, given, each_level)


@pytest.mark.parametrize("case", ELEMENTWISE, ids=[NAMES[CASES.index(case)] for case in ELEMENTWISE])
def test_values_may_replace_elementwise_pre_activations(case, each_level):
    activation = made(case)
    z = np.random.default_rng(5).normal(size=(3, 37)) * 10
    out, coded = np.empty_like(z), activation_code(activation)
    for _ in each_level():
        place = z.copy()
        forward(coded, z, out)
        forward(coded, place, place)
        np.testing.assert_array_equal(place, out)


def test_every_activation_has_a_code_and_other_classes_have_none():
    used = {_engine.activations[activation_code(made(case))[0]] for case in CASES}
    assert used == set(_engine.activations)
    derived = type("ReLU", (ACTIVATIONS.get("relu"),), {"__module__": __name__})
    assert activation_code(derived()) is None
