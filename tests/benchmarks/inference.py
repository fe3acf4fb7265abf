"""Predictions, one row and many, against ONNX Runtime, PyTorch and plain NumPy; and what raw rows cost on top."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

import numpy as np

import mlpkit

from .networks import Network, labels, model
from .pairing import Row, Run, pair, repeated

THREADS = int(os.environ.get("OMP_NUM_THREADS", "1"))
NETWORKS = [Network((64, 64, 10), 32, 1, {}), Network((784, 256, 128, 10), 128, 1, {})]
Predict = Callable[[np.ndarray], np.ndarray]


def rows(quick: bool) -> list[Row]:
    """One row for each network, number of rows and peer."""
    found = []
    for network in NETWORKS:
        of = model(network).network
        predictions: dict[str, Predict] = {}
        for name, make in PEERS.items():
            try:
                predictions[name] = make(of)
            except ImportError:
                continue
        for count, calls in ((1, 3000), (100, 300), (10_000, 3)):
            x = np.random.default_rng(0).standard_normal((count, network.widths[0])).astype(np.float32)
            peers: dict[str, tuple[Run, float | None]] = {}
            for name, predict in predictions.items():
                np.testing.assert_allclose(predict(x), of.predict(x), atol=1e-5, err_msg=name)
                goal = {"onnxruntime": 1.0, "torch": 3.0 if count == 1 else 1.0}.get(name)
                peers[name] = repeated(partial(predict, x), calls), goal
            what = f"predict {count:,} row{'s' if count > 1 else ''}, {'-'.join(map(str, network.widths))}"
            found += pair(what, repeated(partial(of.predict, x), calls), peers, "us", 5 if quick else 11, 1e6)
    return [*found, *raw_rows(quick)]


def raw_rows(quick: bool) -> list[Row]:
    """`Model.predict` of one row, names and scaling included, against `Network.predict` of the encoded one: at most 5 times."""
    x, y = np.random.default_rng(0).standard_normal((200, 64)), np.arange(200) % 10
    trained = mlpkit.train({**SPEC, "training": {"epochs": 1}}, x, labels(y))
    encoded, names = x[:1].astype(np.float32), [f"x{number}" for number in range(64)]
    kinds = {
        "array": x[:1],
        "columns": {name: [float(value)] for name, value in zip(names, x[0], strict=True)},
        "dictionary": [dict(zip(names, x[0].tolist(), strict=True))],
    }
    peer = {"Network.predict": (repeated(lambda: trained.network.predict(encoded), 500), 0.2)}
    return [
        row
        for kind, raw in kinds.items()
        for row in pair(f"Model.predict, one row as {kind}", repeated(partial(trained.predict, raw), 500), peer, "us", 5, 1e6)
    ]


SPEC = {
    "network": {"layers": [{"units": 64, "activation": "relu"}, {"units": 10, "activation": "softmax"}]},
    "loss": "categorical_crossentropy",
}

# -- the peers


def onnx_predict(network: mlpkit.Network) -> Predict:
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    nodes, weights, last = [], [], len(network.layers) - 1
    for index, layer in enumerate(network.layers):
        weights += [numpy_helper.from_array(layer.weight.copy(), f"w{index}"), numpy_helper.from_array(layer.bias.copy(), f"b{index}")]
        nodes.append(helper.make_node("Gemm", [f"x{index}", f"w{index}", f"b{index}"], [f"z{index}"]))
        nodes.append(helper.make_node("Softmax" if index == last else "Relu", [f"z{index}"], [f"x{index + 1}"]))
    ends = [
        helper.make_tensor_value_info(f"x{index}", TensorProto.FLOAT, [None, width])
        for index, width in ((0, network.layers[0].weight.shape[0]), (last + 1, network.layers[-1].weight.shape[1]))
    ]
    graph = helper.make_graph(nodes, "network", ends[:1], ends[1:], weights)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = onnxruntime.InferenceSession(made.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return lambda x: session.run(None, {"x0": x})[0]


def torch_predict(network: mlpkit.Network) -> Predict:
    import torch

    torch.set_num_threads(THREADS)
    parts: list[torch.nn.Module] = []
    for layer in network.layers:
        linear = torch.nn.Linear(*layer.weight.shape)
        with torch.no_grad():
            linear.weight[...] = torch.from_numpy(layer.weight.T.copy())
            linear.bias[...] = torch.from_numpy(layer.bias.copy())
        parts += [linear, torch.nn.ReLU()]
    net = torch.nn.Sequential(*parts[:-1], torch.nn.Softmax(dim=1))

    def predict(x: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return net(torch.from_numpy(x)).numpy()

    return predict


def numpy_predict(network: mlpkit.Network) -> Predict:
    """As one writes it by hand."""
    layers = [(layer.weight, layer.bias) for layer in network.layers]

    def predict(x: np.ndarray) -> np.ndarray:
        for weight, bias in layers[:-1]:
            x = np.maximum(x @ weight + bias, 0)
        z = x @ layers[-1][0] + layers[-1][1]
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    return predict


PEERS = {"onnxruntime": onnx_predict, "torch": torch_predict, "plain NumPy": numpy_predict}
