"""Make optimizers.npz: 200 steps of PyTorch's optimizers in float64, along given gradients and on a small network.

Run `python tests/reference/make_optimizers.py` with torch installed; the tests read only the file, so that they need no PyTorch.
"""

import itertools
from functools import partial
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from networks import linear, network
from torch import optim

STEPS, KEPT = 200, 20  # steps, of which each KEPT-th is kept
ROWS, SIZES = 24, (3, 5, 4, 2)
FACTORS = (1.0, 0.5, 3.0)  # learning-rate factors of the layers
DECAY_FACTORS = (1.0, 2.0, 0.0)

RULES = {
    "sgd": partial(optim.SGD, lr=0.05),
    "sgd_momentum": partial(optim.SGD, lr=0.05, momentum=0.9),
    "sgd_nesterov": partial(optim.SGD, lr=0.05, momentum=0.9, nesterov=True),
    "adam": partial(optim.Adam, lr=0.01),
    "adam_amsgrad": partial(optim.Adam, lr=0.01, betas=(0.8, 0.95), eps=1e-6, amsgrad=True),
    "adamw": partial(optim.AdamW),
    "adamw_options": partial(optim.AdamW, lr=0.01, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.3, amsgrad=True),
    "adamax": partial(optim.Adamax),
    "adamax_options": partial(optim.Adamax, lr=0.02, betas=(0.8, 0.95), eps=1e-2),
    "nadam": partial(optim.NAdam, lr=0.02),
    "nadam_options": partial(optim.NAdam, lr=0.02, betas=(0.8, 0.95), eps=1e-6, momentum_decay=0.1),
    "radam": partial(optim.RAdam),
    "radam_options": partial(optim.RAdam, lr=0.02, betas=(0.8, 0.9), eps=1e-3),
    "rmsprop": partial(optim.RMSprop, lr=0.001, alpha=0.9),
    "rmsprop_centered": partial(optim.RMSprop, lr=0.01, alpha=0.8, centered=True, eps=1e-4),
    "rmsprop_momentum": partial(optim.RMSprop, lr=0.01, alpha=0.99, momentum=0.9),
    "rmsprop_both": partial(optim.RMSprop, lr=0.01, alpha=0.99, momentum=0.5, centered=True),
    "adagrad": partial(optim.Adagrad),
    "adagrad_options": partial(optim.Adagrad, lr=0.1, lr_decay=0.05, initial_accumulator_value=0.5, eps=1e-3),
    "adadelta": partial(optim.Adadelta),
    "adadelta_options": partial(optim.Adadelta, lr=0.5, rho=0.8, eps=1e-3),
    "rprop": partial(optim.Rprop),
    "rprop_options": partial(optim.Rprop, lr=0.05, etas=(0.7, 1.5), step_sizes=(1e-3, 0.2)),
    "muon": partial(optim.Muon, lr=0.02, weight_decay=0.0),
    "muon_options": partial(optim.Muon, lr=0.05, weight_decay=0.1, momentum=0.8, nesterov=False, ns_steps=3),
}
SHAPES = {"tall": (9, 4), "wide": (3, 7), "square": (5, 5), "row": (1, 4)}  # of matrices for Muon: inputs, units


def double_precision():
    """Let Muon compute in float64 in place of bfloat16."""
    return patch.object(torch.Tensor, "bfloat16", torch.Tensor.clone)


def driven(make, start, gradients):
    """Each KEPT-th array of parameters."""
    w, path = torch.tensor(start, requires_grad=True), []
    optimizer = make([w])
    for gradient in gradients:
        w.grad = torch.tensor(gradient)
        optimizer.step()
        path.append(w.detach().numpy().copy())
    return np.array(path[KEPT - 1 :: KEPT])


def along_gradients(rng):
    start, gradients = rng.standard_normal(12), rng.standard_normal((STEPS, 12))
    gradients[:, 3] *= 1e-4
    gradients[:, 4] *= 1e4
    gradients[::3, 5] = 0.0
    gradients[:, 6] = 0.7 + 0.3 * gradients[:, 6]
    yield "driven/start", start
    yield "driven/gradients", gradients
    for name, make in RULES.items():
        if "muon" not in name:
            yield f"driven/{name}", driven(make, start, gradients)
    for shape, (inputs, units) in SHAPES.items():
        start, gradients = rng.standard_normal((inputs, units)), rng.standard_normal((STEPS // KEPT, inputs, units))
        yield f"matrices/{shape}/start", start
        yield f"matrices/{shape}/gradients", gradients
        for name in ("muon", "muon_options"):  # PyTorch's weights have the shape (units, inputs)
            path = driven(RULES[name], start.T.copy(), np.resize(gradients, (STEPS, inputs, units)).transpose(0, 2, 1).copy())
            yield f"matrices/{shape}/{name}", path.transpose(0, 2, 1)


# -- runs of a network


def grouped(net, make, lr, decay, adam_factor=None):
    """An optimizer with a group for each tensor, and the decay of each; for Muon one of matrices, and Adam for the rest."""
    groups, others = [], []
    for layer, factor, decay_factor in zip(linear(net), FACTORS, DECAY_FACTORS, strict=True):
        groups.append({"params": [layer.weight], "lr": lr * factor, "decay": decay * decay_factor})
        bias = {"params": [layer.bias], "lr": lr * factor * (adam_factor or 1.0), "decay": 0.0}
        (groups if adam_factor is None else others).append(bias)
    return [make(groups, lr=lr), *([optim.Adam(others)] if others else [])]


def shorten(net, most):
    norm = torch.sqrt(sum((p.grad**2).sum() for p in net.parameters()))
    for p in net.parameters():
        p.grad *= min(1.0, most / norm)


def run(start, x, y, make, lr, decay, schedule, clip, batch, adam_factor):
    """Losses of the epochs and final parameters of 200 steps, with groups, decay of weights, clipping and a schedule."""
    net = network(start)
    optimizers = grouped(net, make, lr, decay, adam_factor)
    per_epoch, losses = ROWS // batch, []
    schedules = [optim.lr_scheduler.StepLR(each, 30, 0.5) for each in optimizers] if schedule else []
    for step in range(STEPS):
        rows = slice(batch * (step % per_epoch), batch * (step % per_epoch + 1))
        net.zero_grad()
        loss = ((net(x[rows]) - y[rows]) ** 2).mean()
        losses.append(loss.item())
        loss.backward()
        if clip:
            shorten(net, 0.5)
        for optimizer in optimizers:
            for group in optimizer.param_groups:  # decoupled decay, as AdamW and Muon have it
                with torch.no_grad():
                    group["params"][0].mul_(1 - group["lr"] * group["decay"])
            optimizer.step()
        if step % per_epoch == per_epoch - 1:
            for each in schedules:
                each.step()
    flat = [part for layer in linear(net) for part in (layer.weight.detach().numpy().T.ravel(), layer.bias.detach().numpy())]
    return np.array(losses).reshape(-1, per_epoch).mean(axis=1), np.concatenate(flat)


RUNS = {  # rule, its learning rate
    "sgd": (partial(optim.SGD, momentum=0.9, nesterov=True), 0.02),
    "adam": (optim.Adam, 0.01),
    "adamw": (partial(optim.AdamW, weight_decay=0.0), 0.01),
    "adamax": (optim.Adamax, 0.02),
    "nadam": (optim.NAdam, 0.005),
    "radam": (optim.RAdam, 0.01),
    "rmsprop": (partial(optim.RMSprop, alpha=0.9, momentum=0.5, centered=True), 0.002),
    "adagrad": (optim.Adagrad, 0.05),
    "adadelta": (optim.Adadelta, 1.0),
    "rprop": (optim.Rprop, 0.01),
    "muon": (partial(optim.Muon, weight_decay=0.0), 0.02),
}


def on_a_network(rng):
    found = {"run/x": rng.standard_normal((ROWS, 3)), "run/y": rng.standard_normal((ROWS, 2))}
    start = {}
    for index, (inputs, units) in enumerate(itertools.pairwise(SIZES)):
        start[f"layers.{index}.weight"] = 0.7 * rng.standard_normal((inputs, units))
        start[f"layers.{index}.bias"] = 0.3 * rng.standard_normal(units)
    found |= {f"run/start/{name}": array for name, array in start.items()}
    x, y = torch.tensor(found["run/x"]), torch.tensor(found["run/y"])
    for name, (make, lr) in RUNS.items():
        schedule, batch = name != "rprop", ROWS if name == "rprop" else 12
        adam_factor = 0.015 if name == "muon" else None
        losses, weights = run(start, x, y, make, lr, 0.1, schedule, True, batch, adam_factor)
        found |= {f"run/{name}/losses": losses, f"run/{name}/weights": weights}
    return found.items()


if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)  # else NAdam keeps its product of momenta in float32
    torch.set_num_threads(1)
    with double_precision():
        arrays = dict(along_gradients(np.random.default_rng(20))) | dict(on_a_network(np.random.default_rng(21)))
    np.savez_compressed(Path(__file__).with_name("optimizers.npz"), torch_version=torch.__version__, **arrays)
