"""Test the kit's messages for frequent mistakes: reported once, in one line, with the correction."""

import re
from typing import ClassVar

import numpy as np
import pytest

from mlpkit import Activation, Elementwise, Minimizer, Optimizer, errors
from mlpkit.testing import check_plugin, parametrize_with_checks
from mlpkit.testing.conformance import examine
from mlpkit.testing.suite import KINDS

from . import good


def failed(plugin):
    """Return the findings of each check."""
    return {check.name: check.reason for check in examine(plugin, without=("saved_model",)).checks if check.status == "failed"}


class SetsItself(Optimizer):
    """Keeps the gradient on itself."""

    def step(self, w, grad, *, lr, t):
        self.m = grad
        w -= lr * self.m


class NoComma(Optimizer):
    """A state that is no tuple."""

    state: ClassVar[tuple[str, ...]] = "mean"

    def step(self, w, grad, mean, *, lr, t):
        mean[...] = grad
        w -= lr * mean


class Misspelt(Elementwise):
    """A typing error in two lines."""

    width: float = 2.0

    def function(self, z):
        return self.witdh * z

    def derivative(self, z, y):
        return self.witdh + 0 * z


class AddsSeven(Activation):
    """Adds what fits no row."""

    def forward(self, z, out):
        out[...] = z + np.ones(7)

    def backward(self, z, out, grad):
        pass


@pytest.mark.parametrize(
    ("plugin", "words"),
    [
        (SetsItself(), r"^it sets self\.m, .*class variable state \(test_messages.py, line \d+\)$"),
        (NoComma(), r"^the class variable state is 'mean', a str; write a tuple: \('mean',\)$"),
        (Misspelt(), r"^AttributeError: 'Misspelt' object has no attribute 'witdh' \(test_messages.py, line \d+\)$"),
        (AddsSeven(), r"^ValueError: operands could not be broadcast together with shapes \(6,4\) \(7,\)"),
    ],
    ids=lambda plugin: type(plugin).__name__,
)
def test_one_mistake_is_told_once(plugin, words):
    found = failed(plugin)
    assert list(found) == ["runs"]
    assert re.search(words, found["runs"])


class AddsSevenLater(AddsSeven):
    """Adds what fits no row, of a size that no ordinary row has."""

    def forward(self, z, out):
        out[...] = z + np.ones(7) if np.abs(z).max(initial=0) == 123.0 else z


def test_an_error_in_one_check_alone_is_reported_by_it(monkeypatch):
    def at_123(activation):
        activation.forward(np.full((2, 3), 123.0), np.empty((2, 3)))

    for name in ("gradient", "rows"):
        monkeypatch.setitem(KINDS["activations"], name, at_123)
    checks = {check.name: check for check in examine(AddsSevenLater(), without=("saved_model",)).checks}
    assert checks["runs"].status == "passed"
    assert "operands could not be broadcast" in checks["gradient"].reason
    assert (checks["rows"].status, checks["rows"].reason) == ("skipped", "same finding as gradient")


class RateIsANumber(good.RMSProp):
    """Takes no schedules."""

    learning_rate: float = 0.01


class DefaultOfNumPy(good.Swish):
    """Has a default that JSON does not have."""

    beta: float = np.sqrt(2)


def test_options_that_a_spec_or_a_schema_cannot_have():
    advice = "annotate it with LearningRate from mlpkit.plugin, so that a spec can give a schedule"
    assert failed(RateIsANumber()) == {"options": f"its learning_rate takes no schedule; {advice}"}
    (found,) = failed(DefaultOfNumPy()).values()
    assert re.search(r"^its JSON Schema is incomplete: Default value 1\.41.*; write float\(\.\.\.\) around a default", found)


class OwnInit(good.Swish):
    """Written as an ordinary class."""

    def __init__(self, beta=1.0):
        self.beta = beta


class WrongDefaults(good.Swish):
    """Two defaults of other types than their options."""

    beta: float = "3"
    power: int = 2.5


@pytest.mark.parametrize(
    ("cls", "words"),
    [
        (
            OwnInit,
            r"defaults: it sets self\.beta, .*\nhelp: write no __init__: declare each option in the class, such as beta: float = 1\.0$",
        ),
        (
            WrongDefaults,
            r"defaults: beta: Input should be a valid number; power: Input should be a valid integer\nhelp: correct the defaults",
        ),
    ],
)
def test_a_class_that_cannot_be_made_says_so_in_a_line(cls, words):
    with pytest.raises(errors.BrokenPlugin, match=words):
        check_plugin(cls)


class DoneAtOnce(Minimizer):
    """Steepest descent that says that it is done after each step."""

    def minimize(self, w, problem, *, lr, t):
        w -= 0.2 * problem(w)[1]
        return True


def test_a_minimizer_that_is_done_at_once_is_accused_of_that_alone():
    found = failed(DoneAtOnce())
    assert set(found) == {"falls", "learns"}
    assert "return True only when no improvement is left, not after call 1" in found["falls"]
    (resume,) = [check for check in examine(DoneAtOnce(), without=("saved_model",)).checks if check.name == "resume"]
    assert (resume.status, resume.reason) == ("skipped", "its run ends in the first epoch")


@pytest.mark.parametrize(
    ("expected", "error", "words"),
    [
        ({"gradient": None}, TypeError, r"has None for 'gradient': write \{\"NAME OF A CHECK\": \"why it fails\"\}"),
        ({"gradient": " "}, ValueError, "has no reason for 'gradient': write"),
        (["gradient"], TypeError, "expected_failures is a list: write"),
        ([], TypeError, "expected_failures is a list: write"),
        ("gradient", TypeError, "expected_failures is a str: write"),
    ],
)
def test_expected_failures_are_reasons_by_name(expected, error, words):
    with pytest.raises(error, match=words):
        check_plugin(good.Swish(), expected_failures=expected)
    with pytest.raises(error, match=words):
        parametrize_with_checks([good.Swish], expected)


class ComputesNothing(good.TopK):
    """Computes nothing."""

    def compute(self, outputs, targets, weights):
        raise ValueError("there is no such figure")


def test_a_metric_that_refuses_everything_does_not_run():
    assert re.search(r"^ValueError: there is no such figure \(test_messages.py, line \d+\)$", failed(ComputesNothing())["runs"])
