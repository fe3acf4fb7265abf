"""The fused cross-entropy of classes: the same numbers with and without the subtraction of the largest pre-activation."""

import numpy as np
import pytest

from mlpkit.losses import CategoricalCrossentropy, crossentropy

RNG = np.random.default_rng(0)
CASES = {  # how pre-activations are moved
    "usual": (1.0, 0.0),
    "large": (40.0, 0.0),
    "at the end of the range": (1.0, 87.5),
    "beyond it": (1.0, 120.0),
    "at its lower end": (1.0, -87.5),
    "where exponentials lose digits": (1.0, -95.0),
    "below it": (1.0, -200.0),
    "far apart": (1e4, 0.0),
}


def fused(z, classes):
    found, grad = np.empty(len(z), z.dtype), np.empty_like(z)
    with np.errstate(all="ignore"):
        CategoricalCrossentropy().joint(z.copy(), classes, found, grad)
    return found, grad


@pytest.mark.parametrize("shape", [(1, 2), (4, 2), (32, 10), (100, 64), (40, 65), (5000, 3)])
@pytest.mark.parametrize(("scale", "shift"), CASES.values(), ids=CASES)
def test_it_is_exact_wherever_the_pre_activations_are(scale, shift, shape):
    z = (RNG.standard_normal(shape) * scale + shift).astype(np.float32)
    classes = RNG.integers(shape[1], size=shape[0])
    rows, exact = np.arange(len(z)), z.astype(np.float64)
    exact -= exact.max(axis=1, keepdims=True)
    total = np.exp(exact).sum(axis=1)
    expected = np.exp(exact) / total[:, None]
    expected[rows, classes] -= 1.0
    found, grad = fused(z, classes)
    np.testing.assert_allclose(found, np.log(total) - exact[rows, classes], rtol=2e-6, atol=2e-7 * max(1.0, scale / 10))
    np.testing.assert_allclose(grad, expected, rtol=1e-5, atol=2e-7)
    assert (found >= 0).all()


def test_large_contents_use_the_general_form_at_once(monkeypatch):
    """A memorised batch: the sum of the exponentials overflows, and nothing else has been computed by then."""
    z = np.zeros((4, 2), np.float32)
    z[:, 1] = 100.0
    asked, reciprocal = [], np.reciprocal
    monkeypatch.setattr(crossentropy.np, "reciprocal", lambda *arrays: asked.append(1) or reciprocal(*arrays))
    found, grad = fused(z, np.array([1, 1, 0, 1]))
    assert not asked
    np.testing.assert_allclose(found, [0, 0, 100, 0], atol=1e-6)
    np.testing.assert_allclose(grad, [[0, 0], [0, 0], [-1, 1], [0, 0]], atol=1e-6)
