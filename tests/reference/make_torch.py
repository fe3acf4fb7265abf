"""Make torch.npz: what PyTorch computes in float64 where it has the same thing as mlpkit.

Run `python tests/reference/make_torch.py` with torch installed; the tests read only the file, so that they need no PyTorch.
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn

LOSSES = {  # on the network's outputs, or on its scores: one loss per row
    "mean_squared_error": lambda y, t: nn.functional.mse_loss(y, t, reduction="none").mean(1),
    "mean_absolute_error": lambda y, t: nn.functional.l1_loss(y, t, reduction="none").mean(1),
    "binary_crossentropy": lambda z, t: nn.functional.binary_cross_entropy_with_logits(z, t, reduction="none").mean(1),
    "categorical_crossentropy": lambda z, t: nn.functional.cross_entropy(z, t, reduction="none"),
}
OPTIMIZERS = {
    "sgd": lambda w: torch.optim.SGD(w, lr=0.05),
    "sgd_momentum": lambda w: torch.optim.SGD(w, lr=0.05, momentum=0.9),
    "sgd_nesterov": lambda w: torch.optim.SGD(w, lr=0.05, momentum=0.9, nesterov=True),
    "adam": lambda w: torch.optim.Adam(w, lr=0.01),
    "nadam": lambda w: torch.optim.NAdam(w, lr=0.02),
    "nadam_options": lambda w: torch.optim.NAdam(w, lr=0.02, betas=(0.8, 0.95), eps=1e-6, momentum_decay=0.1),
    "adam_amsgrad": lambda w: torch.optim.Adam(w, lr=0.01, betas=(0.8, 0.95), eps=1e-6, amsgrad=True),
}


def losses(rng):
    outputs = 5 * rng.standard_normal((30, 4))
    targets = {
        "mean_squared_error": rng.standard_normal((30, 4)),
        "mean_absolute_error": rng.standard_normal((30, 4)),
        "binary_crossentropy": rng.integers(0, 2, (30, 4)).astype(np.float64),
        "categorical_crossentropy": rng.integers(0, 4, 30),
    }
    yield "losses/outputs", outputs
    for name, function in LOSSES.items():
        tensor = torch.tensor(outputs, requires_grad=True)
        rows = function(tensor, torch.tensor(targets[name]))
        rows.sum().backward()
        yield f"losses/{name}/targets", targets[name]
        yield f"losses/{name}/losses", rows.detach().numpy()
        yield f"losses/{name}/grad", tensor.grad.numpy()


def optimizers(rng):
    start, gradients = rng.standard_normal(12), rng.standard_normal((50, 12))
    yield "optimizers/start", start
    yield "optimizers/gradients", gradients
    for name, make in OPTIMIZERS.items():
        w = torch.tensor(start, requires_grad=True)
        optimizer = make([w])
        path = []
        for gradient in gradients:
            w.grad = torch.tensor(gradient)
            optimizer.step()
            path.append(w.detach().numpy().copy())
        yield f"optimizers/{name}", np.array(path)


def networks(rng):
    """Full-batch training of whole networks, with normalisation: the losses, the final parameters and predictions."""
    x, t = rng.standard_normal((24, 5)), rng.integers(0, 3, 24)
    yield "networks/x", x
    yield "networks/t", t
    for name in ("plain", "batch", "layer"):
        torch.manual_seed(0)
        normal = {
            "plain": nn.Identity,
            "batch": lambda: nn.BatchNorm1d(8, dtype=torch.float64),
            "layer": lambda: nn.LayerNorm(8, dtype=torch.float64),
        }
        first = nn.Linear(5, 8, dtype=torch.float64, bias=name != "batch")
        network = nn.Sequential(first, normal[name](), nn.Tanh(), nn.Linear(8, 3, dtype=torch.float64))
        yield f"networks/{name}/weight0", first.weight.detach().numpy().T.copy()
        yield f"networks/{name}/weight1", network[3].weight.detach().numpy().T.copy()
        yield f"networks/{name}/bias1", network[3].bias.detach().numpy().copy()
        if first.bias is not None:
            yield f"networks/{name}/bias0", first.bias.detach().numpy().copy()
        optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
        path = []
        for _ in range(100):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(network(torch.tensor(x)), torch.tensor(t))
            loss.backward()
            path.append(loss.item())
            optimizer.step()
        network.eval()
        yield f"networks/{name}/losses", np.array(path)
        yield f"networks/{name}/probabilities", torch.softmax(network(torch.tensor(x)), 1).detach().numpy()


def gaussian(rng):
    """The negative log-likelihood of normal distributions, for three targets."""
    outputs, targets = 3 * rng.standard_normal((40, 6)), rng.standard_normal((40, 3))
    outputs[:4, 1::2] = [[-40, 40, 0], [30, -30, 1], [-5, 5, -1], [0, 0, 0]]
    tensor = torch.tensor(outputs, requires_grad=True)
    mean, variance = tensor[:, ::2], nn.functional.softplus(tensor[:, 1::2], threshold=1e9) + 1e-6
    rows = nn.functional.gaussian_nll_loss(mean, torch.tensor(targets), variance, eps=1e-30, reduction="none").mean(1)
    rows.sum().backward()
    yield "gaussian/outputs", outputs
    yield "gaussian/targets", targets
    yield "gaussian/losses", rows.detach().numpy()
    yield "gaussian/grad", tensor.grad.numpy()


PLATEAUS = {  # options of ReduceLROnPlateau
    "default": {},
    "patient": {"factor": 0.5, "patience": 2, "threshold": 0.05},
    "cooldown": {"factor": 0.3, "patience": 1, "cooldown": 3, "min_lr": 1e-3},
    "higher": {"mode": "max", "factor": 0.5, "patience": 0, "threshold": 0.01},
}


def plateaus(rng):
    """Learning rates at the start of each epoch for a figure that falls and rises."""
    figures = 1.0 + 0.5 * np.sin(np.arange(60) / 4) + 0.2 * rng.standard_normal(60)
    yield "schedules/figures", figures
    for name, options in PLATEAUS.items():
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
        schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, eps=0.0, **options)
        rates = []
        for figure in figures:
            rates.append(optimizer.param_groups[0]["lr"])
            schedule.step(figure)
        yield f"schedules/{name}", np.array(rates)


if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)  # else NAdam keeps its product of momenta in float32
    rng = np.random.default_rng(20)
    arrays = dict(pair for part in (losses, optimizers, networks) for pair in part(rng))
    arrays |= dict(plateaus(np.random.default_rng(21)))
    arrays |= dict(gaussian(np.random.default_rng(23)))
    np.savez_compressed(Path(__file__).with_name("torch.npz"), torch_version=torch.__version__, **arrays)
