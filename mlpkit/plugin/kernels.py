"""Contract of kernels: steps of optimizers in compiled code, with the same bits as NumPy's.

Kernels stand neither in a spec nor in a model file. A long run asks the installed packages once, when it begins: a run with a package
and one without it write the same file. The environment variable MLPKIT_KERNELS switches them off (``0``), or asks in short runs too
(``1``).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar, NamedTuple, TypeAlias

from mlpkit.numerics.arrays import Array
from mlpkit.plugin.base import Plugin
from mlpkit.plugin.optimizer import Optimizer

Kernel: TypeAlias = "Callable[[Array, float, int, float, int], object]"  # of gradient, learning rate, t, fading and threads


class TensorPlace(NamedTuple):
    """Tensor that an optimizer of the scope "tensor" updates.

    Attributes
    ----------
    part : slice
        Its numbers in the trained vector.
    shape : tuple of int
    role : str
        Part of the layer, such as "weight" or "bias".
    layer : int
        Index of the layer.
    """

    part: slice
    shape: tuple[int, ...]
    role: str
    layer: int


class StepParts(NamedTuple):
    """All that a step changes and depends on, except for the arguments of the kernel. The arrays stay the same throughout a run.

    Attributes
    ----------
    optimizer : Optimizer
        The outermost one, if it wraps another one.
    w : array, shape (trained,)
        The trained parameters.
    state : tuple of array
        Arrays like `w`, in the order of the optimizer's `state`.
    scalars : tuple of array
        Float64 arrays in the order of its `scalars`: shape (), or (tensors,) with the scope "tensor".
    tensors : tuple of TensorPlace
        All tensors of `w` in their order, with the scope "tensor"; else empty.
    factors : array like `w`, or None
        Factors of the learning rate: the rate of each number is factor * lr, in the dtype of `w`.
    decay : tuple of (slice, float)
        Decoupled decay before the rule: w[part] *= 1.0 - lr * factor * fading, where the right side is computed in double precision, in
        this order, and then rounded to the dtype of `w`.
    clip_value : float or None
        Before the decay: gradient = clip(gradient, -clip_value, clip_value).
    average : array like `w`, or None
        After the rule: average *= d; average += (1.0 - d) * w, where d is `average_decay`.
    average_decay : float
    """

    optimizer: Optimizer
    w: Array
    state: tuple[Array, ...]
    scalars: tuple[Array, ...]
    tensors: tuple[TensorPlace, ...]
    factors: Array | None
    decay: tuple[tuple[slice, float], ...]
    clip_value: float | None
    average: Array | None
    average_decay: float


class Kernels(Plugin):
    """Compiled steps for some optimizers. `mlpkit.testing` compares their bits with those of NumPy."""

    kind: ClassVar[str] = "kernels"
    of_a_run: ClassVar[bool] = True
    if_missing: ClassVar[str] = ""

    @abstractmethod
    def step(self, parts: StepParts) -> Kernel | None:
        """Return a function that takes a step, or None if this case is left to NumPy.

        Penalties and `clip_norm` come before it, constraints of weights after it. It is called as
        ``kernel(gradient, lr, t, fading, threads)``:

        gradient : array like `w`
            It may be overwritten.
        lr : float
            Learning rate, without factors.
        t : int
            Number of the step, from 1.
        fading : float
            Factor of the decay.
        threads : int
            Number of threads that it may use.
        """

    def status(self) -> str:
        """Return the reason why no step is available, such as a build without a compiler; empty if all is well."""
        return ""
