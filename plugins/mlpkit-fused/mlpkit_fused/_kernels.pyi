from typing import Literal, final

from mlpkit.plugin import Array

@final
class Step:
    def __new__(
        cls,
        rule: str,
        options: tuple[float, ...],
        w: Array,
        state: tuple[Array, ...],
        scalars: tuple[Array, ...],
        factors: Array | None,
        clip: float,
        decay: tuple[tuple[int, int, float], ...],
        averages: tuple[tuple[Array, float, Array | None], ...],
        /,
    ) -> Step: ...
    def step(self, gradient: Array, lr: float, t: int, fading: float, threads: int, /) -> None: ...
    def begin(self, gradient: Array, lr: float, t: int, fading: float, /) -> None: ...
    def run(self, part: slice, /) -> None: ...

def levels() -> tuple[Literal["base", "avx2", "avx512"], ...]: ...
def use_level(number: int, /) -> None: ...
