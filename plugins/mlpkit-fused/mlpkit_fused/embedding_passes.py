"""Operations of embeddings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from mlpkit.engine.embeddings import BinEmbedding, CosineEmbedding, VectorEmbedding, WaveEmbedding
from mlpkit.plugin import Array
from mlpkit_fused._engine import embeddings as names
from mlpkit_fused.builder import Builder, Place
from mlpkit_fused.layer_passes import B_TRANSPOSED

COSINES, WAVES, BINS = (names.index(name) for name in ("cosines", "waves", "bins"))
CODES = {CosineEmbedding: COSINES, WaveEmbedding: WAVES, BinEmbedding: BINS}


class Embeddings:
    """Operations that fill the inputs of the first layer from encoded ones, and their gradients.

    Parameters
    ----------
    learned : LearnedInputs
    """

    def __init__(self, learned: Any) -> None:
        self.learned = learned
        self._kept: list[Any] = []  # what an embedding's forward pass keeps for its gradient

    def fill(self, build: Builder, encoded: Place) -> None:
        """Add the forward pass from encoded inputs, shape (rows, inputs)."""
        learned = self.learned
        turned, columns = learned._encoded, learned.columns
        build.add("transpose", (encoded, turned), (turned.shape[1], turned.shape[0]))
        if len(learned.plain) < len(turned):
            self._take(build, learned.plain, columns)
        for embedding, place, (indices, numbers) in self._used(learned._chosen):
            if indices is not None:
                self._take(build, indices, numbers)
            if isinstance(embedding, VectorEmbedding):
                self._vectors(build, embedding, numbers, columns[place])
            else:
                self._features(build, embedding, numbers, columns[place])

    def _used(self, of_each: Iterable[Any]) -> list[tuple[Any, slice, Any]]:
        """Return each embedding that has inputs, with its place in the columns and what belongs to it."""
        every = zip(self.learned.embeddings, self.learned._places, of_each, strict=True)
        return [(embedding, place, own) for embedding, place, own in every if place.start < place.stop]

    def _take(self, build: Builder, indices: Any, out: Array) -> None:
        turned = self.learned._encoded
        if len(indices):
            build.add("take", (turned, indices, out), (len(indices), turned.shape[1], len(turned)))

    def _features(self, build: Builder, embedding: Any, numbers: Array, out: Array) -> None:
        views, (count, units, rows) = embedding.views, embedding.shape
        code, features = CODES[type(embedding)], embedding.views["weight"].shape[1]
        first = views["edges"] if code == BINS else views["frequency"]
        frequencies = features if code == BINS else first.shape[1]
        sizes = (count, rows, frequencies, units, features, first.shape[1])
        angles = np.empty((count, frequencies, rows), out.dtype) if code == COSINES else None
        kept = np.empty((count, features, rows), out.dtype)
        places = (numbers, views["weight"], views["bias"], first, views.get("phase"), angles, kept, out)
        build.add("embed", places, sizes, code=code)
        self._kept.append((numbers, angles, kept, sizes))

    def _vectors(self, build: Builder, embedding: Any, numbers: Array, out: Array) -> None:
        columns, units, rows = embedding.shape
        levels, places = embedding._levels[:, 0].astype(np.intp), np.empty((columns, rows), np.intp)
        weight = embedding.views["weight"]
        sizes = (columns, rows, units, len(weight))
        build.add("vectors", (numbers, weight, levels, places, out), sizes)
        self._kept.append((places, sizes))

    def backward(self, build: Builder, weight: Array, grad_z: Array, gradients: Any, shortcuts: Any) -> None:
        """Add the gradients of the embeddings; parameters as for `LearnedInputs.backward`."""
        learned, start = self.learned, len(self.learned.plain)
        if not len(learned.columns[start:]):
            return
        if learned.grad is None:
            learned.grad = np.empty_like(learned.columns[start:])
        rows, columns = grad_z.shape
        build.add("product", (weight[start:], grad_z, learned.grad), (len(learned.grad), rows, columns), code=B_TRANSPOSED)
        for further in shortcuts:
            build.call(np.add, learned.grad, further.T[start:], learned.grad)
        for (embedding, place, own), kept in zip(self._used(gradients), self._kept, strict=True):
            grad = learned.grad[place.start - start : place.stop - start]
            if isinstance(embedding, VectorEmbedding):
                build.add("vectors_back", (grad, kept[0], own["weight"]), kept[1])
                continue
            numbers, angles, features, sizes = kept
            places = (numbers, embedding.views["weight"], grad, learned.columns[place], angles, features, own["weight"], own["bias"])
            code = CODES[type(embedding)]
            build.add("embed_back", (*places, own.get("frequency"), own.get("phase")), sizes, code=code)
