"""Softmax with its logarithm, for losses that are fused with it."""

from __future__ import annotations

import numpy as np

from mlpkit.numerics.arrays import Array
from mlpkit.numerics.rowwise import row_max, row_sum


def softmax(z: Array, out: Array, log_sums: Array) -> None:
    """Fill `out` with softmax(z) over the columns, so that log(softmax(z)) is the new `z` minus `log_sums`.

    Parameters
    ----------
    z : array, shape (rows, columns)
        Pre-activations. The maximum of each row is subtracted in place, so that exponentials do not overflow.
    out : array, same shape and dtype
    log_sums : array, shape (rows,)
        Filled with log(sum_j exp(z_j)) of the new `z`.
    """
    row_max(z, out, log_sums)
    np.subtract(z, log_sums[:, None], z)
    np.exp(z, out)
    row_sum(out, log_sums)
    np.divide(out, log_sums[:, None], out)
    np.log(log_sums, log_sums)
