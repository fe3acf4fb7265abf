"""Contract of initializers."""

from __future__ import annotations

from abc import abstractmethod
from inspect import signature
from typing import TYPE_CHECKING, Any, ClassVar

from mlpkit.numerics.arrays import Array
from mlpkit.plugin.base import Plugin

if TYPE_CHECKING:
    import numpy as np


class Initializer(Plugin):
    """Initial values of weights and biases."""

    kind: ClassVar[str] = "initializers"

    @abstractmethod
    def fill(self, array: Array, rng: np.random.Generator) -> None:
        """Fill `array` in place, with `rng` as the only source of randomness.

        Parameters
        ----------
        array : array, shape (inputs, units) for a weight, (units,) for a bias
        rng : numpy.random.Generator

        Notes
        -----
        A method with a further argument ``inputs: int | None = None`` gets the number of inputs of the layer, which the shape of a bias
        does not show.
        """

    def fill_in_layer(self, array: Array, rng: np.random.Generator, inputs: int) -> None:
        """Call `fill`, with the number of inputs of the layer if it accepts `inputs`."""
        fill: Any = self.fill
        fill(array, rng, **({"inputs": inputs} if "inputs" in signature(fill).parameters else {}))
