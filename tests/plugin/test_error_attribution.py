"""A plugin that fails, gives a wrong shape or NaN is named, with where it is from and what to do; everything else goes on."""

import numpy as np
import pytest

import mlpkit
from mlpkit import errors

HEAD = "import mlpkit\nimport numpy as np\n"
ACTIVATION = HEAD + (
    "class Plugin(mlpkit.Elementwise):\n    def function(self, z):\n        {function}\n"
    "    def derivative(self, z, y):\n        {derivative}\n"
)
LOSS = HEAD + "class Plugin(mlpkit.Loss):\n    def value_and_grad(self, outputs, targets, losses, grad):\n        {0}\n"
OPTIMIZER = HEAD + "class Plugin(mlpkit.Optimizer):\n    def step(self, w, grad, *state, lr, t):\n        {0}\n"
INITIALIZER = HEAD + "class Plugin(mlpkit.Initializer):\n    def fill(self, array, rng):\n        {0}\n"
MINIMIZER = HEAD + "class Plugin(mlpkit.Minimizer):\n    def minimize(self, w, problem, *state, lr, t):\n        problem(w[1:])\n"
SCHEDULE = HEAD + "class Plugin(mlpkit.Schedule):\n    def at(self, progress):\n        {0}\n"
METRIC = (
    HEAD + "class Plugin(mlpkit.Metric):\n    higher_is_better = True\n    task = 'regression'\n"
    "    def compute(self, outputs, targets, weights):\n        {0}\n"
)
CHECKED = "    a: float = 1.0\n    def model_post_init(self, context):\n        self.nothing\n"
FINE = {"function": "return z", "derivative": "return np.ones_like(z)"}


def activation(**changes):
    return ACTIVATION.format(**{**FINE, **changes})


CASES = {
    "forward fails": ("activations", activation(function="return z.nothing"), "failed in function: AttributeError"),
    "a wrong name": ("activations", activation(function="return self.witdh * z"), "failed in function: AttributeError: .*witdh"),
    "backward fails": ("activations", activation(derivative="raise ValueError('no')"), "failed in derivative: ValueError: no"),
    "a sum in place of values": (
        "activations",
        activation(function="return z.sum()"),
        r"function returns shape \(\) for pre-activations of shape",
    ),
    "one column": ("activations", activation(function="return z[:, :1]"), "function returns shape"),
    "a wrong shape backward": ("activations", activation(derivative="return z[:0]"), "failed in backward: ValueError"),
    "NaN forward": ("activations", activation(function="return z * np.nan"), "gives NaN for moderate numbers"),
    "NaN backward": ("activations", activation(derivative="return 0 * z / 0"), "gives NaN for moderate numbers"),
    "NaN for some": ("activations", activation(function="return np.where(abs(z) > 30, np.nan, z)"), "gives NaN for finite pre-activations"),
    "loss fails": ("losses", LOSS.format("losses[:] = targets.nothing"), "failed in value_and_grad: AttributeError"),
    "loss of a wrong shape": ("losses", LOSS.format("losses[:] = outputs - targets"), "failed in value_and_grad: ValueError"),
    "loss is NaN": ("losses", LOSS.format("losses[:] = np.nan; grad[:] = 0"), "gives NaN for moderate numbers"),
    "step fails": ("optimizers", OPTIMIZER.format("w -= lr * grad[1:]"), "failed in step: ValueError"),
    "fill fails": ("initializers", INITIALIZER.format("rng.nothing()"), "failed in fill: AttributeError"),
    "at fails": ("schedules", SCHEDULE.format("return 1 / progress.epoch"), "failed in at: ZeroDivisionError"),
    "a call of mlpkit's own with wrong arguments": ("optimizers", MINIMIZER, "failed in minimize: ValueError: could not broadcast"),
    "a program that ends": ("activations", activation(function="raise SystemExit(7)"), "failed in function: SystemExit: 7"),
    "step gives NaN": ("optimizers", OPTIMIZER.format("w *= np.nan"), "gives NaN for moderate numbers"),
    "a minimizer ends at NaN": ("optimizers", MINIMIZER.replace("w[1:])", "w); w *= np.nan; return True"), "leaves NaN or infinity"),
    "gradient of a loss is NaN": ("losses", LOSS.format("losses[:] = 0; grad[:] = np.nan"), "gives NaN for moderate numbers"),
    "gradient of a loss is not filled": ("losses", LOSS.format("losses[:] = 0"), "gives NaN for moderate numbers"),
    "rate is NaN": ("schedules", SCHEDULE.format("return float('nan')"), "returns the learning rate nan after 0 epochs"),
    "rate is negative": ("schedules", SCHEDULE.format("return -0.1"), "returns the learning rate -0.1 after 0 epochs"),
    "rate is a text": ("schedules", SCHEDULE.format("return '0.1'"), "returns the learning rate '0.1' after 0 epochs"),
    "it sets itself": ("optimizers", OPTIMIZER.format("self.m = grad"), "failed in step: it sets self.m, but plugins are immutable"),
    "metric fails": ("metrics", METRIC.format("return outputs['x']"), "failed in compute: IndexError"),
    "metric of a wrong type": ("metrics", METRIC.format("return outputs - targets"), "returns ndarray instead of a number"),
}


def spec(kind):
    network = {"layers": [{"units": 3, "activation": "tanh"}, {"units": 1}]}
    made = {"network": network, "loss": "mse", "optimizer": "sgd", "training": {"epochs": 3}, "metrics": ["rmse"]}
    if kind == "activations":
        network["layers"][0]["activation"] = "odd"
    elif kind == "initializers":
        network["layers"][0]["weight_initializer"] = "odd"
    elif kind == "schedules":
        made["optimizer"] = {"type": "sgd", "learning_rate": "odd"}
    else:
        made.update({"losses": {"loss": "odd"}, "optimizers": {"optimizer": "odd"}, "metrics": {"metrics": ["odd"]}}[kind])
    return made


ROWS = np.linspace(-50, 50, 60)[:, None]


@pytest.mark.parametrize("case", CASES)
def test_it_is_named(install, case):
    kind, code, words = CASES[case]
    install("dist-odd", "odd", code, group=kind)
    made = spec(kind)
    made["preprocessing"] = "none"
    with pytest.raises(errors.BrokenPlugin, match=words) as caught:
        mlpkit.train(made, ROWS, np.sin(ROWS[:, 0]))
    singular = "loss" if kind == "losses" else kind[:-1]
    assert f"the {singular} 'odd' of dist-odd 1.2 (entry point dist_odd:Plugin)" in caught.value.message
    assert "mlpkit plugins check dist-odd:odd" in caught.value.help
    mlpkit.train(spec("metrics") | {"metrics": []}, ROWS, ROWS[:, 0])  # the others go on


def test_it_is_named_when_predicting(install):
    install("dist-odd", "odd", activation())
    model = mlpkit.train(spec("activations"), ROWS, ROWS[:, 0])
    type(model.spec.network.layers[0].activation).function = lambda self, z: z / None
    for predict in (model.predict, lambda rows: model.evaluate(rows, rows[:, 0])):
        with pytest.raises(errors.BrokenPlugin, match=r"'odd' of dist-odd 1\.2 .* failed in .*: TypeError"):
            predict(ROWS)


def test_an_initializer_that_leaves_NaN_is_told(install):
    install("dist-odd", "odd", INITIALIZER.format("array[:] = np.nan"), group="initializers")
    with pytest.raises(errors.SpecError, match=r"network\.layers\[0\]: NaN or infinity among the initial parameters"):
        mlpkit.train(spec("initializers"), ROWS, ROWS[:, 0])


def test_a_check_of_options_that_fails(install):
    install("dist-odd", "odd", activation() + CHECKED)
    made = spec("activations")
    made["network"]["layers"][0]["activation"] = {"type": "odd", "a": 2.0}
    with pytest.raises(errors.BrokenPlugin, match=r"'odd' of dist-odd 1\.2 .* fails when its options are checked: AttributeError"):
        mlpkit.Spec.model_validate(made)


def test_errors_of_the_user_are_not_attributed_to_a_plugin():
    class Interrupting(mlpkit.Schedule):
        def at(self, progress):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mlpkit.train(
            {**spec("activations"), "network": {"layers": [{}]}, "optimizer": {"learning_rate": Interrupting(), "type": "sgd"}}, ROWS, ROWS
        )
