"""Dropout: the seed of each step from NumPy's generator, random numbers in C."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.engine.dropout import LOWEST
from mlpkit.plugin import Array
from mlpkit.spec.dropout import AlphaDropout, GaussianDropout
from mlpkit_fused.builder import Builder


class Masks:
    """Dropout of the layers of a pass.

    Gaussian dropout draws its masks with NumPy. Other masks are drawn in C: they are other ones than with NumPy, but depend on the state of
    the same generator, so that a run can be resumed.

    Parameters
    ----------
    layers : sequence of LayerBuffers
    """

    def __init__(self, layers: Sequence[Any]) -> None:
        masks = {index: layer.dropout for index, layer in enumerate(layers) if layer.dropout is not None}
        self.normal = [mask for mask in masks.values() if isinstance(mask.options, GaussianDropout)]
        self.places = {index: place for place, index in enumerate(i for i, mask in masks.items() if mask not in self.normal)}
        self.masks = [masks[index] for index in self.places]
        self.rates = [-1.0] * len(self.masks)
        self.settings: Array = np.empty((len(self.masks), 4))  # rate, scale, shift before and after
        self.seeds: NDArray[np.int64] = np.empty(len(self.masks), np.int64)

    def draw(self, build: Builder) -> None:
        """Add what draws masks and seeds."""
        for mask in self.normal:
            build.call(mask._draw_normal)
        if self.masks:
            build.call(self._seeding())

    def _seeding(self) -> Callable[[], None]:
        raw, seeds = self.masks[0].rng.bit_generator.random_raw, self.seeds.view(np.uint64)

        def draw() -> None:
            for place, mask in enumerate(self.masks):
                if mask.rate != self.rates[place]:
                    self._set_rate(place, mask)
            seeds[:] = raw(len(seeds))

        return draw

    def _set_rate(self, place: int, mask: Any) -> None:
        scale, alpha = mask._scale(), isinstance(mask.options, AlphaDropout)
        self.rates[place] = mask.rate
        self.settings[place] = mask.rate, scale, LOWEST if alpha else 0.0, scale * LOWEST * (1.0 - mask.rate) if alpha else 0.0

    def drop(self, build: Builder, index: int, layer: Any) -> None:
        """Add the dropout of a layer's activated values, if it has one."""
        if index in self.places:
            place = self.places[index]
            places = (layer.activated, layer.dropout.mask, layer.outputs, self.settings[place], self.seeds[place : place + 1])
            build.add("dropout", places, (layer.outputs.size, 4, 1))
        elif layer.dropout is not None:
            build.add("copy", (layer.activated, layer.outputs), (layer.outputs.size,))
            build.add("multiply", (layer.outputs, layer.dropout.mask), (layer.outputs.size,))
