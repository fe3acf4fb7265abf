"""Test the kit's arguments and reports: names and classes, expected failures, and tests of pytest."""

import re
import subprocess
import sys

import pytest
from mlpkit_snake import Snake
from pydantic import Field

import mlpkit
from mlpkit import errors, losses, metrics, optimizers, schedules
from mlpkit.plugin import Elementwise
from mlpkit.testing import Check, NotApplicable, Report, check_plugin, parametrize_with_checks
from mlpkit.testing.conformance import examine
from mlpkit.testing.subject import as_plugin
from mlpkit.testing.suite import KINDS

from . import good


class Wrong(Elementwise):
    """3 z, of which the derivative is said to be 2."""

    def function(self, z):
        return 3 * z

    def derivative(self, z, y):
        return 0 * z + 2


# -- what is checked


@pytest.mark.slow
def test_an_object_a_class_and_a_name():
    assert as_plugin("mlpkit-snake:snake") == as_plugin("snake") == as_plugin(Snake) == Snake()
    assert as_plugin("mse", "metrics") == as_plugin("mean_squared_error", "metrics") == as_plugin(metrics.MeanSquaredError)
    assert as_plugin(losses.MeanSquaredError) == as_plugin("mean_squared_error", "losses")
    report = check_plugin(good.HuberSum(delta=0.5))
    assert (report.plugin, report.distribution, report.version, report.options) == ("huber_sum", None, None, {"delta": 0.5})


@pytest.mark.parametrize(
    ("plugin", "kind", "error", "words"),
    [
        ("constant", None, errors.AmbiguousPlugin, "kind='initializers' or kind='schedules'"),
        ("constant", "schedules", errors.PluginError, r"options without a default: value\nhelp: give an object: Constant\(value=...\)"),
        (schedules.Step, None, errors.PluginError, r"initial, every\nhelp: give an object: Step\(initial=..., every=...\)"),
        ("sigmiod", None, errors.MissingPlugin, "did you mean 'sigmoid'"),
        ("relu", "losses", errors.MissingPlugin, "unknown loss 'relu'"),
        ("relu", "layers", ValueError, "unknown kind of plugin 'layers'; one of activations"),
        (good.Swish(), "losses", errors.PluginError, "Swish belongs to the activations, not to the losses"),
        (Elementwise, None, errors.BrokenPlugin, "Elementwise cannot be used: .*abstract"),
        (int, None, errors.PluginError, "is not a plugin"),
        (3, None, errors.PluginError, "3 is not a plugin"),
    ],
)
def test_a_skipped_check_gives_its_reason(plugin, kind, error, words):
    with pytest.raises(error, match=words):
        check_plugin(plugin, kind=kind)


@pytest.mark.parametrize("code", ["import nothing_of_this_name", "raise SystemExit(3)"])
def test_a_plugin_that_does_not_import(install, code):
    install("dist-broken", "broken_x", code)
    with pytest.raises(errors.BrokenPlugin, match="dist-broken"):
        check_plugin("broken_x")


def test_a_class_that_cannot_be_made():
    class Exits(good.Swish):
        """Ends the process when it is made."""

        def model_post_init(self, context):
            raise SystemExit(3)

    with pytest.raises(errors.BrokenPlugin, match="Exits does not accept its own defaults: SystemExit: 3"):
        check_plugin(Exits)


# -- expected failures


def status(report, name):
    (check,) = [check for check in report.checks if check.name == name]
    return check.status, check.reason


def test_a_failure_that_is_expected():
    report = examine(Wrong(), {"gradient": "a joke"}, without=("saved_model",))
    assert status(report, "gradient") == ("expected", "a joke")
    assert report.ok
    assert (report.failed, report.expected) == (0, 1)
    assert "1 failed as expected" in str(report)


def test_an_expected_failure_that_passes_is_a_failure():
    report = examine(good.Swish(), {"gradient": "a joke"}, without=("saved_model",))
    assert status(report, "gradient") == ("failed", "it was expected to fail (a joke) but passed: remove it from expected_failures")
    assert not report.ok


@pytest.mark.slow
def test_an_expected_failure_that_does_not_apply_is_a_failure():
    report = examine(good.Swish(), {"output": "a joke"}, without=("saved_model",))
    assert status(report, "output")[0] == "failed"
    assert "does not apply" in status(report, "output")[1]


def test_an_expected_failure_of_no_check():
    with pytest.raises(ValueError, match=r"'gradeint', which is not a check of this kind; use one of name, documented, .*gradient"):
        check_plugin(good.Swish(), expected_failures={"gradeint": "a typing error"})
    with pytest.raises(ValueError, match="'falls'"):
        check_plugin("relu", expected_failures={"falls": "of optimizers"})


# -- the report


def report_of(*statuses):
    checks = tuple(Check(f"check{number}", status, "", 0.0) for number, status in enumerate(statuses))
    return Report("one", "losses", None, None, {}, checks)


@pytest.mark.parametrize(
    ("statuses", "ok"),
    [
        (("passed",), True),
        (("passed", "skipped", "expected"), True),
        (("passed", "failed"), False),
        ((), False),
        (("skipped",), False),
        (("expected",), False),
    ],
)
def test_a_report_is_ok_when_nothing_failed_and_something_passed(statuses, ok):
    report = report_of(*statuses)
    assert report.ok is ok
    assert report.to_dict()["ok"] is ok
    assert ("no check applies to this plugin" in str(report)) is (not ok and "failed" not in statuses)


def test_a_report_says_what_failed_and_what_was_skipped_and_why():
    text = str(examine(Wrong(), without=("saved_model",)))
    assert re.search(r"^  failed +gradient +derivatives, .* are wrong", text, re.M)
    assert re.search(r"^  skipped +output +its output is 'real', which allows any number$", text, re.M)
    assert re.search(r"^NOT OK: 29 checks, 21 passed, 1 failed, 7 skipped$", text, re.M)


def test_the_end_of_a_check_ends_nothing_else(monkeypatch):
    def interrupted(plugin):
        raise KeyboardInterrupt

    monkeypatch.setitem(KINDS["activations"], "gradient", interrupted)
    with pytest.raises(KeyboardInterrupt):
        check_plugin("relu")

    def not_applicable(plugin):
        raise NotApplicable("it is Sunday")

    monkeypatch.setitem(KINDS["activations"], "gradient", not_applicable)
    assert status(examine(good.Swish(), without=("saved_model",)), "gradient") == ("skipped", "it is Sunday")


# -- as tests of pytest

MODULE = '''
import numpy as np
import mlpkit
from mlpkit.testing import parametrize_with_checks


class Swish(mlpkit.Elementwise):
    """z sigmoid(z)."""

    def function(self, z):
        return z * (0.5 + 0.5 * np.tanh(0.5 * z))

    def derivative(self, z, y):
        s = 0.5 + 0.5 * np.tanh(0.5 * z)
        return s + y * (1 - s)


class Wrong(Swish):
    """A term is missing."""

    def derivative(self, z, y):
        return 0.5 + 0.5 * np.tanh(0.5 * z)


@parametrize_with_checks([Swish, "adam"])
def test_right(check):
    check()


@parametrize_with_checks([Wrong()])
def test_wrong(check):
    check()


@parametrize_with_checks([Wrong], {"gradient": "not yet"})
def test_expected(check):
    check()


@parametrize_with_checks([Swish], {"gradient": "not yet"})
def test_strict(check):
    check()
'''


def run_pytest(folder, module, *options):
    (folder / "test_own.py").write_text(module)
    (folder / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider", "test_own.py", *options]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


@pytest.mark.slow
def test_every_check_is_a_test_with_a_name_to_read(tmp_path):
    code, text = run_pytest(tmp_path, MODULE, "-k", "not saved_model")
    assert code == 1
    for passed in ("test_right[swish-gradient]", "test_right[adam-state]", "test_wrong[wrong-shapes]", "test_strict[swish-learns]"):
        assert f"PASSED test_own.py::{passed}" in text
    assert "swish-output" not in text  # its output is 'real', which any number is
    assert "XFAIL test_own.py::test_expected[wrong-gradient] - not yet" in text
    assert re.findall("FAILED test_own.py::(\\S+)", text) == ["test_wrong[wrong-gradient]", "test_strict[swish-gradient]"]
    assert re.search(r"^wrong-gradient: derivatives, against differences of the function, are wrong", text, re.M)
    assert re.search(r"^swish-gradient: it was expected to fail \(not yet\) but passed", text, re.M)
    assert "2 failed, 111 passed, 5 deselected, 1 xfailed" in text


@pytest.mark.slow
def test_wrong_arguments_are_errors_of_the_collection(tmp_path):
    code, text = run_pytest(tmp_path, MODULE.replace('"gradient": "not', '"gradeint": "not'))
    assert code == 2
    assert "'gradeint', which is not a check of this kind" in text
    assert parametrize_with_checks([good.Swish, "adam"], {"falls": "of one of them"})
    with pytest.raises(ValueError, match="there are no plugins to check"):
        parametrize_with_checks([])
    with pytest.raises(errors.AmbiguousPlugin):
        parametrize_with_checks(["constant"])


@parametrize_with_checks([good.WarmUp(peak=0.1), good.MedianError])
def test_the_decorator_in_a_test_module(check):
    check()


class Scaled(mlpkit.Wrapper):
    """The inner optimizer gets the gradient times a factor."""

    factor: float = Field(examples=[0.5])

    def step(self, w, grad, *state, lr, t, **place):
        grad *= self.factor
        self.inner.step(w, grad, *self.split(state)[1], lr=lr, t=t, **place)


def test_options_without_a_default_have_their_examples():
    plugin = as_plugin(Scaled)
    assert (plugin.inner, plugin.factor) == (optimizers.SGD(), 0.5)
