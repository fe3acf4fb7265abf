"""Fingerprint: digests of the encoded rows of a run, by column, to detect changes when it is resumed.

A digest covers the encoded numbers and the fitted preprocessing of a column, so that other units are detected even if they are hidden by
standardization. It is the beginning of a SHA-256. It detects accidental changes and is not a security measure.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from mlpkit.numerics.blocks import row_blocks
from mlpkit.text.limits import InParts
from mlpkit.text.shown import first_few

if TYPE_CHECKING:  # to load a state needs none of them
    from mlpkit.data.dataset import Dataset
    from mlpkit.data.disk.dataset import StoredDataset, StoredInputs
    from mlpkit.preprocessing import InputEncoder, TargetEncoder
    from mlpkit.preprocessing.prepare import Prepared

DIGITS = 16  # hexadecimal digits; few, because a table may have 100,000 columns
MOST_NAMED = 10  # most columns named in one message


class RowsDigest(BaseModel):
    """Digests of a set of rows: of each column, of the targets, and of the sample weights if there are any."""

    model_config = ConfigDict(frozen=True, strict=True)
    rows: int = Field(ge=0, lt=2**63)
    inputs: Annotated[list[str], InParts]
    targets: str
    weights: str | None


class Fingerprint(BaseModel):
    """Input columns in the order of the table, and digests of the training and validation rows."""

    model_config = ConfigDict(frozen=True, strict=True)
    columns: Annotated[list[str], InParts]
    training: RowsDigest
    validation: RowsDigest | None

    @model_validator(mode="after")
    def _one_digest_per_column(self) -> Fingerprint:
        if any(rows is not None and len(rows.inputs) != len(self.columns) for rows in (self.training, self.validation)):
            raise ValueError("the numbers of columns and digests differ")
        return self


def fingerprint(prepared: Prepared) -> Fingerprint:
    """Return the fingerprint of prepared data."""
    training = _digests(prepared.train, prepared.inputs, prepared.target)
    validation = None if prepared.validation is None else _digests(prepared.validation, prepared.inputs, prepared.target)
    return Fingerprint(columns=list(prepared.inputs.order), training=training, validation=validation)


def _digests(data: Dataset | StoredDataset, inputs: InputEncoder, target: TargetEncoder) -> RowsDigest:
    seed = _seed(target.to_state(), target.arrays().values())
    weights = None if data.weights is None else _digest(data.weights)
    return RowsDigest(
        rows=len(data.inputs), inputs=_input_digests(data.inputs, inputs), targets=_digest(data.targets, seed), weights=weights
    )


def _input_digests(inputs: NDArray[Any] | StoredInputs, encoder: InputEncoder) -> list[str]:
    """Return one digest for each column of the table, over its encoded columns, computed in blocks of rows for speed.

    For inputs on disk, digests of the raw values already exist.
    """
    from mlpkit.data.disk.dataset import StoredInputs

    places, seeds = _places(encoder), _seeds(encoder)
    if isinstance(inputs, StoredInputs):
        raw = zip(encoder.order, inputs.digests, strict=True)
        return [hashlib.sha256(seeds[name] + digest.encode()).hexdigest()[:DIGITS] for name, digest in raw]
    hashes = {name: hashlib.sha256(seeds[name]) for name in encoder.order}
    for rows in row_blocks(len(inputs)):
        block = _little(inputs[rows])
        for name, digest in hashes.items():
            digest.update(np.ascontiguousarray(block[:, places[name]]).data)
    return [digest.hexdigest()[:DIGITS] for digest in hashes.values()]


def _places(encoder: InputEncoder) -> dict[str, list[int]]:
    """Return the encoded columns of each column of the table: values, indicators of missing values, bins, and categories."""
    values = [column.name for column in encoder.numbers.columns for _ in range(column.width)]
    indicators = [values[index] for index in [*encoder.numbers.missing_indices, *encoder.numbers.maps.owners]]
    categories = [column.name for column in encoder.categories.columns for _ in range(column.codes)]
    places: dict[str, list[int]] = {name: [] for name in encoder.order}
    for place, name in enumerate([*values, *indicators, *categories]):
        places[name].append(place)
    return places


def _seeds(encoder: InputEncoder) -> dict[str, bytes]:
    """Return the fitted preprocessing of each column: kind and categories; fill value, center, scale and knots."""
    numbers, start = encoder.numbers, 0
    seeds = {column.name: _seed(column.to_state()) for column in encoder.categories.columns}
    for column in numbers.columns:
        part = slice(start, start + column.width)
        fitted = numbers.fill[part], numbers.center[part], numbers.scale[part], numbers.knots.of(part), *numbers.limits.of(part)
        seeds[column.name] = _seed(column.to_state(), fitted)
        start += column.width
    return seeds


def _seed(state: dict[str, Any], arrays: Iterable[NDArray[Any]] = ()) -> bytes:
    return json.dumps(state, sort_keys=True).encode() + b"".join(_little(array).tobytes() for array in arrays)


def _digest(array: NDArray[Any], seed: bytes = b"") -> str:
    digest = hashlib.sha256(seed)
    digest.update(np.ascontiguousarray(_little(array)).data)
    return digest.hexdigest()[:DIGITS]


def _little(array: NDArray[Any]) -> NDArray[Any]:
    """Return the array in little-endian order, without a copy on most machines."""
    return array.astype(array.dtype.newbyteorder("<"), copy=False)


# -- comparison


def differences(then: Fingerprint, now: Fingerprint) -> list[str]:
    """Return descriptions of the differences; empty if there are none."""
    found = list(_column_differences(then.columns, now.columns))
    found += _rows_differences("training", then, now, then.training, now.training)
    if then.validation is None or now.validation is None:
        if then.validation is not now.validation:
            counts = ["none" if part is None else str(part.rows) for part in (then.validation, now.validation)]
            found.append(f"the validation rows: {counts[0]} then, {counts[1]} now")
    elif not found:  # other training rows change the encoding of the validation rows
        found += _rows_differences("validation", then, now, then.validation, now.validation)
    return found


def _column_differences(then: list[str], now: list[str]) -> Iterator[str]:
    old, new = set(then), set(now)
    if gone := [name for name in then if name not in new]:
        yield f"{_columns(gone)} missing now"
    if added := [name for name in now if name not in old]:
        yield f"{_columns(added)} new"
    if then != now and sorted(then) == sorted(now):
        yield "the columns are in another order"


def _rows_differences(part: str, then: Fingerprint, now: Fingerprint, old: RowsDigest, new: RowsDigest) -> Iterator[str]:
    if (old.weights is None) != (new.weights is None):
        yield f"the {part} rows had {_weights(old)}, and have {_weights(new)} now"
    if old.rows != new.rows:
        yield f"the {part} rows: {old.rows} then, {new.rows} now"
        return
    before, after = dict(zip(then.columns, old.inputs, strict=True)), dict(zip(now.columns, new.inputs, strict=True))
    if changed := [name for name in before if name in after and before[name] != after[name]]:
        yield f"{_columns(changed)} not the same in the {part} rows"
    if old.targets != new.targets:
        yield f"the targets of the {part} rows are not the same"
    if old.weights != new.weights and None not in (old.weights, new.weights):
        yield f"the weights of the {part} rows are not the same"


def _weights(rows: RowsDigest) -> str:
    return "no weights" if rows.weights is None else "weights"


def _columns(names: list[str]) -> str:
    shown = first_few(names, MOST_NAMED, repr)
    return f"the column {shown} is" if len(names) == 1 else f"the columns {shown} are"
