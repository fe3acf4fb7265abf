"""Linear models in float64: ridge regression in closed form, and logistic and softmax regression with a ridge penalty."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpkit.numerics.arrays import Array
from mlpkit.numerics.blocks import row_blocks
from mlpkit.numerics.sigmoid import sigmoid
from mlpkit.numerics.weighted import mean

STEPS = 100  # most steps of `logistic`
CLOSE = 1e-9  # estimated distance from the least mean loss at which it ends
ROWS = 2**12  # rows that `LinearModel.outputs` converts at once
Link = Literal["sigmoid", "softmax"]
Matrix = NDArray[np.float64]


class LinearModel(NamedTuple):
    """Weights of shape (inputs, outputs), and biases of shape (outputs,)."""

    weight: Matrix
    bias: Matrix

    def outputs(self, inputs: Array) -> Matrix:
        """Return inputs @ weight + bias, shape (rows, outputs)."""
        found = np.empty((len(inputs), len(self.bias)))
        for rows in row_blocks(len(inputs), ROWS):
            np.matmul(inputs[rows].astype(np.float64), self.weight, out=found[rows])
        found += self.bias
        return found


def ridge(inputs: Array, targets: Array, weights: Array | None = None, penalty: float = 1.0) -> LinearModel:
    """Return the model of least sum_i w_i |x_i W + b - y_i|^2 + penalty |W|^2, from the normal equations.

    Parameters
    ----------
    inputs : array, shape (rows, inputs)
    targets : array, shape (rows, outputs)
    weights : array, shape (rows,), optional
        Sample weights.
    penalty : float
    """
    center, middle = mean(inputs, weights), mean(targets, weights)
    x, y = inputs - center, targets - middle
    weighted = x if weights is None else x * np.asarray(weights, np.float64)[:, None]
    weight = np.asarray(np.linalg.solve(x.T @ weighted + penalty * np.eye(len(center)), weighted.T @ y), np.float64)
    return LinearModel(weight, np.asarray(middle - center @ weight))


def logistic(
    inputs: Array, shares: Array, weights: Array | None = None, penalty: float = 1.0, *, link: Link = "sigmoid", steps: int = STEPS
) -> LinearModel:
    """Return the model of least sum_i w_i H(t_i, p_i) + penalty / 2 |W|^2, where H is the cross-entropy and p_i = link(x_i W + b).

    A step is that of Newton's method with an upper bound of the Hessian in its place, 1/4 X'WX for each sigmoid and 1/2 X'WX for softmax,
    which is inverted once (Boehning & Lindsay 1988, Boehning 1992). Steps are accelerated by Nesterov's momentum, which begins anew where
    it points uphill (O'Donoghue & Candes 2015). It ends after `steps`, as it does for classes without rows, whose bias has no limit.

    Parameters
    ----------
    inputs : array, shape (rows, inputs)
    shares : array, shape (rows, outputs)
        For sigmoid the share of 1 of each output; for softmax the share of each class, with a sum of 1.
    weights : array, shape (rows,), optional
        Sample weights.
    penalty : float
    link : {"sigmoid", "softmax"}
    steps : int
    """
    each = np.ones(len(inputs)) if weights is None else np.asarray(weights, np.float64)
    center, bound = mean(inputs, each), 0.25 if link == "sigmoid" else 0.5
    x = inputs - center  # so that the bias has a step of its own
    inverse = np.linalg.inv(bound * (x.T @ (x * each[:, None])) + penalty * np.eye(len(center)))
    start, total = np.zeros((len(center) + 1, shares.shape[1])), each.sum()
    last, ahead, momentum, slope = start, start, 1.0, np.empty((len(x), shares.shape[1]))
    for _ in range(steps):
        np.matmul(x, ahead[:-1], out=slope)
        slope += ahead[-1]
        _probabilities(slope, link)
        slope -= shares
        slope *= each[:, None]
        gradient = x.T @ slope + penalty * ahead[:-1]
        step = -np.vstack([inverse @ gradient, slope.sum(axis=0) / (bound * total)])
        new, uphill = ahead + step, np.vstack([gradient, slope.sum(axis=0)])
        if -np.vdot(uphill, step) <= CLOSE * total:
            last = new
            break
        if np.vdot(uphill, new - last) > 0.0:
            momentum = 1.0
        following = (1.0 + np.sqrt(1.0 + 4.0 * momentum**2)) / 2.0
        ahead, last, momentum = new + (momentum - 1.0) / following * (new - last), new, following
    return LinearModel(last[:-1], last[-1] - center @ last[:-1])


def _probabilities(z: Matrix, link: Link) -> None:
    """Replace pre-activations by probabilities, in place."""
    if link == "sigmoid":
        sigmoid(z, z)
    else:
        z -= z.max(axis=1, keepdims=True)
        np.exp(z, z)
        z /= z.sum(axis=1, keepdims=True)
