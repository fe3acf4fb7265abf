"""Make weights.npz: chains of linear layers of PyTorch with their weights, inputs and outputs, in float32 and in float64.

Run `python tests/reference/make_weights.py` with torch installed; the tests read only the file.
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn

ROWS = 12
CASES = {
    "plain": lambda: nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 6), nn.Tanh(), nn.Linear(6, 3)),
    "long": lambda: nn.Sequential(*[part for width in [4, *[5] * 11] for part in (nn.Linear(width, 5), nn.Tanh())]),
    "no_bias": lambda: nn.Sequential(nn.Linear(4, 8, bias=False), nn.SiLU(), nn.Linear(8, 1, bias=False)),
    "norm_before": lambda: nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 2)),
    "norm_after": lambda: nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.BatchNorm1d(8), nn.Linear(8, 2, bias=False)),
    "norm_first": lambda: nn.Sequential(nn.BatchNorm1d(4, affine=False), nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 2)),
    "prelu": lambda: nn.Sequential(nn.Linear(4, 8), nn.PReLU(8), nn.Linear(8, 5), nn.PReLU(), nn.Linear(5, 2)),
}


def main():
    rng, found = np.random.default_rng(0), {"torch_version": np.array(torch.__version__.partition("+")[0])}
    for name, make in CASES.items():
        torch.manual_seed(len(name))
        module = make()
        with torch.no_grad():
            for key, tensor in module.state_dict().items():
                if tensor.dtype == torch.float32:
                    low, high = (0.5, 1.5) if key.endswith("running_var") else (-1.0, 1.0)
                    tensor.copy_(torch.from_numpy(rng.uniform(low, high, tensor.shape).astype(np.float32)))
            module.eval()
            x = rng.standard_normal((ROWS, 4)).astype(np.float32)
            found[f"{name}/x"], found[f"{name}/float32"] = x, module(torch.from_numpy(x)).numpy()
            found |= {f"{name}/state/{key}": tensor.numpy().copy() for key, tensor in module.state_dict().items()}
            found[f"{name}/float64"] = module.double()(torch.from_numpy(x.astype(np.float64))).numpy()
    np.savez(Path(__file__).parent / "weights.npz", **found)


if __name__ == "__main__":
    main()
