"""Columns on disk for the network: looked through once, before training, and from then on read and encoded block by block.

What the look found is not looked for again: the rows of a file that has not changed are still finite, and have gaps only
where they had some. The numbers are those that `InputEncoder` makes of the same rows in memory, to the bit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.column_types import gaps, numbers
from mlpkit.data.disk.dataset import StoredInputs
from mlpkit.data.disk.table import Span, StoredColumn, StoredTable, stripes
from mlpkit.data.table import data_error
from mlpkit.errors import SpecError
from mlpkit.numerics.blocks import row_blocks
from mlpkit.plugin import Array
from mlpkit.preprocessing.categorical import CategoryEncoder
from mlpkit.preprocessing.column_statistics import Survey, survey
from mlpkit.preprocessing.input_columns import InputColumn, input_columns, missing_error
from mlpkit.preprocessing.inputs import InputEncoder, warn_unseen
from mlpkit.preprocessing.numeric import NumberEncoder
from mlpkit.preprocessing.statistics import blurred_error, empty_error
from mlpkit.spec import Preprocessing

CELLS = 2**15  # values that are encoded at a time: 256 kB, which stays in the cache with what they come from and go to
DIGITS = 16  # of a digest, as a fingerprint has it


class Look(NamedTuple):
    """The columns of a table on disk that an encoder reads, and what was found in its rows."""

    table: StoredTable
    names: tuple[str, ...]
    found: Survey


def look_through(
    options: Preprocessing,
    inputs: Sequence[str],
    missing: Sequence[str],
    training: StoredTable,
    held_out: StoredTable | None,
    encoder: InputEncoder | None,
    weights: NDArray[np.float64] | None = None,
) -> tuple[InputEncoder, list[Look]]:
    """Look through the training and the validation rows, in one pass when they are in one file; fit an encoder if none is given.

    Raises
    ------
    SpecError, DataError
        As `InputEncoder.fit` and `encode`; and when an input does not hold numbers.
    """
    together = held_out is not None and held_out.columns is training.columns
    tables = [training, held_out] if held_out is not None and together else [training]
    columns = _columns(options, inputs, missing, training) if encoder is None else ()
    names = _aligned(encoder, training) if encoder is not None else tuple(column.name for column in columns)
    looks = [Look(table, names, found) for table, found in zip(tables, _found(names, tables, weights), strict=True)]
    if encoder is None:
        _check_fitted(looks[0], columns, options.missing == "impute")
        encoder = _fitted(looks[0], columns, tuple(missing), options.missing == "impute")
    if held_out is not None and not together:
        names = _aligned(encoder, held_out)
        looks.append(Look(held_out, names, *_found(names, [held_out])))
    return encoder, looks


def _found(names: Sequence[str], tables: Sequence[StoredTable], weights: NDArray[np.float64] | None = None) -> list[Survey]:
    return survey(tables[0], names, [table.index for table in tables], weights)


def _columns(options: Preprocessing, inputs: Sequence[str], missing: Sequence[str], table: StoredTable) -> tuple[InputColumn, ...]:
    """The input columns; all of them hold numbers."""
    used = [name for name in inputs if options.columns.get(name) != "ignore"]
    for name in used:
        if options.columns.get(name) == "one_hot":
            message = f"{name!r} stays on disk, and what is there is not made a category"
            raise SpecError.at(f"preprocessing.columns.{name}", message, 'leave it out with "ignore", or set data.in_memory to true')
    table.numbers(used)
    return input_columns(options, table.head(used), inputs, missing)


def _check_fitted(look: Look, columns: Sequence[InputColumn], impute: bool) -> None:
    """Raise the DataErrors of `NumberEncoder.fit`."""
    found, of_value = look.found, [(column, label) for column in columns for label in column.labels]
    if found.infinite or (found.gaps.any() and not impute):
        _explain(look, impute)
    for index in found.blurred():
        raise blurred_error(of_value[index][0].name)
    for index in np.flatnonzero(found.count == 0):
        raise empty_error(*of_value[index])


def _fitted(look: Look, columns: tuple[InputColumn, ...], missing: tuple[str, ...], impute: bool) -> InputEncoder:
    values = NumberEncoder.of_survey(look.found, columns, missing, impute)
    return InputEncoder(values, CategoryEncoder.fit((), missing, impute), look.names, look.table.named)


def _explain(look: Look, impute: bool) -> None:
    """Raise DataError for the first row with a value that is not finite, or missing where none may be."""
    for block in look.table.tables([(0, look.table.rows)], look.names):
        for name in look.names:
            values = numbers(block, name)
            if not impute and (rows := np.flatnonzero(gaps(block, name))).size:
                index = int(np.isnan(values[rows[0]]).argmax()) if values.ndim == 2 else ""
                raise missing_error(block, f"{name}{index}", int(rows[0]))


def _aligned(encoder: InputEncoder, table: StoredTable) -> tuple[str, ...]:
    """The columns that a fitted encoder takes, in its order.

    Raises
    ------
    DataError
        They are not there, or hold something else than it was fitted on.
    """
    names = named_by(encoder, table)
    table.numbers(names)
    for name in encoder.numbers.booleans:
        if table.head([name])[name].dtype != bool:
            help = 'store it as booleans, or set "in_memory" to true'
            raise data_error(
                f"the input {name!r} of {table.source} is not of true and false, as it was in training", table.source, help=help
            )
    return names


def named_by(encoder: InputEncoder, table: StoredTable) -> tuple[str, ...]:
    """The columns that an encoder reads of a table: its own by name, or all of them by their position."""
    return encoder.order if encoder.is_aligned(table.head(table.names)) else table.names


# -- encoding


def looked_at(encoder: InputEncoder, look: Look, dtype: str) -> StoredInputs:
    """The encoded rows that a look has been taken at.

    Raises
    ------
    DataError
        A value is infinite, missing where none may be, or too large for the dtype.
    """
    found, values = look.found, encoder.numbers
    with np.errstate(all="ignore"):
        reach = (np.abs(found.mean - values.center) + found.largest) / np.abs(values.scale)
    wrong = found.infinite or (found.gaps.any() and not values.impute)
    if wrong or not (reach <= np.finfo(dtype).max).all():  # the reach is an upper bound: maybe nothing is wrong
        for _ in _checked(encoder, look.table, look.names, dtype):
            pass
    warn_unseen(values.new_gaps(found.rows - found.count))
    columns = stripes(look.table.numbers(look.names))
    encode = KnownRows(look.table, look.names, tuple(columns), values, bool(found.gaps.any()))
    digests = [digest.hexdigest()[:DIGITS] for digest in found.hashes]
    if len(digests) != len(encoder.order):  # taken by position: one for all
        digests = [hashlib.sha256("".join(digests).encode()).hexdigest()[:DIGITS]] * len(encoder.order)
    return StoredInputs(look.table, look.names, encoder.width, np.dtype(dtype), encode, tuple(digests))


def unknown(encoder: InputEncoder, table: StoredTable, dtype: str) -> StoredInputs:
    """The encoded rows of a table that nobody has looked at: each block is checked when it is read."""
    names, told = named_by(encoder, table), False

    def encode(spans: Sequence[Span], out: Array) -> None:
        nonlocal told
        start = 0
        for block in table.tables(spans, names):
            encoded = out[start : start + block.rows]
            encoded[...] = 0
            unseen = encoder.encode_counting(block, encoded)
            if unseen and not told:
                told = True
                warn_unseen(unseen)
            start += block.rows

    return StoredInputs(table, names, encoder.width, np.dtype(dtype), encode)


def _checked(encoder: InputEncoder, table: StoredTable, names: Sequence[str], dtype: str) -> Any:
    for block in table.tables([(0, table.rows)], names):
        yield encoder.encode_counting(block, np.zeros((block.rows, encoder.width), dtype))


@dataclass(frozen=True)
class KnownRows:
    """Encodes rows of which is known that all of them can be encoded.

    Attributes
    ----------
    table : StoredTable
    names : tuple of str
    columns : tuple of StoredColumn
        The columns of these names, joined where they follow each other.
    numbers : NumberEncoder
    gaps : bool
        Whether any value is missing.
    """

    table: StoredTable
    names: tuple[str, ...]
    columns: tuple[StoredColumn, ...]
    numbers: NumberEncoder
    gaps: bool

    def __call__(self, spans: Sequence[Span], out: Array) -> None:
        """Fill `out`, shape (rows, width), with the rows of some spans, one after the other."""
        width, step = len(self.numbers.fill), self.table.step(self.names)
        scratch = np.empty((max(1, min(step, CELLS // width)), width))
        start = 0
        with np.errstate(all="ignore"):  # what underflows is 0
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
        """Return whether there is nothing to fill, to subtract, to divide by and to make 0."""
        found = self.numbers
        return not (found.width > len(found.fill) or self.gaps or found.constant.size or found.center.any() or (found.scale != 1).any())

    def _encode(self, parts: Sequence[NDArray[Any]], out: Array, scratch: NDArray[np.float64]) -> None:
        scaled, width, first = scratch[: len(out)], len(self.numbers.fill), 0
        for values in parts:
            place = slice(first, first + values.shape[1])
            np.subtract(values, self.numbers.center[place], out=scaled[:, place], dtype=np.float64, casting="unsafe")
            first = place.stop
        scaled /= self.numbers.scale
        out[:, width:] = self.numbers.fill_gaps(scaled) if self.gaps else 0
        scaled[:, self.numbers.constant] = 0.0
        out[:, :width] = scaled
