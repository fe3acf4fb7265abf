"""Make embeddings.npz: networks with embeddings of inputs, trained in PyTorch in float64 from their formulas.

Weights of layers are divided by the square root of their inputs in the forward pass (the NTK parametrization); those in the file are
already divided. Run `python tests/reference/make_embeddings.py` with torch installed; the tests read only the file.
"""

import math
from pathlib import Path

import numpy as np
import torch
from torch import nn

ROWS, LEVELS = 40, (3, 4)
RATE, DECAY, STEPS = 0.02, 0.1, 60
FACTORS = {"weights": 1.0, "biases": 0.1, "embeddings": 0.3, "input_scale": 6.0}
EPSILON = 1e-20


class Embeddings(nn.Module):
    """Values of all embeddings of rows whose first three columns are numbers and the last two numbers of levels."""

    def __init__(self, rng):
        super().__init__()
        new = lambda *shape: nn.Parameter(torch.tensor(0.5 * rng.standard_normal(shape)))  # noqa: E731
        self.pbld = nn.ParameterDict({"frequency": new(3, 4), "phase": new(3, 4), "weight": new(3, 4, 2), "bias": new(3, 2)})
        self.periodic = nn.ParameterDict({"frequency": new(2, 3), "weight": new(2, 6, 2), "bias": new(2, 2)})
        self.bins = nn.ParameterDict({"weight": new(1, 3, 2), "bias": new(1, 2)})
        self.edges = torch.tensor([-1.5, -0.25, 0.5, 2.0])
        self.category = nn.ParameterDict({"weight": new(sum(LEVELS) + 2, 3)})

    def forward(self, x):
        parts = []
        for index, column in enumerate((0, 1, 2)):
            p = self.pbld
            waves = torch.cos(2 * math.pi * x[:, column : column + 1] * p["frequency"][index] + p["phase"][index])
            parts.append(waves @ p["weight"][index] + p["bias"][index])
        for index, column in enumerate((2, 0)):
            p = self.periodic
            angles = 2 * math.pi * x[:, column : column + 1] * p["frequency"][index]
            parts.append(torch.relu(torch.cat([angles.sin(), angles.cos()], 1) @ p["weight"][index] + p["bias"][index]))
        places = ((x[:, 1:2] - self.edges[:-1]) / (self.edges[1:] - self.edges[:-1])).clamp(0, 1)
        parts.append(places @ self.bins["weight"][0] + self.bins["bias"][0])
        start = 0
        for column, levels in zip((3, 4), LEVELS, strict=True):
            code = x[:, column].long()
            known = (code >= 0) & (code < levels)
            parts.append(self.category["weight"][start + torch.where(known, code, levels)])
            start += levels + 1
        return torch.cat(parts, 1)


def case(seed):
    """Data, parameters before and after training, losses and outputs."""
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.standard_normal((ROWS, 3)), rng.integers(-1, 4, ROWS), rng.integers(0, 6, ROWS)])
    t = np.sin(3 * x[:, :1]) + (x[:, 3:4] == 1) + 0.1 * rng.standard_normal((ROWS, 1))
    embeddings = Embeddings(rng)
    width = 3 + embeddings(torch.tensor(x)).shape[1]
    scale = nn.Parameter(torch.tensor(rng.uniform(0.5, 1.5, width)))
    weights = [nn.Parameter(torch.tensor(rng.standard_normal(shape))) for shape in ((width, 8), (8, 1))]
    biases = [nn.Parameter(torch.tensor(0.3 * rng.standard_normal(units))) for units in (8, 1)]

    def network():
        values = torch.cat([torch.tensor(x[:, :3]), embeddings(torch.tensor(x))], 1) * scale
        hidden = torch.tanh(values @ weights[0] / math.sqrt(width) + biases[0])
        return hidden @ weights[1] / math.sqrt(8) + biases[1]

    def parameters():
        found = {"layers.0.input_scale": scale, "layers.0.bias": biases[0], "layers.1.bias": biases[1]}
        found |= {f"layers.{index}.weight": weight / math.sqrt(len(weight)) for index, weight in enumerate(weights)}
        for index, kind in enumerate(("pbld", "periodic", "bins", "category")):
            found |= {f"embeddings.{index}.{role}": value for role, value in getattr(embeddings, kind).items()}
        found["embeddings.2.edges"] = embeddings.edges[None]
        return {name: value.detach().numpy().copy() for name, value in found.items()}

    of_weight = [value for name, value in embeddings.named_parameters() if name.endswith("weight")]
    others = [value for name, value in embeddings.named_parameters() if not name.endswith("weight")]
    groups = [
        {"params": weights, "lr": RATE, "weight_decay": DECAY},
        {"params": biases, "lr": RATE * FACTORS["biases"], "weight_decay": 0.0},
        {"params": of_weight, "lr": RATE * FACTORS["embeddings"], "weight_decay": DECAY},
        {"params": others, "lr": RATE * FACTORS["embeddings"], "weight_decay": 0.0},
        {"params": [scale], "lr": RATE * FACTORS["input_scale"], "weight_decay": 0.0},
    ]
    before, losses = parameters(), []
    optimizer = torch.optim.AdamW(groups, eps=EPSILON)
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = ((network() - torch.tensor(t)) ** 2).mean()
        loss.backward()
        losses.append(loss.item())
        optimizer.step()
    arrays = {"x": x, "t": t, "losses": np.array(losses), "outputs": network().detach().numpy()}
    arrays |= {f"before/{name}": value for name, value in before.items()}
    return arrays | {f"after/{name}": value for name, value in parameters().items()}


if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)
    arrays = {f"{seed}/{name}": value for seed in (0, 1, 2) for name, value in case(seed).items()}
    np.savez_compressed(Path(__file__).with_name("embeddings.npz"), torch_version=torch.__version__, **arrays)
