"""Conversion of an estimator's parameters to a spec."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mlpkit.errors import PluginError, Problem, SpecError, join_problems
from mlpkit.plugin import REGISTRIES, Loss
from mlpkit.spec import Spec
from mlpkit.spec.findings import Findings
from mlpkit.spec.presets import expanded, merged

NUMBERS = {"type": "standardize", "clip": "smooth"}  # numbers far from those of the training rows have a limited effect
INITIALIZER = "glorot_uniform"  # as in scikit-learn's MLP: smaller than the recommended one for relu, and better on tables of few rows
OUTPUTS = {"real": "linear", "bounded": "tanh", "nonnegative": "softplus", "probability": "sigmoid", "distribution": "softmax"}
NAMES = {  # path in the spec: parameter of the estimator
    "training.epochs": "max_iter",
    "training.batch_size": "batch_size",
    "training.early_stopping.patience": "n_iter_no_change",
    "data.split.validation": "validation_fraction",
    "data.class_weight": "class_weight",
    "optimizer.learning_rate": "learning_rate",
    "seed": "random_state",
}
LAYER_NAMES = {"units": "hidden_layer_sizes", "activation": "activation", "dropout": "dropout", "normalization": "normalization"}


@dataclass(frozen=True)
class Goal:
    """Prediction of an estimator, with what it needs of a spec.

    Attributes
    ----------
    loss : str
        Loss for the parameter ``loss="auto"``.
    output : str
        Activation of the last layer, unless the loss requires another one.
    data : dict
        Keys of `data` in the spec.
    """

    loss: str
    output: str
    data: dict[str, Any] = field(default_factory=dict)


def spec_of(parameters: Mapping[str, Any], goal: Goal, *, seed: int, dtype: str, held_out: bool) -> Spec:
    """Return the spec of an estimator's parameters, with its parameter `spec` merged last.

    Parameters
    ----------
    parameters : mapping of str to object
        Parameters of the estimator.
    goal : Goal
    seed : int
    dtype : {"float32", "float64"}
        Number type for the parameter ``dtype="auto"``.
    held_out : bool
        True if there are validation rows. Otherwise they are split off, if the spec needs any.

    Raises
    ------
    SpecError
        A parameter is not valid; the message names the parameter, or the key of the spec.
    """
    own = parameters["spec"]
    if own is not None and not isinstance(own, Mapping):
        raise SpecError(f"spec is {own!r}, but must be a dictionary", help='for example spec={"training": {"clip_norm": 1}}')
    try:
        values = plain(merged(_base(parameters, goal, seed, dtype), expanded(own or {})))
    except Findings as error:
        raise SpecError(f"spec: {error}", help=error.findings[0].help) from error
    if not held_out:
        values = _with_split(values, plain(parameters["validation_fraction"]))
    try:
        return Spec.model_validate(values)
    except SpecError as error:
        problems = [_renamed(problem) for problem in error.problems]
        raise SpecError(join_problems(problems), problems=problems) from None


def _base(parameters: Mapping[str, Any], goal: Goal, seed: int, dtype: str) -> dict[str, Any]:
    """Return the spec of the parameters without `spec`."""
    loss = goal.loss if _is_auto(parameters["loss"]) else parameters["loss"]
    stopping = {"patience": parameters["n_iter_no_change"]} if parameters["early_stopping"] else None
    weights = {} if parameters.get("class_weight") is None else {"class_weight": parameters["class_weight"]}
    return {
        "seed": seed,
        "dtype": dtype if _is_auto(parameters["dtype"]) else parameters["dtype"],
        "data": {**goal.data, **weights},
        "preprocessing": {"numbers": NUMBERS},
        "network": {"layers": [*_hidden(parameters), _output(loss, goal)]},
        "loss": loss,
        "optimizer": _optimizer(parameters["optimizer"], parameters["learning_rate"]),
        "training": {
            "epochs": parameters["max_iter"],
            "batch_size": parameters["batch_size"],
            **({} if stopping is None else {"early_stopping": stopping}),
        },
    }


def _is_auto(value: Any) -> bool:
    return isinstance(value, str) and value == "auto"


def _hidden(parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the hidden layers."""
    sizes = plain(parameters["hidden_layer_sizes"])
    options = {"activation": parameters["activation"], "dropout": parameters["dropout"], "normalization": parameters["normalization"]}
    options["weight_initializer"] = INITIALIZER
    return [{"units": units, **options} for units in (sizes if isinstance(sizes, list) else [sizes])]


def _output(loss: Any, goal: Goal) -> dict[str, Any]:
    """Return the last layer: with the activation that the loss is computed with, or one of the outputs that it takes.

    For numbers its bias begins with the constant of least loss, if the loss defines it: with "poisson" the logarithm of the mean.
    """
    name = loss.get("type") if isinstance(loss, Mapping) else loss
    if name == goal.loss or not isinstance(name, str):
        return {"activation": goal.output}
    try:
        plugin: Any = REGISTRIES["losses"].get(name)
    except PluginError:  # reported when the spec is checked
        return {"activation": goal.output}
    if goal.output == "linear" and plugin.output == "real":
        return {"activation": "linear", "bias_initializer": "zeros" if plugin.prior is Loss.prior else "prior"}
    return {"activation": plugin.joint_with or (goal.output if plugin.output == "real" else OUTPUTS[plugin.output])}


def _optimizer(optimizer: Any, rate: Any) -> Any:
    """Return the optimizer as an object with its type, if it has one, and a learning rate, if it is given."""
    given = {} if rate is None else {"learning_rate": rate}
    if isinstance(optimizer, str):
        return {"type": optimizer, **given}
    return {**optimizer, **given} if isinstance(optimizer, Mapping) else optimizer


def _with_split(values: dict[str, Any], share: Any) -> dict[str, Any]:
    """Return the values of a spec with a split, if it stops early by validation rows and has none."""
    training, data, ensemble = (values.get(key) or {} for key in ("training", "data", "ensemble"))
    if not all(isinstance(part, dict) for part in (training, data, ensemble)):  # reported when the spec is checked
        return values
    stopping = training.get("early_stopping")
    held_out = data.get("split") is not None or data.get("validation") is not None or ensemble.get("folds") is not None
    if not isinstance(stopping, dict) or stopping.get("monitor") == "training_loss" or held_out:
        return values
    return {**values, "data": {**data, "split": {"validation": share}}}


def plain(value: Any) -> Any:
    """Return a value with the numbers, arrays and tuples in it as those of JSON."""
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    if isinstance(value, Mapping):
        return {plain(key): plain(each) for key, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, Sequence) and not isinstance(value, (str, bytes)) else value


def _renamed(problem: Problem) -> Problem:
    """Return a problem with the name of the estimator's parameter, if it is one."""
    layer = re.match(r"network\.layers\[\d+\]\.(\w+)", problem.path)
    found = LAYER_NAMES.get(layer.group(1)) if layer else None
    name = found or next((name for path, name in NAMES.items() if re.match(rf"{re.escape(path)}(?!\w)", problem.path)), None)
    return Problem(problem.message, f"{name} (in the spec: {problem.path})" if name else problem.path, problem.help)
