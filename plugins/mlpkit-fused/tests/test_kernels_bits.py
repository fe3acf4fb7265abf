"""Kernels against the steps of NumPy: the same bits."""

from functools import reduce
from itertools import pairwise

import numpy as np
import pytest
from mlpkit_fused import _kernels
from mlpkit_fused import kernels as fused

from mlpkit import optimizers as o
from mlpkit.plugin.kernels import StepParts, TensorPlace

OPTIMIZERS = {
    "sgd": o.SGD(),
    "momentum": o.SGD(momentum=0.9),
    "nesterov": o.SGD(momentum=0.7, nesterov=True),
    "adam": o.Adam(),
    "adam of other options": o.Adam(beta1=0.0, beta2=0.9, epsilon=0.1),
    "amsgrad": o.Adam(amsgrad=True, beta2=0.5),
    "adamw": o.AdamW(),
    "adamax": o.Adamax(beta2=0.9),
    "radam": o.RAdam(beta2=0.9),
    "radam, almost known": o.RAdam(beta2=0.835),  # of step 6: r(t) = 4.97
    "nadam": o.NAdam(momentum_decay=0.1),
    "rmsprop": o.RMSprop(),
    "rmsprop, centered": o.RMSprop(centered=True),
    "rmsprop, momentum": o.RMSprop(momentum=0.5),
    "rmsprop, both": o.RMSprop(centered=True, momentum=0.5),
    "adagrad": o.Adagrad(),
    "adagrad of other options": o.Adagrad(lr_decay=0.1, initial_accumulator=0.2),
    "adadelta": o.Adadelta(),
    "rprop": o.Rprop(steps=(1e-4, 0.02)),
    "lion": o.Lion(),
    "schedule_free": o.ScheduleFreeAdamW(beta2=0.9),
    "schedule_free, decay": o.ScheduleFreeAdamW(weight_decay=0.1),
    "muon": o.Muon(),
    "muon, momentum": o.Muon(nesterov=False, iterations=2),
    "clipped values": o.Clipping(value=0.3, inner=o.Adam()),
    "clipped norm": o.Clipping(norm=0.3, inner=o.SGD(momentum=0.9)),
    "clipped both": o.Clipping(value=0.5, norm=1.0, inner=o.RMSprop()),
    "averaged": o.Averaging(decay=0.8, inner=o.NAdam()),
    "averaged twice": o.Averaging(decay=0.8, inner=o.Averaging(decay=0.5, inner=o.Adam())),
    "nested": o.Clipping(norm=1.0, inner=o.Averaging(inner=o.Clipping(value=0.2, inner=o.Clipping(value=0.1, norm=0.5, inner=o.Lion())))),
    "values, then norm": o.Clipping(value=0.2, inner=o.Averaging(inner=o.Clipping(norm=0.4, inner=o.ScheduleFreeAdamW()))),
    "clipped muon": o.Clipping(value=0.3, norm=0.5, inner=o.Averaging(inner=o.Muon())),
}
LEVELS = range(len(_kernels.levels()))
SPECIAL = [0.0, -0.0, 1e-320, -1e-45, 1e-40, 3e-38, -1e-23, 1.0, -1.0, 0.5, 1e19, -3e38, 1e300, np.inf, -np.inf, np.nan]
GUARD = 7.25  # around each array


class Made:
    """The parts of a step, on arrays that start at odd elements of larger ones, and are the same for the same seed."""

    def __init__(self, optimizer, size, dtype, full, draw, seed=3):
        self.rng, self.dtype, self.size, self.draw, self.whole = np.random.default_rng([size, seed]), np.dtype(dtype), size, draw, []
        tensors = places(size) if optimizer.scope == "tensor" else ()
        decay = optimizer.decoupled_decay or 0.1
        w, state = self.array(draw), tuple(self.array(draw) for _ in optimizer.state)
        for array in state:
            array += 0.0  # -0 becomes 0, which is all that a state contains
            np.abs(array[::2], array[::2])
            if draw is normal:
                array[...] = 0
        self.parts = StepParts(
            optimizer,
            w,
            state,
            tuple(np.zeros(len(tensors) if tensors else ()) for _ in optimizer.scalars),
            tensors,
            self.array(lambda rng, n: rng.choice([0.0, 0.3, 1.0, 2.7], n)) if full else None,
            tuple((slice(a, b), decay * (1 + a % 3)) for a, b in segments(size)) if full else (),
            0.7 if full else None,
            self.array(draw) if full else None,
            0.9 if full else 0.0,
        )

    def array(self, draw):
        start = len(self.whole) % 2 + 1
        whole = np.full(self.size + 8, GUARD, self.dtype)
        self.whole.append(whole)
        with np.errstate(over="ignore"):
            whole[start : start + self.size] = draw(self.rng, self.size)
        return whole[start : start + self.size]

    def gradient(self):
        array = self.array(self.draw)
        self.whole.pop()  # a step may use it as scratch space
        return array

    def bits(self):
        """All arrays with what surrounds them, as integers; any NaN is the same."""
        arrays = [*self.whole, *(each.reshape(-1) for each in self.parts.scalars)]
        return [np.where(np.isnan(each), np.nan, each).astype(each.dtype).view(f"i{each.itemsize}") for each in arrays]


def normal(rng, n):
    return rng.standard_normal(n)


def special(rng, n):
    return rng.choice(SPECIAL, n) * rng.choice([1.0, 1.0, 3.7, 1e-3], n)


def places(size):
    """Tensors of a size in all: matrices of both shapes, a matrix of one row, biases, and a vector called weight."""
    found, at = [], 0
    for role, shape in (("weight", (3, 4)), ("bias", (4,)), ("weight", (4, 2)), ("weight", (1, 5)), ("weight", (6,))):
        if (stop := at + int(np.prod(shape))) <= size:
            found.append(TensorPlace(slice(at, stop), shape, role, len(found)))
            at = stop
    rest = size - at
    shape = (rest // 13, 13) if rest > 26 and rest % 13 == 0 else (rest,)
    return (*found, TensorPlace(slice(at, size), shape, "weight", len(found)))


def segments(size):
    """Parts of a vector: next to each other, with gaps, and empty ones."""
    cuts = sorted({0, size // 7, size // 5, size // 2, size // 2 + 1, 2 * size // 3, size})
    return [(a, b) for k, (a, b) in enumerate(pairwise(cuts)) if k % 3 != 1]


def numpy_step(parts, gradient, lr, t, fading):
    """The step as the contract describes it."""
    if parts.clip_value is not None:
        np.clip(gradient, -parts.clip_value, parts.clip_value, out=gradient)
    for part, factor in parts.decay:
        np.multiply(parts.w[part], 1.0 - lr * factor * fading, parts.w[part])
    rates = lr if parts.factors is None else np.multiply(parts.factors, lr)
    if parts.optimizer.scope == "vector":
        parts.optimizer.step(parts.w, gradient, *parts.state, *parts.scalars, lr=rates, t=t)
    for index, (part, shape, role, layer) in enumerate(parts.tensors):
        w, grad, *state = (array[part].reshape(shape) for array in (parts.w, gradient, *parts.state))
        rate = lr if parts.factors is None else rates[part].reshape(shape)
        scalars = [numbers[index, ...] for numbers in parts.scalars]
        parts.optimizer.step(w, grad, *state, *scalars, lr=rate, t=t, role=role, layer=layer)
    if parts.average is not None:
        np.multiply(parts.average, parts.average_decay, parts.average)
        np.add(parts.average, np.multiply(parts.w, 1.0 - parts.average_decay), parts.average)


def check(optimizer, size, dtype, full=False, draw=normal, steps=range(1, 5), threads=1, rate=lambda t: 0.02 / (1 + t % 5)):
    ours, theirs = (Made(optimizer, size, dtype, full, draw) for _ in range(2))
    kernel = fused.FusedKernels().step(ours.parts)
    assert kernel is not None
    with np.errstate(all="ignore"):
        for t in steps:
            lr, fading = rate(t), 1.0 if t < 3 else 0.6
            kernel(ours.gradient(), lr, t, fading, threads)
            numpy_step(theirs.parts, theirs.gradient(), lr, t, fading)
            for one, other in zip(ours.bits(), theirs.bits(), strict=True):
                np.testing.assert_array_equal(one, other, f"{size} numbers, step {t}, {optimizer}")


@pytest.fixture
def level(request):
    _kernels.use_level(request.param)
    yield
    _kernels.use_level(LEVELS[-1])


at_all_levels = pytest.mark.parametrize("level", LEVELS, indirect=True)
of_all = pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
in_both = pytest.mark.parametrize("dtype", ["float32", "float64"])


@pytest.mark.slow
@of_all
@in_both
def test_many_sizes(optimizer, dtype):
    for size in (*range(1, 71), 1000, 3001):
        check(optimizer, size, dtype, full=size % 2 == (dtype == "float32"), steps=(1, 2))


@of_all
@in_both
@at_all_levels
def test_all_levels(optimizer, dtype, level):
    for size in (3, 47, 1037):
        check(optimizer, size, dtype)
        check(optimizer, size, dtype, full=True)


@of_all
@in_both
@at_all_levels
def test_special_numbers(optimizer, dtype, level):
    for full in (False, True):
        check(optimizer, 400, dtype, full, special)


@pytest.mark.slow
@of_all
@pytest.mark.parametrize(("dtype", "threads"), [("float32", 2), ("float64", 1)])
def test_a_large_vector_in_pieces(optimizer, dtype, threads, monkeypatch):
    monkeypatch.setattr(fused, "MANY", 50_000)
    monkeypatch.setattr(fused, "PIECE", 9_999)
    check(optimizer, 100_003, dtype, full=True, steps=(1, 2), threads=threads)


@pytest.mark.slow
@of_all
@in_both
def test_coefficients_of_many_steps(optimizer, dtype):
    check(optimizer, 2, dtype, steps=[*range(1, 200), 10**3, 10**4 + 1, 10**6 + 3])


@of_all
@pytest.mark.parametrize("zeros", [(1,), (1, 2), (3,)])
def test_rates_of_0(optimizer, zeros):
    for full in (False, True):
        check(optimizer, 20, "float32", full, rate=lambda t: 0.0 if t in zeros else 0.02)


def test_the_decay_is_computed_in_double_in_the_order_of_the_contract():
    check(o.SGD(), 200, "float64", full=True, steps=range(1, 60), rate=lambda t: 313.7 / t)


def test_a_tiny_rate_is_above_0_before_it_is_rounded():
    ours, theirs = (Made(o.Rprop(), 9, "float32", False, normal) for _ in range(2))
    fused.FusedKernels().step(ours.parts)(ours.gradient(), 1e-60, 1, 1.0, 1)
    numpy_step(theirs.parts, theirs.gradient(), 1e-60, 1, 1.0)
    assert ours.parts.w.tolist() == theirs.parts.w.tolist() != Made(o.Rprop(), 9, "float32", False, normal).parts.w.tolist()


def test_every_optimizer_that_takes_steps_is_tested():
    def innermost(optimizer):
        return innermost(optimizer.inner) if hasattr(optimizer, "inner") else type(optimizer)

    classes = {type(each) for each in OPTIMIZERS.values()} | {innermost(each) for each in OPTIMIZERS.values()}
    every = {getattr(o, name) for name in o.__all__} - {o.LevenbergMarquardt}
    assert classes == every


class OwnAdam(o.Adam):
    """Derived from a built-in."""


class OwnClipping(o.Clipping):
    """Derived from a built-in wrapper."""


@pytest.mark.parametrize(
    "optimizer", [OwnAdam(), o.Averaging(inner=OwnAdam()), OwnClipping(value=1.0, inner=o.SGD()), o.Clipping(value=1.0, inner=OwnAdam())]
)
def test_classes_of_others_are_left_to_numpy(optimizer):
    assert fused.FusedKernels().step(Made(optimizer, 9, "float32", False, normal).parts) is None


def test_another_dtype_is_left_to_numpy():
    assert fused.FusedKernels().step(Made(o.SGD(), 9, "float16", False, normal).parts) is None


def test_deeply_nested_wrappers():
    nested = reduce(lambda inner, k: o.Averaging(decay=k / 20, inner=o.Clipping(value=1 / k, inner=inner)), range(1, 20), o.Adam())
    check(nested, 50, "float32", full=True)
