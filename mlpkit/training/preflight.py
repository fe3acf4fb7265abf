"""Checks before training that a model can be measured during training and saved afterwards."""

from __future__ import annotations

from math import prod

from mlpkit.engine.layers import parameter_shapes
from mlpkit.errors import BrokenPlugin, DataError, ModelFileError, PluginError, Problem, SpecError
from mlpkit.modelfile import strict_json
from mlpkit.modelfile.constants import FOLDERS, is_path
from mlpkit.plugin import Minimizer, Schedule, innermost, learning_rate_of, plugin_name
from mlpkit.plugin.engine import Engine, engine_named
from mlpkit.preprocessing import InputEncoder, TargetEncoder
from mlpkit.preprocessing.prepare import Prepared
from mlpkit.provenance.placeholders import require
from mlpkit.spec import Spec
from mlpkit.spec.normalization import BatchNormalization
from mlpkit.spec.plugin_objects import plugin_objects
from mlpkit.text.shown import shortened
from mlpkit.training.evaluation import check_metrics
from mlpkit.training.fingerprint import DIGITS
from mlpkit.training.target_weights import weighted_loss

MOST_PARAMETERS, MOST_RESIDUALS = 5_000, 100_000  # of an optimizer with a Jacobian: 4 GB


def engine_of(spec: Spec) -> Engine | None:
    """Return the engine of a run, or None for NumPy. Raise PluginError if it is not installed, or cannot be used."""
    try:
        return engine_named(spec.training.engine)
    except PluginError as error:
        raise type(error)(error.message, help=error.help, problems=[Problem(error.message, "training.engine", error.help)]) from error


def check_storable(spec: Spec, inputs: InputEncoder, target: TargetEncoder) -> None:
    """Raise DataError or BrokenPlugin before training if the model could not be saved."""
    columns = list(inputs.order)
    digests = [["0" * DIGITS] * len(columns)] * 2  # digests of the training and validation rows in a training state
    for what, value in (("the spec", spec.to_dict()), ("the preprocessing", [inputs.to_state(), target.to_state(), columns, digests])):
        try:
            text = strict_json.encode(value, what)
            strict_json.check_length(len(text), what)
            strict_json.check_signs(text, what)
        except ModelFileError as error:
            message = f"a model of these data could not be saved: {shortened(error.message)}"
            raise DataError(message, help="use fewer columns, categories or classes, or shorter names of plain characters") from error
    names = (*spec.optimizer.state, *spec.optimizer.scalars)
    if wrong := [name for name in names if not is_path(f"{FOLDERS['state']}optimizer/{name}") or names.count(name) > 1]:
        message = f"the state {shortened(wrong[0], 100)!r} of the optimizer {plugin_name(spec.optimizer)!r} cannot be saved"
        raise BrokenPlugin(message, help="give each array and scalar a name of its own, of at most 128 letters, digits, '_' and '.'")


def check_trainable(spec: Spec, prepared: Prepared) -> None:
    """Raise the errors of `check_measured` and `check_storable`, MissingPlugin for placeholders, and DataError for too few rows."""
    require(*plugin_objects(spec))
    if prepared.fewest_rows < 2 and any(isinstance(layer.normalization, BatchNormalization) for layer in spec.network.layers):
        raise DataError("batch normalization needs at least two training rows", help="use more rows, or use 'layer' normalization")
    check_measured(spec, prepared)
    check_jacobian(spec, prepared.most_rows)
    check_storable(spec, prepared.inputs, prepared.target)


def _check_decision(spec: Spec, prepared: Prepared) -> None:
    """Raise SpecError if there are not two classes for the decision, or no validation rows that can choose the threshold."""
    if spec.decision is None:
        return
    if prepared.target.classes is None or len(prepared.target.classes) != 2:
        raise SpecError.at("decision", "the target does not have two classes", "remove it")
    if isinstance(spec.decision.threshold, str) and not prepared.validated:
        message = f"{spec.decision.threshold} chooses the threshold on the validation rows, but there are none"
        raise SpecError.at("decision.threshold", message, "add data.split.validation, such as 0.2, or give a number")


def _check_residuals(spec: Spec, prepared: Prepared) -> None:
    """Raise SpecError if there are no held-out rows, or no errors of one number or class to keep."""
    if not spec.training.keep_residuals:
        return
    if prepared.target.task == "multilabel":
        raise SpecError.at("training.keep_residuals", "several labels per row have neither intervals nor sets", "set it to false")
    if not prepared.validated:
        advice = "add data.split.validation, such as 0.2, or set it to false"
        raise SpecError.at("training.keep_residuals", "there are no validation rows whose errors could be kept", advice)


def check_measured(spec: Spec, prepared: Prepared) -> None:
    """Raise SpecError if the metrics, target weights, early stopping, schedule or batches of a spec do not fit the data."""
    check_metrics(spec.metrics, prepared.target.task)
    weighted_loss(spec, prepared.target)
    _check_decision(spec, prepared)
    if spec.training.training_metrics and not prepared.validated:
        message = "there are no validation rows, so the metrics are those of the training rows already"
        raise SpecError.at("training.training_metrics", message, "remove it, or add data.split.validation, such as 0.2")
    _check_residuals(spec, prepared)
    check_batches(spec, prepared.most_rows)
    stopping = spec.training.early_stopping
    if stopping is not None and stopping.monitor == "validation_loss" and not prepared.validated:
        message = "early stopping monitors the validation loss, but there are no validation rows"
        advice = "add data.split.validation, such as 0.2, or set the monitor to 'training_loss'"
        raise SpecError.at("training.early_stopping", message, advice)
    schedule = learning_rate_of(spec.optimizer)
    if isinstance(schedule, Schedule):
        try:
            schedule.check_epochs(spec.training.epochs)
        except ValueError as error:
            advice = "change the schedule, or training.epochs"
            raise SpecError.at("optimizer.learning_rate", f"{plugin_name(schedule)}: {error}", advice) from error
    if isinstance(schedule, Schedule) and "validation_loss" in schedule.history_columns and not prepared.validated:
        message = f"{plugin_name(schedule)} monitors the validation loss, but there are no validation rows"
        raise SpecError.at("optimizer.learning_rate", message, "add data.split.validation, such as 0.2, or monitor 'loss'")


def check_batches(spec: Spec, rows: int) -> None:
    """Raise SpecError if the optimizer needs all training rows in each step, but a batch has fewer."""
    optimizer, size = innermost(spec.optimizer), spec.training.batch_size
    if optimizer.full_batch and isinstance(size, int) and size < rows:
        message = f"{plugin_name(optimizer)} needs the gradient of all {rows:,} training rows in each step, but a batch has {size:,}"
        raise SpecError.at("training.batch_size", message, "set it to null, or choose another optimizer, such as 'adam'")


def check_jacobian(spec: Spec, rows: int) -> None:
    """Raise SpecError if the Jacobian of an optimizer would be too large; `spec` has the widths of all layers."""
    if not (isinstance(spec.optimizer, Minimizer) and spec.optimizer.uses_jacobian):
        return
    parameters = sum(prod(shape) for shape in parameter_shapes(spec.network)[0].values())
    residuals = rows * (spec.network.layers[-1].units or 1)
    if parameters > MOST_PARAMETERS or residuals > MOST_RESIDUALS:
        most = f"at most {MOST_PARAMETERS:,} parameters and {MOST_RESIDUALS:,} residuals (rows times outputs)"
        message = f"{plugin_name(spec.optimizer)} takes {most}, but there are {parameters:,} and {residuals:,}"
        raise SpecError.at("optimizer", message, "use fewer units or rows, or choose another optimizer, such as 'adam'")
