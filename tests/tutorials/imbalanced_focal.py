"""Few positives: class weights and focal loss. Score: balanced accuracy."""

import numpy as np
import torch
from data import seldom
from loop import fit, mlp, predict
from torch.nn import functional as F


def focal(z, t):
    t = t[:, None].float()
    entropy = F.binary_cross_entropy_with_logits(z, t, reduction="none")
    wrong = torch.sigmoid(torch.where(t > 0.5, -z, z))
    return (wrong**2 * entropy).mean(1)


def score(seed):
    x, y, test_x, test_y = seldom()
    torch.manual_seed(seed)
    net = mlp(5, 24, 24, 1)
    by_class = len(y) / (2 * np.bincount(y))
    fit(net, focal, torch.optim.Adam(net.parameters(), lr=2e-3), x, y, epochs=20, weights=by_class[y])
    found = predict(net, test_x)[:, 0] > 0
    return np.mean([(found == test_y)[test_y == label].mean() for label in (0, 1)])
