"""Activations against PyTorch and mpmath in float64, whose answers reference/make_activations.py made, and at the ends of the numbers."""

import warnings
from pathlib import Path

import numpy as np
import pytest

from mlpkit.errors import SpecError
from mlpkit.numerics.erf import erfc
from mlpkit.plugin import REGISTRIES, Gated
from mlpkit.plugin.aliases import ALIASES
from mlpkit.spec import Spec

REFERENCE = dict(np.load(Path(__file__).parent / "reference" / "activations.npz"))
TOLERANCES = {"float32": 2e-6, "float64": 1e-12}
CASES = sorted({key.split("/")[1] for key in REFERENCE if key.endswith("/out") and key != "erfc/out"})  # name, then options
ROW_WISE = {"softmax", "log_softmax", "continuation_ratio"}
TRAINED = {"prelu"}


def made(case):
    """Return the activation of a case: its name, and options such as alpha=0.3."""
    name, *options = case.split()
    pairs = [option.split("=") for option in options]
    return REGISTRIES["activations"].get(name)(**{key: value if value.isalpha() else float(value) for key, value in pairs})


def is_wide(case):
    return case in ROW_WISE or isinstance(made(case), Gated)


LINES = [case for case in CASES if not is_wide(case) and case not in TRAINED]
TABLES = [case for case in CASES if is_wide(case)]


def computed(activation, z, grad):
    """Return values and dL/dz, with NumPy's warnings as errors."""
    z, grad = z.copy(), grad.copy()
    out, before = np.full(grad.shape, np.nan, z.dtype), z.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        activation.forward(z, out)
        np.testing.assert_array_equal(z, before)
        values = out.copy()
        if isinstance(activation, Gated):
            grad_z = np.full_like(z, np.nan)
            activation.backward(z, out, grad, grad_z)
            return values, grad_z
        activation.backward(z, out, grad)
    return values, grad


def assert_close(found, expected, dtype):
    """Compare with numbers of float64; where one does not fit the dtype, any number but NaN is right."""
    assert found.dtype == dtype
    assert not np.isnan(found).any()
    fits = np.abs(expected) <= np.finfo(dtype).max
    assert np.isfinite(found[fits]).all()
    error = np.abs(found[fits].astype(np.float64) - expected[fits]) / np.maximum(1.0, np.abs(expected[fits]))
    assert error.max(initial=0.0) <= TOLERANCES[dtype], (found[fits][error.argmax()], expected[fits][error.argmax()])


def test_every_activation_has_a_reference():
    assert {case.split()[0] for case in CASES} == set(REGISTRIES["activations"].builtins)


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("case", LINES)
def test_elementwise(case, dtype):
    activation = made(case)
    line, out, grad = (REFERENCE[f"{dtype}/{part}"] for part in ("line", f"{case}/out", f"{case}/grad"))
    size = len(line)
    for shape in ((size // 2, 2), (size, 1), (1, size), (0, 3), (40 * size, 3), (2, 100 * size)):
        z, *expected = (np.resize(array, shape) for array in (line, out, grad))
        z = z.astype(dtype)
        for found, right in zip(computed(activation, z, np.ones_like(z)), expected, strict=True):
            assert_close(found, right, dtype)


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("case", TABLES)
def test_row_wise_and_gated(case, dtype):
    activation = made(case)
    z, grad, out, grad_z = (REFERENCE[f"{dtype}/{part}"] for part in ("table", "grad", f"{case}/out", f"{case}/grad"))
    for rows in (slice(None), slice(1), slice(0), np.resize(np.arange(len(z)), 9000)):
        given = z[rows].astype(dtype), grad[rows, : out.shape[1]].astype(dtype)
        for found, right in zip(computed(activation, *given), (out[rows], grad_z[rows]), strict=True):
            assert_close(found, right, dtype)


@pytest.mark.parametrize("case", TABLES)
@pytest.mark.parametrize("dtype", TOLERANCES)
def test_one_unit(case, dtype):
    """One unit: a gated activation is a product of two numbers, a distribution is 1."""
    z = REFERENCE[f"{dtype}/table"].astype(dtype)[:, :2]
    if case in ROW_WISE:
        values, gradients = computed(made(case), z[:, :1], np.ones_like(z[:, :1]))
        assert (values == (0.0 if case == "log_softmax" else 1.0)).all()
        assert not gradients.any()
        return
    wide, _ = computed(made(case), np.repeat(z, 2, axis=1), np.ones_like(z))
    narrow, _ = computed(made(case), z, np.ones_like(z[:, :1]))
    np.testing.assert_allclose(narrow[:, 0], wide[:, 1], rtol=1e-5)


@pytest.mark.parametrize("dtype", TOLERANCES)
def test_prelu(dtype):
    z, grad, slope = (REFERENCE[f"{dtype}/{part}"].astype(dtype) for part in ("table", "grad", "slope"))
    out, gradient = np.empty_like(z), np.ones_like(slope)
    prelu = made("prelu")
    prelu.forward(z, out, slope)
    assert_close(out, REFERENCE[f"{dtype}/prelu/out"], dtype)
    prelu.backward(z, out, grad, slope, gradient)
    assert_close(grad, REFERENCE[f"{dtype}/prelu/grad"], dtype)
    expected = REFERENCE[f"{dtype}/prelu/slope"]
    np.testing.assert_allclose(gradient - 1, expected, rtol=10 * TOLERANCES[dtype], atol=10 * TOLERANCES[dtype])  # it is added


LIMITS = {  # value and derivative at -inf, and at inf; z stands for the pre-activation
    "linear": ("z", 1, "z", 1), "sigmoid": (0, 0, 1, 0), "tanh": (-1, 0, 1, 0), "relu": (0, 0, "z", 1), "relu6": (0, 0, 6, 0),
    "elu": (-1, 0, "z", 1), "elu alpha=0.3": (-0.3, 0, "z", 1), "celu": (-1, 0, "z", 1), "celu alpha=2.5": (-2.5, 0, "z", 1),
    "gelu": (0, 0, "z", 1), "gelu approximate=tanh": (0, 0, "z", 1), "silu": (0, 0, "z", 1), "mish": (0, 0, "z", 1),
    "softplus": (0, 0, "z", 1), "softplus beta=2.5": (0, 0, "z", 1), "squareplus": (0, 0, "z", 1), "softsign": (-1, 0, 1, 0),
    "hard_sigmoid": (0, 0, 1, 0), "hard_silu": (0, 0, "z", 1), "hard_tanh": (-1, 0, 1, 0), "log_sigmoid": ("z", 1, 0, 0),
    "tanh_shrink": ("z", 1, "z", 1), "soft_shrink": ("z", 1, "z", 1), "hard_shrink": ("z", 1, "z", 1),
    "lecun_tanh": (-1.7159, 0, 1.7159, 0), "gaussian": (0, 0, 0, 0),
}  # fmt: skip


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("case", LIMITS)
@pytest.mark.parametrize("size", [1e30, "largest", np.inf])
def test_limits(case, dtype, size):
    largest = np.finfo(dtype).max if size == "largest" else np.dtype(dtype).type(size)
    for z, limits in ((-largest, LIMITS[case][:2]), (largest, LIMITS[case][2:])):
        found = computed(made(case), np.full((2, 2), z, dtype), np.ones((2, 2), dtype))
        for array, limit in zip(found, limits, strict=True):
            np.testing.assert_allclose(array, z if limit == "z" else limit, rtol=1e-6, atol=TOLERANCES[dtype])


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("case", [*LINES, *TABLES])
def test_nan_is_kept_and_no_other_number_gives_it(case, dtype):
    activation = made(case)
    spread = np.concatenate(
        [np.geomspace(np.finfo(dtype).smallest_subnormal, 1e15, 300).astype(dtype), np.linspace(0, 60, 600, dtype=dtype)]
    )
    z = np.concatenate([spread, -spread]).reshape(-1, 2)
    grad = np.ones((len(z), 1 if isinstance(activation, Gated) else 2), dtype)
    for array in computed(activation, z, grad):
        assert np.isfinite(array).all() or case == "exponential"
        assert not np.isnan(array).any()
    if case not in ROW_WISE:
        out = np.empty_like(grad)
        activation.forward(np.full_like(z, np.nan), out)
        assert np.isnan(out).all()


@pytest.mark.parametrize("case", sorted({*LINES} - {"sine omega=3.0"}))  # which rounds the product of omega and z
def test_float32_agrees_with_float64_everywhere(case):
    z = np.linspace(-45, 45, 30_001, dtype="float32").reshape(-1, 1)
    exact = computed(made(case), z.astype("float64"), np.ones(z.shape))
    for found, right in zip(computed(made(case), z, np.ones_like(z)), exact, strict=True):
        assert_close(found, right, "float32")


def test_an_exponential_is_finite():
    """Beyond the largest number that fits it stays there, so that a run can go on."""
    for dtype in TOLERANCES:
        z = np.array([[1e4, 89.0 if dtype == "float32" else 710.0, -1e4]], dtype)
        values, slopes = computed(made("exponential"), z, np.ones_like(z))
        np.testing.assert_array_equal(values, slopes)
        assert np.isfinite(values).all()
        np.testing.assert_allclose(values[0, :2], np.finfo(dtype).max, rtol=1e-4)


@pytest.mark.parametrize("name", ["gelu", "silu", "mish", "softplus", "squareplus", "exponential"])
def test_far_below_0_values_keep_their_digits(name):
    """The error is relative to the value, however small it is."""
    z = REFERENCE["float64/line"][(REFERENCE["float64/line"] > -12) & (REFERENCE["float64/line"] < 0)]
    expected = REFERENCE[f"float64/{name}/out"][(REFERENCE["float64/line"] > -12) & (REFERENCE["float64/line"] < 0)]
    found, _ = computed(made(name), z[:, None], np.ones((len(z), 1)))
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-11)


def test_complementary_error_function():
    x, expected = REFERENCE["erfc/x"], REFERENCE["erfc/out"]
    out = np.empty_like(x)
    erfc(x, out)
    np.testing.assert_allclose(out, expected, rtol=1e-15)
    single, few = np.empty(len(x), "float32"), x <= 9
    erfc(x.astype("float32"), single)
    np.testing.assert_allclose(single[few], expected[few], rtol=5e-5)
    np.testing.assert_allclose(single, expected, atol=1e-6)
    erfc(x, x)  # in place
    np.testing.assert_array_equal(x, out)


def test_temporary_arrays_do_not_grow_with_the_batch():
    import tracemalloc

    z, grad = np.random.default_rng(0).standard_normal((2, 6000, 64))
    out, wide, grad_wide = np.empty_like(z), np.tile(z, 2), np.empty((6000, 128))
    for case in (*LINES, *TABLES):
        activation = made(case)
        source, more = (wide, [grad_wide]) if isinstance(activation, Gated) else (z, [])
        activation.forward(source[:2].copy(), out[:2])  # what the first call keeps
        tracemalloc.start()
        activation.forward(source, out)
        activation.backward(source, out, grad, *more)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert most < z.nbytes / 4, case
        z[...], grad[...] = 0.5, 1.0
        wide[...] = 0.5


def test_self_normalizing_networks_start_with_lecun_normal():
    spec = Spec.model_validate({"network": {"inputs": 2, "layers": [{"units": 2, "activation": "selu"}, {"units": 1}]}, "loss": "mse"})
    assert spec.network.layers[0].activation.initializer == "lecun_normal"
    assert set(ALIASES["activations"].values()) <= set(REGISTRIES["activations"].builtins)


def test_cross_entropy_refuses_logarithms():
    layers = [{"units": 3, "activation": "log_softmax"}]
    with pytest.raises(SpecError, match=r"log_softmax.*softmax"):
        Spec.model_validate({"network": {"inputs": 2, "layers": layers}, "loss": "categorical_crossentropy"})


@pytest.mark.parametrize(
    ("name", "options", "reason"),
    [
        ("elu", {"alpha": -1}, "alpha"),
        ("celu", {"alpha": 0}, "alpha"),
        ("gelu", {"approximate": "erf"}, "approximate"),
        ("celu", {"alpha": 1e-45}, "alpha"),  # 0 in float32
        ("softplus", {"beta": 0}, "beta"),
        ("softplus", {"beta": 1e-45}, "beta"),
        ("softplus", {"beta": 1e300}, "beta"),
        ("squareplus", {"b": 0}, "b"),
        ("soft_shrink", {"threshold": -1}, "threshold"),
        ("sine", {"omega": 0}, "omega"),
    ],
)
def test_options_out_of_range_are_refused(name, options, reason):
    layers = [{"units": 3, "activation": {"type": name, **options}}, {"units": 1}]
    with pytest.raises(SpecError, match=reason):
        Spec.model_validate({"network": {"inputs": 2, "layers": layers}, "loss": "mse"})
