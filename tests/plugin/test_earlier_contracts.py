"""Plugins in the form of earlier versions of mlpkit go on working, with a warning that names the new form."""

import warnings

import numpy as np
import pytest

import mlpkit
from mlpkit import errors
from mlpkit.plugin import REGISTRIES

RNG = np.random.default_rng(3)
X, Y = RNG.standard_normal((30, 2)), RNG.standard_normal(30)


def spec(**changes):
    layers = [{"units": 4, "activation": "tanh"}, {"units": 1}]
    return {"network": {"layers": layers}, "loss": "mse", "training": {"epochs": 4, "batch_size": 10}, **changes}


@pytest.fixture
def forget():
    """Forget the classes of a test: a name means one class."""
    yield
    for registry in REGISTRIES.values():
        registry._own.clear()


def test_a_schedule_that_defines_rate(forget):
    with pytest.warns(DeprecationWarning, match=r"Falling defines rate\(epoch, epochs\): define at\(progress\)") as caught:

        class Falling(mlpkit.Schedule):
            def rate(self, epoch, epochs):
                return 0.1 * (1.0 - epoch / (2 * epochs))

    assert [warning.filename for warning in caught] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = mlpkit.train(spec(optimizer={"type": "sgd", "learning_rate": Falling}), X, Y)
    assert [epoch.learning_rate for epoch in model.history] == pytest.approx([0.1, 0.0875, 0.075, 0.0625])


def test_a_schedule_that_defines_neither(forget):
    class Nothing(mlpkit.Schedule):
        pass

    with pytest.raises(errors.PluginError, match="does not define at"):
        mlpkit.train(spec(optimizer={"type": "sgd", "learning_rate": Nothing}), X, Y)


def test_a_schedule_of_the_kit_may_be_called_by_epochs():
    cosine = REGISTRIES["schedules"].get("cosine")(initial=0.2)
    assert cosine.rate(5, 10) == pytest.approx(0.1)
