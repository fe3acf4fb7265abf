"""PyTorch's form of the network whose runs several scripts compute: linear layers with tanh between them, in float64."""

import torch
from torch import nn


def network(start):
    """Return the network that starts with these parameters, by name."""
    layers = []
    for index in range(len(start) // 2):
        weight = torch.tensor(start[f"layers.{index}.weight"])
        layer = nn.Linear(*weight.shape, dtype=torch.float64)
        with torch.no_grad():
            layer.weight[...] = weight.T
            layer.bias[...] = torch.tensor(start[f"layers.{index}.bias"])
        layers += [layer, nn.Tanh()]
    return nn.Sequential(*layers[:-1])


def linear(net):
    return [layer for layer in net if isinstance(layer, nn.Linear)]
