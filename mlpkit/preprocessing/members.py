"""Rows of one member of an ensemble, taken from the data that were prepared for all."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np

from mlpkit.data.dataset import Dataset
from mlpkit.data.disk.dataset import StoredDataset, StoredInputs
from mlpkit.data.table import Rows
from mlpkit.plugin import Array
from mlpkit.preprocessing.prepare import Prepared


def member_data(prepared: Prepared, member: int) -> Prepared:
    """Return the training and validation rows of a member, encoded as for all; without folds those of all."""
    if not prepared.folds:
        return prepared
    rows, plain = prepared.folds[member].training, prepared.sample_weights
    train = taken(prepared.train, rows, prepared.train.weights)
    weights = None if plain is None else plain[rows]
    return replace(member_validation(prepared, member), train=train, train_values=prepared.train_values[rows], sample_weights=weights)


def member_validation(prepared: Prepared, member: int) -> Prepared:
    """Return the validation rows of a member, with the training rows of all, which are not copied; without folds those of all."""
    if not prepared.folds:
        return prepared
    rows = prepared.folds[member].validation
    validation = taken(prepared.train, rows, prepared.sample_weights)  # the weights of classes are for training
    return replace(prepared, validation=validation, values=prepared.train_values[rows], folds=())


def taken(data: Dataset | StoredDataset, rows: Rows, weights: Array | None) -> Dataset | StoredDataset:
    """Return some rows of encoded data, with their weights among those of all rows."""
    own = None if weights is None else weights[rows]
    if isinstance(data, StoredDataset):
        return StoredDataset(_taken_inputs(data.inputs, rows), data.targets[rows], own)
    return Dataset(data.inputs[rows], data.targets[rows], own)


def _taken_inputs(inputs: StoredInputs, rows: Rows) -> StoredInputs:
    """Return some rows of scanned inputs, in order. Their digests are those of all rows, with the numbers of the rows."""
    chosen = hashlib.sha256(np.ascontiguousarray(rows, dtype="<i8").data).digest()
    digests = tuple(hashlib.sha256(digest.encode() + chosen).hexdigest()[: len(digest)] for digest in inputs.digests)
    return replace(rows_of(inputs, rows), digests=digests)


def rows_of(inputs: StoredInputs, rows: Rows) -> StoredInputs:
    """Return some rows of scanned inputs, in order, with the digests of all rows."""
    table = inputs.table.take(rows)
    return replace(inputs, table=table, encode=inputs.encode.of(table))
