"""Inputs of the first layer: the encoded inputs and their embeddings, for one number of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mlpkit.engine.embeddings import embedding_buffers
from mlpkit.plugin import Array
from mlpkit.spec import NetworkSpec

Views = Mapping[str, Array]


class LearnedInputs:
    """Buffers of the embeddings of a network.

    The inputs of the first layer are the encoded ones without the numbers of categories, then the values of each embedding. They are stored
    with one row per input, because each embedding fills contiguous rows then.

    Parameters
    ----------
    spec : NetworkSpec
        With the inputs of all embeddings.
    views : sequence of mapping of str to array
        Parameters of each embedding by role.
    rows : int
    dtype : dtype

    Attributes
    ----------
    inputs : array, shape (rows, inputs of the first layer)
        View of `columns`.
    columns : array, shape (inputs of the first layer, rows)
    size : int
        About the number of elements in the buffers.
    """

    def __init__(self, spec: NetworkSpec, views: Sequence[Views], rows: int, dtype: np.dtype[np.floating]) -> None:
        self.plain = np.array(spec.plain_inputs, np.intp)
        self.columns: Array = np.empty((spec.first_width or 0, rows), dtype)
        self.inputs: Array = self.columns.T
        self._encoded: Array = np.empty((spec.inputs or 0, rows), dtype) if spec.codes else self.columns[: spec.inputs]
        self.embeddings = [embedding_buffers(each, own, rows, dtype) for each, own in zip(spec.embeddings, views, strict=True)]
        stops = len(self.plain) + np.cumsum([each.width for each in spec.embeddings], dtype=np.intp)
        self._places = [slice(int(stop) - each.width, int(stop)) for each, stop in zip(spec.embeddings, stops, strict=True)]
        self._chosen = [_chosen(each.inputs or (), self._encoded) for each in spec.embeddings]
        self.size = self.columns.size + sum(each.size for each in self.embeddings)
        self.grad: Array | None = None  # of the values of embeddings, allocated for training

    def fill(self, encoded: Array) -> Array:
        """Return the inputs of the first layer, shape (rows, width), from encoded inputs of shape (rows, inputs)."""
        np.copyto(self._encoded, encoded.T)
        if len(self.plain) < len(self._encoded):
            self._encoded.take(self.plain, axis=0, out=self.columns[: len(self.plain)], mode="clip")
        for embedding, place, (indices, numbers) in zip(self.embeddings, self._places, self._chosen, strict=True):
            if indices is not None:
                self._encoded.take(indices, axis=0, out=numbers, mode="clip")
            embedding.forward(numbers, self.columns[place])
        return self.inputs

    def backward(self, weight: Array, grad_z: Array, gradients: Sequence[Views], shortcuts: Sequence[Array]) -> None:
        """Fill the gradients of the embeddings.

        Parameters
        ----------
        weight : array, shape (inputs of the first layer, columns)
            Weights of the first layer, as its product uses them.
        grad_z : array, shape (rows, columns)
            Gradient of that product.
        gradients : sequence of mapping of str to array
            Gradients of each embedding by role.
        shortcuts : sequence of array, shape (rows, inputs of the first layer)
            Gradients that come from residual connections.
        """
        start = len(self.plain)
        if self.grad is None:
            self.grad = np.empty_like(self.columns[start:])
        weight[start:].dot(grad_z.T, self.grad)
        for further in shortcuts:
            np.add(self.grad, further.T[start:], self.grad)
        for embedding, place, own in zip(self.embeddings, self._places, gradients, strict=True):
            embedding.backward(self.grad[place.start - start : place.stop - start], self.columns[place], own)


def _chosen(inputs: Sequence[int], encoded: Array) -> tuple[NDArray[np.intp] | None, Array]:
    """Return indices of rows of the encoded inputs with an array for them; None with a view of them if they are adjacent."""
    first = inputs[0] if inputs else 0
    if list(inputs) == list(range(first, first + len(inputs))):
        return None, encoded[first : first + len(inputs)]
    return np.array(inputs, np.intp), np.empty((len(inputs), encoded.shape[1]), encoded.dtype)
