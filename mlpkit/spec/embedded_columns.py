"""Columns with the treatment "embed", and the embeddings of categories that take them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlpkit.spec.column_treatment import embed_of
from mlpkit.spec.embeddings import AnyEmbedding, CategoryEmbedding
from mlpkit.spec.findings import Finding
from mlpkit.text.shown import first_few, shortened

if TYPE_CHECKING:
    from mlpkit.spec.spec import Spec

ENTRY = '{"type": "category"}'


def embedded_column_findings(spec: Spec) -> list[Finding]:
    """Return findings for columns that are not embedded exactly once, and for embedded names that are not such columns."""
    columns = [name for name, treatment in spec.preprocessing.columns.items() if embed_of(treatment) is not None]
    known, found = set(columns), []
    entries: dict[str, list[int]] = {name: [] for name in columns}
    for index, embedding in enumerate(spec.network.embeddings):
        if not isinstance(embedding, CategoryEmbedding):
            continue
        path = ("network", "embeddings", index, "columns")
        for name in embedding.columns or ():
            if name not in known:
                message = f"{shortened(repr(name), 60)} has not the treatment 'embed'"
                found.append(Finding(path, message, "set it in preprocessing.columns, or remove the name"))
        for name in names_of(embedding, columns):
            entries.get(name, []).append(index)
    for name, indices in entries.items():
        if not indices:
            message = f"{shortened(repr(name), 60)} is to be embedded, but no embedding takes it"
            help = f"add {ENTRY} to network.embeddings" if not _is_limited(spec) else 'add it to the "columns" of a category embedding'
            found.append(Finding(("preprocessing", "columns", name), message, help))
        elif len(indices) > 1:
            path = ("network", "embeddings", indices[1], "columns")
            message = f"{shortened(repr(name), 60)} is embedded by the entry {indices[0]} too"
            found.append(Finding(path, message, f"name different columns in each, among {first_few(columns, 10)}"))
    return found


def names_of(embedding: AnyEmbedding, columns: Sequence[str]) -> Sequence[str]:
    """Return the names of the columns of an embedding, out of all that it can embed."""
    return columns if embedding.columns is None else embedding.columns


def _is_limited(spec: Spec) -> bool:
    """Return True if the spec has an embedding of categories, which then names other columns."""
    return any(isinstance(each, CategoryEmbedding) for each in spec.network.embeddings)
