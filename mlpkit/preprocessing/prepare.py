"""Preparation of training data: rows are read and split, encoders are fitted on the training rows, and all rows are encoded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mlpkit.data.dataset import Dataset
from mlpkit.data.disk.dataset import StoredDataset, StoredInputs
from mlpkit.data.disk.table import StoredTable
from mlpkit.data.folds import Folds
from mlpkit.data.table import Table
from mlpkit.errors import ConstantColumnWarning, DataError, LeftOutWarning, warn
from mlpkit.plugin import Array, Targets
from mlpkit.preprocessing import InputEncoder, TargetEncoder
from mlpkit.preprocessing.class_options import class_weights
from mlpkit.preprocessing.labelled import Labelled, encode, mean_weight, relative
from mlpkit.preprocessing.on_disk import scan_columns, scanned_inputs
from mlpkit.preprocessing.rare_classes import warn_rare
from mlpkit.preprocessing.raw_rows import RawRows, read_rows
from mlpkit.preprocessing.row_split import SplitFacts, part_rows
from mlpkit.spec import Preprocessing, Spec
from mlpkit.spec.column_treatment import date_of
from mlpkit.text.shown import counted, first_few


@dataclass(frozen=True)
class Prepared:
    """Fitted encoders and encoded rows.

    Attributes
    ----------
    inputs, target : InputEncoder, TargetEncoder
    train, validation : Dataset or StoredDataset
        Validation is None if there are no validation rows.
    values : array
        Targets of the validation rows in the form that metrics use; of the training rows if there are no validation rows.
    train_values : array
        Targets of the training rows in that form.
    weighted : bool
        True if metrics use sample weights.
    untargeted : int
        Number of rows that were left out because their target is missing.
    split : dict or None
        Facts about a split by groups or by time, as JSON values.
    sample_weights : array, shape (training rows,), or None
        Weights of the training rows without those of their classes.
    folds : tuple of Fold
        For an ensemble that rotates, the rows of each member among the training rows; `members.member_data` takes them. There are no other
        validation rows then.
    """

    inputs: InputEncoder
    target: TargetEncoder
    train: Dataset | StoredDataset
    validation: Dataset | StoredDataset | None
    values: Targets
    train_values: Targets
    weighted: bool = False
    untargeted: int = 0
    split: SplitFacts | None = None
    sample_weights: Array | None = None
    folds: Folds = ()

    @property
    def validated(self) -> bool:
        """True if there are validation rows."""
        return self.validation is not None or bool(self.folds)

    @property
    def most_rows(self) -> int:
        """Number of training rows of a network; the most of any member of an ensemble."""
        return max((len(fold.training) for fold in self.folds), default=len(self.train.inputs))

    @property
    def fewest_rows(self) -> int:
        """Number of training rows of a network; the fewest of any member of an ensemble."""
        return min((len(fold.training) for fold in self.folds), default=len(self.train.inputs))

    @property
    def measured(self) -> tuple[Targets, Array | None]:
        """Targets and sample weights of the rows that metrics are computed on; weights are None if metrics are not weighted."""
        return self.values, (self.validation or self.train).weights if self.weighted else None

    @property
    def weighted_figures(self) -> str:
        """Figures of an epoch that use sample weights: "none", "loss" or "loss and metrics"."""
        if self.train.weights is None:
            return "none"
        return "loss and metrics" if self.weighted else "loss"


def prepare(
    spec: Spec,
    source: Any = None,
    y: Any = None,
    *,
    validation: Any = None,
    weights: Any = None,
    encoders: tuple[InputEncoder, TargetEncoder] | None = None,
) -> Prepared:
    """Read, split and encode the rows, and fit the encoders.

    Parameters
    ----------
    spec : Spec
    source : array, table, str or Path, optional
        Rows; the default is the file `data.path` of the spec.
    y : array-like, shape (rows,) or (rows, targets), optional
        Targets; the default are the columns named by `data.target`.
    validation : (array, array), (array, array, weights), table, str or Path, optional
        Validation rows with their targets, instead of those of the spec's `data.validation` and `data.split`. The
        `data.validation` of a spec from a model file is not opened.
    weights : array-like, shape (rows,), optional
        Sample weights; the default is the column `data.weight`.
    encoders : (InputEncoder, TargetEncoder), optional
        Fitted encoders to continue training with; nothing is fitted then.

    Raises
    ------
    SpecError, DataError
        The spec names no data or target, or does not fit them; or the data cannot be used.
    """
    with _advising(spec):
        rows = read_rows(spec, source, y, weights, encoders and encoders[0], part="training", storage="by spec")
        training, held_out, folds, split = part_rows(spec, rows, validation)
        if held_out is not None:
            mean_weight(held_out, "validation")
        target = encoders[1] if encoders else TargetEncoder.fit(spec, training.target, training.weights)
        held_out = held_out and of_known_classes(target, held_out)
        inputs, (first, *others) = _encoded(spec, training, held_out, target, encoders and encoders[0])
        if encoders is None:
            _warn_constant(inputs)
        unit = mean_weight(training, "training")
        train = _encode_training(spec, training, first, target, unit)
        checked = None if held_out is None else encode(spec, held_out, others[0], target, unit)
        untargeted = rows.untargeted + (held_out.untargeted if held_out else 0)
        values, weighted = (checked or train).values, spec.training.weighted_metrics
        second, plain = checked.data if checked else None, relative(spec, training, unit)
        if folds:
            warn_rare(target, train.values, folds)
        return Prepared(inputs, target, train.data, second, values, train.values, weighted, untargeted, split, plain, folds)


def _warn_constant(inputs: InputEncoder) -> None:
    """Warn once of all columns that are constant in the training rows."""
    if inputs.zeros:
        names = inputs.feature_names
        found = [names[index] for index in inputs.zeros]
        shown = first_few(found, 20, repr)
        message = "inputs that are constant in the training rows are encoded as 0 in all rows, so nothing is learned from them"
        warn(ConstantColumnWarning(f"{message}: {shown}"))


def of_known_classes(target: TargetEncoder, held_out: RawRows) -> RawRows:
    """Return the validation rows whose class is in the training rows. Warn if others are left out."""
    unknown_rows = target.unknown(held_out.target)
    if not unknown_rows.any():
        return held_out
    if unknown_rows.all():
        target.values(held_out.target)  # raises the error
    count = int(unknown_rows.sum())
    warn(LeftOutWarning(f"{counted(count, 'validation row')} left out, whose class is not in the training rows"))
    return replace(held_out.take(np.flatnonzero(~unknown_rows)), untargeted=held_out.untargeted)


@contextmanager
def _advising(spec: Spec) -> Iterator[None]:
    """Raise a MemoryError as a DataError with advice."""
    try:
        yield
    except MemoryError as error:
        help = 'set "in_memory" in "data" to false: the inputs then stay on disk' if spec.data.in_memory else ""
        raise DataError(
            "the data do not fit in memory", help=help or "use fewer rows: targets and weights have to fit in memory"
        ) from error


def _encoded(
    spec: Spec, training: RawRows, held_out: RawRows | None, target: TargetEncoder, encoder: InputEncoder | None
) -> tuple[InputEncoder, list[Array | StoredInputs]]:
    """Return the encoder of the inputs, fitted unless it is given, and the encoded training and validation inputs."""
    names = spec.data.inputs or input_names(spec, training)
    options, missing, table = input_options(spec, names), spec.data.missing, training.table
    other = None if held_out is None else held_out.table
    encoded: list[Array | StoredInputs] = []
    if isinstance(table, StoredTable):
        second = other if isinstance(other, StoredTable) else None
        encoder, scans = scan_columns(options, names, missing, table, second, encoder, training.weights)
        encoded += [scanned_inputs(encoder, scan, spec.dtype) for scan in scans]
    elif encoder is None:
        encoder = InputEncoder.fit(options, table, names, missing, training.weights, lambda: target.values(training.target))
    if isinstance(table, Table):
        encoded.append(encoder.encode(table, spec.dtype))
    if isinstance(other, Table):
        encoded.append(encoder.encode(other, spec.dtype))
    return encoder, encoded


def input_names(spec: Spec, rows: RawRows) -> tuple[str, ...]:
    """Return all columns that have no other role."""
    split = spec.data.split
    others = {*(spec.data.target or ()), spec.data.weight, *(split.columns.values() if split else ())}
    others |= set(rows.target.names) if rows.target.named else set()
    others |= rows.table.unnamed if isinstance(rows.table, Table) else set()
    return tuple(name for name in rows.table.names if name not in others)


def input_options(spec: Spec, names: Sequence[str]) -> Preprocessing:
    """Return the options of the inputs. A split by a column may be tried on columns that are "ignore" or "date" without it."""
    options, split = spec.preprocessing, spec.data.split
    needless = set() if split is None else set(split.columns.values()).difference(names)
    columns = {
        name: treatment
        for name, treatment in options.columns.items()
        if name not in needless or not (treatment == "ignore" or date_of(treatment))
    }
    return options if len(columns) == len(options.columns) else options.model_copy(update={"columns": columns})


def _encode_training(spec: Spec, rows: RawRows, inputs: Any, target: TargetEncoder, unit: float) -> Labelled:
    """Return encoded training rows, with the weights of their classes if the spec has them."""
    encoded = encode(spec, rows, inputs, target, unit)
    if spec.data.class_weight is None:
        return encoded
    weights = class_weights(spec.data, target.classes, target.values(rows.target), rows.weights)
    weighted = replace(rows, weights=weights)
    scaled = relative(spec, weighted, mean_weight(weighted, "training"))
    return replace(encoded, data=replace(encoded.data, weights=scaled))
