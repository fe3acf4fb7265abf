"""Preprocessing of columns on disk: one scan before training, then rows are read and encoded block by block.

Results of the scan are not checked again: the rows of an unchanged file are still finite, and values are missing only where they were.
The encoded values are bitwise equal to those of `InputEncoder` for the same rows in memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.column_types import missing_rows, numbers
from mlpkit.data.disk.dataset import Encode, StoredInputs
from mlpkit.data.disk.table import Span, StoredColumn, StoredTable, stripes
from mlpkit.data.table import column_width, data_error, value_names
from mlpkit.errors import SpecError
from mlpkit.numerics.blocks import row_blocks
from mlpkit.plugin import Array
from mlpkit.preprocessing.embedded_on_disk import DIGITS, EmbeddedRows, embedded_columns
from mlpkit.preprocessing.input_columns import InputColumn, column_scaling, input_columns, missing_error, used_columns
from mlpkit.preprocessing.inputs import InputEncoder
from mlpkit.preprocessing.limits import NO_LIMITS, Limits
from mlpkit.preprocessing.numeric import NumberEncoder
from mlpkit.preprocessing.running_statistics import RunningStatistics, scan_rows
from mlpkit.preprocessing.statistics import beyond_error, constant_columns, empty_error, indistinct_error
from mlpkit.preprocessing.unseen import warn_unseen
from mlpkit.preprocessing.value_maps import KNOTTED, NO_KNOTS
from mlpkit.spec import Preprocessing
from mlpkit.spec.column_treatment import Bins, boolean_of, date_of, embed_of

CELLS = 2**15  # values that are encoded at a time: 256 kB, which fits in the cache with their source and target


class ScannedColumns(NamedTuple):
    """Numeric columns of a table on disk that an encoder reads, and the statistics of their rows."""

    table: StoredTable
    names: tuple[str, ...]
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
        The errors of `InputEncoder.fit` and `encode`, or an input is not numeric.
    """
    together = held_out is not None and held_out.columns is training.columns
    tables = [training, held_out] if held_out is not None and together else [training]
    columns = _columns(options, inputs, missing, training) if encoder is None else ()
    names = _aligned(encoder, training) if encoder is not None else tuple(column.name for column in columns)
    extremes = options.clip_inputs or any(column.treatment in ("min_max", *KNOTTED) for column in columns)
    found = _found(names, tables, weights, extremes=extremes)
    scans = [ScannedColumns(table, names, each) for table, each in zip(tables, found, strict=True)]
    if encoder is None:
        _check_fitted(scans[0], columns, options.missing == "impute")
        categories = embedded_columns(options, training, inputs, tuple(missing))
        order = tuple(name for name in inputs if name in names or name in categories.embedded)
        numbers = _fitted_numbers(options, scans[0].found, columns, tuple(missing))
        encoder = InputEncoder(numbers, categories, order, training.named)
    if held_out is not None and not together:
        names = _aligned(encoder, held_out)
        scans.append(ScannedColumns(held_out, names, *_found(names, [held_out])))
    return encoder, scans


def _found(
    names: Sequence[str], tables: Sequence[StoredTable], weights: NDArray[np.float64] | None = None, *, extremes: bool = False
) -> list[RunningStatistics]:
    return scan_rows(tables[0], names, [table.index for table in tables], weights, extremes=extremes)


def _columns(options: Preprocessing, inputs: Sequence[str], missing: Sequence[str], table: StoredTable) -> tuple[InputColumn, ...]:
    """Return the input columns that are not embedded. Raise an error if one is not numeric."""
    used = [name for name in used_columns(options, inputs) if embed_of(options.columns.get(name)) is None]
    for name in used:
        date = date_of(options.columns.get(name)) is not None
        boolean = boolean_of(options.columns.get(name)) is not None
        if date or boolean or options.columns.get(name) == "one_hot":
            why = "hold no dates" if date else "hold no words for true and false" if boolean else "can be embedded, but not one-hot encoded"
            message = f"{name!r} stays on disk, and columns on disk {why}"
            raise SpecError.at(f"preprocessing.columns.{name}", message, 'leave it out with "ignore", or set data.in_memory to true')
    _refuse_trees(options, used)
    table.numbers(used)
    own = {name: treatment for name, treatment in options.columns.items() if name in used}
    return input_columns(options.model_copy(update={"columns": own}), table.head(used), used, missing) if used else ()


def _refuse_trees(options: Preprocessing, names: Sequence[str]) -> None:
    """Raise SpecError for edges of bins by a tree, which needs all values of a column at once."""
    for name in names:
        scaling = column_scaling(options, name)
        if isinstance(scaling, Bins) and scaling.edges == "tree":
            path = f"columns.{name}" if name in options.columns else "numbers"
            help = "use 'quantiles', or set data.in_memory to true"
            raise SpecError.at(f"preprocessing.{path}", f"{name!r} stays on disk, and a tree needs all of its values in memory", help)


def _check_fitted(scan: ScannedColumns, columns: Sequence[InputColumn], impute: bool) -> None:
    """Raise the DataErrors of `NumberEncoder.fit`."""
    found, of_value = scan.found, [(column, label) for column in columns for label in column.labels]
    if found.infinite or (found.has_missing.any() and not impute):
        _explain(scan, impute)
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
    gaps, constants = np.flatnonzero(found.has_missing), np.flatnonzero(constant)
    limits = Limits(found.least, found.most) if options.clip_inputs else NO_LIMITS
    encoder = NumberEncoder(columns, missing, options.missing == "impute", fill, center, scale, gaps, constants, NO_KNOTS, limits)
    starts = dict(zip(columns, np.cumsum([0, *(column.width for column in columns)]).tolist(), strict=False))

    sample, weights = found.sample_with_ends
    return encoder.with_knots(options, lambda column: sample[:, starts[column] : starts[column] + column.width], weights)


def _explain(scan: ScannedColumns, impute: bool) -> None:
    """Raise DataError for the first row with an infinite value, or a missing value if there must be none."""
    for block in scan.table.tables([(0, scan.table.rows)], scan.names):
        for name in scan.names:
            values = numbers(block, name)
            if not impute and (rows := np.flatnonzero(missing_rows(block, name))).size:
                row = int(rows[0])
                label = value_names(name, column_width(values))[int(np.isnan(values[row]).argmax())]
                raise missing_error(block, label, row)


def _aligned(encoder: InputEncoder, table: StoredTable) -> tuple[str, ...]:
    """Return the numeric columns that a fitted encoder reads, in its order.

    Raises
    ------
    DataError
        A column does not exist, or has another type than in training.
    """
    names = tuple(name for name in named_by(encoder, table) if name not in encoder.categories.embedded)
    for name in encoder.numbers.dates:
        message = f"the input {name!r} of {table.source} was a date in training, and columns on disk hold no dates"
        raise data_error(message, table.source, help='set "in_memory" to true')
    table.numbers(names)
    for name in encoder.numbers.booleans:
        if table.head([name])[name].dtype != bool:
            help = 'store it as booleans, or set "in_memory" to true'
            raise data_error(
                f"the input {name!r} of {table.source} is not boolean, but it was boolean in training", table.source, help=help
            )
    return names


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
        _check_encoded(encoder, scan.table, scan.names, dtype)
    unseen = values.unexpected_missing(found.rows - found.count)
    columns = stripes(scan.table.numbers(scan.names))
    encode: Encode = ScannedRows(scan.table, scan.names, tuple(columns), values, bool(found.has_missing.any()))
    digests = [digest.hexdigest()[:DIGITS] for digest in found.hashes]
    if len(digests) != len(values.columns):  # used by position: one digest for all
        digests = [hashlib.sha256("".join(digests).encode()).hexdigest()[:DIGITS]] * len(values.columns)
    by_name, names = dict(zip([column.name for column in values.columns], digests, strict=True)), scan.names
    if encoder.categories.columns:
        encode, names = EmbeddedRows(encode, values.width, scan.table, encoder.categories), encoder.order
        unknown, codes = encode.scan(np.dtype(dtype))
        unseen, by_name = unseen + unknown, by_name | codes
    warn_unseen(unseen, encoder.categories.embedded)
    return StoredInputs(scan.table, names, encoder.width, np.dtype(dtype), encode, tuple(by_name[name] for name in encoder.order))


def unscanned_inputs(encoder: InputEncoder, table: StoredTable, dtype: str) -> StoredInputs:
    """Return the encoded inputs of a table that has not been scanned: each block is checked when it is read."""
    names, warned = named_by(encoder, table), False

    def encode(spans: Sequence[Span], out: Array) -> None:
        nonlocal warned
        start = 0
        for block in table.tables(spans, names):
            encoded = out[start : start + block.rows]
            encoded[...] = 0
            unseen = encoder.encode_counting(block, encoded)
            if unseen and not warned:
                warned = True
                warn_unseen(unseen, encoder.categories.embedded)
            start += block.rows

    return StoredInputs(table, names, encoder.width, np.dtype(dtype), encode)


def _check_encoded(encoder: InputEncoder, table: StoredTable, names: Sequence[str], dtype: str) -> None:
    """Encode all rows, which raises the DataError of the first row that cannot be encoded."""
    for block in table.tables([(0, table.rows)], names):
        encoder.encode_counting(block, np.zeros((block.rows, encoder.width), dtype))


@dataclass(frozen=True)
class ScannedRows:
    """Encoder of scanned rows, all of which can be encoded.

    Attributes
    ----------
    table : StoredTable
    names : tuple of str
    columns : tuple of StoredColumn
        Columns of these names, with adjacent ones joined.
    numbers : NumberEncoder
    has_missing : bool
        True if any value is missing.
    """

    table: StoredTable
    names: tuple[str, ...]
    columns: tuple[StoredColumn, ...]
    numbers: NumberEncoder
    has_missing: bool

    def __call__(self, spans: Sequence[Span], out: Array) -> None:
        """Fill `out`, shape (rows, width), with the rows of spans, one after the other."""
        width, step = len(self.numbers.fill), self.table.step(self.names)
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
