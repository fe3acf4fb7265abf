"""Make scores.json: mean and standard deviation of the scores of each tutorial in PyTorch over 5 seeds.

Run `python tests/tutorials/make_scores.py` with torch installed; the tests read only the file.
"""

import json
from importlib import import_module
from pathlib import Path

import numpy as np
import torch

OTHERS = ("data", "loop", "make_scores", "test_tutorials", "__init__")


def main():
    torch.set_num_threads(1)
    found, here = {}, Path(__file__).parent
    for name in sorted(path.stem for path in here.glob("*.py") if path.stem not in OTHERS):
        scores = [float(import_module(name).score(seed)) for seed in range(5)]
        found[name] = {"mean": float(np.mean(scores)), "deviation": float(np.std(scores, ddof=1)), "scores": scores}
        print(name, found[name], flush=True)
    (here / "scores.json").write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
