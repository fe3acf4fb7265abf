"""Outputs and targets for a loss, according to its declarations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from mlpkit.plugin import Array, Loss, OutputKind, Targets
from mlpkit.testing.row_checks import Rule, Sample

SHAPES = ((1, 1), (1, 7), (7, 1), (4, 2), (32, 10), (2, 128), (80, 70), (3, 1031), (5000, 3))
SIZES = (1e-8, 1e-4, 1.0, 1e2, 1e4, 1e8)
UNEVEN = (1.0, 1e4, 1e-8, 30.0, -1e3, 1e6, 100.0, -50.0, 1e-3, -1e4)  # sizes of rows; in rows with a negative size all numbers are negative
RANGES: dict[OutputKind, tuple[float, float]] = {"bounded": (-1.0, 1.0), "probability": (0.0, 1.0), "distribution": (0.0, 1.0)}


class Batch(NamedTuple):
    """Outputs of a network and their targets."""

    outputs: Array  # (rows, units)
    targets: Targets


def fewest_units(loss: Loss) -> int:
    """Return the smallest number of units of the last layer: two for classes and distributions."""
    return 2 if loss.targets == "classes" or loss.output == "distribution" else 1


FAR: dict[OutputKind, tuple[float, float]] = {"nonnegative": (0.5, 30.0), "real": (-30.0, 30.0)}


def outputs_of(kind: OutputKind, shape: tuple[int, int], rng: np.random.Generator, *, far: bool = False) -> Array:
    """Return outputs of this kind, away from the limits of their range; with `far`, far from 0 if the range is unbounded."""
    if kind == "distribution":
        return 0.05 / shape[1] + 0.95 * rng.dirichlet(np.ones(shape[1]), shape[0])
    near = {"bounded": (-0.9, 0.9), "nonnegative": (0.1, 3.0), "probability": (0.05, 0.95), "real": (-2.0, 2.0)}
    low, high = FAR[kind] if far else near[kind]
    return rng.uniform(low, high, shape)


def targets_for(loss: Loss, shape: tuple[int, int], dtype: DTypeLike, rng: np.random.Generator, *, far: bool = False) -> Targets:
    """Return targets of the kind that the loss accepts."""
    if loss.targets == "classes":
        return rng.integers(0, shape[1], shape[0])
    if loss.targets == "binary":
        return rng.integers(0, 2, shape).astype(dtype)
    return signed(loss, outputs_of(loss.output, shape, rng, far=far)).astype(dtype)


def signed(loss: Loss, numbers: Array) -> Array:
    """Return numbers of the signs that the loss accepts (`Loss.target_sign`): above 0 unless it accepts any."""
    return numbers if loss.target_sign in ("any", "nonzero") else np.abs(numbers)


def batch(loss: Loss, rows: int = 7, units: int = 3, dtype: DTypeLike = "float64", seed: int = 0) -> Batch:
    """Return rows that the loss accepts."""
    rng = np.random.default_rng(seed)
    outputs = outputs_of(loss.output, (rows, units), rng).astype(dtype)
    return Batch(outputs, targets_for(loss, (rows, units), dtype, rng))


def far_batch(loss: Loss, rows: int, units: int) -> Batch | None:
    """Return outputs far from 0 and from their targets; None if their range is bounded."""
    if loss.output not in FAR:
        return None
    rng = np.random.default_rng(6)
    outputs = outputs_of(loss.output, (rows, units), rng, far=True)
    return Batch(outputs, targets_for(loss, (rows, units), "float64", rng, far=True))


def at_target(loss: Loss, dtype: DTypeLike) -> Batch:
    """Return outputs equal to the targets."""
    targets = batch(loss, dtype=dtype).targets
    outputs = np.eye(3, dtype=dtype)[targets] if loss.targets == "classes" else targets.copy()
    return Batch(outputs, targets)


def extreme(loss: Loss) -> Batch:
    """Return outputs at the limits of their range with all kinds of targets, in float32."""
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


def rules_of(loss: Loss) -> list[Rule]:
    """Return the loss as a row-wise function, and its fused form if it has one; the second argument are the targets."""

    def total(losses: Array, targets: Any) -> Array:
        return losses

    found = [Rule("losses", "gradients of value_and_grad", "outputs", lambda z, t: losses_and_grad(loss, z, t), total)]
    if loss.joint_with is not None:
        found.append(
            Rule("losses of joint", "gradients of joint", "pre-activations", lambda z, t: joint_losses_and_grad(loss, z, t), total)
        )
    return found


def kind_of(loss: Loss, rule: Rule) -> OutputKind:
    """Return the kind of a rule's points: real for pre-activations, else that of the outputs."""
    return "real" if rule.points == "pre-activations" else loss.output


def of_size(loss: Loss, rule: Rule, shape: tuple[int, int], size: float = 1.0, seed: int = 0) -> Sample:
    """Return points and targets of one size, if their range allows it."""
    rng = np.random.default_rng((seed, *shape))
    shape = shape[0], max(shape[1], fewest_units(loss))
    kind = kind_of(loss, rule)
    points = outputs_of(kind, shape, rng)
    targets = targets_for(loss, shape, "float64", rng)
    if kind not in RANGES:
        points *= size
    if loss.targets == "numbers" and loss.output not in RANGES:
        targets *= size
    return Sample(points, targets, size if kind not in RANGES else 1.0)


def uneven(loss: Loss, rule: Rule, units: int = 6) -> Sample:
    """Return rows of very different sizes, some of them negative if the range allows it."""
    sample = of_size(loss, rule, (20, units), 1.0, 0)
    if kind_of(loss, rule) in RANGES:
        return sample
    sizes = np.resize(UNEVEN, 20)[:, None]
    below = (sizes < 0) & (kind_of(loss, rule) == "real")
    points = np.where(below, -np.abs(sample.points), sample.points) * np.abs(sizes)
    targets = sample.beside
    if loss.targets == "numbers" and loss.output not in RANGES:
        targets = signed(loss, np.where(below, -np.abs(targets), targets) * np.abs(sizes))
    return Sample(points, targets, max(UNEVEN))


def direction_of(kind: OutputKind, points: Array, size: float, seed: int) -> Array:
    """Return a direction for each row that stays within the range of the outputs."""
    drawn = np.random.default_rng(seed + 50).standard_normal(points.shape)
    if kind == "distribution":
        moved: Array = points * (drawn - np.einsum("ij,ij->i", points, drawn)[:, None])
        return moved
    if kind == "real":
        return size * drawn
    return drawn * {"nonnegative": points, "probability": points * (1 - points), "bounded": 1 - points * points}[kind]


def special(loss: Loss) -> Iterator[tuple[str, Sample]]:
    """Yield outputs and targets that break formulas: equal values, zeros, a single class, negative numbers."""
    units = max(3, fewest_units(loss))
    plain = of_size(loss, rules_of(loss)[0], (6, units))
    low, high = RANGES.get(loss.output, (0.0, 0.0))
    if loss.output in ("real", "nonnegative", "bounded"):
        yield "where every output is 0", plain._replace(points=np.zeros_like(plain.points))
    if loss.targets == "numbers":
        yield from _special_numbers(loss, plain)
        return
    for number in range(units) if loss.targets == "classes" else (0, 1):
        only = np.full_like(plain.beside, number)
        yield f"where every row is of class {number}", plain._replace(beside=only)
    right = np.eye(units)[plain.beside] if loss.targets == "classes" else plain.beside
    if low < high:
        yield "where the outputs are certain and right", plain._replace(points=low + (high - low) * right)
        if loss.output != "distribution":
            yield "where the outputs are certain and wrong", plain._replace(points=high - (high - low) * right)


def _special_numbers(loss: Loss, plain: Sample) -> Iterator[tuple[str, Sample]]:
    yield "where the outputs are the targets", plain._replace(points=plain.beside.copy())
    if loss.output == "distribution":
        yield "where the targets are certain", plain._replace(beside=np.eye(plain.beside.shape[1])[np.arange(6) % plain.beside.shape[1]])
        return
    zeros = np.zeros_like(plain.beside)
    yield "where every target is 0", plain._replace(beside=zeros)
    yield "where every output and target is 0", plain._replace(points=zeros, beside=zeros)
    if loss.output == "real":
        if loss.target_sign in ("any", "nonzero"):
            yield "where every target is below 0", plain._replace(beside=-5.0 - np.abs(plain.beside))
        yield "where every output is below 0", plain._replace(points=-5.0 - np.abs(plain.points))


def losses_and_grad(loss: Loss, outputs: Array, targets: Targets) -> tuple[Array, Array]:
    """Return the losses and gradients of `value_and_grad`, in arrays filled with NaN; copies of the arguments are passed."""
    losses, grad = np.full(len(outputs), np.nan, outputs.dtype), np.full_like(outputs, np.nan)
    loss.value_and_grad(outputs.copy(), targets.copy(), losses, grad)
    return losses, grad


def joint_losses_and_grad(loss: Loss, z: Array, targets: Targets) -> tuple[Array, Array]:
    """Return the losses and gradients of `joint`, in arrays filled with NaN; copies of the arguments are passed."""
    losses, grad = np.full(len(z), np.nan, z.dtype), np.full_like(z, np.nan)
    loss.joint(z.copy(), targets.copy(), losses, grad)
    return losses, grad
