"""Orthogonalization of a matrix by iterations of Newton & Schulz."""

from __future__ import annotations

import math

from mlpkit.numerics.arrays import Array
from mlpkit.numerics.blocks import CELLS, row_blocks

A, B, C = 3.4445, -4.7750, 2.0315  # of Jordan et al. 2024: singular values end between 0.7 and 1.2, the smallest ones grow the fastest
LEAST = 1e-7  # the norm by which a matrix is divided at least
COLUMNS = 64  # fewest columns of a block, for fast products


def orthogonalize(matrix: Array, scratch: Array, iterations: int) -> None:
    """Bring the singular values of a matrix near to 1, in place: x = A x + (B + C x x^T) x x^T x, from x = matrix / |matrix|.

    Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks".

    Parameters
    ----------
    matrix : array, shape (rows, columns)
    scratch : array, same shape and dtype
        Overwritten. It holds the product of the matrix and its transpose.
    iterations : int
        Number of iterations, usually 5.
    """
    flat = matrix.reshape(-1)
    matrix /= max(math.sqrt(flat.dot(flat)), LEAST)
    x = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    size = len(x)
    gram = scratch.reshape(-1)[: size * size].reshape(size, size)
    for _ in range(iterations):
        x.dot(x.T, gram)
        for columns in row_blocks(x.shape[1], max(COLUMNS, CELLS // size)):
            part = x[:, columns]
            once = gram.dot(part)
            twice = gram.dot(once)
            once *= B
            twice *= C
            part *= A
            part += once
            part += twice
