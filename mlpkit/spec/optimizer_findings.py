"""Findings for options of a spec that do not fit its optimizer."""

from __future__ import annotations

from mlpkit.plugin import LeastSquares, Loss, Minimizer, Optimizer, averages, innermost, plugin_name
from mlpkit.spec.dropout import rate_of
from mlpkit.spec.findings import Finding
from mlpkit.spec.network import NetworkSpec
from mlpkit.spec.normalization import BatchNormalization
from mlpkit.spec.training import Training

ANOTHER = "remove it, or choose another optimizer, such as 'adam'"


def optimizer_findings(optimizer: Optimizer, loss: Loss, training: Training, network: NetworkSpec) -> list[Finding]:
    """Return findings for the loss and for options of training and layers that do not fit an optimizer."""
    found, rule = [], innermost(optimizer)
    if training.weight_decay and rule.decoupled_decay:
        found.append(Finding(("training", "weight_decay"), f"{plugin_name(rule)} has a weight decay of its own", "set one of the two to 0"))
    if training.average is not None and averages(optimizer):
        found.append(Finding(("training", "average"), f"{plugin_name(optimizer)} averages weights itself", "remove one of the two"))
    for index, layer in enumerate(network.layers):
        path = ("network", "layers", index, "weight_constraint")
        if layer.weight_constraint is not None and averages(optimizer):
            message = f"{plugin_name(optimizer)} predicts with an average of the weights, which a constraint does not hold"
            found.append(Finding(path, message, ANOTHER))
    if optimizer.scope == "problem":
        name = plugin_name(optimizer)
        found += [*_of_steps(name, training, network), *_of_randomness(name, network)]
    if isinstance(optimizer, Minimizer) and optimizer.uses_jacobian:
        found += _of_jacobian(plugin_name(optimizer), loss, network)
    return found


def _of_jacobian(name: str, loss: Loss, network: NetworkSpec) -> list[Finding]:
    """Return findings for what is no sum of squares, and for layers whose Jacobian is not computed."""
    found = []
    if not isinstance(loss, LeastSquares):
        message = f"{name} minimizes a sum of squares, but {plugin_name(loss)} declares no residuals"
        found.append(Finding(("loss",), message, "use 'mean_squared_error', or choose another optimizer, such as 'adam'"))
    for key in ("embeddings", "input_scale"):
        if getattr(network, key):
            found.append(Finding(("network", key), f"{name} fits weights and biases of layers alone", ANOTHER))
    for index, layer in enumerate(network.layers):
        path = ("network", "layers", index)
        for key in ("l1", "l2"):
            if getattr(layer, key):
                found.append(Finding((*path, key), f"{name} minimizes the squares of residuals alone, without penalties", ANOTHER))
        if layer.normalization is not None and not isinstance(layer.normalization, BatchNormalization):
            found.append(Finding((*path, "normalization"), f"{name} does not fit scales and shifts of normalization", ANOTHER))
        if layer.activation.parameters:
            message = f"{name} does not fit the parameters of {plugin_name(layer.activation)}"
            found.append(Finding((*path, "activation"), message, "choose an activation without parameters, or another optimizer"))
    return found


def _of_steps(name: str, training: Training, network: NetworkSpec) -> list[Finding]:
    """Return findings for options of single steps, which a full-batch optimizer chooses itself."""
    found, defaults = [], Training()
    for key in ("clip_value", "clip_norm", "weight_decay", "average", "drop_last", "learning_rate_factors"):
        if getattr(training, key) != getattr(defaults, key):
            found.append(Finding(("training", key), f"{name} chooses its own steps, for all rows at once", ANOTHER))
    for index, layer in enumerate(network.layers):
        for key, default in (("learning_rate_factor", 1), ("weight_constraint", None)):
            if getattr(layer, key) != default:
                path = ("network", "layers", index, key)
                found.append(Finding(path, f"{name} chooses its own steps, for all layers at once", ANOTHER))
    return found


def _of_randomness(name: str, network: NetworkSpec) -> list[Finding]:
    """Return findings for options with which the objective of a full-batch optimizer is not deterministic."""
    found = []
    for key in ("input_dropout", "input_noise"):
        if getattr(network, key):
            found.append(Finding(("network", key), f"it is random at each call, but {name} needs a deterministic objective", ANOTHER))
    for index, layer in enumerate(network.layers):
        path = ("network", "layers", index)
        if rate_of(layer.dropout):
            message = f"dropout is random at each call, but {name} needs a deterministic objective"
            found.append(Finding((*path, "dropout"), message, ANOTHER))
        if isinstance(layer.normalization, BatchNormalization):
            message = f"batch normalization updates its averages at each call, but {name} needs a deterministic objective"
            found.append(Finding((*path, "normalization"), message, "use 'layer' normalization, or another optimizer, such as 'adam'"))
    return found
