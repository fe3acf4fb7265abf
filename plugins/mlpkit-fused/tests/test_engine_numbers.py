"""Functions of numbers in C, at each level of the processor, against NumPy's in extended precision."""

import math

import numpy as np
import pytest
from mlpkit_fused import _engine

DTYPES = [np.float32, np.float64]
EXACT = {
    "exp": np.exp,
    "expm1_below": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "erfc": lambda x: np.array([math.erfc(value) for value in x]),
    "sin": np.sin,
    "cos": np.cos,
}
ULPS = dict.fromkeys(EXACT, 2.5) | {"erfc": 8.0}  # units of the last place; erfc has mlpkit's polynomial
DOMAINS = {
    "log": (0.0, np.inf),
    "log1p": (-1.0, np.inf),
    "expm1_below": (-np.inf, 0.0),
    "sin": (-2e5, 2e5),
    "cos": (-2e5, 2e5),
    "erfc": (-30.0, 3.0),
}


def of(name, x):
    out = np.full_like(x, 7.0)
    _engine.function(_engine.functions.index(name), x, out)
    return out


def arguments(name, dtype):
    """Return numbers of all sizes, close ones to where functions are hard, and those at the ends of exp."""
    kind, rng = np.finfo(dtype), np.random.default_rng(0)
    sizes = np.exp(np.linspace(math.log(kind.smallest_subnormal), math.log(kind.max) - 1e-9, 20_001))
    ends = np.linspace(math.log(kind.smallest_subnormal) - 2, math.log(kind.max) + 2, 20_001)
    near = 1 + np.arange(-500, 500) * float(kind.eps)
    turns = np.arange(-30_000, 30_000, 7) * (np.pi / 2)
    spread = np.concatenate([np.linspace(-5, 5, 20_001), rng.uniform(-2e5, 2e5, 20_000)])
    x = np.concatenate([sizes, -sizes, ends, near, turns, spread, [0.0, -0.0]]).astype(dtype)
    low, high = DOMAINS.get(name, (-np.inf, np.inf))
    return x[(x >= low) & (x <= high)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", EXACT)
def test_accuracy(name, dtype, each_level):
    x = arguments(name, dtype)
    with np.errstate(all="ignore"):
        exact = EXACT[name](x.astype(np.longdouble))
        if name == "sigmoid":  # it is limited there, as in NumPy's code
            exact = np.maximum(exact, 1 / (1 + np.exp(np.longdouble(88 if dtype == np.float32 else 709))))
        rounded = exact.astype(dtype)
    finite = np.isfinite(rounded)
    for level in each_level():
        found = of(name, x)
        np.testing.assert_array_equal(found[~finite], rounded[~finite])
        error = np.abs(found[finite] - exact[finite]) / np.spacing(np.abs(rounded[finite]))
        assert error.max() <= ULPS[name], (level, x[finite][error.argmax()])


LIMITS = {  # at -inf and at inf
    "exp": (0, np.inf), "expm1_below": (-1, np.nan), "log": (np.nan, np.inf), "log1p": (np.nan, np.inf), "tanh": (-1, 1), "sigmoid": (0, 1),
    "erfc": (2, 0),
}  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", LIMITS)
def test_limits_and_nan(name, dtype, each_level):
    for level in each_level():
        found, expected = of(name, np.array([-np.inf, np.inf, np.nan] * 11, dtype)), np.array([*LIMITS[name], np.nan] * 11, dtype)
        np.testing.assert_allclose(found, expected, atol=np.finfo(dtype).smallest_normal, err_msg=level)


@pytest.mark.parametrize("dtype", DTYPES)
def test_logarithms_of_zero_and_of_negative_numbers(dtype, each_level):
    for _ in each_level():
        np.testing.assert_array_equal(of("log", np.array([0.0, -0.0, -1.0], dtype)), [-np.inf, -np.inf, np.nan])
        np.testing.assert_array_equal(of("log1p", np.array([-1.0, -2.0], dtype)), [-np.inf, np.nan])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", EXACT)
def test_every_size(name, dtype, each_level):
    """The rest of a loop after its last vector is right too, and nothing behind it is written."""
    x = np.random.default_rng(1).uniform(0.1, 3.0, 70).astype(dtype) * (-1 if name == "expm1_below" else 1)
    expected = EXACT[name](x.astype(np.float64))
    for level in each_level():
        for size in range(1, 71):
            out = np.full(72, 7.0, dtype)
            _engine.function(_engine.functions.index(name), x[:size], out[1 : size + 1])
            np.testing.assert_allclose(out[1 : size + 1], expected[:size], rtol=8 * np.finfo(dtype).eps, err_msg=level)
            assert out[0] == 7.0
            assert (out[size + 1 :] == 7.0).all()


def test_every_function_is_tested():
    assert set(_engine.functions) == set(EXACT)


@pytest.mark.parametrize("level", [-1, 3, len(_engine.levels)])
def test_a_level_that_the_processor_lacks_is_refused(level):
    with pytest.raises(ValueError, match="levels 0 to"):
        _engine.use_level(level)


def test_wrong_arrays_are_refused():
    x = np.zeros(4, np.float32)
    for given, out, error, part in (
        (x, np.zeros(4), TypeError, "out must be an array of float32"),
        (x, np.zeros(3, np.float32), ValueError, "out must have 4 numbers, not 3"),
        (x[::2], x[:2], (BufferError, ValueError), "contiguous"),
        (x.astype(int), x, TypeError, "x must be an array of float32 or float64"),
        (x.astype(np.float16), x, TypeError, "x must be an array"),
        (x.astype(">f4"), x, TypeError, "x must be an array"),
        (np.zeros(17, np.uint8)[1:].view(np.float32), x, ValueError, "not aligned"),
        (memoryview(bytearray(17))[1:].cast("f"), x, ValueError, "not aligned"),
        ([1.0], x, TypeError, "bytes-like"),
    ):
        with pytest.raises(error, match=part):
            _engine.function(0, given, out)
    out = np.zeros(4, np.float32)
    out.flags.writeable = False
    with pytest.raises((BufferError, ValueError), match=r"read-only|not writable"):
        _engine.function(0, np.zeros(4, np.float32), out)
    with pytest.raises(ValueError, match="there is no function 9"):
        _engine.function(9, np.zeros(4, np.float32), np.zeros(4, np.float32))
