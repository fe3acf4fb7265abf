"""Networks on which engines are compared with NumPy: each built-in activation and loss, and each option of a network."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpkit.engine.network import Network
from mlpkit.engine.weighted_targets import WeightedTargets
from mlpkit.model.model import Model
from mlpkit.plugin import REGISTRIES, Array, Loss, Targets, example_options
from mlpkit.preprocessing.prepare import prepare
from mlpkit.spec import Spec
from mlpkit.testing.cases import Case, case_of
from mlpkit.training.target_weights import weighted_loss

Entry = dict[str, Any]
TANH: Entry = {"units": 6, "activation": "tanh"}
LAST: Entry = {"units": 2}
DEEP: list[Entry] = [{"units": 7, "activation": "relu"}, {"units": 5, "activation": "silu"}, LAST]
ONE: Entry = {"type": "pbld", "frequencies": 3, "units": 2, "scale": 0.3}
OPTIONS: dict[str, tuple[Entry, list[Entry]]] = {  # options of the network, and its layers
    "one layer": ({}, [LAST]),
    "three layers": ({}, DEEP),
    "one unit": ({}, [{"units": 1, "activation": "tanh"}, {"units": 1}]),
    "wide layers": ({}, [{"units": 130, "activation": "relu"}, {"units": 67, "activation": "tanh"}, LAST]),
    "no bias": ({}, [{**layer, "bias": False} for layer in DEEP]),
    "dropout": ({}, [{**TANH, "dropout": 0.3}, {**TANH, "dropout": 0.5}, LAST]),
    "alpha dropout": ({}, [{"units": 6, "activation": "selu", "dropout": {"type": "alpha", "rate": 0.2}}, LAST]),
    "gaussian dropout": ({}, [{**TANH, "dropout": {"type": "gaussian", "rate": 0.2}}, LAST]),
    "input dropout": ({"input_dropout": 0.2}, DEEP),
    "input noise": ({"input_noise": 0.3, "input_dropout": 0.1}, DEEP),
    "batch normalization": ({}, [{**TANH, "normalization": "batch"}, {"units": 5, "activation": "relu", "normalization": "batch"}, LAST]),
    "layer normalization": ({}, [{**TANH, "normalization": "layer"}, {**TANH, "normalization": "layer", "dropout": 0.2}, LAST]),
    "rms normalization": ({}, [{**TANH, "normalization": "rms"}, {**LAST, "normalization": "rms"}]),
    "residual": ({}, [TANH, {**TANH, "residual": 1}, {**TANH, "residual": 2, "dropout": 0.2}, LAST]),
    "residual of the inputs": ({}, [{**TANH, "residual": 1}, LAST]),
    "frozen first layer": ({}, [{**TANH, "trainable": False}, TANH, LAST]),
    "frozen middle layer": ({}, [TANH, {**TANH, "trainable": False, "normalization": "batch"}, LAST]),
    "frozen last layer": ({}, [TANH, TANH, {**LAST, "trainable": False}]),
    "input scale": ({"input_scale": True}, DEEP),
    "gated": ({}, [{"units": 6, "activation": "swiglu"}, {"units": 4, "activation": "geglu", "dropout": 0.2}, LAST]),
    "trained activation": ({}, [{"units": 6, "activation": "prelu"}, {**TANH, "normalization": "batch", "residual": 1}, LAST]),
    "pbld": ({"embeddings": [ONE]}, DEEP),
    "periodic": ({"embeddings": [{"type": "periodic", "frequencies": 2, "units": 3}], "input_scale": True}, DEEP),
    "piecewise linear": ({"embeddings": [{"type": "piecewise_linear", "bins": 4, "units": 2}]}, DEEP),
    "some embedded": ({"embeddings": [{**ONE, "columns": ["n1", "n3"]}, {"type": "piecewise_linear", "columns": ["n3"]}]}, DEEP),
    "residual of embeddings": ({"embeddings": [{**ONE, "columns": ["n0"]}]}, [{"units": 8, "activation": "tanh", "residual": 1}, LAST]),
    "categories": ({"embeddings": [{"type": "category", "units": 3}]}, DEEP),
    "categories and noise": ({"embeddings": [{"type": "category", "units": 2}, ONE], "input_noise": 0.1, "input_scale": True}, DEEP),
}


class EngineCase(NamedTuple):
    """Network with rows to train it on.

    Attributes
    ----------
    name : str
        Description for messages.
    network : Network
    loss : Loss or WeightedTargets
    inputs, targets : array
        Encoded rows, and their targets in the form of the loss.
    """

    name: str
    network: Network
    loss: Loss | WeightedTargets
    inputs: Array
    targets: Targets


@cache
def engine_cases(dtype: str) -> tuple[EngineCase, ...]:
    """Return the cases in a dtype. Copy their networks before you change them."""
    named: dict[str, Case] = {}
    for kind, word in (("activations", "activation"), ("losses", "loss")):
        for name in REGISTRIES[kind].builtins:
            cls = REGISTRIES[kind].get(name)
            named[f"the {word} {name}"] = case_of(cls.model_validate(example_options(cls)))
    named |= {f"a network with {name}": _case(options, layers) for name, (options, layers) in OPTIONS.items()}
    return tuple(_encoded(name, case, dtype) for name, case in named.items())


def _case(options: Entry, layers: list[Entry]) -> Case:
    rng = np.random.default_rng(4)
    rows, units = rng.standard_normal((90, 6)), layers[-1]["units"]
    spec: Entry = {"network": {**options, "layers": layers}, "loss": "mse"}
    y = rows[:, :units] + rng.standard_normal((90, units))
    table: Any = {f"n{index}": column for index, column in enumerate(rows.T)}
    if any(embedding["type"] == "category" for embedding in options.get("embeddings", ())):
        spec["preprocessing"] = {"columns": {"t0": "embed", "t1": "embed"}}
        table |= {f"t{index}": rng.choice(["a", "b", "c", "d"], 90) for index in range(2)}
    return Case(spec, table, y)


def _encoded(name: str, case: Case, dtype: str) -> EngineCase:
    spec = Spec.model_validate({**case.spec, "dtype": dtype})
    prepared = prepare(spec, case.rows, case.y)
    model = Model.for_data(spec, prepared)
    rng = np.random.default_rng(9)
    trained = model.network.parameters.trained
    trained += (0.1 * rng.standard_normal(len(trained))).astype(dtype)  # biases and scales other than 0 and 1
    train: Any = prepared.train
    targets: NDArray[Any] = train.targets
    return EngineCase(name, model.network, weighted_loss(model.spec, prepared.target), train.inputs, targets)
