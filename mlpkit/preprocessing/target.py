"""TargetEncoder: target columns are encoded for the loss, and outputs are decoded to the form of the user's targets.

The task follows from the loss (`Loss.targets`) and the values of the column.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from mlpkit.data.table import Table
from mlpkit.engine.probabilities import choices, probabilities
from mlpkit.errors import BrokenPlugin, DataError, ModelFileError, SpecError
from mlpkit.plugin import Activation, Array, Loss, Targets, Task, plugin_name
from mlpkit.preprocessing.json_state import TargetState, first_line, statistics
from mlpkit.preprocessing.labels import Labels, class_numbers, known_numbers, stored_classes, type_of
from mlpkit.preprocessing.limits import NO_LIMITS, Limits
from mlpkit.preprocessing.residuals import Residuals, stored_residuals
from mlpkit.preprocessing.soft_targets import probability_columns, shares
from mlpkit.preprocessing.target_classes import fit_classes
from mlpkit.preprocessing.target_numbers import (
    NO_NUMBERS,
    fitted_scaling,
    indicators_of,
    labels_of,
    prediction_limits,
    values_of,
)
from mlpkit.preprocessing.task import Form, is_classes
from mlpkit.spec import Spec
from mlpkit.text.shown import counted

LABEL_TYPES: dict[Task, tuple[str, ...]] = {"classification": ("",), "regression": ("",), "multilabel": ("int64", "float64", "bool")}


@dataclass(frozen=True)
class TargetEncoder:
    """Encoder fitted on the training rows; `fit` returns one.

    Attributes
    ----------
    task : {"classification", "regression", "multilabel"}
    form : {"numbers", "classes", "binary", "indicators"}
        Form of the encoded targets.
    names : tuple of str
        Name of each predicted column.
    classes : array, shape (classes,), or None
        Labels in the type that the user gave, sorted or in the order of `data.classes`.
    label_type : str
        For several labels per row the dtype of the given targets; else empty.
    center, scale : array, shape (outputs,)
        Subtrahend and divisor of numbers: mean and deviation, or median and interquartile range, or 0 and 1. Empty for other targets.
    outputs_per_target : int
        Outputs of the network for each number, by the loss.
    decoded_by_loss : bool
        True if the loss defines how outputs become predictions.
    threshold : float
        Probability above which the second of two classes is predicted.
    threshold_rows : (int, int) or None
        Validation rows that chose the threshold, and those of the second class among them.
    limits : Limits
        Limits of predicted numbers.
    residuals : Residuals
        Errors on held-out rows, for intervals. No rows if they are not kept.
    """

    task: Task
    form: Form
    names: tuple[str, ...]
    classes: Labels | None
    label_type: str
    center: NDArray[np.float64]
    scale: NDArray[np.float64]
    outputs_per_target: int = 1
    decoded_by_loss: bool = False
    threshold: float = 0.5
    threshold_rows: tuple[int, int] | None = None
    limits: Limits = NO_LIMITS
    residuals: Residuals = field(default_factory=Residuals)

    @classmethod
    def fit(cls, spec: Spec, table: Table, weights: NDArray[np.float64] | None = None) -> TargetEncoder:
        """Fit the classes, or center and scale.

        Parameters
        ----------
        spec : Spec
            Its loss, last layer, `data.target_type` and `preprocessing.target` determine the form.
        table : Table
            Target columns of the training rows.
        weights : array, shape (rows,), optional
            Sample weights above 0: a row of weight k counts as k equal rows.

        Raises
        ------
        SpecError
            The last layer or the preprocessing does not fit the target.
        DataError
            The target is constant, has one class, or has values that the loss does not accept.
        """
        names = tuple(labels_of(table))
        if is_classes(spec, table):
            form, name, classes, threshold = fit_classes(spec, table, names)
            return cls("classification", form, (name,), classes, "", NO_NUMBERS, NO_NUMBERS, threshold=threshold)
        for key in ("classes", "positive"):
            if getattr(spec.data, key) is not None:
                raise SpecError.at(f"data.{key}", "the target is not one class per row", "remove it; classes of numbers need 'softmax'")
        task: Task = "multilabel" if spec.loss.targets == "binary" else "regression"
        values, label_type = indicators_of(table) if task == "multilabel" else (values_of(table), "")
        center, scale = fitted_scaling(spec, task, values, names, weights)
        by_loss = task == "regression" and type(spec.loss).predictions is not Loss.predictions
        limits = prediction_limits(spec, task, values)
        return cls(task, "numbers", names, None, label_type, center, scale, spec.loss.outputs_per_target, by_loss, 0.5, None, limits)

    @property
    def outputs(self) -> int:
        """Number of units that the last layer needs."""
        if self.form == "numbers":
            return len(self.names) * self.outputs_per_target
        return 1 if self.form == "binary" or self.classes is None else len(self.classes)

    # -- from the data

    def encode(self, table: Table, dtype: DTypeLike) -> Targets:
        """Return the targets in the form that the loss uses: class indices (rows,), or (rows, outputs) in `dtype`.

        Raises
        ------
        DataError
            A row has a class that is not in the training rows, or a value that does not fit.
        """
        return self.encode_values(self.values(table), dtype)

    def encode_values(self, values: Targets, dtype: DTypeLike) -> Targets:
        """Return targets that `values` returned in the form of `encode`."""
        if self.classes is not None and values.ndim == 2:
            return (values[:, 1:] if self.form == "binary" else values).astype(dtype)
        if self.form == "classes":
            return values
        if self.form == "binary":
            return values[:, None].astype(dtype)
        if self.form == "indicators":
            indicators = np.zeros((len(values), self.outputs), dtype)
            indicators[np.arange(len(values)), values] = 1
            return indicators
        with np.errstate(all="ignore"):
            return ((values - self.center) / self.scale).astype(dtype)

    def values(self, table: Table) -> Targets:
        """Return class indices (rows,), probabilities (rows, classes), or float64 values (rows, outputs) in the units of the data.

        A named table may have the target columns in any order, with others between them. As many columns as there are classes are their
        probabilities.

        Raises
        ------
        DataError
            See `encode`.
        """
        if self.classes is not None and (columns := probability_columns(table, self.classes, self.names[0])) is not None:
            return shares(columns)
        table = self._aligned(table)
        if table.width != len(self.names):
            message = f"the target has {counted(table.width, 'column')}, but the model predicts {len(self.names)}"
            raise DataError(message, help=f"give {', '.join(self.names)}")
        if self.classes is not None:
            return class_numbers(table, table.names[0], self.classes)
        return indicators_of(table)[0] if self.task == "multilabel" else values_of(table)

    def measured(self, values: Targets) -> Targets:
        """Return `values` in the form that metrics use: of probabilities the index of the most probable class, the first of equal ones."""
        return values.argmax(axis=1) if self.classes is not None and values.ndim == 2 else values

    def unknown(self, table: Table) -> NDArray[np.bool_]:
        """Return a boolean array that is True for rows with a class not in the training rows. Errors are those of `values`."""
        if self.classes is None or probability_columns(table, self.classes, self.names[0]) is not None:
            return np.zeros(table.rows, dtype=bool)
        aligned = self._aligned(table)
        return known_numbers(aligned, aligned.names[0], self.classes) < 0

    def _aligned(self, table: Table) -> Table:
        """Return the table with the model's target columns in their order, matched by name if both have names."""
        if not table.named or tuple(labels_of(table)) == self.names:
            return table
        if all(name in table for name in self.names):
            return table.select(self.names)
        if len(table.names) == 1 or self.names == tuple(f"y{index}" for index in range(len(self.names))):
            return table  # a single column may have any name, and y0, y1 and so on are the generated names of an array
        raise table.missing_columns([name for name in self.names if name not in table])

    # -- from the network

    def scores(
        self, outputs: Array, activation: Activation | None = None, z: Array | None = None, loss: Loss | None = None
    ) -> NDArray[np.float64]:
        """Return outputs in the form that metrics use: probabilities (rows, classes or labels), or values in the units of the data.

        Parameters
        ----------
        outputs : array, shape (rows, outputs)
            Outputs of the network.
        activation : Activation, optional
            Last activation; with `z`, probabilities close to 0 or 1 are computed exactly.
        z : array, shape (rows, outputs), optional
            Pre-activations of the last layer.
        loss : Loss, optional
            Needed if `decoded_by_loss`.
        """
        if self.task != "regression":
            return probabilities(outputs, activation, z, one_unit=self.form == "binary")
        return next(iter(self.parts(outputs, loss).values()))

    def parts(self, outputs: Array, loss: Loss | None = None) -> dict[str, NDArray[np.float64]]:
        """Return everything that the outputs of a regression predict, in the units of the data, by name; shape (rows, targets) each.

        Parameters are those of `scores`. The first entry is the prediction, called "" unless the loss names it.

        Raises
        ------
        BrokenPlugin
            The loss gives an array of another shape.
        """
        with np.errstate(all="ignore"):
            outputs = outputs.astype(np.float64)
            if loss is None or not self.decoded_by_loss:
                return {"": self._limited(outputs * self.scale + self.center)}
            found = {name: np.asarray(part, np.float64) for name, part in loss.predictions(outputs, self.center, self.scale).items()}
        shape = len(outputs), len(self.names)
        if not found or any(part.shape != shape for part in found.values()):
            shapes = ", ".join(f"{name!r} {part.shape}" for name, part in found.items()) or "none"
            help = "correct it, or tell its author"
            raise BrokenPlugin(f"the loss {plugin_name(loss)} gives the predictions {shapes}, not of the shape {shape} each", help=help)
        first = next(iter(found))
        return {**found, first: self._limited(found[first])}

    def _limited(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return predicted numbers, shape (rows, names), within their limits."""
        return self.limits.clip(values)

    def decode(
        self, outputs: Array, activation: Activation | None = None, z: Array | None = None, loss: Loss | None = None
    ) -> NDArray[Any]:
        """Return predictions in the form of the user's targets: labels or numbers (rows,), or (rows, targets) for several targets.

        Of two classes with the same probability the first is returned, and the second only above `threshold`; a label with a probability of
        exactly 0.5 is 0. Parameters are those of `scores`.
        """
        if self.classes is not None and self.threshold != 0.5:
            return np.asarray(self.classes[(self.scores(outputs, activation, z)[:, 1] > self.threshold).astype(np.intp)])
        if self.classes is not None:
            return np.asarray(self.classes[choices(outputs, activation, z, one_unit=self.form == "binary")])
        scores = self.scores(outputs, activation, z, loss)
        if self.task == "multilabel":
            return (scores > 0.5).astype(self.label_type)
        return scores[:, 0] if len(self.names) == 1 else scores

    # -- saved in the model

    def to_state(self) -> dict[str, Any]:
        """Return the part of the encoder that is stored as JSON; `arrays` returns the rest."""
        by_loss = {"outputs_per_target": self.outputs_per_target, "decoded_by_loss": True} if self.decoded_by_loss else {}
        return {
            "task": self.task,
            "form": self.form,
            "names": list(self.names),
            "classes": None if self.classes is None else self.classes.tolist(),
            "label_type": self.label_type if self.classes is None else type_of(self.classes),
            **by_loss,
            **({} if self.threshold == 0.5 else {"threshold": self.threshold}),
            **({} if self.threshold_rows is None else {"threshold_rows": list(self.threshold_rows)}),
        }

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return center, scale, limits and residuals by name, without empty ones."""
        found = {"center": self.center, "scale": self.scale, **self.limits.arrays(), **self.residuals.arrays()}
        return {name: array for name, array in found.items() if array.size}

    @classmethod
    def from_state(cls, state: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> TargetEncoder:
        """Return the encoder for a stored state and arrays. Raise ModelFileError if they are not valid."""
        try:
            valid = TargetState.model_validate(state)
            classes = None if valid.classes is None else stored_classes(valid.classes, valid.label_type)
            names, label_type = tuple(valid.names), "" if classes is not None else valid.label_type
            width = len(names) if valid.form == "numbers" else 0
            center, scale = statistics(arrays, ("center", "scale"), width)
            if label_type not in LABEL_TYPES[valid.task]:
                raise ValueError(f"labels of the type {label_type!r} do not fit the task {valid.task!r}")
            residuals = stored_residuals(arrays, valid.task, len(names))
            by_loss = valid.outputs_per_target, valid.decoded_by_loss
            rows = None if valid.threshold_rows is None else (valid.threshold_rows[0], valid.threshold_rows[1])
            fitted = center, scale, *by_loss, valid.threshold, rows, Limits.from_arrays(arrays, width)
            return cls(valid.task, valid.form, names, classes, label_type, *fitted, residuals=residuals)
        except (TypeError, ValueError, OverflowError) as error:  # a ValidationError is a ValueError
            raise ModelFileError(f"its preprocessing of the target is not valid: {first_line(error)}") from error
