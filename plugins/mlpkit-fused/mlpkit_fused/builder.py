"""Builder: operations in C, joined to programs, and calls of Python between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mlpkit.plugin import Array
from mlpkit_fused._engine import Program
from mlpkit_fused.blas import gemm

Place: TypeAlias = "Array | NDArray[np.intp] | int | None"  # array that is held, number of a slot, or none
Slot = tuple[str, int, int, bool]  # type, length, classes, and True if the array may be left out: see `Program.slot`
Pass = Callable[..., float]


class Builder:
    """Operations of a pass over a batch.

    Parameters
    ----------
    dtype : dtype
        float32 or float64.
    slots : mapping of int to tuple
        Description of the arrays that a run is given, by their place among the arguments.
    """

    def __init__(self, dtype: np.dtype[np.floating], slots: Mapping[int, Slot]) -> None:
        self.dtype, self.slots = dtype, slots
        self._passes: list[Pass] = []
        self._program: Program | None = None

    def add(self, name: str, places: Sequence[Place], sizes: Sequence[int], numbers: Sequence[float] = (), code: int = 0) -> None:
        """Append an operation in C."""
        if self._program is None:
            self._program = self._begin()
        self._program.add(name, tuple(places), tuple(map(int, sizes)), tuple(map(float, numbers)), code)

    def call(self, function: Callable[..., object], *arguments: Any) -> None:
        """Append a call of Python with fixed arguments."""

        def run(*_: object) -> float:
            function(*arguments)
            return 0.0

        self._end()
        self._passes.append(run)

    def call_with(self, function: Callable[..., object]) -> None:
        """Append a call of Python with the arrays of the run."""

        def run(*arrays: object) -> float:
            function(*arrays)
            return 0.0

        self._end()
        self._passes.append(run)

    def finished(self) -> Pass:
        """Return a function of the arrays of a run, which returns the sum of the weighted losses."""
        self._end()
        if len(self._passes) == 1:
            return self._passes[0]
        passes = tuple(self._passes)

        def run(*arrays: object) -> float:
            loss = 0.0
            for each in passes:
                loss += each(*arrays)
            return loss

        return run

    def _begin(self) -> Program:
        product = gemm(self.dtype)
        assert product is not None
        program = Program(self.dtype.char, product.address, product.wide)
        for number, slot in self.slots.items():
            program.slot(number, *slot)
        return program

    def _end(self) -> None:
        if self._program is not None:
            self._passes.append(self._program.run)
            self._program = None
