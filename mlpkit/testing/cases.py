"""Test cases: for each kind a small spec that uses a plugin, and data that are easy to learn."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpkit.initializers.constants import Prior
from mlpkit.plugin import REGISTRIES, Initializer, Loss, Metric, Optimizer, Plugin, Schedule, innermost
from mlpkit.testing.initializers import accepted
from mlpkit.testing.loss_cases import signed
from mlpkit.testing.schedules import accepted_epochs
from mlpkit.testing.trajectories import expect_names

ROWS = 90
LAST = {"real": "linear", "bounded": "tanh", "nonnegative": "sigmoid", "probability": "sigmoid", "distribution": "softmax"}
TRUNCATING = 16  # batch size that leaves a smaller last batch


class Case(NamedTuple):
    """Spec with rows and targets for it."""

    spec: dict[str, Any]
    rows: NDArray[np.float64]
    y: NDArray[Any]

    def training(self, **options: Any) -> Case:
        """Return the case with other training options; with more epochs if the schedule needs them."""
        optimizer = self.spec["optimizer"]
        rate = optimizer.get("learning_rate") if isinstance(optimizer, dict) else None
        if isinstance(rate, Schedule) and "epochs" in options:
            options["epochs"] = accepted_epochs(rate, options["epochs"])
        return self._replace(spec={**self.spec, "training": {**self.spec["training"], **options}})


def case_of(plugin: Plugin) -> Case:
    """Return a case that uses a plugin of any kind."""
    if isinstance(plugin, Loss):
        return _of_loss(plugin)
    if isinstance(plugin, Initializer):
        return _of_initializer(plugin)
    if isinstance(plugin, Metric):
        return _of_metric(plugin)
    if plugin.kind == "activations":
        return _case({"activation": plugin}, {}, {})
    if isinstance(plugin, Optimizer):
        expect_names(plugin)
        case = _case({}, {}, {"optimizer": plugin})
        return case.training(batch_size=None) if innermost(plugin).full_batch else case
    optimizer = {"type": "adam", "learning_rate": plugin}
    if not isinstance(plugin, Schedule) or not plugin.history_columns:
        return _case({}, {}, {"optimizer": optimizer}).training(epochs=3)
    metrics = [name for name in plugin.history_columns if name not in ("loss", "validation_loss", "learning_rate")]
    return _case({}, {}, {"optimizer": optimizer, "metrics": metrics, "data": {"split": {"validation": 0.25}}}).training(epochs=3)


def _case(hidden: dict[str, Any], last: dict[str, Any], spec: dict[str, Any], inputs: int = 6) -> Case:
    rows = np.random.default_rng(8).standard_normal((ROWS, inputs))
    whole = {
        "seed": 1,
        "network": {"layers": [{"units": 16, "activation": "tanh", **hidden}, last]},
        "loss": "mse",
        "optimizer": {"type": "adam", "learning_rate": 0.01},
        "training": {"epochs": 3, "batch_size": TRUNCATING},
        **spec,
    }
    return Case(whole, rows, rows @ np.resize([1.0, -2.0, 0.5], inputs))


def _of_initializer(initializer: Initializer) -> Case:
    """Return a case with layers whose shape the initializer accepts; "prior" is for the last bias alone."""
    if isinstance(initializer, Prior):
        return _case({}, {"bias_initializer": initializer}, {})
    shape = accepted(initializer)[0]
    which = "weight_initializer" if len(shape) == 2 else "bias_initializer"
    return _case({"units": shape[-1], which: initializer}, {}, {}, inputs=shape[0] if len(shape) == 2 else 6)


def _of_metric(metric: Metric) -> Case:
    loss, last = {
        "classification": ("categorical_crossentropy", "softmax"),
        "regression": ("mse", "linear"),
        "multilabel": ("binary_crossentropy", "sigmoid"),
    }[metric.task]
    case = _case({}, {"activation": last}, {"loss": loss, "metrics": [metric]})
    if metric.task == "multilabel":
        return case._replace(y=np.column_stack([case.y > 0, case.rows[:, 0] > 0]).astype(int))
    return case._replace(y=case.y > 0) if metric.task == "classification" else case


def _of_loss(loss: Loss) -> Case:
    last = LAST[loss.output] if loss.joint_with is None else loss.joint_with
    case = _case({}, {"activation": last}, {"loss": loss})
    output = REGISTRIES["activations"].get(last).output
    if loss.targets == "classes" or (loss.targets == "numbers" and output == "distribution"):
        labels = [1, 2, 3] if loss.ordered_classes else ["a", "b", "c"]
        return case._replace(y=np.array(labels)[(case.rows[:, :3]).argmax(axis=1)])
    if loss.targets == "binary":
        right = case.y > 0
        return case._replace(y=np.column_stack([right, ~right]).astype(int) if output == "distribution" else right.astype(int))
    y = np.column_stack([case.y, case.rows[:, 0]])  # two targets, because a loss may use their direction
    if output == "real":
        return case._replace(y=signed(loss, y))
    scaled = {"bounded": np.tanh(y), "nonnegative": 1 / (1 + np.exp(-2 * y)), "probability": 1 / (1 + np.exp(-2 * y))}
    return case._replace(y=scaled[output])
