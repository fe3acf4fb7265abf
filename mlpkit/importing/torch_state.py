"""Model from the weights of a PyTorch network: a state_dict, or a safetensors file. PyTorch itself is not needed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.errors import DataError
from mlpkit.importing.arrays import activations_of, finished, finite_numbers
from mlpkit.importing.assembly import activation_of, dtype_of
from mlpkit.importing.chain import Activated, LinearMap, Normalized, Operation, chained
from mlpkit.importing.columns import as_list
from mlpkit.importing.safetensors import read_safetensors
from mlpkit.model.model import Model
from mlpkit.plugin import plugin_name
from mlpkit.text.shown import counted, first_few, shortened

Array = NDArray[Any]
Modules = dict[str, dict[str, Array]]
NORM = {"running_mean", "running_var"}
ROLES = {"weight", "bias", *NORM, "num_batches_tracked"}
KINDS = ("Linear", "BatchNorm1d", "PReLU")
PASSING = ("Identity", "Flatten")  # modules besides dropout that predictions pass unchanged
DIGITS = re.compile(r"\d+")


def from_torch(
    source: Any,
    activations: Any,
    *,
    order: Sequence[str] | None = None,
    epsilon: float = 1e-5,
    classes: Sequence[Any] | None = None,
    inputs: Sequence[str] | Mapping[str, Any] | None = None,
    center: Any = None,
    scale: Any = None,
    target: str | Sequence[str] | None = None,
    target_center: Any = None,
    target_scale: Any = None,
    dtype: str | None = None,
    spec: Mapping[str, Any] | None = None,
) -> Model:
    """Return the model of a chain of linear layers of PyTorch, as in ``nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))``.

    Parameters
    ----------
    source : module, state_dict, str or Path
        A module, its ``state_dict()``, or the path of a safetensors file. Weights are those of `Linear`, `BatchNorm1d` and `PReLU`. A file
        of ``torch.save`` is a pickle, which can run code, and is refused.
    activations : sequence, or str
        Activation of each linear layer, which a state_dict does not have; see `mlpkit.from_arrays`. Without that of the last layer, it is
        softmax or sigmoid if there are `classes`: for outputs that are logits, as `CrossEntropyLoss` and `BCEWithLogitsLoss` take them.
    order : sequence of str, optional
        Names of the modules in their order, such as ``["hidden", "out"]``. Default: by the numbers in their names, if they differ only by
        these; else the order of the state_dict. A file has no order.
    epsilon : float
        `eps` of batch normalization, which a state_dict does not have. A module tells whether a normalization is before the activation. In
        a state_dict or a file it is if its number follows that of a linear layer, or if there are no numbers; it is not if the number of
        the next layer follows its own, and then becomes part of the next weights, so that predictions are the same.
    classes, inputs, center, scale, target, target_center, target_scale, dtype, spec
        See `mlpkit.from_arrays`.

    Returns
    -------
    Model

    Raises
    ------
    ModelFileError
        The file is not a valid safetensors file.
    DataError
        The weights are not those of a chain of linear layers; the message names the module.
    SpecError, PluginError
        An activation is not known, or the spec is not valid.
    """
    modules = _modules(read_safetensors(source) if isinstance(source, (str, Path)) else _state(source))
    names = _ordered(list(modules), order, in_file=isinstance(source, (str, Path)))
    maps = [_turned(name, modules[name]["weight"]) for name in names if _is_linear(modules[name])]
    if not maps:
        raise DataError("there is no linear layer among the weights", help="pass the state_dict of a multi-layer perceptron")
    chosen = activations_of(activations, maps, classes)
    with np.errstate(all="ignore"):  # a number that is not finite is found in the weights
        layers = chained(_operations(names, modules, chosen, epsilon, _places(source))).layers
    dtype = dtype or dtype_of(array for own in modules.values() for role, array in own.items() if role != "num_batches_tracked")
    given = {"inputs": inputs, "center": center, "scale": scale, "dtype": dtype, "spec": spec}
    return finished(layers, classes=classes, target=target, target_center=target_center, target_scale=target_scale, **given)


def _state(source: Any) -> dict[str, Array]:
    """Return the arrays of a module or a state_dict by name."""
    for name, module in source.named_modules() if callable(getattr(source, "named_modules", None)) else ():
        if next(module.parameters(recurse=False), None) is not None and type(module).__name__ not in KINDS:
            message = f"the module {shortened(name)!r} is a {type(module).__name__}, not one of {', '.join(KINDS)}"
            raise DataError(message, help="only chains of linear layers can be imported")
    found = source.state_dict() if callable(getattr(source, "state_dict", None)) else source
    if not isinstance(found, Mapping):
        help = "pass model.state_dict(), or the path of a safetensors file"
        raise DataError(f"the weights are of type {type(found).__name__}, not a state_dict", help=help)
    return {str(name): _as_array(str(name), tensor) for name, tensor in found.items()}


def _places(source: Any) -> dict[str, bool]:
    """Return, for each normalization of a module, True if it is before the activation; an empty dictionary for arrays and files."""
    found, activated = {}, False
    modules = dict(source.named_modules()) if callable(getattr(source, "named_modules", None)) else {}
    for name, module in modules.items():
        kind = type(module).__name__
        if kind == "BatchNorm1d":
            found[name] = not activated
        elif name and "Dropout" not in kind and kind not in PASSING and not any(other.startswith(f"{name}.") for other in modules):
            activated = kind != "Linear"
    return found


def _as_array(name: str, tensor: Any) -> Array:
    """Return the array of a tensor, found by its methods. Raise DataError if it is none."""
    try:
        for method in ("detach", "cpu"):
            tensor = getattr(tensor, method)() if hasattr(tensor, method) else tensor
        if str(getattr(tensor, "dtype", "")) == "torch.bfloat16":  # NumPy has no such type
            tensor = tensor.float()
        return np.asarray(tensor.numpy() if hasattr(tensor, "numpy") else tensor)
    except (TypeError, ValueError, RuntimeError, AttributeError) as error:
        message = f"{shortened(name)!r} is no array of numbers: {shortened(str(error))}"
        raise DataError(message, help="pass dense tensors of floats") from error


def _modules(arrays: Mapping[str, Array]) -> Modules:
    """Return the arrays by module and role, such as {"0": {"weight": ..., "bias": ...}}. Raise DataError for another role."""
    modules: Modules = {}
    for name, array in arrays.items():
        module, _, role = name.rpartition(".")
        if role not in ROLES:
            help = "known are the weights of Linear, BatchNorm1d and PReLU"
            raise DataError(f"the weights have {shortened(name)!r}, which is of no layer of a multi-layer perceptron", help=help)
        modules.setdefault(module, {})[role] = array
    for name, own in modules.items():
        if "weight" not in own and not own.keys() >= NORM:
            raise DataError(f"the module {shortened(name)!r} has no weight", help="pass all weights of the network")
    return modules


def _is_linear(own: Mapping[str, Array]) -> bool:
    return own.keys() <= {"weight", "bias"} and own["weight"].ndim != 1


def _turned(name: str, weight: Array) -> Array:
    """Return the weight of a linear module as (inputs, units). Raise DataError if it has other axes, such as that of a convolution."""
    if weight.ndim != 2:
        message = f"the module {shortened(name)!r} has a weight of shape {weight.shape}, and is no linear layer"
        raise DataError(message, help="only chains of linear layers can be imported")
    return finite_numbers(f"{shortened(name)}.weight", weight, 2).T


def _ordered(names: list[str], given: Sequence[str] | None, in_file: bool) -> list[str]:
    """Return the names of modules in the order of the network. Raise DataError if it is not known."""
    if given is not None:
        listed = [str(name) for name in as_list(given) or []]
        if sorted(listed) != sorted(names):
            raise DataError(
                "order does not have the names of the modules", help=f"give {first_few(names, 20, repr)} in the order of the network"
            )
        return listed
    if len({DIGITS.sub("#", name) for name in names}) <= 1:
        return sorted(names, key=lambda name: [int(number) for number in DIGITS.findall(name)])
    if in_file:
        shown = first_few(names, 20, repr)
        raise DataError(f"the names do not give the order of the layers: {shown}", help="give order=, a list of these names")
    return names


def _operations(
    names: Sequence[str], modules: Modules, activations: Sequence[Any], epsilon: float, places: Mapping[str, bool]
) -> Iterator[Operation]:
    """Yield the operations of modules, with an activation after each linear one and what belongs before the activation."""
    waiting: tuple[str, Any] | None = None  # the last linear module and its activation
    count = 0
    for name, following in zip(names, [*names[1:], None], strict=True):
        own = modules[name]
        if own.keys() >= NORM and waiting is not None and (places[name] if name in places else _follows(waiting[0], name, following)):
            yield _normalized(name, own, epsilon)
            continue
        if waiting is not None:
            slope = own["weight"] if own.keys() == {"weight"} and own["weight"].ndim == 1 and _is_prelu(waiting[1]) else None
            yield _activated(*waiting, slope, modules)
            waiting = None
            if slope is not None:
                continue
        if own.keys() >= NORM:
            yield _normalized(name, own, epsilon)
        elif _is_linear(own):
            bias = own.get("bias")
            yield LinearMap(name, _turned(name, own["weight"]), None if bias is None else finite_numbers(f"{name}.bias", bias, 1))
            waiting, count = (name, activations[count]), count + 1
        else:
            message = f"the module {shortened(name)!r} has a weight of shape {own['weight'].shape}, and is no Linear and no BatchNorm1d"
            help = "a LayerNorm cannot be imported; the slopes of a PReLU need the activation 'prelu' of the layer before"
            raise DataError(message, help=help)
    if waiting is not None:
        yield _activated(*waiting, None, modules)


def _is_prelu(activation: Any) -> bool:
    return plugin_name(activation_of(activation)) == "prelu"


def _activated(name: str, entry: Any, slope: Array | None, modules: Modules) -> Activated:
    """Return the activation of a linear module; `slope` has the trained slopes of a PReLU, one for all units or one for each."""
    if slope is None:
        return Activated(name, entry)
    units = len(modules[name]["weight"])
    if slope.shape not in ((1,), (units,)):
        raise DataError(f"the PReLU after {shortened(name)!r} has {counted(slope.size, 'slope')}, not 1 or {units}", help="check the order")
    return Activated(name, entry, {"slope": np.broadcast_to(slope, units)})


def _follows(linear: str, name: str, following: str | None) -> bool:
    """Return True if a normalization is directly behind a linear module, by the last numbers of their names; True without numbers.

    Raise DataError if there may be an activation on either side.
    """
    steps = _steps(linear, name)
    if steps is None or steps == 1:
        return True
    if following is None or _steps(name, following) != 1:
        message = f"the numbers of the modules do not tell if the normalization {shortened(name)!r} is before or after the activation"
        raise DataError(message, help="pass the module itself, not its state_dict or a file")
    return False


def _steps(first: str, second: str) -> int | None:
    """Return the difference of the last numbers of names that differ only by numbers; None for other names."""
    if not DIGITS.search(first) or DIGITS.sub("#", first) != DIGITS.sub("#", second):
        return None
    return int(DIGITS.findall(second)[-1]) - int(DIGITS.findall(first)[-1])


def _normalized(name: str, own: Mapping[str, Array], epsilon: float) -> Normalized:
    """Return batch normalization. Raise DataError if its arrays do not fit each other."""
    mean, variance = (finite_numbers(f"{name}.{role}", own[role], 1) for role in ("running_mean", "running_var"))
    scale = finite_numbers(f"{name}.weight", own["weight"], 1) if "weight" in own else np.ones_like(mean)
    shift = finite_numbers(f"{name}.bias", own["bias"], 1) if "bias" in own else np.zeros_like(mean)
    if not mean.shape == variance.shape == scale.shape == shift.shape:
        raise DataError(f"the arrays of {shortened(name)!r} differ in length: {counted(mean.size, 'mean')}", help="pass unchanged weights")
    if (variance < 0).any():
        raise DataError(f"{shortened(name)!r} has a negative variance", help="pass unchanged weights")
    return Normalized(name, scale, shift, {"type": "batch", "epsilon": epsilon, "momentum": 0.9}, mean, variance)
