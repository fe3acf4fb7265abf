"""Make torch.npz: what PyTorch computes in float64 where it has the same thing as mlpkit.

Run `python tests/reference/make_torch.py` with torch installed; the tests read only the file, so that they need no PyTorch.
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn


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


if __name__ == "__main__":
    rng = np.random.default_rng(20)
    arrays = dict(networks(rng))
    np.savez_compressed(Path(__file__).with_name("torch.npz"), torch_version=torch.__version__, **arrays)
