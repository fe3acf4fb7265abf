"""Rules of the built-in optimizers: their names in C, and their options."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from mlpkit.plugin import Array, Optimizer


class Rule(NamedTuple):
    """Rule in C, with its options in the order that it reads them."""

    name: str
    options: tuple[float, ...]


def _sgd(o: Any) -> Rule:
    if not o.momentum:
        return Rule("sgd", ())
    return Rule("nesterov" if o.nesterov else "momentum", (o.momentum,))


def _adam(o: Any) -> Rule:
    return Rule("amsgrad" if o.amsgrad else "adam", (o.beta1, o.beta2, o.epsilon))


def _rmsprop(o: Any) -> Rule:
    name = f"rmsprop{'_centered' if o.centered else ''}{'_momentum' if o.momentum else ''}"
    return Rule(name, (o.rho, o.momentum, o.epsilon))


RULES: dict[str, Callable[[Any], Rule]] = {  # by the name of the class
    "SGD": _sgd,
    "Adam": _adam,
    "AdamW": _adam,  # mlpkit passes its decay apart
    "Adamax": lambda o: Rule("adamax", (o.beta1, o.beta2, o.epsilon)),
    "RAdam": lambda o: Rule("radam", (o.beta1, o.beta2, o.epsilon)),
    "NAdam": lambda o: Rule("nadam", (o.beta1, o.beta2, o.epsilon, o.momentum_decay)),
    "RMSprop": _rmsprop,
    "Adagrad": lambda o: Rule("adagrad", (o.lr_decay, o.initial_accumulator, o.epsilon)),
    "Adadelta": lambda o: Rule("adadelta", (o.rho, o.epsilon)),
    "Rprop": lambda o: Rule("rprop", (*o.etas, *o.steps)),
    "Lion": lambda o: Rule("lion", o.betas),
    "ScheduleFreeAdamW": lambda o: Rule("schedule_free", (o.beta1, o.beta2, o.epsilon, o.weight_decay)),
    "Muon": lambda o: Rule("muon_adam", (o.beta1, o.beta2, o.epsilon, o.adam_factor)),  # of all but matrices
}


def builtin(optimizer: Optimizer) -> str:
    """Return the name of the class of a built-in optimizer, "" for any other class, such as a subclass of a built-in."""
    cls = type(optimizer)
    ours = cls.__module__.startswith("mlpkit.optimizers.") and getattr(sys.modules.get(cls.__module__), cls.__name__, None) is cls
    return cls.__name__ if ours else ""


class Limit(NamedTuple):
    """Limit of a gradient: of each number, or of its norm."""

    value: float | None
    norm: float | None = None


class Average(NamedTuple):
    """Average of the weights, with the sum of its shares if the step counts it."""

    mean: Array
    decay: float
    share: Array | None


class Unwrapped(NamedTuple):
    """An optimizer without the wrappers around it, with its arrays and scalars, and what the wrappers do.

    Attributes
    ----------
    optimizer : Optimizer
    arrays : sequence of array
    limits : tuple of Limit
        In the order in which they apply.
    averages : tuple of Average
    """

    optimizer: Optimizer
    arrays: Sequence[Array]
    limits: tuple[Limit, ...] = ()
    averages: tuple[Average, ...] = ()


def unwrapped(outer: Any, arrays: Sequence[Array]) -> Unwrapped | None:
    """Take the wrappers off an optimizer with its arrays and scalars; return None if one of the classes is not a built-in with a rule."""
    name = builtin(outer)
    if name in RULES:
        return Unwrapped(outer, arrays)
    if name not in ("Clipping", "Averaging"):
        return None
    own, rest = outer.split(arrays)
    inner = unwrapped(outer.inner, rest)
    if inner is None:
        return None
    if name == "Clipping":
        return inner._replace(limits=(Limit(outer.value, outer.norm), *inner.limits))
    return inner._replace(averages=(*inner.averages, Average(own[0], outer.decay, own[1])))
