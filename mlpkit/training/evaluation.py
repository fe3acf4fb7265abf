"""Evaluation of a model: mean loss on a data set, selection of metrics, and their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from mlpkit.data.dataset import Dataset
from mlpkit.data.disk.dataset import StoredDataset
from mlpkit.engine.network import Network
from mlpkit.engine.weighted_targets import WeightedTargets
from mlpkit.engine.workspace import is_joint
from mlpkit.errors import BrokenPlugin, PluginError, SpecError, UndefinedMetricWarning, warn
from mlpkit.numerics.average import average
from mlpkit.plugin import REGISTRIES, Array, Loss, Metric, Targets, plugin_name
from mlpkit.plugin.error_attribution import attributing_errors
from mlpkit.plugin.registry import PluginInfo
from mlpkit.preprocessing.decision_threshold import centered
from mlpkit.provenance.placeholders import require
from mlpkit.training.class_report import Report, class_report
from mlpkit.training.target_weights import weighted_loss

if TYPE_CHECKING:
    from mlpkit.preprocessing import TargetEncoder
    from mlpkit.preprocessing.labelled import Labelled
    from mlpkit.spec import Spec
    from mlpkit.training.ranks import Ranks

USUAL = {"classification": ("accuracy", "log_loss"), "regression": ("rmse", "mae", "r2"), "multilabel": ("subset_accuracy", "hamming_loss")}
FEWEST = 2**10  # rows of a block, where rows are wide


class Answers(NamedTuple):
    """Pre-activations of the last layer for some rows, and the outputs of the network, shape (rows, units)."""

    z: Array
    outputs: Array


def choose_metrics(metrics: str | Metric | Sequence[str | Metric], task: str) -> tuple[Metric, ...]:
    """Return metric objects from names or objects; by default, common ones for the task.

    Raises
    ------
    MissingPlugin
        A name is unknown.
    SpecError
        A metric does not fit the task, or has options without a default.
    """
    named = (metrics,) if isinstance(metrics, (str, Metric)) else metrics
    chosen = tuple(_by_name(metric) if isinstance(metric, str) else metric for metric in named or USUAL[task])
    check_metrics(chosen, task)
    return chosen


def _by_name(name: str) -> Metric:
    metric: type[Metric] = REGISTRIES["metrics"].get(name)
    try:
        return metric()
    except ValidationError as error:
        options = ", ".join(sorted({str(problem["loc"][0]) for problem in error.errors() if problem["loc"]}))
        raise SpecError.at("metrics", f"{name} needs options: {options}", "set them in the metrics of the spec") from error


def _task(info: PluginInfo) -> str | None:
    """Return the task of a metric; None for a broken plugin."""
    try:
        return str(REGISTRIES["metrics"].get(info.full_name).task)
    except PluginError:
        return None


def check_metrics(metrics: Sequence[Metric], task: str) -> None:
    """Raise SpecError for metrics that do not fit the task, and MissingPlugin for a missing one."""
    require(*metrics)
    wrong = [metric for metric in metrics if metric.task != task]
    if wrong:
        names = ", ".join(plugin_name(metric) for metric in wrong)
        known = [info.name for info in REGISTRIES["metrics"].installed() if _task(info) == task]
        raise SpecError.at("metrics", f"the metrics {names} do not fit the task {task}", f"use one of {', '.join(known) or 'none'}")


def measure(
    metrics: Sequence[Metric], outputs: NDArray[Any], targets: NDArray[Any], weights: Array | None, threshold: float = 0.5
) -> dict[str, float]:
    """Return metrics by name.

    Parameters
    ----------
    metrics : sequence of Metric
    outputs : array, shape (rows, columns)
        Result of `TargetEncoder.scores` for the answers of a network.
    targets : array
        Targets in the units of the data.
    weights : array, shape (rows,), or None
    threshold : float
        Decision threshold between two classes, for metrics that count decisions.
    """
    decided = outputs if threshold == 0.5 else centered(outputs, threshold)
    ones = np.ones(len(outputs)) if weights is None else weights.astype(np.float64)
    with attributing_errors():
        seen = ((metric, decided if metric.decides else outputs) for metric in metrics)
        return {plugin_name(metric): _number(metric, metric.compute(values, targets, ones)) for metric, values in seen}


def warn_undefined(measured: Mapping[str, float], outputs: NDArray[Any], what: str) -> None:
    """Warn of metrics that are undefined on their rows, unless the outputs of the network are not finite."""
    undefined = [name for name, value in measured.items() if np.isnan(value)]
    if undefined and np.isfinite(outputs).all():
        message = f"{', '.join(undefined)} cannot be computed on the {what} rows, and is NaN: use more rows with different targets"
        warn(UndefinedMetricWarning(message))


def _number(metric: Metric, value: Any) -> float:
    if not isinstance(value, (float, int, np.number)):
        info = REGISTRIES["metrics"].info(type(metric))
        help = f"return float(...), or report this to its author; 'mlpkit plugins check {info.full_name}' tests it alone"
        raise BrokenPlugin(f"{info.described} returns {type(value).__name__} instead of a number", help=help)
    return float(value)


def evaluate(
    spec: Spec, networks: Sequence[Network], target: TargetEncoder, labelled: Labelled, metrics: str | Metric | Sequence[str | Metric]
) -> Report:
    """Return "loss" and metrics by name: the given ones, those of the spec, or common ones; and figures by class. Warn of NaN.

    The predictions are the averages of all networks; the report has the figures of each of several networks too.
    """
    chosen, data = choose_metrics(metrics or spec.metrics, target.task), labelled.data
    found = _answers_of(spec, networks, target, data)
    report = _report(target, labelled, chosen, _averaged(spec, target, data, found))
    if len(found) == 1:
        return report
    members = [_report(target, labelled, chosen, _averaged(spec, target, data, [each])).figures for each in found]
    return replace(report, members=tuple(members))


def _report(target: TargetEncoder, labelled: Labelled, chosen: Sequence[Metric], answer: tuple[float, NDArray[np.float64]]) -> Report:
    """Return the figures of a mean loss and of predictions in the form that metrics use."""
    loss, outputs = answer
    measured = measure(chosen, outputs, labelled.values, labelled.data.weights, target.threshold)
    warn_undefined(measured, outputs, "given")
    figures = {"loss": loss, **measured}
    if target.classes is None or not len(outputs):
        return Report(figures)
    decided = outputs if target.threshold == 0.5 else centered(outputs, target.threshold)
    return Report(figures, class_report(target.classes, decided, labelled.values, labelled.data.weights))


def mean_answers(
    spec: Spec, networks: Sequence[Network], target: TargetEncoder, data: Dataset | StoredDataset
) -> tuple[float, NDArray[np.float64]]:
    """Return the mean loss of the average prediction of some networks, and that prediction in the form that metrics use.

    Where predictions are not the outputs up to shift and scale, as for several parts of a loss or logarithms, the loss is the average of
    those of the networks.
    """
    return _averaged(spec, target, data, _answers_of(spec, networks, target, data))


def row_answers(
    spec: Spec, networks: Sequence[Network], target: TargetEncoder, data: Dataset | StoredDataset
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the loss of each row, shape (rows,), and the predictions of `mean_answers`, whose loss is the mean of these."""
    found = _answers_of(spec, networks, target, data)
    _, scores = _averaged(spec, target, data, found)
    outputs = _mean_outputs(spec, target, found)
    if outputs is not None:
        return _losses_of(spec, target, data, outputs).astype(np.float64), scores
    return np.mean([losses.astype(np.float64) for losses, _ in found], axis=0), scores


def _answers_of(
    spec: Spec, networks: Sequence[Network], target: TargetEncoder, data: Dataset | StoredDataset
) -> list[tuple[Array, Answers]]:
    """Return the loss of each row and the outputs of each network."""
    loss = weighted_loss(spec, target)
    return [_row_losses(network, loss, data) for network in networks]


def _averaged(
    spec: Spec, target: TargetEncoder, data: Dataset | StoredDataset, found: Sequence[tuple[Array, Answers]]
) -> tuple[float, NDArray[np.float64]]:
    """Return the result of `mean_answers` for the results of `_answers_of`."""
    activation = spec.network.layers[-1].activation
    scores = average([target.scores(answers.outputs, activation, answers.z, spec.loss) for _, answers in found])
    outputs = _mean_outputs(spec, target, found)
    with np.errstate(all="ignore"):
        if outputs is None:
            return float(np.mean([float(np.average(losses, weights=data.weights)) for losses, _ in found])), scores
        return float(np.average(_losses_of(spec, target, data, outputs), weights=data.weights)), scores


def _mean_outputs(spec: Spec, target: TargetEncoder, found: Sequence[tuple[Array, Answers]]) -> Array | None:
    """Return the average outputs of several networks, if the loss of these is that of their average prediction; else None."""
    by_outputs = target.decoded_by_loss or (target.task != "regression" and spec.network.layers[-1].activation.output == "real")
    if len(found) == 1 or by_outputs:
        return None
    return average([answers.outputs.astype(np.float64) for _, answers in found]).astype(spec.dtype)


def _losses_of(spec: Spec, target: TargetEncoder, data: Dataset | StoredDataset, outputs: Array) -> Array:
    """Return the loss of each row for outputs of the network."""
    losses = np.empty(len(outputs), outputs.dtype)
    with np.errstate(all="ignore"), attributing_errors():
        weighted_loss(spec, target).value_and_grad(outputs, data.targets, losses, np.empty_like(outputs))
    return losses


def mean_loss(
    network: Network, loss: Loss | WeightedTargets, data: Dataset | StoredDataset, ranks: Ranks | None = None
) -> tuple[float, Answers]:
    """Return the weighted mean loss on a data set, and the outputs of the network. Several ranks compute a share of the rows each."""
    losses, answers = _row_losses(network, loss, data) if ranks is None else _shared_losses(ranks, network, loss, data)
    with np.errstate(all="ignore"):
        return float(np.average(losses, weights=data.weights)), answers


def _row_losses(network: Network, loss: Loss | WeightedTargets, data: Dataset | StoredDataset) -> tuple[Array, Answers]:
    """Return the loss of each row, and the outputs of the network."""
    with np.errstate(all="ignore"), attributing_errors():
        if isinstance(data, Dataset):
            return _losses(network, loss, data.inputs, data.targets)
        return _losses_by_blocks(network, loss, data)


def _losses(network: Network, loss: Loss | WeightedTargets, inputs: Array, targets: Targets) -> tuple[Array, Answers]:
    """Return the loss of each row, and the outputs of the network."""
    z, outputs = network.forward(inputs)
    losses = np.empty(len(z), z.dtype)
    if is_joint(loss, network):
        loss.joint(z.copy(), targets, losses, np.empty_like(z))
    else:
        loss.value_and_grad(outputs, targets, losses, np.empty_like(outputs))
    return losses, Answers(z, outputs)


def _losses_by_blocks(network: Network, loss: Loss | WeightedTargets, data: StoredDataset) -> tuple[Array, Answers]:
    """Return the same for inputs on disk, with one block in memory at a time."""
    rows, columns, dtype = len(data.inputs), network.layers[-1].weight.shape[1], data.inputs.dtype
    losses = np.empty(rows, dtype)
    answers = Answers(np.empty((rows, columns), dtype), np.empty((rows, network.units), dtype))
    _fill(network, loss, data, slice(0, rows), losses, answers)
    return losses, answers


def _shared_losses(ranks: Ranks, network: Network, loss: Loss | WeightedTargets, data: Dataset | StoredDataset) -> tuple[Array, Answers]:
    """Return the same on all ranks; each computes its share of the rows."""
    rows, columns = len(data.inputs), network.layers[-1].weight.shape[1]
    found: Array = np.zeros(rows * (1 + columns + network.units), network.dtype)  # one array takes one sum
    losses, z, outputs = np.split(found, [rows, rows * (1 + columns)])
    answers = Answers(z.reshape(rows, columns), outputs.reshape(rows, network.units))
    with np.errstate(all="ignore"), attributing_errors():
        _fill(network, loss, data, ranks.share(rows), losses, answers)
    ranks.exchange.sum(found)
    return losses, answers


def _fill(
    network: Network, loss: Loss | WeightedTargets, data: Dataset | StoredDataset, rows: slice, losses: Array, answers: Answers
) -> None:
    """Compute the losses and the outputs of some rows; of inputs on disk one block is in memory at a time."""
    step = max(data.inputs.step, FEWEST) if isinstance(data, StoredDataset) else len(data.inputs)
    for start in range(rows.start, rows.stop, step):
        block = slice(start, min(start + step, rows.stop))
        losses[block], some = _losses(network, loss, data.inputs[block], data.targets[block])
        answers.z[block], answers.outputs[block] = some
