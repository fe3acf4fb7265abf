"""Outputs and targets that a loss takes, by what it says of itself."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from mlpkit.plugin import Array, Loss, OutputKind, Targets


class Batch(NamedTuple):
    """What a network put out, and what it should have."""

    outputs: Array  # (rows, units)
    targets: Targets


def fewest_units(loss: Loss) -> int:
    """Of the last layer: classes and distributions need two."""
    return 2 if loss.targets == "classes" or loss.output == "distribution" else 1


FAR: dict[OutputKind, tuple[float, float]] = {"nonnegative": (0.5, 30.0), "real": (-30.0, 30.0)}


def outputs_of(kind: OutputKind, shape: tuple[int, int], rng: np.random.Generator, *, far: bool = False) -> Array:
    """Numbers as an activation with this output gives them, away from the ends of their range; `far` is far from 0, where it has no end."""
    if kind == "distribution":
        return 0.05 / shape[1] + 0.95 * rng.dirichlet(np.ones(shape[1]), shape[0])
    near = {"bounded": (-0.9, 0.9), "nonnegative": (0.1, 3.0), "probability": (0.05, 0.95), "real": (-2.0, 2.0)}
    low, high = FAR[kind] if far else near[kind]
    return rng.uniform(low, high, shape)


def targets_for(loss: Loss, shape: tuple[int, int], dtype: DTypeLike, rng: np.random.Generator, *, far: bool = False) -> Targets:
    """Targets of the kind that the loss takes."""
    if loss.targets == "classes":
        return rng.integers(0, shape[1], shape[0])
    if loss.targets == "binary":
        return rng.integers(0, 2, shape).astype(dtype)
    return outputs_of(loss.output, shape, rng, far=far).astype(dtype)


def batch(loss: Loss, rows: int = 7, units: int = 3, dtype: DTypeLike = "float64", seed: int = 0) -> Batch:
    """Some rows that the loss takes."""
    rng = np.random.default_rng(seed)
    outputs = outputs_of(loss.output, (rows, units), rng).astype(dtype)
    return Batch(outputs, targets_for(loss, (rows, units), dtype, rng))


def far_batch(loss: Loss, rows: int, units: int) -> Batch | None:
    """Outputs far from 0, and from their targets; None where they cannot be."""
    if loss.output not in FAR:
        return None
    rng = np.random.default_rng(6)
    outputs = outputs_of(loss.output, (rows, units), rng, far=True)
    return Batch(outputs, targets_for(loss, (rows, units), "float64", rng, far=True))


def at_target(loss: Loss, dtype: DTypeLike) -> Batch:
    """Outputs that are the targets."""
    targets = batch(loss, dtype=dtype).targets
    outputs = np.eye(3, dtype=dtype)[targets] if loss.targets == "classes" else targets.copy()
    return Batch(outputs, targets)


def extreme(loss: Loss) -> Batch:
    """Outputs at the ends of their range, against every sort of target, in float32."""
    rng = np.random.default_rng(3)
    if loss.output == "distribution":
        outputs = np.eye(3)[[0, 1, 2, 0, 1, 2, 0, 1, 2]]
    else:
        low, high = {"bounded": (-1.0, 1.0), "nonnegative": (0.0, 1e4), "probability": (0.0, 1.0), "real": (-1e4, 1e4)}[loss.output]
        outputs = np.array([[low, high, low], [high, low, high]] * 5)[:9]
    targets = targets_for(loss, outputs.shape, "float32", rng)
    if loss.targets == "classes":
        targets = np.repeat(np.arange(3), 3)
    return Batch(outputs.astype("float32"), targets)


def losses_and_grad(loss: Loss, outputs: Array, targets: Targets) -> tuple[Array, Array]:
    """What `value_and_grad` fills, in arrays that were NaN; outputs and targets stay as they are."""
    losses, grad = np.full(len(outputs), np.nan, outputs.dtype), np.full_like(outputs, np.nan)
    loss.value_and_grad(outputs.copy(), targets.copy(), losses, grad)
    return losses, grad


def joint_losses_and_grad(loss: Loss, scores: Array, targets: Targets) -> tuple[Array, Array]:
    """What `joint` fills, in arrays that were NaN; scores and targets stay as they are."""
    losses, grad = np.full(len(scores), np.nan, scores.dtype), np.full_like(scores, np.nan)
    loss.joint(scores.copy(), targets.copy(), losses, grad)
    return losses, grad
