"""Data of the tutorials, made by rules with a fixed seed: inputs and targets of the training rows, then of the test rows."""

import numpy as np


def parts(x, y, train):
    return x[:train], y[:train], x[train:], y[train:]


def outliers():
    """A smooth function of 6 inputs; every tenth training target is far off."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal((900, 6))
    y = np.sin(x[:, 0]) + 0.5 * x[:, 1] * x[:, 2] + 0.3 * np.abs(x[:, 3]) + 0.1 * rng.standard_normal(900)
    y[:600:10] += rng.choice([-8.0, 8.0], 60)
    return parts(x, y[:, None], 600)


def seldom():
    """Two classes; about 8 % of the rows are positive."""
    rng = np.random.default_rng(2)
    x = rng.standard_normal((2000, 5))
    y = (x[:, 0] + x[:, 1] * x[:, 2] + 0.5 * rng.standard_normal(2000) > 2.0).astype(int)
    return parts(x, y, 1000)


def tags():
    """Four labels, each of another combination of 8 inputs."""
    rng = np.random.default_rng(3)
    x = rng.standard_normal((1000, 8))
    y = np.tanh(x @ rng.standard_normal((8, 6))) @ rng.standard_normal((6, 4)) + 0.3 * rng.standard_normal((1000, 4)) > 0.5
    return parts(x, y.astype(int), 600)


def surface():
    """A curved surface of 3 dimensions in 12, with noise; the targets are the inputs."""
    rng = np.random.default_rng(4)
    x = np.tanh(rng.standard_normal((900, 3)) @ rng.standard_normal((3, 12))) + 0.05 * rng.standard_normal((900, 12))
    return parts(x, x, 600)


def related():
    """Two tasks with common features: 3 classes with many rows, and 4 classes with 80 training rows."""
    rng = np.random.default_rng(5)
    features = rng.standard_normal((6, 8))
    first, second = rng.standard_normal((8, 3)), rng.standard_normal((8, 4))
    x, other = rng.standard_normal((1000, 6)), rng.standard_normal((480, 6))
    y = (np.tanh(x @ features) @ first).argmax(1)
    return (x, y), parts(other, (np.tanh(other @ features) @ second).argmax(1), 80)


def waves():
    """A function with several frequencies, of 4 inputs."""
    rng = np.random.default_rng(6)
    x = rng.uniform(-1, 1, (900, 4))
    y = np.sin(3 * x[:, 0]) * x[:, 1] + np.cos(4 * x[:, 2]) + 0.5 * x[:, 3] ** 2 + 0.05 * rng.standard_normal(900)
    return parts(x, y[:, None], 600)


def spreading():
    """A target whose spread grows with the first input."""
    rng = np.random.default_rng(7)
    x = rng.uniform(-1, 1, (1000, 3))
    y = np.sin(2 * x[:, 1]) + x[:, 2] + (0.2 + 0.4 * (1 + x[:, 0])) * rng.standard_normal(1000)
    return parts(x, y[:, None], 600)


def visits():
    """Counts with a mean from 0.2 to 12."""
    rng = np.random.default_rng(8)
    x = rng.uniform(-1, 1, (1000, 4))
    mean = np.exp(0.5 + 0.9 * np.sin(2 * x[:, 0]) + 0.8 * x[:, 1] * x[:, 2] + 0.3 * x[:, 3])
    return parts(x, rng.poisson(mean)[:, None].astype(float), 600)


def rings():
    """Three classes in alternating rings and halves of the plane, with noise, among 4 inputs."""
    rng = np.random.default_rng(9)
    x = rng.uniform(-2, 2, (1400, 4))
    radius = np.hypot(x[:, 0], x[:, 1]) + 0.05 * rng.standard_normal(1400)
    return parts(x, (np.floor(2 * radius) + (x[:, 2] > 0)).astype(int) % 3, 1000)
