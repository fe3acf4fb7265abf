"""Loop of the tutorials in PyTorch: batches in a new order in each epoch."""

from itertools import pairwise

import numpy as np
import torch
from torch import nn


def tensor(array):
    return torch.tensor(array, dtype=torch.int64 if array.dtype.kind == "i" else torch.float32)


def linear(inputs, units, followed_by=None, bias=True):
    """A layer with He's initial weights if it is followed by a variant of ReLU, else with Glorot's, and a bias of 0."""
    layer = nn.Linear(inputs, units, bias)
    if followed_by in (nn.ReLU, nn.GELU):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    else:
        nn.init.xavier_uniform_(layer.weight)
    if bias:
        nn.init.zeros_(layer.bias)
    return layer


def mlp(*widths, activation=nn.ReLU):
    hidden = [(linear(inputs, units, activation), activation()) for inputs, units in pairwise(widths[:-1])]
    return nn.Sequential(*(part for pair in hidden for part in pair), linear(widths[-2], widths[-1]))


def fit(net, loss, optimizer, x, y, epochs, batch=32, weights=None, after_step=None, after_epoch=None):
    """Train a network; `loss` gives one number for each row."""
    x, y = tensor(x), tensor(y)
    weights = torch.ones(len(x)) if weights is None else tensor(weights / weights.mean())
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(batch):
            optimizer.zero_grad()
            (weights[rows] * loss(net(x[rows]), y[rows])).mean().backward()
            optimizer.step()
            if after_step:
                after_step()
        if after_epoch:
            after_epoch()


def predict(net, x):
    net.eval()
    with torch.no_grad():
        return net(tensor(x)).numpy().astype(np.float64)
