"""Make training.npz: runs of PyTorch in float64 with penalties, clipping, decay, constraints and averages.

Run `python tests/reference/make_training.py` with torch installed; the tests read only the file, so that they need no PyTorch.
"""

import itertools
from pathlib import Path

import numpy as np
import torch
from networks import linear, network
from torch import nn
from torch.optim.swa_utils import AveragedModel

ROWS, STEPS, PER_EPOCH = 24, 40, 3  # rows; steps, of 8 rows each
SIZES = (3, 5, 4, 2)


def penalty(net, l1=(0, 0, 0), l2=(0, 0, 0)):
    parts = zip(linear(net), l1, l2, strict=True)
    return sum(a * layer.weight.abs().sum() + b * (layer.weight**2).sum() for layer, a, b in parts)


def decay_groups(net, decay, factors=(1, 1, 1), rates=(1, 1, 1), lr=0.01, everything=False):
    groups = []
    for layer, factor, rate in zip(linear(net), factors, rates, strict=True):
        groups.append({"params": [layer.weight], "lr": lr * rate, "weight_decay": decay * factor})
        groups.append({"params": [layer.bias], "lr": lr * rate, "weight_decay": decay * factor if everything else 0.0})
    return groups


def shorten(net, most):
    norm = torch.sqrt(sum((p.grad**2).sum() for p in net.parameters()))
    for p in net.parameters():
        p.grad *= min(1.0, most / norm)


def clip_both(net):
    nn.utils.clip_grad_value_(net.parameters(), 0.1)
    shorten(net, 0.2)


def max_norm(net, most):
    for layer in linear(net)[:2]:
        norms = layer.weight.norm(dim=1, keepdim=True)
        layer.weight *= (most / norms).clamp(max=1.0)


def unit_norm(net):
    for layer in linear(net)[:2]:
        layer.weight /= layer.weight.norm(dim=1, keepdim=True)


def non_negative(net):
    for layer in linear(net)[:2]:
        layer.weight.clamp_(min=0.0)


def sgd(net):
    return torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)


def adam(net):
    return torch.optim.Adam(net.parameters(), lr=0.01)


CASES = {  # optimizer, term of the loss, change of the gradient, change of the weights
    "l2": (sgd, lambda net: penalty(net, l2=(0.01, 0.02, 0)), None, None),
    "l1": (adam, lambda net: penalty(net, l1=(0.01, 0, 0.03)), None, None),
    "l1_l2": (sgd, lambda net: penalty(net, l1=(0.01, 0.02, 0), l2=(0.01, 0, 0.1)), None, None),
    "clip_norm": (sgd, None, lambda net: shorten(net, 0.3), None),
    "clip_value": (sgd, None, lambda net: nn.utils.clip_grad_value_(net.parameters(), 0.05), None),
    "clip_both": (adam, lambda net: penalty(net, l2=(0.1, 0.1, 0.1)), clip_both, None),
    "decay": (lambda net: torch.optim.AdamW(decay_groups(net, 0.3)), None, None, None),
    "decay_all": (lambda net: torch.optim.AdamW(decay_groups(net, 0.3, everything=True)), None, None, None),
    "decay_factors": (lambda net: torch.optim.AdamW(decay_groups(net, 0.3, (0, 2, 1), (1, 0.5, 3))), None, None, None),
    "max_norm": (sgd, None, None, lambda net: max_norm(net, 0.8)),
    "unit_norm": (sgd, None, None, unit_norm),
    "non_negative": (adam, None, None, non_negative),
}


def weights(net):
    return np.concatenate(
        [part for layer in linear(net) for part in (layer.weight.detach().numpy().T.ravel(), layer.bias.detach().numpy())]
    )


def run(start, x, y, make, term, on_gradient, on_weights, after=None):
    net = network(start)
    optimizer, losses = make(net), []
    for step in range(STEPS * PER_EPOCH):
        rows = slice(8 * (step % PER_EPOCH), 8 * (step % PER_EPOCH) + 8)
        optimizer.zero_grad()
        loss = ((net(x[rows]) - y[rows]) ** 2).mean()
        losses.append(loss.item())
        (loss if term is None else loss + term(net)).backward()
        if on_gradient:
            on_gradient(net)
        optimizer.step()
        if on_weights:
            with torch.no_grad():
                on_weights(net)
        if after:
            after(net, step)
    return np.array(losses).reshape(STEPS, PER_EPOCH).mean(axis=1), weights(net)


def main():
    rng = np.random.default_rng(20)
    found = {"x": rng.standard_normal((ROWS, 3)), "y": rng.standard_normal((ROWS, 2))}
    start = {}
    for index, (inputs, units) in enumerate(itertools.pairwise(SIZES)):
        start[f"layers.{index}.weight"] = 0.7 * rng.standard_normal((inputs, units))
        start[f"layers.{index}.bias"] = 0.3 * rng.standard_normal(units)
    found |= {f"start/{name}": array for name, array in start.items()}
    x, y = torch.tensor(found["x"]), torch.tensor(found["y"])
    for name, case in CASES.items():
        found[f"{name}/losses"], found[f"{name}/weights"] = run(start, x, y, *case)
    ema = [np.zeros_like(found["l2/weights"]), 0.0]

    def collect(net, step):  # the exponential average with the correction of its bias, as in the docstring
        ema[0], ema[1] = 0.9 * ema[0] + 0.1 * weights(net), 0.9 * ema[1] + 0.1

    found["ema/losses"], _ = run(start, x, y, adam, None, None, None, collect)
    found["ema/weights"] = ema[0] / ema[1]
    swa = []

    def at_ends(net, step):
        if (step + 1) % PER_EPOCH == 0 and (step + 1) // PER_EPOCH >= 30:
            if not swa:
                swa.append(AveragedModel(net))
            swa[0].update_parameters(net)

    found["swa/losses"], _ = run(start, x, y, adam, None, None, None, at_ends)
    found["swa/weights"] = weights(swa[0].module)
    np.savez_compressed(Path(__file__).with_name("training.npz"), **found)


if __name__ == "__main__":
    main()
