"""Initializers: the right spread, from the given generator alone."""

import numpy as np
import pytest

from mlpkit.engine.network import Network
from mlpkit.errors import SpecError
from mlpkit.plugin import REGISTRIES
from mlpkit.spec import Spec

SHAPE = 400, 300
SPREAD = {  # the standard deviation, and the largest value where there is one
    "glorot_uniform": (np.sqrt(2 / 700), np.sqrt(6 / 700)),
    "glorot_normal": (np.sqrt(2 / 700), None),
    "he_uniform": (np.sqrt(2 / 400), np.sqrt(6 / 400)),
    "he_normal": (np.sqrt(2 / 400), None),
    "lecun_uniform": (np.sqrt(1 / 400), np.sqrt(3 / 400)),
    "lecun_normal": (np.sqrt(1 / 400), None),
    "random_normal": (0.05, None),
    "zeros": (0.0, 0.0),
    "prior": (0.0, 0.0),
    "constant": (0.0, 0.0),
}


def filled(name, seed=0, **options):
    array = np.empty(SHAPE, np.float32)
    REGISTRIES["initializers"].get(name)(**options).fill(array, np.random.default_rng(seed))
    return array


def test_every_initializer_is_in_the_table():
    assert set(SPREAD) == set(REGISTRIES["initializers"].builtins)


@pytest.mark.parametrize("name", SPREAD)
def test_spread(name):
    deviation, largest = SPREAD[name]
    array = filled(name)
    assert array.std() == pytest.approx(deviation, rel=0.01)
    assert abs(array.mean()) <= deviation / 100
    assert largest is None or np.abs(array).max() == pytest.approx(largest, rel=0.01)


@pytest.mark.parametrize("name", [name for name, (deviation, _) in SPREAD.items() if deviation])
def test_the_generator_decides(name):
    np.testing.assert_array_equal(filled(name, 1), filled(name, 1))
    assert not np.array_equal(filled(name, 1), filled(name, 2))


def test_constants():
    assert (filled("constant", value=2.5) == 2.5).all()
    assert (filled("random_normal", mean=3.0, stddev=0.0) == 3.0).all()


def test_known_weights_must_have_the_shape():
    layer = {"units": 2, "weight_initializer": {"type": "constant", "value": [[1, 2], [3, 4]]}}
    spec = Spec.model_validate({"network": {"inputs": 2, "layers": [layer]}, "loss": "mse"})
    network = Network(spec.network)
    network.initialize(np.random.default_rng(0))
    np.testing.assert_array_equal(network.layers[0].weight, [[1, 2], [3, 4]])
    wide = Network(spec.with_widths(2, 2).network.model_copy(update={"inputs": 3}))
    with pytest.raises(SpecError, match=r"shape \(2, 2\).*shape \(3, 2\)"):
        wide.initialize(np.random.default_rng(0))
