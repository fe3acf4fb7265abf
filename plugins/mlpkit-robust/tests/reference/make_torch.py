"""Make torch.json: the paper's definition of the loss, its equation 8, and PyTorch's automatic derivative of it in float64.

Run `python tests/reference/make_torch.py` with torch installed; the tests read only the file.
"""

import json
import math
from pathlib import Path

import torch

CASES = [(2.0, 1.0), (1.5, 0.3), (1.0, 2.0), (0.5, 1.0), (0.0, 0.7), (-0.5, 1.0), (-2.0, 0.1), (-10.0, 3.0)]
CASES += [(-math.inf, 1.0), (-math.inf, 0.4)]
ERRORS = [-100.0, -7.5, -2.0, -1.0, -0.3, -0.01, 0.0, 0.05, 0.5, 1.0, 3.0, 20.0, 1000.0]


def rho(x, alpha, c):
    square = (x / c) ** 2
    if alpha == 2.0:
        return 0.5 * square
    if alpha == 0.0:
        return torch.log(0.5 * square + 1)
    if alpha == -math.inf:
        return 1 - torch.exp(-0.5 * square)
    width = abs(alpha - 2)
    return width / alpha * ((square / width + 1) ** (alpha / 2) - 1)


def main():
    cases = []
    for alpha, scale in CASES:
        x = torch.tensor(ERRORS, dtype=torch.float64, requires_grad=True)
        values = rho(x, alpha, scale)
        values.sum().backward()
        shape = "-inf" if alpha == -math.inf else alpha
        cases.append({"alpha": shape, "scale": scale, "values": values.tolist(), "derivatives": x.grad.tolist()})
    text = json.dumps({"errors": ERRORS, "cases": cases}, indent=1)
    (Path(__file__).parent / "torch.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
