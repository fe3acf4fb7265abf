"""The checks of kernels pass steps with the bits of NumPy, and find each way to have others."""

import re

import numpy as np
import pytest

import mlpkit
from mlpkit.testing import check_plugin
from mlpkit.testing.check_run import run_check
from mlpkit.testing.kernels import CHECKS, numpy_step


class Exact(mlpkit.Kernels):
    """Steps of NumPy for all but Muon, whose tensors are left to NumPy."""

    def step(self, parts):
        return None if parts.tensors else self.stepping(parts)

    def stepping(self, parts):
        return numpy_step(parts)


class OtherNaN(Exact):
    """NaN with another sign is NaN."""

    def stepping(self, parts):
        def kernel(*arguments):
            numpy_step(parts)(*arguments)
            for array in (parts.w, *parts.state):
                array[np.isnan(array)] = -np.nan

        return kernel


def outcome(kernels):
    """The outcome of each check of kernels."""
    report = check_plugin(kernels)
    return {check.name: (check.status, check.reason) for check in report.checks if check.name in CHECKS}


@pytest.mark.slow
def test_the_bits_of_numpy_pass():
    assert {status for status, _ in outcome(Exact()).values()} == {"passed"}


def test_any_nan_is_nan():
    assert run_check("special_values", CHECKS["special_values"], OtherNaN()).status == "passed"


class Inactive(Exact):
    """Nothing, because nothing was built."""

    def status(self):
        return "built without a C compiler"

    def step(self, parts):
        return None


class Nothing(Exact):
    """Nothing at all."""

    def step(self, parts):
        return None


@pytest.mark.parametrize(
    ("kernels", "reason"), [(Inactive(), "built without a C compiler"), (Nothing(), "they take no built-in")], ids=repr
)
def test_kernels_that_take_nothing_are_not_checked(kernels, reason):
    assert check_plugin(kernels).ok
    assert {status for status, _ in outcome(kernels).values()} == {"skipped"}
    assert all(reason in given or "same finding" in given for _, given in outcome(kernels).values())


class Planted(Exact):
    """Steps of NumPy, changed before or after."""

    fault: str

    def stepping(self, parts):
        fault, step = self.fault, numpy_step(FAULTS[self.fault][0](parts))

        def kernel(gradient, lr, t, fading, threads):
            before = parts.w.copy()
            step(*FAULTS[fault][1](gradient, lr, t, fading, threads))
            FAULTS[fault][2](parts, before, lr)

        return kernel


def same(parts):
    return parts


def given(*arguments):
    return arguments


def nothing(parts, before, lr):
    pass


def last_number_late(parts, before, lr):
    """The rest of a vector loop is forgotten: numbers behind a multiple of eight."""
    rest = slice(len(before) // 8 * 8, None)
    parts.w[rest] = before[rest]


def flushed(parts, before, lr):
    """Denormal numbers become 0."""
    parts.w[abs(parts.w) < np.finfo(parts.w.dtype).tiny] = 0.0


def joined(parts, before, lr):
    """An average whose product and sum are joined, with one rounding."""
    if parts.average is not None:
        parts.average[...] = np.nextafter(parts.average, np.inf, dtype=parts.average.dtype)


def unsigned(parts, before, lr):
    """A state without its sign of zero, or of denormal numbers."""
    for array in parts.state:
        array += array.dtype.type(0.0)
        array[abs(array) < np.finfo(array.dtype).tiny] = 0.0


def beside(parts, before, lr):
    """A write in front of the array, and the learning rate that is kept."""
    if parts.scalars:
        parts.scalars[0][...] += 1e-16 * np.sign(lr)


FAULTS = {  # changes of the parts, of the arguments, and of the results; the checks that find it
    "no factors": (lambda parts: parts._replace(factors=None), given, nothing, ["optimizers", "step_options"]),
    "no decay": (lambda parts: parts._replace(decay=()), given, nothing, ["optimizers", "step_options"]),
    "one decay": (lambda parts: parts._replace(decay=parts.decay[:1]), given, nothing, ["optimizers", "step_options"]),
    "no clipping": (lambda parts: parts._replace(clip_value=None), given, nothing, ["optimizers", "step_options"]),
    "no average": (lambda parts: parts._replace(average=None), given, nothing, ["optimizers", "step_options"]),
    "no fading": (same, lambda grad, lr, t, fading, threads: (grad, lr, t, 1.0, threads), nothing, ["optimizers", "step_options"]),
    "single rate": (same, lambda grad, lr, *rest: (grad, float(np.float32(lr)), *rest), nothing, ["optimizers", "sizes", "step_options"]),
    "step": (same, lambda grad, lr, t, *rest: (grad, lr, t + 1, *rest), nothing, ["optimizers", "sizes"]),
    "rest": (same, given, last_number_late, ["optimizers", "sizes", "step_options", "special_values"]),
    "flushed": (same, given, flushed, ["special_values"]),
    "joined": (same, given, joined, ["optimizers", "step_options"]),
    "unsigned": (same, given, unsigned, ["special_values"]),
    "scalar": (same, given, beside, ["optimizers"]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_other_bits_are_found(fault):
    for name in FAULTS[fault][-1]:
        check = run_check(name, CHECKS[name], Planted(fault=fault))
        assert check.status == "failed", name
        assert re.search(r"after step \d+ of \w+\(.* differs at \d+ of \d+: .* instead of ", check.reason)
