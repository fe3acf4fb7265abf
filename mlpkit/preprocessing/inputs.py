"""InputEncoder: raw columns become the network's inputs. It is fitted on the training rows and saved in the model.

The encoded columns are all numbers and booleans, then an indicator for each of them that had missing values, then one column per
category, or one with the number of the category if the column is embedded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from mlpkit.data.column_types import numbers
from mlpkit.data.table import Table, column_width, data_error
from mlpkit.data.written_numbers import AnyNotation, Notation, Words
from mlpkit.errors import DataError, ModelFileError
from mlpkit.plugin import Array, Targets
from mlpkit.preprocessing.categorical import CategoryEncoder, Unseen
from mlpkit.preprocessing.fast_path import PlainRows
from mlpkit.preprocessing.input_columns import InputColumn, input_columns
from mlpkit.preprocessing.json_state import ColumnState, InputState, WordsState, first_line
from mlpkit.preprocessing.limits import Limits
from mlpkit.preprocessing.numeric import ADVICE, NumberEncoder, no_targets
from mlpkit.preprocessing.ranges import training_ranges
from mlpkit.preprocessing.unseen import OnUnseen, check_seen, warn_unseen
from mlpkit.spec import Preprocessing
from mlpkit.text.shown import counted


@dataclass(frozen=True)
class InputEncoder:
    """Encoder fitted on the training rows; `fit` returns one.

    Attributes
    ----------
    numbers, categories : NumberEncoder, CategoryEncoder
    order : tuple of str
        Names of the input columns in the order of the training table.
    named : bool
        True if the user named the columns; False if the training data were an array.
    """

    numbers: NumberEncoder
    categories: CategoryEncoder
    order: tuple[str, ...]
    named: bool

    @classmethod
    def fit(
        cls,
        options: Preprocessing,
        table: Table,
        inputs: Sequence[str],
        missing: Sequence[str],
        weights: NDArray[np.float64] | None = None,
        targets: Callable[[], Targets] = no_targets,
    ) -> InputEncoder:
        """Fit medians, scaling and categories.

        Parameters
        ----------
        options : Preprocessing
        table : Table
            Training rows.
        inputs : sequence of str
            Names of the columns to predict from.
        missing : sequence of str
            Texts that stand for a missing value.
        weights : array, shape (rows,), optional
            Sample weights above 0: a row of weight k counts as k equal rows.
        targets : callable, optional
            Returns the targets of the rows: class numbers, shape (rows,), or numbers, shape (rows, columns). Needed if edges of bins are
            thresholds of a tree.

        Raises
        ------
        SpecError
            The options name a column that is not an input.
        DataError
            A column does not exist or cannot be encoded.
        """
        columns = input_columns(options, table, inputs, missing)
        table = table.with_units(notations_of(columns))
        values = [column for column in columns if column.kind != "category"]
        impute = options.missing == "impute"
        numbers = NumberEncoder.fit(options, table, values, tuple(missing), weights, targets)
        categories = CategoryEncoder.fit(columns[len(values) :], tuple(missing), impute)
        used = {column.name for column in columns}
        return cls(numbers, categories, tuple(name for name in inputs if name in used), table.named)

    @cached_property
    def columns(self) -> tuple[InputColumn, ...]:
        """Input columns in the order of the training table."""
        by_name = {column.name: column for column in (*self.numbers.columns, *self.categories.columns)}
        return tuple(by_name[name] for name in self.order)

    @cached_property
    def _notations(self) -> dict[str, AnyNotation]:
        return notations_of(self.columns)

    @cached_property
    def width(self) -> int:
        """Number of encoded columns."""
        return self.numbers.width + self.categories.width

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Name of each encoded column."""
        return (*self.numbers.names, *self.categories.names)

    @cached_property
    def levels(self) -> dict[int, int]:
        """Number of levels of each encoded column that is the number of a category, by index."""
        counts = {column.name: len(column.categories) for column in self.categories.columns}
        return {self.numbers.width + start: counts[name] for name, start in self.categories.embedded.items()}

    @cached_property
    def training_ranges(self) -> Limits:
        """Smallest and largest value of each number in the training rows; see `training_ranges`."""
        return training_ranges(self.numbers)

    @cached_property
    def zeros(self) -> list[int]:
        """Indices of encoded columns that are 0 in every row, because they were constant in the training rows."""
        return [*self.numbers.constant.tolist(), *(self.numbers.width + index for index in self.categories.constant)]

    def encode(self, source: Table, dtype: DTypeLike, on_unseen: OnUnseen = "warn") -> Array:
        """Encode rows.

        Parameters
        ----------
        source : Table
            Columns may be in any order, with others between them. An array without names is used by position if it has as many columns
            as the inputs and all inputs are numeric. So is any table of numbers if the model was trained on an array. The generated
            names x0, x1 and so on of an array do not count as names.
        dtype : "float32" or "float64"
        on_unseen : {"warn", "error"}
            With "error", values that were not seen in training are an error; see `check_seen`.

        Returns
        -------
        array, shape (rows, width)

        Raises
        ------
        DataError
            A column does not exist, or has values of another kind than in training.

        Warns
        -----
        UnseenCategoryWarning
            A category is not in the training rows, and is encoded as zeros, or shares a vector if the column is embedded. Or a value is
            missing in a column that had no missing values.
        """
        if on_unseen == "error":
            check_seen(self, source)
        encoded = np.zeros((source.rows, self.width), dtype)
        warn_unseen(self.encode_counting(source, encoded), self.categories.embedded)
        return encoded

    def encode_counting(self, source: Table, encoded: Array) -> Unseen:
        """Fill zeros of shape (rows, width) like `encode`, and return the number of rows of each value not seen in training."""
        source = self.completed(source).with_units(self._notations)
        if not self.is_aligned(source):
            in_order = source.names
            if self.numbers.booleans:
                source, in_order = self._by_position(source), self.order
            return self.numbers.encode(source, encoded, in_order)
        unseen = self.numbers.encode(source, encoded[:, : self.numbers.width])
        return unseen + self.categories.encode(source, encoded[:, self.numbers.width :])

    def aligned(self, source: Table) -> Table:
        """Return a table with the model's columns by name; the values of an array are assigned to them by position. See `encode`."""
        source = self.completed(source).with_units(self._notations)
        return source if self.is_aligned(source) else self._by_position(source)

    def completed(self, table: Table) -> Table:
        """Return the table with missing values for inputs that rows given as dictionaries lack.

        Raise DataError if they have none of the inputs. The values of an array become columns if some of them are categories.
        """
        if not self.named and self.categories.columns:
            return table.with_values_as_columns()
        if not table.records or not self.named:
            return table
        absent = {column.name: column.cells for column in self.columns if column.name not in table}
        if len(absent) == len(self.order) and table.names:
            raise table.missing_columns(list(absent))
        return table.with_missing_columns(absent) if absent else table

    @cached_property
    def plain(self) -> PlainRows:
        """Fast path for a few rows of plain values."""
        return PlainRows(self.numbers, self.categories, self.order, self.named)

    def is_aligned(self, table: Table) -> bool:
        """Return True if the table has the model's columns by name, False if they are to be used by position.

        Raise DataError if neither is possible.
        """
        if (table.named or not self.named) and all(name in table for name in self.order):
            differing = [column for column in self.columns if column_width(table[column.name]) != column.cells]
            if not differing:
                return True
            if table.named:
                name, wanted = differing[0].name, differing[0].cells
                found = counted(column_width(table[name]), "value")
                raise data_error(
                    f"the column {name!r} has {found} per row, but the model was trained on {wanted}",
                    table.source,
                    help="give rows with the same columns as in training",
                )
        elif table.named and self.named:
            raise table.missing_columns([name for name in self.order if name not in table])
        width = sum(column.cells for column in self.columns)
        if table.width != width:
            one_row = table.width == 1 and table.rows == width
            help = f"give the columns in the order of training: {', '.join(self.order[:20])}"
            help = "for a single row give a list of one row, [[1, 2]], or x.reshape(1, -1)" if one_row else help
            found = counted(table.width, "column")
            raise data_error(f"the data have {found}, but the model was trained on {width}", table.source, help=help)
        if by_name := [column for column in self.columns if column.kind in ("category", "date")]:
            kind = "categorical" if by_name[0].kind == "category" else "a date"
            help = "give a table with named columns, such as a dictionary or a data frame"
            message = f"the input {by_name[0].name!r} is {kind}, and only numbers can be given by position in an array"
            raise DataError(message, help=help)
        return False

    def _by_position(self, table: Table) -> Table:
        """Return a table in which the values are assigned to the inputs by position."""
        missing = self.numbers.missing
        matrix = np.column_stack([numbers(table, name, missing, advice=ADVICE) for name in table.names])
        columns, start = {}, 0
        for column in self.columns:
            columns[column.name] = matrix[:, start : start + column.width]
            start += column.width
        return Table(columns, source=table.source, numbers=table.numbers, text_file=table.text_file)

    # -- saved in the model

    def to_state(self) -> dict[str, Any]:
        """Return the part of the encoder that is stored as JSON; `arrays` returns the rest."""
        columns = [column.to_state() for column in self.columns]
        missing = {"missing": list(self.numbers.missing), "impute": self.numbers.impute}
        zeros = {"zeros": self.zeros} if self.zeros else {}
        return {"columns": columns, "named": self.named, **missing, **zeros}

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return medians, scaling and knots by name."""
        return self.numbers.arrays()

    @classmethod
    def from_state(cls, state: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> InputEncoder:
        """Return the encoder for a stored state and arrays, with the same bits. Raise ModelFileError if they are not valid."""
        try:
            valid = InputState.model_validate(state)
            columns = [stored_column(column) for column in valid.columns]
            numbers = NumberEncoder.from_state(valid, arrays, [column for column in columns if column.kind != "category"])
            chosen = tuple(column for column in columns if column.kind == "category")
            zeros = tuple(index - numbers.width for index in valid.zeros if index >= numbers.width)
            categories = CategoryEncoder(chosen, numbers.missing, numbers.impute, zeros)
            if any(len(numbers.fill) <= index < numbers.width for index in valid.zeros) or max(zeros, default=-1) >= categories.width:
                raise ValueError("the zeros are not the indices of values or categories")
            return cls(numbers, categories, tuple(column.name for column in columns), valid.named)
        except (TypeError, ValueError, OverflowError) as error:  # a ValidationError is a ValueError
            raise ModelFileError(f"its preprocessing of the inputs is not valid: {first_line(error)}") from error


def notations_of(columns: Sequence[InputColumn]) -> dict[str, AnyNotation]:
    """Return the notations of the columns that have one, by name."""
    return {column.name: column.notation for column in columns if column.notation is not None}


def stored_column(state: ColumnState) -> InputColumn:
    """Return the column for a stored state."""
    found = state.notation
    notation: AnyNotation | None = None
    if isinstance(found, WordsState):
        notation = Words(tuple(found.true), tuple(found.false))
    elif found is not None:
        notation = Notation(tuple(found.unit), found.decimal, found.magnitudes)
    lists = {"categories": tuple(state.categories), "parts": tuple(state.parts), "rare": tuple(state.rare), "notation": notation}
    return InputColumn(**state.model_dump() | lists)
