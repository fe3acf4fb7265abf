"""Arguments are checked in C: wrong ones are exceptions, and no combination of them ends the process."""

import copy
import gc
import math
import pickle
import threading
import weakref

import numpy as np
import pytest
from mlpkit_fused import _kernels


def zeros(size=8, dtype="float32"):
    return np.zeros(size, dtype)


def arguments(rule="adam", options=(0.9, 0.999, 1e-8), arrays=2, size=8, scalars=0, dtype="float32"):
    state = tuple(zeros(size, dtype) for _ in range(arrays))
    return [rule, options, zeros(size, dtype), state, tuple(zeros((), "float64") for _ in range(scalars)), None, math.inf, (), ()]


def misaligned(size=8):
    return np.zeros(4 * size + 1, "u1")[1:].view("float32")


def read_only(size=8):
    array = zeros(size)
    array.flags.writeable = False
    return array


ONE = zeros()
WRONG = {  # position of the argument, its value, the exception
    "rule": (0, "sgdd", ValueError, "unknown rule 'sgdd'"),
    "rule of another type": (0, 3, TypeError, "str"),
    "few options": (1, (0.9,), ValueError, "adam has 3 options, not 1"),
    "an option": (1, (0.9, "a", 1e-8), TypeError, "real number"),
    "options as a list": (1, [0.9, 0.999, 1e-8], TypeError, "tuple"),
    "integers": (2, np.zeros(8, "int32"), TypeError, "w must be an array of float32 or float64, not of the format 'i'"),
    "half": (2, np.zeros(8, "float16"), TypeError, "not of the format 'e'"),
    "swapped bytes": (2, np.zeros(8, ">f4"), TypeError, "format '>f'"),
    "complex": (2, np.zeros(8, "complex64"), TypeError, "format 'Zf'"),
    "a structure": (2, np.zeros(8, [("f", "f4")]), TypeError, "not of the format 'T"),
    "bytes": (2, bytearray(32), TypeError, "not of the format 'B'"),
    "no array": (2, None, TypeError, "bytes-like"),
    "every second one": (2, zeros(16)[::2], ValueError, "not C-contiguous"),
    "reversed": (2, zeros()[::-1], ValueError, "not C-contiguous"),
    "columns": (2, np.zeros((2, 4), "float32").T, ValueError, "not C-contiguous"),
    "not aligned": (2, misaligned(), ValueError, "w is not aligned"),
    "read only": (2, read_only(), ValueError, "read-only"),
    "another dtype": (3, (zeros(), zeros(dtype="float64")), TypeError, "state must be an array of float32, not of the format 'd'"),
    "another size": (3, (zeros(), zeros(9)), ValueError, "state must have 8 numbers, not 9"),
    "few arrays": (3, (zeros(),), ValueError, "state must have 2 arrays, not 1"),
    "no arrays": (3, None, TypeError, "tuple"),
    "the same array twice": (3, (ONE, ONE), ValueError, "state shares memory"),
    "arrays that overlap": (3, (zeros(15)[7:], zeros(15)[:8]), None, ""),
    "scalars": (4, (zeros((), "float64"),), ValueError, "scalars must have 0 arrays, not 1"),
    "factors": (5, zeros(7), ValueError, "factors must have 8 numbers, not 7"),
    "clip": (6, -1.0, ValueError, "clip must be at least 0"),
    "clip is nan": (6, math.nan, ValueError, "clip must be at least 0"),
    "clip is a text": (6, "1", TypeError, "real number"),
    "a segment too long": (7, ((0, 9, 0.1),), ValueError, "0 to 9 is outside of 8 numbers"),
    "a negative segment": (7, ((-1, 3, 0.1),), ValueError, "outside"),
    "a segment backwards": (7, ((3, 2, 0.1),), ValueError, "outside"),
    "segments that overlap": (7, ((0, 3, 0.1), (2, 5, 0.1)), ValueError, "not in order"),
    "a huge segment": (7, ((0, 2**70, 0.1),), OverflowError, "too large"),
    "half a segment": (7, ((0, 3),), TypeError, "start, stop, factor"),
    "segments as lists": (7, ([0, 3, 0.1],), TypeError, "start, stop, factor"),
    "an average": (8, ((zeros(7), 0.9, None),), ValueError, "average must have 8 numbers"),
    "a share": (8, ((zeros(), 0.9, zeros(1)),), TypeError, "share must be an array of float64"),
    "many shares": (8, ((zeros(), 0.9, np.zeros(2)),), ValueError, "share must have 1 numbers"),
    "averages as lists": (8, ([zeros(), 0.9, None],), TypeError, "share or None"),
    "the second average": (8, ((zeros(), 0.9, np.zeros(1)), (zeros(9), 0.9, None)), ValueError, "average must have 8 numbers"),
}


@pytest.mark.parametrize(("position", "value", "error", "message"), WRONG.values(), ids=WRONG)
def test_wrong_arguments_of_a_step(position, value, error, message):
    given = arguments()
    given[position] = value
    if error is None:
        _kernels.Step(*given)
    else:
        with pytest.raises((error, BufferError) if error is ValueError else error, match=message):
            _kernels.Step(*given)


@pytest.mark.parametrize("other", ["w", "average", "share", "factors", "scalars"])
def test_arrays_of_a_step_share_no_memory(other):
    given = arguments("schedule_free", (0.9, 0.9, 1e-8, 0.0, 1.0), 3, scalars=2, dtype="float64")
    base = np.zeros(12)
    given[3] = (base[4:], *given[3][1:])
    pairs = {"w": (2, base[:8]), "average": (8, ((base[:8], 0.9, None),)), "share": (8, ((zeros(8, "float64"), 0.9, base[5:6]),))}
    pairs |= {"factors": (5, base[:8]), "scalars": (4, (base[11:], zeros(1, "float64")))}
    position, given[position] = pairs[other]
    with pytest.raises(ValueError, match="shares memory with another array of the step"):
        _kernels.Step(*given)


@pytest.mark.parametrize("call", ["step", "begin"])
@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        *((zeros(7), ValueError), (zeros(dtype="float64"), TypeError), (zeros(16)[::2], (ValueError, BufferError)), (None, TypeError)),
        *((misaligned(), ValueError), (read_only(), (ValueError, BufferError))),
    ],
)
def test_a_wrong_gradient_changes_nothing(call, wrong, error):
    given = arguments("nadam", (0.9, 0.999, 1e-8, 0.004), scalars=1)
    step, right = _kernels.Step(*given), np.ones(8, "float32")
    step.step(right, 0.1, 1, 1.0, 1)
    before, product = given[2].copy(), float(given[4][0])
    with pytest.raises(error):
        getattr(step, call)(wrong, 0.1, 2, 1.0, *([1] if call == "step" else []))
    assert (given[2].tolist(), float(given[4][0])) == (before.tolist(), product)
    step.run(slice(0, 8))  # the last right gradient is still there
    assert not np.array_equal(given[2], before)


def test_the_gradient_shares_no_memory_with_the_step():
    given = arguments("sgd", (), 0)
    step = _kernels.Step(*given)
    with pytest.raises(ValueError, match="gradient shares memory"):
        step.step(given[2], 0.1, 1, 1.0, 1)


@pytest.mark.parametrize("wrong", [(), (ONE,), (ONE, "a", 1, 1.0, 1), (ONE, 0.1, None, 1.0, 1), (ONE, 0.1, 1, [], 1), (ONE,) * 7])
def test_wrong_arguments_of_a_call(wrong):
    step = _kernels.Step(*arguments("sgd", (), 0))
    with pytest.raises(TypeError):
        step.step(*wrong)
    with pytest.raises(TypeError):
        step.begin(*wrong)


@pytest.mark.parametrize("part", [slice(0, 9), slice(-1, 3), slice(5, 2), slice(0, 8, 2), slice(0, 10**30), slice(None), slice(8, 9)])
def test_a_slice_outside_of_the_vector(part):
    step = _kernels.Step(*arguments("sgd", (), 0))
    with pytest.raises(RuntimeError, match="call begin before run"):
        step.run(part)
    step.begin(zeros(), 0.1, 1, 1.0)
    with pytest.raises(ValueError, match="the slice is outside of 8 numbers"):
        step.run(part)
    with pytest.raises(TypeError, match="run takes a slice"):
        step.run(part.stop)


def test_a_step_of_no_numbers():
    given = arguments(size=0)
    _kernels.Step(*given).step(zeros(0), 0.1, 1, 1.0, 1)


def test_arrays_live_as_long_as_the_step_and_no_longer():
    given = arguments("sgd", (), 0)
    w, gradient = given[2], np.ones(8, "float32")
    step = _kernels.Step(*given)
    step.step(gradient, 0.5, 1, 1.0, 1)
    held = weakref.ref(w), weakref.ref(gradient)
    del given, w, gradient
    gc.collect()
    step.run(slice(0, 8))
    assert held[0]().tolist() == [-1.0] * 8
    del step
    gc.collect()
    assert [each() for each in held] == [None, None]


def test_failed_steps_release_their_arrays():
    for position, value in ((3, (zeros(), zeros(9))), (7, ((0, 3, 0.1), (2, 5, 0.1))), (8, ((zeros(), 0.9, zeros(1)),))):
        given = arguments()
        given[position] = value
        held = [weakref.ref(array) for array in (given[2], given[3][0])]
        with pytest.raises((ValueError, TypeError)):
            _kernels.Step(*given)
        del given, value
        gc.collect()
        assert held[0]() is None


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_step_cannot_be_copied(copied):
    with pytest.raises(TypeError):
        copied(_kernels.Step(*arguments()))


def test_levels():
    assert _kernels.levels()[0] == "base"
    for wrong in (-1, len(_kernels.levels())):
        with pytest.raises(ValueError, match="this processor has the levels"):
            _kernels.use_level(wrong)
    with pytest.raises(TypeError):
        _kernels.use_level("avx2")


def test_threads_that_take_the_same_step_at_once_end_with_results_or_errors():
    size, errors = 2**17, []
    step = _kernels.Step(*arguments(size=size))

    def work():
        for t in range(1, 40):
            try:
                step.step(np.ones(size, "float32"), 0.1, t, 1.0, 1)
                step.run(slice(0, size))
            except RuntimeError as error:
                errors.append(str(error))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(errors) <= {"another thread is taking this step"}


class Calls:
    """A number that takes the step again while its own arguments are read."""

    def __init__(self, call):
        self.call = call

    def __float__(self):
        self.call()
        return 0.1


def test_a_step_within_the_arguments_of_a_step():
    step = _kernels.Step(*arguments())
    step.step(zeros(), Calls(lambda: step.step(zeros(), 0.1, 1, 1.0, 1)), 1, 1.0, 1)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Conversion of an array with ndim > 0")
@pytest.mark.parametrize("seed", range(20))
def test_random_arguments_end_in_a_step_or_an_exception(seed):
    rng = np.random.default_rng(seed)
    rules = (("sgd", 0, 0, 0), ("adam", 3, 2, 0), ("nadam", 4, 2, 1), ("schedule_free", 5, 3, 2), ("rmsprop_centered_momentum", 3, 3, 0))

    def array():
        size, dtype = int(rng.integers(0, 12)), rng.choice(["f4", "f8", "f8", "i4", ">f4"])
        kinds = (np.zeros(size, dtype), np.zeros(size * 2, dtype)[::2], np.zeros((2, size), dtype), misaligned(size), read_only(size))
        return kinds[rng.choice(5, p=[0.8, 0.05, 0.05, 0.05, 0.05])]

    def number():
        return rng.choice([0.0, 0.5, -1.0, 1e300, math.nan, math.inf])

    def tuple_of(make):
        return tuple(make() for _ in range(rng.integers(0, 4)))

    made = 0
    for _ in range(400):
        rule, options, arrays, scalars = rules[rng.integers(len(rules))]
        given = arguments(rule, tuple(number() for _ in range(options)), arrays, int(rng.integers(0, 12)), scalars)
        segments = tuple_of(lambda: (int(rng.integers(-1, 9)), int(rng.integers(-1, 12)), 0.1))
        averages = tuple_of(lambda: (array(), 0.5, None))
        right = {3: tuple_of(array), 5: array(), 6: number(), 7: segments, 8: averages}
        junk = (None, "a", 3, *right.values())
        for position in rng.choice(9, rng.integers(0, 3)):
            given[position] = right[position] if position in right and rng.random() < 0.8 else junk[rng.integers(len(junk))]
        try:
            step = _kernels.Step(*given)
            made += 1
            step.step(array() if rng.random() < 0.5 else np.ones_like(given[2]), number(), int(rng.integers(-3, 9)), number(), 1)
            step.run(slice(int(rng.integers(-1, 12)), int(rng.integers(-1, 12))))
        except (TypeError, ValueError, BufferError, RuntimeError):
            pass
    assert made > 40
