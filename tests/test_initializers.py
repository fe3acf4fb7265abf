"""Initializers: the right spread, from the given generator alone."""

import math

import numpy as np
import pytest

from mlpkit import initializers
from mlpkit.engine.network import Network
from mlpkit.errors import SpecError
from mlpkit.plugin import REGISTRIES
from mlpkit.spec import Spec

from .sampling import one_in

SHAPE = 400, 300
TRUNCATED = np.sqrt(1 - 4 * np.exp(-2) / np.sqrt(2 * np.pi) / math.erf(np.sqrt(2)))  # deviation of a normal distribution cut at 2
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
    "random_uniform": (0.1 / np.sqrt(12), 0.05),
    "truncated_normal": (0.05 * TRUNCATED, 0.1),
    "orthogonal": (np.sqrt(1 / 400), None),  # the columns have length 1
    "variance_scaling": (np.sqrt(1 / 400), 2 * np.sqrt(1 / 400) / TRUNCATED),
    "torch_linear": (np.sqrt(1 / 1200), np.sqrt(1 / 400)),
}


def filled(name, seed=0, shape=SHAPE, **options):
    array = np.empty(shape, np.float32)
    REGISTRIES["initializers"].get(name)(**options).fill(array, np.random.default_rng(seed))
    return array


def test_every_initializer_is_in_the_table():
    assert set(SPREAD) | {"ones", "identity"} == set(REGISTRIES["initializers"].builtins)


@pytest.mark.parametrize("name", one_in(4, SPREAD))
def test_spread(name):
    deviation, largest = SPREAD[name]
    array = filled(name)
    assert array.std() == pytest.approx(deviation, rel=0.01)
    assert abs(array.mean()) <= deviation / 100
    assert largest is None or np.abs(array).max() == pytest.approx(largest, rel=0.01)


@pytest.mark.parametrize("name", [name for name, (deviation, _) in SPREAD.items() if deviation])
def test_the_generator_decides(name):
    first, again, other = (filled(name, seed, shape=(40, 30)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_constants():
    assert (filled("constant", value=2.5) == 2.5).all()
    assert (filled("random_normal", mean=3.0, stddev=0.0) == 3.0).all()
    assert (filled("truncated_normal", mean=3.0, stddev=0.0) == 3.0).all()
    assert (filled("ones") == 1).all()
    np.testing.assert_array_equal(filled("identity", gain=2.0), 2 * np.eye(*SHAPE))


def normal(x):
    return (1 + math.erf(x / math.sqrt(2))) / 2


def truncated(x):
    return min(max((normal(x) - normal(-2)) / (normal(2) - normal(-2)), 0.0), 1.0)


def uniform(x):
    return min(max((x + 1) / 2, 0.0), 1.0)


DISTRIBUTIONS = {  # name, options, distribution function, and the scale of its argument
    "random_normal": ("random_normal", {}, normal, 0.05),
    "random_uniform": ("random_uniform", {}, uniform, 0.05),
    "truncated_normal": ("truncated_normal", {"stddev": 0.3}, truncated, 0.3),
    "glorot_uniform": ("glorot_uniform", {}, uniform, np.sqrt(6 / 700)),
    "he_normal": ("he_normal", {}, normal, np.sqrt(2 / 400)),
    "scaled uniform": ("variance_scaling", {"scale": 2.0, "mode": "fan_avg", "distribution": "uniform"}, uniform, np.sqrt(3 * 2 / 350)),
    "scaled normal": ("variance_scaling", {"mode": "fan_out", "distribution": "untruncated_normal"}, normal, np.sqrt(1 / 300)),
    "scaled truncated": ("variance_scaling", {"scale": 3.0}, truncated, np.sqrt(3 / 400) / TRUNCATED),
    "torch_linear": ("torch_linear", {}, uniform, 1 / np.sqrt(400)),
}


@pytest.mark.parametrize("case", DISTRIBUTIONS)
def test_distribution(case):
    """The largest difference from the distribution function is that of chance (Kolmogorov & Smirnov, at 0.001)."""
    name, options, distribution, scale = DISTRIBUTIONS[case]
    values = np.sort(filled(name, seed=3, **options), axis=None)[::20]
    expected = np.array([distribution(value / scale) for value in values.astype(float).tolist()])
    count = np.prod(SHAPE)
    observed = (np.arange(count)[::20] + 0.5) / count
    assert np.abs(observed - expected).max() < 1.95 / np.sqrt(count)


@pytest.mark.parametrize("distribution", ["uniform", "untruncated_normal", "truncated_normal"])
@pytest.mark.parametrize("scale", [0.5, 2.0])
@pytest.mark.parametrize(("mode", "n"), [("fan_in", 400), ("fan_out", 300), ("fan_avg", 350)])
def test_variance_scaling_has_keras_standard_deviation(mode, n, scale, distribution):
    array = filled("variance_scaling", mode=mode, scale=scale, distribution=distribution)
    assert array.std() == pytest.approx(np.sqrt(scale / n), rel=0.01)


@pytest.mark.parametrize("shape", [(6, 6), (40, 7), (7, 40), (1, 5), (5, 1), (200, 100)])
@pytest.mark.parametrize("gain", [1.0, -2.5])
def test_orthogonal(shape, gain):
    array = np.empty(shape)
    initializers.Orthogonal(gain=gain).fill(array, np.random.default_rng(0))
    rows, columns = shape
    product = array.T @ array if rows >= columns else array @ array.T
    np.testing.assert_allclose(product, gain**2 * np.eye(min(shape)), rtol=0, atol=1e-12)


def test_orthogonal_matrices_are_uniform():
    """The first entry of a random rotation of the plane is the cosine of a uniform angle, and its sign is that of chance."""
    found = np.empty((4000, 2, 2))
    rng = np.random.default_rng(1)
    for matrix in found:
        initializers.Orthogonal().fill(matrix, rng)
    angles = np.sort(np.arccos(np.clip(found[:, 0, 0], -1, 1))) / np.pi
    assert np.abs(angles - (np.arange(4000) + 0.5) / 4000).max() < 1.95 / np.sqrt(4000)
    assert abs((np.linalg.det(found) > 0).mean() - 0.5) < 3.3 * 0.5 / np.sqrt(4000)


@pytest.mark.parametrize("name", ["orthogonal", "identity"])
def test_a_bias_is_no_matrix(name):
    layers = [{"units": 2, "bias_initializer": name}]
    spec = Spec.model_validate({"network": {"inputs": 2, "layers": layers}, "loss": "mse"})
    with pytest.raises(SpecError, match=r"layers\[0\].*use 'zeros'"):
        Network(spec.network).initialize(np.random.default_rng(0))


def test_a_bias_has_the_limit_of_its_weight():
    """Initial values of nn.Linear(9, 5000): both within 1/3."""
    layer = {"units": 5000, "weight_initializer": "torch_linear", "bias_initializer": "torch_linear"}
    network = Network(Spec.model_validate({"network": {"inputs": 9, "layers": [layer]}, "loss": "mse"}).network)
    network.initialize(np.random.default_rng(0))
    for array in (network.layers[0].weight, network.layers[0].bias):
        assert np.abs(array).max() == pytest.approx(1 / 3, rel=1e-3)
        assert array.std() == pytest.approx(1 / 3 / np.sqrt(3), rel=0.02)


def test_the_names_of_pytorch_are_aliases():
    names = {"kaiming_normal": "he_normal", "xavier_uniform": "glorot_uniform", "trunc_normal": "truncated_normal", "eye": "identity"}
    for alias, name in names.items():
        assert REGISTRIES["initializers"].get(alias) is REGISTRIES["initializers"].get(name)


def test_limits_in_the_wrong_order_are_refused():
    with pytest.raises(ValueError, match="greater than the upper limit"):
        initializers.RandomUniform(low=1.0, high=0.0)


def test_known_weights_must_have_the_shape():
    layer = {"units": 2, "weight_initializer": {"type": "constant", "value": [[1, 2], [3, 4]]}}
    spec = Spec.model_validate({"network": {"inputs": 2, "layers": [layer]}, "loss": "mse"})
    network = Network(spec.network)
    network.initialize(np.random.default_rng(0))
    np.testing.assert_array_equal(network.layers[0].weight, [[1, 2], [3, 4]])
    wide = Network(spec.with_widths(2, 2).network.model_copy(update={"inputs": 3}))
    with pytest.raises(SpecError, match=r"shape \(2, 2\).*shape \(3, 2\)"):
        wide.initialize(np.random.default_rng(0))
