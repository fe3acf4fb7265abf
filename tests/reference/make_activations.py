"""Make activations.npz: values and derivatives of activations in float64, from PyTorch or, where that lacks digits or the whole, mpmath.

Run `python tests/reference/make_activations.py` with torch and mpmath installed; the tests read only the file.
"""

from pathlib import Path

import mpmath
import numpy as np
import torch
from torch.nn import functional as F

EDGES = [0.0, 0.5, 1.0, 3.0, 6.0, 20.0, 20.5, 88.5, 300.0, 1e4, 1e-8, 1e-30]  # and their negatives: kinks, limits, large and tiny numbers
ELEMENTWISE = {
    "linear": lambda z: z * 1.0,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky_relu": F.leaky_relu,
    "leaky_relu negative_slope=0.2": lambda z: F.leaky_relu(z, 0.2),
    "relu6": F.relu6,
    "elu": F.elu,
    "elu alpha=0.3": lambda z: F.elu(z, 0.3),
    "celu": F.celu,
    "celu alpha=2.5": lambda z: F.celu(z, 2.5),
    "selu": F.selu,
    "gelu approximate=tanh": lambda z: F.gelu(z, approximate="tanh"),
    "silu": F.silu,
    "mish": F.mish,
    "softplus": F.softplus,
    "softplus beta=2.5": lambda z: F.softplus(z, 2.5),
    "softplus beta=0.5 threshold=5.0": lambda z: F.softplus(z, 0.5, 5.0),
    "softsign": F.softsign,
    "hard_sigmoid": lambda z: F.relu6(z + 3) / 6,  # the derivative of hardsigmoid has the 1/6 of float32
    "hard_silu": F.hardswish,
    "hard_tanh": F.hardtanh,
    "log_sigmoid": F.logsigmoid,
    "tanh_shrink": F.tanhshrink,
    "soft_shrink": F.softshrink,
    "soft_shrink threshold=1.0": lambda z: F.softshrink(z, 1.0),
    "hard_shrink": F.hardshrink,
    "hard_shrink threshold=1.0": lambda z: F.hardshrink(z, 1.0),
    "exponential": torch.exp,
    "relu_squared": lambda z: torch.relu(z) ** 2,
    "sine": torch.sin,
    "sine omega=3.0": lambda z: torch.sin(3.0 * z),
}
WITH_MPMATH = {
    "gelu": lambda z: z * mpmath.erfc(-z / mpmath.sqrt(2)) / 2,  # PyTorch loses digits below 0
    "squareplus": lambda z: (z + mpmath.sqrt(z * z + 4)) / 2,
    "squareplus b=0.25": lambda z: (z + mpmath.sqrt(z * z + mpmath.mpf(1) / 4)) / 2,
    "lecun_tanh": lambda z: mpmath.mpf("1.7159") * mpmath.tanh(2 * z / 3),
    "gaussian": lambda z: mpmath.exp(-z * z),
}
GATED = {
    "glu": torch.sigmoid,
    "swiglu": F.silu,
    "geglu": F.gelu,
    "geglu approximate=tanh": lambda z: F.gelu(z, approximate="tanh"),
    "reglu": torch.relu,
}


def continuation_ratio(z):
    """Probabilities of classes, from the logarithms of the conditional ones of the classes above."""
    above = F.pad(F.logsigmoid(z[:, :-1]).cumsum(1), (1, 0))
    return torch.exp(above + F.pad(F.logsigmoid(-z[:, :-1]), (0, 1)))


ROWS = {
    "softmax": lambda z: torch.softmax(z, 1),
    "log_softmax": lambda z: torch.log_softmax(z, 1),
    "continuation_ratio": continuation_ratio,
}


def pre_activations(rng):
    """Pre-activations: ordinary ones, and the edges."""
    edges = np.array(EDGES)
    return np.concatenate([3 * rng.standard_normal(50), edges, -edges])


def with_torch(function, z, grad):
    """Return the values of a function, and dL/dz for dL/dout."""
    tensor = torch.tensor(z, requires_grad=True)
    out = function(tensor)
    out.backward(torch.tensor(grad))
    return out.detach().numpy(), tensor.grad.numpy()


def with_mpmath(function, z):
    """Return the values and derivatives of an elementwise function, computed with many digits."""
    values = [mpmath.mpf(number) for number in z.tolist()]
    derivatives = [mpmath.diff(function, number, h=mpmath.mpf(10) ** -30) for number in values]
    return np.array([float(function(number)) for number in values]), np.array([float(number) for number in derivatives])


def elementwise(z):
    for name, function in ELEMENTWISE.items():
        yield name, with_torch(function, z, np.ones_like(z))
    for name, function in WITH_MPMATH.items():
        yield name, with_mpmath(function, z)


def tables(z, grad):
    for name, function in ROWS.items():
        yield name, with_torch(function, z, grad)
    half = z.shape[1] // 2
    for name, function in GATED.items():
        yield name, with_torch(lambda z, f=function: z[:, :half] * f(z[:, half:]), z, grad[:, :half])


def prelu(z, grad, slope):
    slope = torch.tensor(slope, requires_grad=True)
    out, grad_z = with_torch(lambda z: F.prelu(z, slope), z, grad)
    return out, grad_z, slope.grad.numpy()


def error_function():
    """Points, and erfc there."""
    x = np.concatenate([np.linspace(-6, 26, 129), np.linspace(-1, 1, 41), [1e-30, 1e-8, 26.5]])
    return x, np.array([float(mpmath.erfc(mpmath.mpf(number))) for number in x.tolist()])


def everything(rng):
    line, table, grad = pre_activations(rng), 3 * rng.standard_normal((20, 6)), rng.standard_normal((20, 6))
    table[:4] = [[1e4, 0, -1e4, 1, 2, 1e4], [-1e4, 5, 1e4, -1e4, -1e4, -1e4], [0, 0, 0, 0, 0, 0], [300, -300, 30, 20, -20, 0]]
    slope = rng.uniform(0, 0.5, 6)
    for dtype in (np.float64, np.float32):
        inputs = [array.astype(dtype).astype(np.float64) for array in (line, table, grad, slope)]  # rounded as the plugins get them
        for name, array in zip(("line", "table", "grad", "slope"), inputs, strict=True):
            yield f"{dtype.__name__}/{name}", array
        for name, (out, gradient) in (*elementwise(inputs[0]), *tables(*inputs[1:3])):
            yield f"{dtype.__name__}/{name}/out", out
            yield f"{dtype.__name__}/{name}/grad", gradient
        for part, array in zip(("out", "grad", "slope"), prelu(*inputs[1:]), strict=True):
            yield f"{dtype.__name__}/prelu/{part}", array
    points, values = error_function()
    yield "erfc/x", points
    yield "erfc/out", values


if __name__ == "__main__":
    mpmath.mp.dps = 80
    arrays = dict(everything(np.random.default_rng(30)))
    np.savez_compressed(Path(__file__).with_name("activations.npz"), torch_version=torch.__version__, **arrays)
