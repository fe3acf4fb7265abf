"""Embedded columns on disk: their levels are counted before training, and each block is numbered when it is read.

Columns of texts may stay on disk if they are embedded. All other columns on disk are numeric.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mlpkit.data.disk.dataset import Encode
from mlpkit.data.disk.table import Span, StoredTable
from mlpkit.data.table import Table
from mlpkit.plugin import Array
from mlpkit.preprocessing.categorical import CategoryEncoder, Unseen
from mlpkit.preprocessing.input_columns import Counts, InputColumn, category_counts, embedded_column
from mlpkit.spec import Preprocessing
from mlpkit.spec.column_treatment import embed_of

DIGITS = 16  # hexadecimal digits of a digest, as in a data fingerprint


def embedded_columns(options: Preprocessing, table: StoredTable, names: Sequence[str], missing: tuple[str, ...]) -> CategoryEncoder:
    """Return the encoder of those of the columns that are to be embedded, after counting the values of the training rows.

    Raises
    ------
    DataError
        A column has too many values, none that is frequent enough, or a missing one that it must not have.
    """
    treatments = {name: embed for name in names if (embed := embed_of(options.columns.get(name))) is not None}
    counts: dict[str, Counts] = {name: Counter() for name in treatments}
    for block in table.tables([(0, table.rows)], list(treatments)) if treatments else ():
        for name, found in counts.items():
            found.update(category_counts(options, block, name, missing))
    columns: list[InputColumn] = [embedded_column(embed, name, counts[name]) for name, embed in treatments.items()]
    return CategoryEncoder.fit(columns, missing, options.missing == "impute")


@dataclass(frozen=True)
class EmbeddedRows:
    """Encoder of rows of which some columns are embedded.

    Attributes
    ----------
    numbers : callable
        Encoder of the numeric columns.
    width : int
        Number of their encoded columns, which are the first ones.
    table : StoredTable
    categories : CategoryEncoder
    """

    numbers: Encode
    width: int
    table: StoredTable
    categories: CategoryEncoder

    def __call__(self, spans: Sequence[Span], out: Array) -> None:
        """Fill `out`, shape (rows, width), with the rows of spans, one after the other."""
        if self.width:
            self.numbers(spans, out[:, : self.width])
        start = 0
        for block in self._blocks(spans):
            self.categories.encode(block, out[start : start + block.rows, self.width :])
            start += block.rows

    def scan(self, dtype: np.dtype[np.floating]) -> tuple[Unseen, dict[str, str]]:
        """Return the number of rows of each unseen category, and the digest of the codes of each column, over all rows."""
        hashes = {column.name: hashlib.sha256() for column in self.categories.columns}
        found: Unseen = Counter()

        for block in self._blocks([(0, self.table.rows)]):
            part: Array = np.empty((block.rows, self.categories.width), dtype)
            found.update(self.categories.encode(block, part))
            for digest, codes in zip(hashes.values(), part.T, strict=True):
                digest.update(codes.astype("<i4").data)
        return found, {name: digest.hexdigest()[:DIGITS] for name, digest in hashes.items()}

    def _blocks(self, spans: Sequence[Span]) -> Iterator[Table]:
        return self.table.tables(spans, list(self.categories.embedded))
