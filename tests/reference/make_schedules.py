"""Make schedules.npz: learning rates of torch.optim.lr_scheduler, at each of 12 epochs or at each of their 10 steps.

Run `python tests/reference/make_schedules.py` with torch installed; the tests read only the file.
"""

from pathlib import Path

import numpy as np
import torch
from torch.optim import lr_scheduler as lr

EPOCHS, STEPS = 12, 10
TOTAL = EPOCHS * STEPS
PER_EPOCH = {
    "step": lambda o: lr.StepLR(o, 4, gamma=0.3),
    "piecewise": lambda o: lr.MultiStepLR(o, [3, 7], gamma=0.2),
    "exponential": lambda o: lr.ExponentialLR(o, 0.9),
    "sequential": lambda o: lr.SequentialLR(
        o, [lr.ExponentialLR(o, 0.8), lr.CosineAnnealingLR(o, 5, eta_min=0.01), lr.StepLR(o, 2, gamma=0.5)], [3, 8]
    ),
}
PER_STEP = {
    "cosine": lambda o: lr.CosineAnnealingLR(o, TOTAL, eta_min=0.01),
    "polynomial": lambda o: lr.PolynomialLR(o, TOTAL, power=2.0),
    "linear": lambda o: lr.LinearLR(o, 1.0, 0.1, TOTAL),
    "exponential_steps": lambda o: lr.ExponentialLR(o, 0.9 ** (1 / STEPS)),
    "one_cycle": lambda o: lr.OneCycleLR(o, 0.1, total_steps=TOTAL),
    "one_cycle_linear": lambda o: lr.OneCycleLR(
        o, 0.1, total_steps=TOTAL, anneal_strategy="linear", pct_start=0.4, div_factor=10.0, final_div_factor=100.0
    ),
    "triangular": lambda o: lr.CyclicLR(o, 0.01, 0.1, step_size_up=2 * STEPS, step_size_down=STEPS, cycle_momentum=False),
    "triangular2": lambda o: lr.CyclicLR(o, 0.01, 0.1, step_size_up=2 * STEPS, mode="triangular2", cycle_momentum=False),
    "exp_range": lambda o: lr.CyclicLR(o, 0.01, 0.1, step_size_up=15, mode="exp_range", gamma=0.9 ** (1 / STEPS), cycle_momentum=False),
    "warmup": lambda o: lr.LinearLR(o, 0.25, 1.0, 3 * STEPS),
    "warmup_cosine": lambda o: lr.SequentialLR(
        o, [lr.LinearLR(o, 0.1, 1.0, 2 * STEPS), lr.CosineAnnealingLR(o, TOTAL - 2 * STEPS)], [2 * STEPS]
    ),
}
PLATEAUS = {
    "default": {},
    "patient": {"factor": 0.5, "patience": 2, "threshold": 0.05},
    "cooldown": {"factor": 0.3, "patience": 1, "cooldown": 3, "min_lr": 1e-3},
    "higher": {"mode": "max", "factor": 0.5, "patience": 0, "threshold": 0.01},
}


def optimizer():
    return torch.optim.SGD([torch.zeros(1, requires_grad=True, dtype=torch.float64)], lr=0.1)


def rates(make, count):
    """Learning rates before each of `count` calls."""
    sgd = optimizer()
    schedule, found = make(sgd), []
    for _ in range(count):
        found.append(sgd.param_groups[0]["lr"])
        sgd.step()
        schedule.step()
    return np.array(found, np.float64)


def restarts():
    """Cosine annealing with restarts at fractions of epochs."""
    for name, options in {"restarts": {"T_0": 3}, "longer_restarts": {"T_0": 1, "T_mult": 2, "eta_min": 0.01}}.items():
        sgd = optimizer()
        schedule, found = lr.CosineAnnealingWarmRestarts(sgd, **options), []
        for step in range(TOTAL):
            schedule.step(step / STEPS)
            found.append(sgd.param_groups[0]["lr"])
        yield name, np.array(found)


def plateaus(rng):
    """Learning rates at the start of each epoch for a figure that falls and rises."""
    figures = 1.0 + 0.5 * np.sin(np.arange(60) / 4) + 0.2 * rng.standard_normal(60)
    yield "plateau/figures", figures
    for name, options in PLATEAUS.items():
        sgd = optimizer()
        schedule, found = lr.ReduceLROnPlateau(sgd, eps=0.0, **options), []
        for figure in figures:
            found.append(sgd.param_groups[0]["lr"])
            schedule.step(figure)
        yield f"plateau/{name}", np.array(found)


if __name__ == "__main__":
    arrays = {f"epoch/{name}": rates(make, EPOCHS) for name, make in PER_EPOCH.items()}
    arrays |= {f"step/{name}": rates(make, TOTAL) for name, make in PER_STEP.items()}
    arrays |= {f"step/{name}": found for name, found in restarts()}
    arrays |= dict(plateaus(np.random.default_rng(21)))
    np.savez_compressed(Path(__file__).with_name("schedules.npz"), torch_version=torch.__version__, **arrays)
