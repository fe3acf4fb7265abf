"""Whole epochs, shuffled, against PyTorch, JAX and scikit-learn, and against the matrix products of the steps alone.

Every peer starts from mlpkit's weights. Before anything is timed, one epoch in the order of the rows must give the same
losses on both sides; scikit-learn takes no weights, so its loss after the timed epochs must be within a tenth.
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable

import numpy as np

import mlpkit

from .networks import NETWORKS, Network, data, labels, model
from .pairing import Row, Run, pair

Epoch = Callable[[np.ndarray], float]  # trains an epoch with the rows in an order; the mean loss
THREADS = int(os.environ.get("OMP_NUM_THREADS", "1"))


def rows(quick: bool) -> list[Row]:
    """One row for each network and peer."""
    found = []
    for network in NETWORKS[: 3 if quick else None]:
        x, y = data(network)
        order = np.arange(len(x))
        peers: dict[str, tuple[Run, float | None]] = {}
        for name, make in PEERS.items():
            try:
                epoch = make(network, x, y)
            except ImportError:
                continue
            if name in ("torch", "jax"):
                ours = next(mlpkit.epochs(model(network, shuffle=False), x, labels(y))).loss
                np.testing.assert_allclose(epoch(order), ours, rtol=2e-3, err_msg=f"{name}, {network.name}")
            peers[name] = (timed_epoch(epoch, network), network.goals.get(name) or None)
        found += pair(f"step of {network.name}", mlpkit_epoch(network, x, y), peers, "us", 5 if quick else 9, 1e6)
    return found


def timed_epoch(epoch: Epoch, network: Network) -> Run:
    """Seconds a step, the shuffling counted."""
    rng = np.random.default_rng(1)

    def run() -> float:
        started = time.perf_counter()
        epoch(rng.permutation(network.batch * network.steps))
        return (time.perf_counter() - started) / network.steps

    return run


def mlpkit_epoch(network: Network, x: np.ndarray, y: np.ndarray) -> Run:
    """Epochs of one long training, as the records that a user's loop gets say it."""
    loop = mlpkit.epochs(model(network, epochs=10_000), x, labels(y))
    return lambda: next(loop).seconds / network.steps


# -- the peers


def torch_epoch(network: Network, x: np.ndarray, y: np.ndarray) -> Epoch:
    import torch

    torch.set_num_threads(THREADS)
    parts: list[torch.nn.Module] = []
    for layer in model(network).network.layers:
        linear = torch.nn.Linear(*layer.weight.shape)
        with torch.no_grad():
            linear.weight[...] = torch.from_numpy(layer.weight.T.copy())
            linear.bias.zero_()
        parts += [linear, torch.nn.ReLU()]
    net, loss_of = torch.nn.Sequential(*parts[:-1]), torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(net.parameters(), fused=True)
    inputs, targets = torch.from_numpy(x), torch.from_numpy(y)

    def epoch(order: np.ndarray) -> float:
        total, indices = torch.zeros(()), torch.from_numpy(order)
        for start in range(0, len(order), network.batch):
            rows = indices[start : start + network.batch]
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of(net(inputs[rows]), targets[rows])
            loss.backward()
            optimizer.step()
            total += loss.detach()
        return float(total) / network.steps

    return epoch


def jax_epoch(network: Network, x: np.ndarray, y: np.ndarray) -> Epoch:
    import jax
    import jax.numpy as jnp

    def loss_of(weights, inputs, targets):
        for weight, bias in weights[:-1]:
            inputs = jax.nn.relu(inputs @ weight + bias)
        scores = jax.nn.log_softmax(inputs @ weights[-1][0] + weights[-1][1])
        return -jnp.take_along_axis(scores, targets[:, None], axis=1).mean()

    def step(weights, mean, square, count, inputs, targets):
        loss, grad = jax.value_and_grad(loss_of)(weights, inputs, targets)
        mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, mean, grad)
        square = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, square, grad)
        rate, root = 0.001 / (1 - 0.9**count), 1 - 0.999**count
        weights = jax.tree.map(lambda w, m, v: w - rate * m / (jnp.sqrt(v / root) + 1e-8), weights, mean, square)
        return weights, mean, square, loss

    jitted = jax.jit(step, donate_argnums=(0, 1, 2))
    layers = model(network).network.layers
    state = [(jnp.asarray(layer.weight), jnp.zeros(layer.weight.shape[1])) for layer in layers]
    kept = [state, *(jax.tree.map(jnp.zeros_like, state) for _ in range(2))]
    targets, done = y.astype(np.int32), 0

    def epoch(order: np.ndarray) -> float:
        nonlocal done
        losses = []
        for start in range(0, len(order), network.batch):
            rows = order[start : start + network.batch]
            done += 1
            *kept[:], loss = jitted(*kept, np.float32(done), x[rows], targets[rows])
            losses.append(loss)
        return float(sum(losses)) / network.steps

    return epoch


def sklearn_epoch(network: Network, x: np.ndarray, y: np.ndarray) -> Epoch:
    from sklearn.neural_network import MLPClassifier

    peer = MLPClassifier(network.widths[1:-1], alpha=0.0, batch_size=network.batch, shuffle=False, random_state=0)
    peer.set_params(max_iter=1, tol=0.0, n_iter_no_change=10**6, warm_start=True)

    def epoch(order: np.ndarray) -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            peer.fit(x[order], y[order])
        return float(peer.loss_)

    return epoch


def products(network: Network, x: np.ndarray, y: np.ndarray) -> Epoch:
    """The matrix products of the steps, and nothing else: what no program on this BLAS can be faster than."""
    rng, batch = np.random.default_rng(0), network.batch
    weights = [layer.weight.copy() for layer in model(network).network.layers]
    gradients = [np.empty_like(weight) for weight in weights]
    values = [rng.standard_normal((batch, width), np.float32) for width in network.widths]
    back = [np.empty_like(value) for value in values]

    def epoch(order: np.ndarray) -> float:
        for _ in range(network.steps):
            for index, weight in enumerate(weights):
                values[index].dot(weight, out=back[index + 1])
            for index in reversed(range(len(weights))):
                values[index].T.dot(values[index + 1], out=gradients[index])
                if index:
                    values[index + 1].dot(weights[index].T, out=back[index])
        return 0.0

    return epoch


PEERS = {"torch": torch_epoch, "jax": jax_epoch, "scikit-learn": sklearn_epoch, "products": products}
