"""The kit compares the method `onnx` of a plugin with what it computes, and says where it could not."""

import sys

import numpy as np
import pytest
from mlpkit_snake import Snake

import mlpkit
from mlpkit.testing import check_plugin, exported
from mlpkit.testing.check_run import run_check
from mlpkit.testing.suite import checks_of


class Bump(mlpkit.Elementwise):
    """(1 + sharpness z^2)^-1, with a wrong method by its option."""

    sharpness: float = 1.0
    fault: str = ""

    def function(self, z):
        return 1 / (1 + self.sharpness * z * z)

    def derivative(self, z, y):
        return -2 * self.sharpness * z * y * y

    def onnx(self, op, z):
        if self.fault == "option":
            return 1.0 / (1.0 + z * z)
        if self.fault == "node":
            return op("Nothing", z)
        if self.fault == "dtype":
            return op.cast(1.0 / (1.0 + self.sharpness * op.cast(z, np.float32) ** 2), z.dtype)
        if self.fault == "error":
            return z.missing
        return 1.0 / (1.0 + self.sharpness * z * z)


class Stretch(mlpkit.Activation):
    """Slope and shift of each unit, with a wrong method by its option."""

    fault: str = ""

    @property
    def parameters(self):
        return {"slope": 1.0, "shift": 0.5}

    def forward(self, z, out, *parameters):
        slope, shift = parameters
        np.multiply(z, slope, out=out)
        out += shift

    def backward(self, z, out, grad, *parameters_and_gradients):
        slope, _, of_slope, of_shift = parameters_and_gradients
        of_slope += (grad * z).sum(axis=0)
        of_shift += grad.sum(axis=0)
        grad *= slope

    def onnx(self, op, z, *parameters):
        slope, shift = parameters
        return z * slope + (slope if self.fault else shift)


class Ends(mlpkit.Loss):
    """Two ends of an interval."""

    outputs_per_target = 2
    fault: str = ""

    def predictions(self, outputs, center, scale):
        ends = outputs.reshape(-1, len(scale), 2) * scale[:, None] + center[:, None]
        return {"low": ends[:, :, 0], "high": ends[:, :, 1]}

    def value_and_grad(self, outputs, targets, losses, grad):
        np.subtract(outputs, np.repeat(targets, 2, axis=1), out=grad)
        losses[...] = (grad**2).sum(axis=1) / 2

    def onnx(self, op, outputs, center, scale):
        low, high = (op.take(outputs, range(first, 2 * len(scale), 2)) * scale + center for first in (0, 1))
        if self.fault == "order":
            return {"high": high, "low": low}
        return {"low": high if self.fault == "columns" else low, "high": high}


def checked(plugin):
    return run_check("onnx", checks_of(plugin)["onnx"], plugin)


@pytest.mark.parametrize("plugin", [Bump(), Bump(sharpness=3.0), Stretch(), Ends(), Snake()], ids=repr)
def test_a_right_method_passes(plugin):
    assert checked(plugin).status == "passed", checked(plugin).reason


@pytest.mark.parametrize(
    ("plugin", "words"),
    [
        (Bump(sharpness=2.0, fault="option"), "the values of onnx in float32, against forward, are wrong"),
        (Bump(fault="dtype"), "the values of onnx in float64, against forward, are wrong"),
        (Bump(fault="node"), "Nothing"),
        (Bump(fault="error"), "failed in onnx: AttributeError"),
        (Stretch(fault="shift"), "the values of onnx in float32, against forward, are wrong"),
        (Ends(fault="order"), "onnx returns the parts ['high', 'low'] instead of ['low', 'high']"),
        (Ends(fault="columns"), "the part 'low' of onnx, against predictions, are wrong"),
    ],
    ids=repr,
)
def test_a_wrong_method_is_found(plugin, words):
    found = checked(plugin)
    assert (found.status, words in found.reason) == ("failed", True), found.reason


def test_a_plugin_without_a_method_is_told_so():
    class Plain(mlpkit.Elementwise):
        """A plugin."""

        def function(self, z):
            return abs(z)

        def derivative(self, z, y):
            return np.sign(z)

    found = checked(Plain())
    assert (found.status, found.reason) == ("skipped", "it has no method onnx, so models with it are not exported to ONNX")


def test_onnx_itself_computes_where_onnxruntime_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert checked(Bump()).status == "passed"
    assert checked(Bump(sharpness=2.0, fault="option")).status == "failed"
    assert checked(Ends()).status == "passed"


def test_a_missing_package_is_told_in_the_report(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    found = checked(Bump(sharpness=2.0, fault="option"))
    assert found.status == "skipped"
    assert found.reason == 'NOT CHECKED: the onnx package is not installed (install it: pip install "mlpkit[onnx]")'


@pytest.mark.slow
@pytest.mark.parametrize("plugin", [Snake(), Snake(a=3.0)], ids=repr)
def test_the_whole_kit_checks_it(plugin):
    report = check_plugin(plugin)
    assert report.ok, str(report)
    assert {check.name: check.status for check in report.checks}["onnx"] == "passed"


def test_parameters_differ_between_units_in_the_check():
    first, second = exported._spread([np.ones(3), np.ones(1)])
    assert len(set(first.tolist())) == 3
    assert second.tolist() == [1.0]
