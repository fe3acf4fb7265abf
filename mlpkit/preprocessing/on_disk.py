"""Preprocessing of columns on disk: one scan before training, then rows are read and encoded block by block.

Results of the scan are not checked again: the rows of an unchanged file are still finite, and values are missing only where they were.
The encoded values are bitwise equal to those of `InputEncoder` for the same rows in memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.disk.columns import Readable, stripes
from mlpkit.data.disk.dataset import Encoder, StoredInputs
from mlpkit.data.disk.table import Span, StoredTable
from mlpkit.data.table import Table
from mlpkit.numerics.blocks import row_blocks
from mlpkit.plugin import Array
from mlpkit.preprocessing.categorical import CategoryEncoder
from mlpkit.preprocessing.categories_on_disk import DIGITS, CategoryRows
from mlpkit.preprocessing.fit_on_disk import number_columns, stored_columns
from mlpkit.preprocessing.input_columns import InputColumn, later_parts, missing_error
from mlpkit.preprocessing.inputs import InputEncoder, notations_of
from mlpkit.preprocessing.limits import NO_LIMITS, Limits
from mlpkit.preprocessing.numeric import NumberEncoder
from mlpkit.preprocessing.running_statistics import RunningStatistics, scan_rows
from mlpkit.preprocessing.statistics import beyond_error, column_numbers, constant_columns, empty_error, indistinct_error
from mlpkit.preprocessing.unseen import warn_unseen
from mlpkit.preprocessing.value_maps import KNOTTED, NO_KNOTS
from mlpkit.spec import Preprocessing

CELLS = 2**15  # values that are encoded at a time: 256 kB, which fits in the cache with their source and target


class ScannedColumns(NamedTuple):
    """Columns of numbers of a table on disk that an encoder reads, and the statistics of their rows."""

    table: StoredTable
    names: tuple[str, ...]
    columns: list[Readable]
    found: RunningStatistics


def scan_columns(
    options: Preprocessing,
    inputs: Sequence[str],
    missing: Sequence[str],
    training: StoredTable,
    held_out: StoredTable | None,
    encoder: InputEncoder | None,
    weights: NDArray[np.float64] | None = None,
) -> tuple[InputEncoder, list[ScannedColumns]]:
    """Scan the training and the validation rows, in one pass if they are in one file. Fit an encoder if none is given.

    Raises
    ------
    SpecError, DataError
        The errors of `InputEncoder.fit` and `encode`, or a column cannot stay on disk.
    """
    together = held_out is not None and held_out.columns is training.columns
    tables = [training, held_out] if held_out is not None and together else [training]
    if encoder is None:
        columns = stored_columns(options, inputs, missing, training)
        values = [column for column in columns if column.kind != "category"]
        extremes = options.clip_inputs or any(column.treatment in ("min_max", *KNOTTED) for column in values)
        sources = number_columns(tables, values, missing, partial(_fitted_values, missing))
        scans = _scans(tables, [column.name for column in values], sources, weights, extremes=extremes)
        encoder = _fitted(options, inputs, columns, scans[0], tuple(missing))
    else:
        scans = _scans(tables, *_aligned(encoder, tables), weights)
    if held_out is not None and not together:
        scans += _scans([held_out], *_aligned(encoder, [held_out]))
    return encoder, scans


def _scans(
    tables: Sequence[StoredTable],
    names: Sequence[str],
    columns: list[Readable],
    weights: NDArray[np.float64] | None = None,
    *,
    extremes: bool = False,
) -> list[ScannedColumns]:
    found = scan_rows(tables[0], columns, [table.index for table in tables], weights, extremes=extremes)
    return [ScannedColumns(table, tuple(names), columns, each) for table, each in zip(tables, found, strict=True)]


def _fitted_values(missing: Sequence[str], table: Table, column: InputColumn) -> NDArray[Any]:
    """Return the numbers of a column of a table in memory, as they are fitted."""
    return column_numbers(table.with_units(notations_of([column])), column, missing)


def _fitted(
    options: Preprocessing, inputs: Sequence[str], columns: Sequence[InputColumn], scan: ScannedColumns, missing: tuple[str, ...]
) -> InputEncoder:
    """Return the encoder of columns, fitted on scanned rows. Raise the DataErrors of `InputEncoder.fit`."""
    values, impute = tuple(column for column in columns if column.kind != "category"), options.missing == "impute"
    _check_fitted(scan, values, missing, impute)
    numbers = _fitted_numbers(options, scan.found, values, missing)
    categories = CategoryEncoder.fit(columns[len(values) :], missing, impute)
    used = {column.name for column in columns}
    return InputEncoder(numbers, categories, tuple(name for name in inputs if name in used), scan.table.named)


def _check_fitted(scan: ScannedColumns, columns: Sequence[InputColumn], missing: Sequence[str], impute: bool) -> None:
    """Raise the DataErrors of `NumberEncoder.fit`."""
    found, of_value = scan.found, [(column, label) for column in columns for label in column.cell_labels]
    if found.infinite or (found.has_missing.any() and not impute):
        _explain(scan.table, columns, missing, impute)
    for index in found.indistinct():
        raise indistinct_error(of_value[index][0].name)
    for index in np.flatnonzero(found.count == 0):
        raise empty_error(*of_value[index])


def _fitted_numbers(
    options: Preprocessing, found: RunningStatistics, columns: tuple[InputColumn, ...], missing: tuple[str, ...]
) -> NumberEncoder:
    """Return the encoder with the statistics found; quantiles are those of the sample."""
    treatments: NDArray[Any] = np.repeat([column.treatment for column in columns], [column.width for column in columns])
    with np.errstate(all="ignore"):  # overflow is detected below
        fill = found.medians()
        center, scale = np.zeros_like(fill), np.ones_like(fill)
        for treatment in set(treatments.tolist()) - {"none", "quantile"}:
            chosen = treatments == treatment
            center[chosen], scale[chosen] = (each[chosen] for each in found.center_and_scale(treatment, fill))
    for wrong in np.flatnonzero(~np.isfinite([fill, center, scale]).all(axis=0)):
        raise beyond_error([column.name for column in columns for _ in range(column.width)][wrong])
    constant = constant_columns(found.mean, found.deviation)
    scale[constant] = 1.0
    has_gaps = found.has_missing.copy()
    has_gaps[later_parts(columns)] = False
    gaps, constants = np.flatnonzero(has_gaps), np.flatnonzero(constant)
    limits = Limits(found.least, found.most) if options.clip_inputs else NO_LIMITS
    encoder = NumberEncoder(columns, missing, options.missing == "impute", fill, center, scale, gaps, constants, NO_KNOTS, limits)
    starts = dict(zip(columns, np.cumsum([0, *(column.width for column in columns)]).tolist(), strict=False))

    sample, weights = found.sample_with_ends
    return encoder.with_knots(options, lambda column: sample[:, starts[column] : starts[column] + column.width], weights)


def _explain(table: StoredTable, columns: Sequence[InputColumn], missing: Sequence[str], impute: bool) -> None:
    """Raise DataError for the first row with an infinite value, or a missing value if there must be none."""
    for block in table.tables([(0, table.rows)], [column.name for column in columns]):
        for column in columns:
            values = _fitted_values(missing, block, column)
            absent = np.isnan(values.reshape(len(values), -1))
            if not impute and absent.any():
                row, value = map(int, np.argwhere(absent)[0])
                raise missing_error(block, column.cell_labels[value], row)


def _aligned(encoder: InputEncoder, tables: Sequence[StoredTable]) -> tuple[tuple[str, ...], list[Readable]]:
    """Return the names of the columns that the numbers of a fitted encoder come from, in its order, and the columns.

    Raises
    ------
    DataError
        A column does not exist, or has another type than in training.
    """
    table, categories = tables[0], {column.name for column in encoder.categories.columns}
    names = tuple(name for name in named_by(encoder, table) if name not in categories)
    columns = {column.name: column for column in encoder.numbers.columns}
    if not all(name in columns for name in names):  # used by position
        return names, list(table.numbers(names))
    notations = notations_of(encoder.numbers.columns)

    def read(table: Table, column: InputColumn) -> NDArray[Any]:
        return encoder.numbers.column(table.with_units(notations), column.name)

    return names, number_columns(tables, [columns[name] for name in names], encoder.numbers.missing, read)


def named_by(encoder: InputEncoder, table: StoredTable) -> tuple[str, ...]:
    """Return the columns that an encoder reads from a table: its own by name, or all by position."""
    by_name = table.named and (encoder.named or all(name in table for name in encoder.order))  # other columns may be of any type
    return encoder.order if encoder.is_aligned(table.head(encoder.order if by_name else table.names)) else table.names


# -- encoding


def scanned_inputs(encoder: InputEncoder, scan: ScannedColumns, dtype: str) -> StoredInputs:
    """Return the encoded inputs of a scanned table.

    Raises
    ------
    DataError
        A value is infinite, missing although it must not be, or too large for the dtype.
    """
    found, values = scan.found, encoder.numbers
    with np.errstate(all="ignore"):
        reach = (np.abs(found.mean - values.center) + found.largest) / np.abs(values.scale)
    wrong = found.infinite or (found.has_missing.any() and not values.impute)
    if wrong or not (reach <= np.finfo(dtype).max).all():  # the reach is an upper bound, so that the check may find nothing
        _check_encoded(encoder, scan.table, dtype)
    unseen = values.unexpected_missing(found.rows - found.count)
    encode: Encoder = ScannedRows(scan.table, tuple(stripes(scan.columns)), values, bool(found.has_missing.any()))
    digests = [digest.hexdigest()[:DIGITS] for digest in found.hashes]
    if len(digests) != len(values.columns):  # used by position: one digest for all
        digests = [hashlib.sha256("".join(digests).encode()).hexdigest()[:DIGITS]] * len(values.columns)
    by_name, names = dict(zip([column.name for column in values.columns], digests, strict=True)), scan.names
    if encoder.categories.columns:
        encode, names = CategoryRows(encode, values.width, scan.table, encoder.categories), encoder.order
        unknown, codes = encode.scan()
        unseen, by_name = unseen + unknown, by_name | codes
    warn_unseen(unseen, encoder.categories.embedded)
    return StoredInputs(scan.table, names, encoder.width, np.dtype(dtype), encode, tuple(by_name[name] for name in encoder.order))


def _check_encoded(encoder: InputEncoder, table: StoredTable, dtype: str) -> None:
    """Encode all rows, which raises the DataError of the first row that cannot be encoded."""
    for block in table.tables([(0, table.rows)], named_by(encoder, table)):
        encoder.encode_counting(block, np.zeros((block.rows, encoder.width), dtype))


@dataclass(frozen=True)
class ScannedRows:
    """Encoder of scanned rows, all of which can be encoded.

    Attributes
    ----------
    table : StoredTable
    columns : tuple of StoredColumn or ConvertedColumn
        Columns of the numbers, with adjacent ones joined.
    numbers : NumberEncoder
    has_missing : bool
        True if any value is missing.
    """

    table: StoredTable
    columns: tuple[Readable, ...]
    numbers: NumberEncoder
    has_missing: bool

    def __call__(self, spans: Sequence[Span], out: Array) -> None:
        """Implement `Encoder`."""
        width, step = len(self.numbers.fill), self.table.step_of(self.columns)
        scratch = np.empty((max(1, min(step, CELLS // width)), width))
        start = 0
        with np.errstate(all="ignore"):  # underflow gives 0
            for parts in self.table.blocks(spans, self.columns, step):
                block = out[start : start + len(parts[0])]
                if self._plain:
                    np.concatenate(parts, axis=1, out=block, casting="unsafe")
                else:
                    for rows in row_blocks(len(block), len(scratch)):
                        self._encode([values[rows] for values in parts], block[rows], scratch)
                start += len(block)

    def of(self, table: StoredTable) -> ScannedRows:
        """Implement `Encoder`."""
        return replace(self, table=table)

    @cached_property
    def _plain(self) -> bool:
        """True if encoding changes nothing: no missing values, no indicators, no constants, center 0, scale 1, no limits."""
        found = self.numbers
        scaled = found.center.any() or (found.scale != 1).any() or found.maps or found.limits
        return not (found.width > len(found.fill) or self.has_missing or found.constant.size or scaled)

    def _encode(self, parts: Sequence[NDArray[Any]], out: Array, scratch: NDArray[np.float64]) -> None:
        scaled, width = scratch[: len(out)], len(self.numbers.fill)
        np.concatenate(parts, axis=1, out=scaled, casting="unsafe")
        self.numbers.standardize(scaled)
        gaps = out[:, width : width + len(self.numbers.missing_indices)]
        gaps[...] = self.numbers.fill_missing(scaled) if self.has_missing else 0
        self.numbers.finish(scaled, out)
