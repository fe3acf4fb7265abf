"""Consistency of the parts of a spec with each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlpkit.plugin import (
    SUITABLE,
    Initializer,
    Loss,
    Schedule,
    innermost,
    learning_rate_of,
    plugin_name,
    to_entry,
)
from mlpkit.spec.data import EITHER
from mlpkit.spec.dropout import rate_of
from mlpkit.spec.embedded_columns import embedded_column_findings
from mlpkit.spec.findings import Finding
from mlpkit.spec.normalization import BatchNormalization
from mlpkit.spec.optimizer_findings import optimizer_findings
from mlpkit.text.shown import counted

if TYPE_CHECKING:
    from mlpkit.spec.spec import Spec

OF_HISTORY = {
    "epoch",
    "loss",
    "validation_loss",
    "training_loss",
    "learning_rate",
    "penalty",
    "elapsed",
}  # history columns other than metrics


def inconsistencies(spec: Spec) -> list[Finding]:
    """Return findings for parts of a spec that do not fit each other."""
    found = [*_loss_findings(spec), *_target_weight_findings(spec), *_prior_findings(spec), *_training_findings(spec)]
    return [*_split_findings(spec), *found, *embedded_column_findings(spec)]


def _split_findings(spec: Spec) -> list[Finding]:
    """Return findings for a split without a share, and for validation rows that the folds of an ensemble replace."""
    split = spec.data.split
    if spec.rotates:
        help = "remove it, or set 'folds' in 'ensemble' to null, with which all members use these validation rows"
        message = "'rotate' in 'ensemble' takes the validation rows of each member from the training rows"
        given = {("validation",): spec.data.validation, ("split", "column"): None if split is None else split.column}
        return [Finding(("data", *path), message, help) for path, value in given.items() if value is not None]
    if split is None or split.column is not None or split.validation is not None or split.test is not None:
        return []
    refining = next(iter(split.columns), None)
    return [Finding(("data", "split"), EITHER if refining is None else f"{refining!r} needs 'validation' or 'test', the share of the rows")]


def _prior_findings(spec: Spec) -> list[Finding]:
    """Return findings for the initializer "prior" where the loss does not define it."""
    found, last = [], len(spec.network.layers) - 1
    for index, layer in enumerate(spec.network.layers):
        if _is_prior(layer.weight_initializer):
            path = ("network", "layers", index, "weight_initializer")
            found.append(Finding(path, "'prior' is for the bias of the last layer", "use 'auto'"))
        if not _is_prior(layer.bias_initializer):
            continue
        needed = spec.loss.joint_with or "linear"
        problem = (
            "'prior' is for the bias of the last layer"
            if index < last
            else "the last layer has no bias of its own"
            if not layer.has_bias
            else f"{plugin_name(spec.loss)} defines no prior"
            if type(spec.loss).prior is Loss.prior
            else f"the prior of {plugin_name(spec.loss)} needs the last activation {needed!r}"
            if plugin_name(layer.activation) != needed
            else ""
        )
        if problem:
            found.append(Finding(("network", "layers", index, "bias_initializer"), problem, "use 'zeros'"))
    return found


def _loss_findings(spec: Spec) -> list[Finding]:
    at = len(spec.network.layers) - 1
    activation = spec.network.layers[-1].activation
    several = spec.loss.outputs_per_target
    decoded = spec.loss.output == "real" and type(spec.loss).predictions is not Loss.predictions
    if (several > 1 or decoded) and activation.output != "real":
        message = f"{plugin_name(spec.loss)} needs {counted(several, 'unbounded output')} per target"
        return [Finding(("network", "layers", at, "activation"), message, "make the last activation 'linear'")]
    loss, name, fused = plugin_name(spec.loss), plugin_name(activation), spec.loss.joint_with
    if activation.output in SUITABLE[spec.loss.output]:
        if spec.loss.ordered_classes and fused not in (None, name) and not activation.ordered_classes:
            message = f"{loss} is for ordered classes, but the last layer has {name}, which does not use their order"
            help = f"make the last activation {fused!r}, or use 'categorical_crossentropy' for classes without an order"
            return [Finding(("network", "layers", at, "activation"), message, help)]
        return []
    needs = {
        "bounded": "outputs from -1 to 1",
        "nonnegative": "outputs of at least 0",
        "probability": "probabilities",
        "distribution": "a distribution over the classes",
    }
    known = {"probability": "'sigmoid'", "distribution": "'softmax'", "nonnegative": "'relu' or 'softplus'"}
    advice = known.get(spec.loss.output, "another activation") if fused is None else repr(fused)
    return [
        Finding(
            ("network", "layers", at, "activation"),
            f"{loss} needs {needs[spec.loss.output]}, but the last layer has {name}",
            f"make the last activation {advice}, or choose another loss",
        )
    ]


def _fades(spec: Spec) -> bool:
    """Return True if the spec has something that `training.fade_from` fades."""
    network = spec.network
    random = network.input_dropout or network.input_noise or any(rate_of(layer.dropout) for layer in network.layers)
    return bool(random or spec.training.weight_decay or innermost(spec.optimizer).decoupled_decay)


def _target_weight_findings(spec: Spec) -> list[Finding]:
    """Return findings for weights of targets with a loss that has no loss of each target."""
    loss = spec.loss
    if spec.data.target_weights is None or (loss.separable and loss.targets != "classes" and loss.output != "distribution"):
        return []
    name = plugin_name(loss)
    problem = f"{name} takes one class per row" if loss.targets == "classes" else f"{name} compares a row of outputs as a whole"
    return [Finding(("data", "target_weights"), f"{problem}, so targets cannot be weighted", "remove it, or choose another loss")]


def _training_findings(spec: Spec) -> list[Finding]:
    found: list[Finding] = []
    if spec.training.fade_from is not None and not _fades(spec):
        found.append(Finding(("training", "fade_from"), "there is no dropout, input noise or weight decay to fade", "remove it"))
    stopping = spec.training.early_stopping
    names = [plugin_name(metric) for metric in spec.metrics]
    known = ["validation_loss", "training_loss", *names]
    if stopping is not None and stopping.monitor not in known:
        path = ("training", "early_stopping", "monitor")
        found.append(Finding(path, f"{stopping.monitor!r} is not measured", f"use one of {', '.join(known)}, or add a metric to 'metrics'"))
    found += _schedule_findings(spec, ["loss", "validation_loss", *names])
    if len(set(names)) < len(names):
        found.append(Finding(("metrics",), "a metric is listed twice"))
    for index, name in enumerate(names):
        if name in OF_HISTORY:
            found.append(Finding(("metrics", index), f"a metric cannot be named {name!r}, like a column of the history", "rename it"))
    if spec.training.batch_size is None and not spec.data.in_memory:
        message = "a batch of all rows needs them in memory, but 'data.in_memory' is false"
        found.append(Finding(("training", "batch_size"), message, "give a number, such as 128"))
    found += optimizer_findings(spec.optimizer, spec.loss, spec.training, spec.network)
    if spec.training.batch_size == 1:
        for index, layer in enumerate(spec.network.layers):
            if isinstance(layer.normalization, BatchNormalization):
                layer_path = ("network", "layers", index, "normalization")
                found.append(Finding(layer_path, "batch normalization needs batches of at least 2 rows", "raise training.batch_size"))
    return found


def _schedule_findings(spec: Spec, known: list[str]) -> list[Finding]:
    """Return findings for history columns that the schedule reads but that are not measured."""
    schedule = learning_rate_of(spec.optimizer)
    unknown = [name for name in schedule.history_columns if name not in known] if isinstance(schedule, Schedule) else []
    path = ("optimizer", "learning_rate")
    help = f"use one of {', '.join(known)}, or add a metric to 'metrics'"
    return [Finding(path, f"the schedule monitors {name!r}, which is not measured", help) for name in unknown]


def _is_prior(initializer: Initializer | None) -> bool:
    return initializer is not None and to_entry(initializer) == "prior"
