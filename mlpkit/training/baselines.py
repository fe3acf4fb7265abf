"""Baselines: scores of a constant prediction and of a linear model on the rows that a model is measured on.

They are fitted on the training rows, and use no random generator of the run. Their cost is bounded by counts of rows and columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.disk.dataset import StoredInputs
from mlpkit.engine.network import Network
from mlpkit.numerics.average import average
from mlpkit.numerics.linear_models import STEPS, LinearModel, logistic, ridge
from mlpkit.numerics.weighted import mean, quantile
from mlpkit.plugin import REGISTRIES, Array, Targets
from mlpkit.plugin.error_attribution import attributing_errors
from mlpkit.preprocessing import TargetEncoder
from mlpkit.preprocessing.decision_threshold import FEWEST, best_threshold
from mlpkit.preprocessing.embedded_inputs import one_hot_levels, one_hot_width
from mlpkit.preprocessing.members import member_data
from mlpkit.preprocessing.prepare import Prepared
from mlpkit.spec import Spec
from mlpkit.text.shown import counted
from mlpkit.training.evaluation import choose_metrics, measure

MOST_FITTED = 10_000  # training rows of the linear model
MOST_COLUMNS = 1_000  # encoded inputs of the linear model
WORK = 2**29  # multiplications and additions to fit it
MOST_MEASURED = 100_000  # rows that scores are measured on
CELLS = 2**24  # most encoded values of these rows
SPANS = 64  # parts of a file that rows on disk are sampled from
SAME = 1e-4  # difference of two constants, in standard deviations of the target, that counts as rounding
Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Baselines:
    """Scores of the baselines, and of a model if there is one, on the same rows.

    Attributes
    ----------
    part : {"validation", "training"}
        "training" without validation rows: a model's score on rows that it was trained on says little about new ones.
    rows, of : int
        Number of measured rows, and of the rows of this part, of which a sample is measured if there are too many.
    constant : {"majority", "mean", "median", "constant"}
        Prediction of the constant baseline: the shares of the classes or labels, or the number of least loss, if it is known.
    fitted_rows, training_rows : int
        Number of training rows that the linear model was fitted on, 0 without it; and of all training rows.
    scores : dict of str to dict
        Metrics by name, for "constant", "linear" and "model". They are those of the spec, or common ones for the task.
    skipped : dict of str to str
        Reasons by the name of a baseline that was not computed.
    """

    part: Literal["validation", "training"]
    rows: int
    of: int
    constant: str
    fitted_rows: int
    training_rows: int
    scores: Mapping[str, Mapping[str, float]]
    skipped: Mapping[str, str] = field(default_factory=dict)


def score_baselines(spec: Spec, prepared: Prepared, networks: Sequence[Network] = (), target: TargetEncoder | None = None) -> Baselines:
    """Return the scores of the baselines on prepared data, and of the average of some networks if they are given.

    Where the members of an ensemble hold out other rows, all are fitted and scored fold by fold, so that no row is predicted from itself.

    Parameters
    ----------
    spec : Spec
    prepared : Prepared
    networks : sequence of Network
        Finished network, or those of all members.
    target : TargetEncoder, optional
        That of the finished model, with its decision threshold.
    """
    parts = [member_data(prepared, member) for member in range(len(prepared.folds))] or [prepared]
    rows = _Measured(spec, parts)
    with np.errstate(all="ignore"), attributing_errors():
        named = [constant_prediction(spec, part) for part in parts]
        constant = [np.tile(values, (len(each), 1)) for (_, values), each in zip(named, rows.inputs, strict=True)]
        scores = {"constant": rows.scores(np.concatenate(constant), 0.5 if spec.decision is None else rows.asked)}
        size, width, outputs = prepared.most_rows, one_hot_width(prepared.inputs), _outputs(prepared.target)
        taken, reason = fitted_rows(size, width, outputs, prepared.target.task, len(parts))
        if not reason:
            linear = [
                limited(spec, part, linear_predictions(part, sample(part.train.inputs, taken), each))
                for part, each in zip(parts, rows.inputs, strict=True)
            ]
            predicted = np.concatenate(linear)
            scores["linear"] = rows.scores(predicted, rows.threshold(predicted))
        if networks:
            scores["model"] = rows.scores_of(networks, target or prepared.target)
    skipped = {"linear": reason} if reason else {}
    return Baselines(rows.part, rows.count, rows.of, named[0][0], taken, size, scores, skipped)


def fitted_rows(rows: int, columns: int, outputs: int, task: str, models: int = 1) -> tuple[int, str]:
    """Return the number of training rows to fit the linear model on, and the reason not to fit it, or an empty string.

    A pass over a row costs `columns` x `outputs` multiplications, of which a step of logistic regression makes two; the normal equations
    cost the square of `columns`. Fewer than two rows of many for each input would make a poor model. `models` share the work.
    """
    steps = 1 if task == "regression" else 2 * STEPS
    taken = min(rows, MOST_FITTED, WORK // max(1, models * columns * (columns + steps * outputs)))
    if columns > MOST_COLUMNS or (taken < rows and taken < 2 * columns):
        return 0, f"{counted(columns, 'encoded input')} with {counted(outputs, 'output')} are too many to fit it beside a run"
    return taken, ""


def sample(inputs: Array | StoredInputs, most: int) -> NDArray[np.intp]:
    """Return the sorted numbers of at most `most` rows, always the same ones; of rows on disk, in a few spans."""
    rows = len(inputs)
    if rows <= most:
        return np.arange(rows)
    if not isinstance(inputs, StoredInputs):
        return np.sort(np.random.Generator(np.random.PCG64(0)).choice(rows, most, replace=False))
    spans = min(SPANS, most)
    starts = np.arange(spans) * rows // spans
    return np.asarray((starts[:, None] + np.arange(most // spans)).reshape(-1))


def _read(inputs: Array | StoredInputs, index: NDArray[np.intp]) -> Array:
    """Return rows of encoded inputs, by sorted numbers."""
    if len(index) == len(inputs):
        return inputs[0 : len(inputs)]
    if not isinstance(inputs, StoredInputs):
        return inputs[index]
    parts = np.split(index, np.flatnonzero(np.diff(index) > 1) + 1)
    return np.concatenate([inputs[int(part[0]) : int(part[-1]) + 1] for part in parts])


def _outputs(target: TargetEncoder) -> int:
    """Return the number of outputs of the linear model: one for two classes."""
    if target.classes is None:
        return len(target.names)
    return 1 if len(target.classes) == 2 else len(target.classes)


# -- the two baselines


def constant_prediction(spec: Spec, prepared: Prepared) -> tuple[str, Matrix]:
    """Return the name and the values of the constant prediction, in the form that metrics use, shape (columns,).

    For classes and labels these are their shares, by sample weights but not by `data.class_weight`. For numbers it is the prediction of
    the constant outputs of least loss (`Loss.prior`), or the mean if the loss has none for the last activation.
    """
    target, weights = prepared.target, prepared.sample_weights
    if target.task != "regression":
        shares = _shares(target, prepared.train.targets) if target.task == "classification" else prepared.train_values
        return "majority", mean(shares, weights)
    values = prepared.train_values
    center, middle, spread = mean(values, weights), quantile(values, 0.5, weights), values.std(axis=0)
    found = _of_least_loss(spec, prepared)
    if found is None:
        return "mean", center
    names = (name for name, other in (("mean", center), ("median", middle)) if (abs(found - other) <= SAME * spread).all())
    return next(names, "constant"), found


def _of_least_loss(spec: Spec, prepared: Prepared) -> Matrix | None:
    """Return the prediction of the constant outputs of least loss; None if they are not known for the last activation."""
    activation, loss, target = spec.network.layers[-1].activation, spec.loss, prepared.target
    if REGISTRIES["activations"].info(type(activation)).full_name != (loss.joint_with or "linear"):
        return None
    z = loss.prior(prepared.train.targets, prepared.train.weights)
    if z is None or np.shape(z) != (target.outputs,):
        return None
    rows = np.asarray(z, np.float64)[None]
    outputs = np.empty_like(rows)
    activation.forward(rows, outputs)
    found = target.scores(outputs, activation, rows, loss)[0]
    return found if np.isfinite(found).all() else None


def linear_predictions(prepared: Prepared, fitted: NDArray[np.intp], inputs: Array) -> Matrix:
    """Return predictions of a linear model for encoded inputs, in the form that metrics use.

    Least squares for numbers; logistic regression for labels and two classes, and softmax regression for more classes. The penalty is that
    of scikit-learn's `Ridge` and `LogisticRegression`: 1 and 1/2 times the sum of the squares of the weights. Embedded columns are one-hot.

    Parameters
    ----------
    prepared : Prepared
    fitted : array of int
        Training rows to fit it on, with the weights of the run.
    inputs : array, shape (rows, inputs)
    """
    target, data = prepared.target, prepared.train
    x = one_hot_levels(prepared.inputs, _read(data.inputs, fitted)).astype(np.float64)
    weights, inputs = None if data.weights is None else data.weights[fitted], one_hot_levels(prepared.inputs, inputs)
    if target.task == "regression":
        values = prepared.train_values[fitted]
        unit = np.abs(values).max(axis=0)
        unit[unit == 0] = 1.0
        return np.asarray(ridge(x, values / unit, weights).outputs(inputs) * unit)
    if target.task == "multilabel":
        return _sigmoid(logistic(x, prepared.train_values[fitted], weights), inputs)
    shares = _shares(target, data.targets[fitted])
    if shares.shape[1] == 2:
        second = _sigmoid(logistic(x, shares[:, 1:], weights), inputs)
        return np.hstack([1.0 - second, second])
    z = logistic(x, shares, weights, link="softmax").outputs(inputs)
    z -= z.max(axis=1, keepdims=True)
    np.exp(z, z)
    return np.asarray(z / z.sum(axis=1, keepdims=True))


def limited(spec: Spec, prepared: Prepared, predicted: Matrix) -> Matrix:
    """Return predictions within the limits of the network's, and within the range of the training rows if the loss needs a sign."""
    target, values = prepared.target, prepared.train_values
    if target.task == "regression" and spec.loss.target_sign != "any":
        predicted = np.clip(predicted, values.min(axis=0), values.max(axis=0))
    return target.limits.clip(predicted)


def _sigmoid(model: LinearModel, inputs: Array) -> Matrix:
    return np.asarray(1.0 / (1.0 + np.exp(-model.outputs(inputs))))


def _shares(target: TargetEncoder, targets: Targets) -> Matrix:
    """Return the probability of each class for encoded targets, shape (rows, classes)."""
    assert target.classes is not None
    if targets.ndim == 1:
        return np.asarray(np.eye(len(target.classes))[targets])
    shares = targets.astype(np.float64)
    return np.hstack([1.0 - shares, shares]) if target.form == "binary" else shares


# -- the measured rows


class _Measured:
    """Rows of the final score: the validation rows of all parts, or else the training rows; a sample of them if there are many."""

    def __init__(self, spec: Spec, parts: Sequence[Prepared]) -> None:
        self.spec, self.target, validated = spec, parts[0].target, parts[0].validated
        self.part: Literal["validation", "training"] = "validation" if validated else "training"
        most = max(1, min(MOST_MEASURED, CELLS // max(1, parts[0].inputs.width)) // len(parts))
        data = [part.validation or part.train for part in parts]
        chosen = [sample(each.inputs, most) for each in data]
        self.inputs = [_read(each.inputs, index) for each, index in zip(data, chosen, strict=True)]
        self.of, self.count = sum(len(each.inputs) for each in data), sum(map(len, chosen))
        self.targets = np.concatenate([each.targets[index] for each, index in zip(data, chosen, strict=True)])
        measured = [part.measured for part in parts]
        self.values = np.concatenate([values[index] for (values, _), index in zip(measured, chosen, strict=True)])
        weights = [each[index] for (_, each), index in zip(measured, chosen, strict=True) if each is not None]
        self.weights = np.concatenate(weights) if weights else None
        self.metrics = choose_metrics(spec.metrics, self.target.task)
        criterion = None if spec.decision is None else spec.decision.threshold
        two = self.target.classes is not None and len(self.target.classes) == 2
        self.asked = criterion if two and isinstance(criterion, float) else 0.5
        self.criterion = criterion if two and isinstance(criterion, str) and validated else None
        self.by_loss = not spec.metrics and not spec.loss.separable and spec.network.layers[-1].activation.output == "real"

    def threshold(self, probabilities: Matrix) -> float:
        """Return the decision threshold of the linear model, chosen as that of the network."""
        positive = self.values == 1
        if self.criterion is None or np.count_nonzero(positive) < FEWEST:
            return self.asked
        return best_threshold(probabilities[:, 1], positive, self.weights, self.criterion)

    def scores(self, predicted: Matrix, threshold: float) -> dict[str, float]:
        """Return the metrics of predictions, after the loss if it compares whole rows: their lengths may have no meaning then."""
        measured = measure(self.metrics, predicted, self.values, self.weights, threshold)
        if self.by_loss:
            outputs = self.target.encode_values(predicted, self.spec.dtype)
            losses = np.empty(len(outputs), outputs.dtype)
            self.spec.loss.value_and_grad(outputs, self.targets, losses, np.empty_like(outputs))
            return {"loss": float(np.average(losses, weights=self.weights)), **measured}
        return measured

    def scores_of(self, networks: Sequence[Network], target: TargetEncoder) -> dict[str, float]:
        """Return the metrics of networks, with the decision threshold of the model: of their average, or of one for each part."""
        groups = [networks] if len(self.inputs) == 1 else [[network] for network in networks]
        predicted = [average([self._scored(one, each, target) for one in some]) for some, each in zip(groups, self.inputs, strict=True)]
        return self.scores(np.concatenate(predicted), target.threshold)

    def _scored(self, network: Network, inputs: Array, target: TargetEncoder) -> Matrix:
        z, outputs = network.forward(inputs)
        return target.scores(outputs, network.layers[-1].activation, z, self.spec.loss)
