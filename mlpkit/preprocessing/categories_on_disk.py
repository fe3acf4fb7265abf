"""Encoding of rows on disk of which some columns are categories: each block is encoded as rows in memory are."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from mlpkit.data.disk.dataset import Encoder
from mlpkit.data.disk.table import Span, StoredTable
from mlpkit.data.table import Table
from mlpkit.plugin import Array
from mlpkit.preprocessing.categorical import CategoryEncoder, Unseen

DIGITS = 16  # hexadecimal digits of a digest, as in a data fingerprint


@dataclass(frozen=True)
class CategoryRows:
    """Encoder of rows of which some columns are categories.

    Attributes
    ----------
    numbers : Encoder
        Encoder of the other columns.
    width : int
        Number of their encoded columns, which are the first ones.
    table : StoredTable
    categories : CategoryEncoder
    """

    numbers: Encoder
    width: int
    table: StoredTable
    categories: CategoryEncoder

    def __call__(self, spans: Sequence[Span], out: Array) -> None:
        """Implement `Encoder`."""
        if self.width:
            self.numbers(spans, out[:, : self.width])
        out[:, self.width :] = 0
        start = 0
        for block in self._blocks(spans):
            self.categories.encode(block, out[start : start + block.rows, self.width :])
            start += block.rows

    def of(self, table: StoredTable) -> CategoryRows:
        """Implement `Encoder`."""
        return replace(self, table=table, numbers=self.numbers.of(table))

    def scan(self) -> tuple[Unseen, dict[str, str]]:
        """Return the number of rows of each unseen category, and the digest of the codes of each column, over all rows."""
        hashes = {column.name: hashlib.sha256() for column in self.categories.columns}
        unseen: Unseen = Counter()
        for block in self._blocks([(0, self.table.rows)]):
            for digest, codes in zip(hashes.values(), self.categories.codes(block, unseen), strict=True):
                digest.update(codes.astype("<i4").data)
        places = {column: place for place, column in enumerate(hashes)}
        in_order = Counter(dict(sorted(unseen.items(), key=lambda item: places[item[0][0]])))  # as for rows in memory
        return in_order, {name: digest.hexdigest()[:DIGITS] for name, digest in hashes.items()}

    def _blocks(self, spans: Sequence[Span]) -> Iterator[Table]:
        return self.table.tables(spans, [column.name for column in self.categories.columns])
