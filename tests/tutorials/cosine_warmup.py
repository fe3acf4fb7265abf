"""Cosine annealing after a linear warm-up over 10 % of the run. Score: mean squared error."""

import math

import torch
from data import waves
from loop import fit, mlp, predict
from torch import nn


def score(seed):
    x, y, test_x, test_y = waves()
    torch.manual_seed(seed)
    net = mlp(4, 32, 32, 1, activation=nn.GELU)
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-2)
    epochs, steps = 30, 30 * math.ceil(len(x) / 32)
    warm = steps // 10
    rates = [
        torch.optim.lr_scheduler.LinearLR(optimizer, 0.1, 1.0, warm),
        torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps - warm),
    ]
    schedule = torch.optim.lr_scheduler.SequentialLR(optimizer, rates, [warm])
    fit(net, lambda out, t: ((out - t) ** 2).mean(1), optimizer, x, y, epochs, after_step=schedule.step)
    return ((predict(net, test_x) - test_y) ** 2).mean()
