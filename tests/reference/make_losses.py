"""Make losses.npz: losses and gradients of PyTorch in float64, and of the written formulas in mpmath with 60 digits.

Run `python tests/reference/make_losses.py` with torch and mpmath installed; the tests read only the file. All inputs are float32 numbers,
so that the tests may use them in float32 too.
"""

from pathlib import Path

import mpmath
import numpy as np
import torch
from torch.nn import functional

mpmath.mp.dps = 60
ROWS, UNITS = 24, 4
FAR = np.array([[1e4, -1e4, 0.0, 1.0], [-1e4, 1e4, -1.0, 0.0], [0.0, 0.0, 0.0, 0.0], [80.0, -80.0, 30.0, -30.0]])


def rows_of(numbers):
    """The mean over the outputs of each row."""
    return numbers.mean(1)


def focal(z, t, gamma, alpha):
    """sigmoid_focal_loss of torchvision."""
    p = torch.sigmoid(z)
    entropy = functional.binary_cross_entropy_with_logits(z, t, reduction="none")
    losses = entropy * (1 - p * t - (1 - p) * (1 - t)) ** gamma
    return rows_of(losses if alpha is None else losses * (alpha * t + (1 - alpha) * (1 - t)))


def categorical_focal(z, t, gamma, alpha):
    p = torch.softmax(z, 1)
    return -(alpha * t * (1 - p) ** gamma * torch.log_softmax(z, 1)).sum(1)


def crammer_singer(z, t):
    right = z[torch.arange(len(z)), t]
    others = z.masked_fill(functional.one_hot(t, z.shape[1]).bool(), -torch.inf).max(1).values
    return torch.relu(1 + others - right)


def pinball(z, t, quantiles):
    away = t[:, :, None] - z.reshape(len(z), t.shape[1], len(quantiles))
    shares = torch.tensor(quantiles)
    return torch.maximum(shares * away, (shares - 1) * away).mean((1, 2))


def gaussian_nll(z, t):
    mean, variance = z[:, ::2], functional.softplus(z[:, 1::2], threshold=1e9) + 1e-6
    return rows_of(functional.gaussian_nll_loss(mean, t, variance, eps=1e-30, reduction="none"))


def bce(z, t, smoothing=0.0, weight=1.0):
    smooth = t * (1 - smoothing) + smoothing / 2
    return rows_of(functional.binary_cross_entropy_with_logits(z, smooth, reduction="none", pos_weight=torch.tensor(weight)))


def cross_entropy(z, t, **options):
    return functional.cross_entropy(z, t, reduction="none", **options)


def conditional(z, t):
    """CORN: the binary cross-entropy of "above class j?" over the rows of at least class j, added up over j."""
    tasks = torch.arange(UNITS - 1)
    entropy = functional.binary_cross_entropy_with_logits(z[:, :-1], (t[:, None] > tasks).double(), reduction="none")
    return (entropy * (t[:, None] >= tasks)).sum(1)


def conditional_shares(z, t):
    above = functional.pad(functional.logsigmoid(z[:, :-1]).cumsum(1), (1, 0))
    return -(t * (above + functional.pad(functional.logsigmoid(-z[:, :-1]), (0, 1)))).sum(1)


def signs(t):
    return 2 * t - 1


KINDS = {  # targets of each case: of this kind
    "numbers": lambda rng: 2 * rng.standard_normal((ROWS, UNITS)),
    "pairs": lambda rng: 2 * rng.standard_normal((ROWS, UNITS // 2)),
    "nonzero": lambda rng: (0.5 + rng.random((ROWS, UNITS))) * rng.choice([-1, 1], (ROWS, UNITS)),
    "nonnegative": lambda rng: rng.gamma(2.0, 1.0, (ROWS, UNITS)) * rng.integers(0, 2, (ROWS, UNITS)),
    "positive": lambda rng: rng.gamma(2.0, 1.0, (ROWS, UNITS)),
    "binary": lambda rng: rng.integers(0, 2, (ROWS, UNITS)).astype(float),
    "classes": lambda rng: rng.integers(0, UNITS, ROWS),
    "shares": lambda rng: np.concatenate([rng.multinomial(16, np.ones(UNITS) / UNITS, ROWS - 4) / 16, np.eye(UNITS)]),
}
CASES = {  # by name: kind of the targets, kind of the outputs, function from outputs or pre-activations to one loss per row
    "mean_squared_error": ("numbers", "far", lambda y, t: rows_of(functional.mse_loss(y, t, reduction="none"))),
    "mean_absolute_error": ("numbers", "far", lambda y, t: rows_of(functional.l1_loss(y, t, reduction="none"))),
    "huber": ("numbers", "far", lambda y, t: rows_of(functional.huber_loss(y, t, reduction="none"))),
    "huber_delta": ("numbers", "far", lambda y, t: rows_of(functional.huber_loss(y, t, reduction="none", delta=0.25))),
    "smooth_l1": ("numbers", "far", lambda y, t: rows_of(functional.smooth_l1_loss(y, t, reduction="none"))),
    "smooth_l1_beta": ("numbers", "far", lambda y, t: rows_of(functional.smooth_l1_loss(y, t, reduction="none", beta=2.5))),
    "mape": ("nonzero", "far", lambda y, t: rows_of(100 * (y - t).abs() / t.abs())),
    "msle": ("nonnegative", "nonnegative", lambda y, t: rows_of((torch.log1p(y) - torch.log1p(t)) ** 2)),
    "quantile": ("numbers", "far", lambda y, t: pinball(y, t, [0.5])),
    "quantile_two": ("pairs", "far", lambda y, t: pinball(y, t, [0.1, 0.75])),
    "poisson": ("nonnegative", "near", lambda z, t: rows_of(functional.poisson_nll_loss(z, t, reduction="none"))),
    "gamma": ("positive", "near", lambda z, t: rows_of(z + t * torch.exp(-z))),
    "tweedie": ("nonnegative", "near", lambda z, t: rows_of(torch.exp(0.5 * z) / 0.5 + t * torch.exp(-0.5 * z) / 0.5)),
    "tweedie_power": ("nonnegative", "near", lambda z, t: rows_of(torch.exp(0.8 * z) / 0.8 + t * torch.exp(-0.2 * z) / 0.2)),
    "gaussian_nll": ("pairs", "near", gaussian_nll),
    "binary_crossentropy": ("binary", "far", bce),
    "binary_crossentropy_smooth": ("binary", "far", lambda z, t: bce(z, t, smoothing=0.125)),
    "binary_crossentropy_weight": ("binary", "far", lambda z, t: bce(z, t, weight=3.0)),
    "binary_crossentropy_both": ("binary", "far", lambda z, t: bce(z, t, smoothing=0.25, weight=0.5)),
    "categorical_crossentropy": ("classes", "far", cross_entropy),
    "categorical_crossentropy_smooth": ("classes", "far", lambda z, t: cross_entropy(z, t, label_smoothing=0.125)),
    "categorical_crossentropy_shares": ("shares", "far", cross_entropy),
    "categorical_crossentropy_smooth_shares": ("shares", "far", lambda z, t: cross_entropy(z, t, label_smoothing=0.125)),
    "binary_focal": ("binary", "far", lambda z, t: focal(z, t, 2.0, 0.25)),
    "binary_focal_plain": ("binary", "far", lambda z, t: focal(z, t, 0.0, None)),
    "binary_focal_options": ("binary", "near", lambda z, t: focal(z, t, 3.5, 0.75)),
    "categorical_focal": ("classes", "far", lambda z, t: categorical_focal(z, functional.one_hot(t, UNITS), 2.0, 0.25)),
    "categorical_focal_options": ("classes", "near", lambda z, t: categorical_focal(z, functional.one_hot(t, UNITS), 0.5, 1.0)),
    "categorical_focal_shares": ("shares", "far", lambda z, t: categorical_focal(z, t, 2.0, 0.25)),
    "hinge": ("binary", "far", lambda z, t: rows_of(torch.relu(1 - signs(t) * z))),
    "squared_hinge": ("binary", "far", lambda z, t: rows_of(torch.relu(1 - signs(t) * z) ** 2)),
    "categorical_hinge": ("classes", "apart", crammer_singer),
    "kl_divergence": ("shares", "far", lambda z, t: functional.kl_div(torch.log_softmax(z, 1), t, reduction="none").sum(1)),
    "cosine_similarity": ("numbers", "apart", lambda y, t: functional.cosine_embedding_loss(y, t, torch.ones(len(y)), reduction="none")),
    "ordinal": ("classes", "far", conditional),
    "ordinal_shares": ("shares", "far", conditional_shares),
}


def outputs_of(kind, rng):
    outputs = 2 * rng.standard_normal((ROWS, UNITS))
    if kind == "nonnegative":
        return np.abs(outputs)
    if kind == "apart":  # far from 0, but without equal outputs or an empty row
        return np.concatenate([outputs[:-2], FAR[:2]])
    return outputs if kind == "near" else np.concatenate([outputs[: -len(FAR)], FAR])


def of_torch(rng):
    for name, (targets, outputs, function) in CASES.items():
        given, right = outputs_of(outputs, rng).astype(np.float32), KINDS[targets](rng)
        right = right if targets == "classes" else right.astype(np.float32)
        z = torch.tensor(given.astype(np.float64), requires_grad=True)
        rows = function(z, torch.tensor(right if targets == "classes" else right.astype(np.float64)))
        rows.sum().backward()
        yield f"{name}/outputs", given
        yield f"{name}/targets", right
        yield f"{name}/losses", rows.detach().numpy()
        yield f"{name}/grad", z.grad.numpy()


def probability(z):
    return 1 / (1 + mpmath.exp(-z))


def binary(z, t):
    return -mpmath.log(probability(z if t else -z))


def exact_focal(z, t):
    return (0.25 if t else 0.75) * probability(-z if t else z) ** 2 * binary(z, t)


LINE = [-1e4, -700.5, -50.0, -6.25, -1e-3, 0.0, 1e-6, 0.75, 3.5, 40.0, 95.0, 1e4]
LOW = [-40.0, -6.25, -1e-3, 0.0, 1e-6, 0.75, 3.5, 40.0, 59.0]
FORMULAS = {  # by name: points, targets, formula of one loss with one output
    "log_cosh": (LINE, [0.0, 1.5], lambda y, t: mpmath.log(mpmath.cosh(y - t))),
    "binary_crossentropy": (LINE, [0, 1], binary),
    "binary_focal": (LINE, [0, 1], exact_focal),
    "poisson": (LOW, [0.0, 3.0], lambda z, t: mpmath.exp(z) - t * z),
    "gamma": ([-value for value in LOW], [0.5, 3.0], lambda z, t: z + t * mpmath.exp(-z)),
    "tweedie": (LOW, [0.0, 3.0], lambda z, t: 2 * mpmath.exp(z / 2) + 2 * t * mpmath.exp(-z / 2)),
}


def of_formulas():
    for name, (line, targets, formula) in FORMULAS.items():
        pairs = [(float(np.float32(z)), t) for z in line for t in targets]
        exact = [(formula(mpmath.mpf(z), t), mpmath.diff(lambda at, t=t, formula=formula: formula(at, t), mpmath.mpf(z))) for z, t in pairs]
        yield f"exact/{name}/outputs", np.array([[z] for z, _ in pairs], np.float32)
        yield f"exact/{name}/targets", np.array([[t] for _, t in pairs], np.float32)
        yield f"exact/{name}/losses", np.array([float(loss) for loss, _ in exact])
        yield f"exact/{name}/grad", np.array([[float(slope)] for _, slope in exact])


if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)
    arrays = dict(of_torch(np.random.default_rng(30))) | dict(of_formulas())
    np.savez_compressed(Path(__file__).with_name("losses.npz"), torch_version=torch.__version__, **arrays)
