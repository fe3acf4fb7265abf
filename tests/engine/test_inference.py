"""Predictions: the same for any number of rows, in any thread, with weights that have changed, and from within a plugin."""

from __future__ import annotations

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar, copy_context

import numpy as np
import pytest

from mlpkit.engine.network import SIZES, Network
from mlpkit.plugin import Elementwise
from mlpkit.plugin.engine import BLOCK
from mlpkit.spec import Spec

RNG = np.random.default_rng(5)


def network_of(*activations, dtype="float64", **layer):
    layers = [{"units": 5 + index, "activation": name, **layer} for index, name in enumerate(activations[:-1])]
    layers.append({"units": 3, "activation": activations[-1]})
    network = Network(Spec.model_validate({"network": {"inputs": 4, "layers": layers}, "loss": "mse"}).network, dtype)
    network.initialize(np.random.default_rng(0))
    network.parameters.trained[...] += 0.1 * RNG.standard_normal(len(network.parameters.trained))
    return network


def by_hand(network, x):
    for index, layer in enumerate(network.layers):
        x = x @ layer.weight + layer.bias
        x = np.tanh(x) if index < len(network.layers) - 1 else np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
    return x


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("rows", [0, 1, 2, 7, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 5])
def test_any_number_of_rows(depth, rows):
    network = network_of(*["tanh"] * (depth - 1), "softmax")
    x = RNG.standard_normal((rows, 4))
    for inputs in (x, np.asfortranarray(x), np.repeat(x, 2, axis=1)[:, ::2], x[::-1][::-1]):
        for _ in range(2):  # the second time with buffers that were used before
            np.testing.assert_allclose(network.predict(inputs), by_hand(network, x), rtol=1e-12)
    scores, outputs = network.forward(x)
    np.testing.assert_array_equal(outputs, network.predict(x))
    np.testing.assert_allclose(
        scores - scores.max(axis=1, keepdims=True, initial=-np.inf), np.log(outputs / outputs.max(1, keepdims=True, initial=0)), atol=1e-12
    )


def test_kept_buffers_see_new_weights_and_are_few():
    network = network_of("tanh", "softmax")
    for rows in range(1, 40):
        network.predict(RNG.standard_normal((rows, 4)))
    assert len(network._spare) <= SIZES
    x = RNG.standard_normal((2, 4))
    network.predict(x)
    network.parameters.vector *= 0.5
    np.testing.assert_allclose(network.predict(x), by_hand(network, x), rtol=1e-12)


def test_threads_predict_side_by_side():
    network = network_of("tanh", "tanh", "softmax")
    inputs = [RNG.standard_normal((1 + index % 3, 4)) for index in range(300)]
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(network.predict, inputs))
    for x, outputs in zip(inputs, found, strict=True):
        np.testing.assert_allclose(outputs, by_hand(network, x), rtol=1e-12)


def test_an_activation_may_predict_and_has_the_context_of_its_caller():
    inner, variable, seen = network_of("tanh", "softmax"), ContextVar("variable", default="none"), []

    class Asking(Elementwise):
        def function(self, z):
            seen.append(variable.get())
            inner.predict(np.zeros((1, 4)))
            return z

        def derivative(self, z, y):
            return np.ones_like(z)

    outer = network_of(Asking, "softmax")
    for value in ("first", "second"):
        copy_context().run(lambda value=value: (variable.set(value), outer.predict(np.zeros((1, 4)))))
    assert seen == ["first", "second"]


def test_a_prediction_keeps_nothing_of_its_callers_context():
    class Request:
        pass

    network, variable = network_of("relu", "softmax"), ContextVar("request")

    def handle():
        request = Request()
        variable.set(request)
        network.predict(np.zeros((1, 4)))
        return weakref.ref(request)

    reference = copy_context().run(handle)
    gc.collect()
    assert reference() is None


def test_overflow_gives_no_number_and_no_warning():
    network = network_of("softmax", dtype="float32")
    network.layers[0].weight[...] = 1e30  # the scores are infinite, and softmax takes one from the others
    assert np.isnan(network.predict(np.full((1, 4), 1e20))).all()


def test_the_names_of_0_4_work_with_a_warning():
    network, rows = network_of("tanh", "softmax"), RNG.standard_normal((3, 4))
    with pytest.warns(DeprecationWarning, match=r"Network\.scores is called Network\.forward") as told:
        found = network.scores(rows)
    assert told[0].filename == __file__
    for one, other in zip(found, network.forward(rows), strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.warns(DeprecationWarning, match=r"Network\.trainable is called Network\.writable"):
        assert network.trainable() is network
