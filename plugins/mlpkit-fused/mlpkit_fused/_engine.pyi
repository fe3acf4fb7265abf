from typing import Any

activations: tuple[str, ...]
functions: tuple[str, ...]
losses: tuple[str, ...]
levels: tuple[str, ...]

def use_level(level: int, /) -> None: ...
def level() -> int: ...
def function(number: int, x: Any, out: Any, /) -> None: ...
def forward(code: int, options: tuple[float, float], z: Any, out: Any, slope: Any = ..., /) -> None: ...
def backward(
    code: int,
    options: tuple[float, float],
    z: Any,
    out: Any,
    grad: Any,
    grad_z: Any = ...,
    slope: Any = ...,
    of_slope: Any = ...,
    /,
) -> None: ...
def loss(code: int, options: tuple[float, float], values: Any, targets: Any, losses: Any, grad: Any, /) -> None: ...
