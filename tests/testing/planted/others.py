"""Initializers, schedules and metrics with a fault that shows in some places alone."""

import random
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from mlpkit import Metric

from .. import good
from ..mutants.others import Error, Share, Straight, Uniform

KEPT: dict[Any, Any] = {}  # what mutants keep beside their objects


class BreaksOnWide(Uniform):
    """Fits no array that is wider than tall: NumPy says so."""

    def fill(self, array, rng):
        drawn = np.linalg.qr(rng.standard_normal((array.shape[0], array.shape[0])))[0]
        array[...] = (drawn[:, : array.shape[-1]] if array.ndim == 2 else rng.uniform(-1, 1, array.shape)).reshape(array.shape)


class NaNOnWide(Uniform):
    """The root of a negative number where there are more units than a thousand."""

    def fill(self, array, rng):
        with np.errstate(all="ignore"):
            array[...] = rng.uniform(-1, 1, array.shape) * np.sqrt(2000.0 - array.shape[-1])


class OwnSeed(Uniform):
    """Draws by a seed of its own."""

    def fill(self, array, rng):
        array[...] = np.random.default_rng(7).uniform(-1, 1, array.shape)


class ByShape(Uniform):
    """Keeps what it drew, by shape."""

    def fill(self, array, rng):
        drawn = rng.uniform(-1, 1, array.shape)
        array[...] = KEPT.setdefault((type(self), array.shape), drawn)


class ZeroInLarge(Uniform):
    """Leaves most of a large array at 0."""

    def fill(self, array, rng):
        array[...] = 0
        array[:50] = rng.uniform(-1, 1, array[:50].shape)


class ThousandfoldWide(Uniform):
    """A scale by the units, which is too large in wide arrays."""

    def fill(self, array, rng):
        array[...] = rng.uniform(-1, 1, array.shape) * array.shape[-1] ** 2


class UnusedGain(Uniform):
    """A gain that changes nothing."""

    gain: float = Field(1.0, gt=0, description="nothing")


class UnusedMode(Uniform):
    """A word that changes nothing."""

    mode: Literal["fan_in", "fan_out"] = "fan_in"


class MovesRngLater(Uniform):
    """Keeps the array and writes to it in the next call."""

    def fill(self, array, rng):
        if "array" in KEPT:
            KEPT["array"][...] = 0
        array[...] = rng.uniform(-1, 1, array.shape)
        KEPT["array"] = array


class ZeroWarmUp(Straight):
    """0 / 0 where the warm-up has no epochs."""

    over: float = Field(2.0, ge=0, description="epochs of the warm-up")

    def at(self, progress):
        with np.errstate(all="ignore"):
            return float(0.1 * np.minimum(1.0, (np.float64(progress.epoch) + 0.0) / np.float64(self.over)))


class UnusedFloor(Straight):
    """A floor that changes nothing."""

    floor: float = Field(0.0, ge=0, le=0.1, description="nothing")


class NothingInShortRuns(Straight):
    """A run of one epoch has no rate at all."""

    def at(self, progress):
        return 0.1 if progress.epochs > 1 else 0.0


class WrongBetween(Straight):
    """Dies of fractions other than quarters."""

    def at(self, progress):
        return super().at(progress) if (4 * progress.epoch) % 1 == 0 else float("nan")


class AbsentClass(good.MeanOfClasses):
    """NaN where a class has no rows."""

    def compute(self, outputs, targets, weights):
        right = outputs.argmax(axis=1) == targets
        counts = np.bincount(targets, weights, outputs.shape[1])
        with np.errstate(all="ignore"):
            return float(np.mean(np.bincount(targets, weights * right, outputs.shape[1]) / counts))


class LogOfZero(Share):
    """-log of a probability that may be 0."""

    higher_is_better: ClassVar[bool] = False

    def compute(self, outputs, targets, weights):
        with np.errstate(all="ignore"):
            return float(np.average(-np.log(outputs[np.arange(len(targets)), targets]), weights=weights))


class DividesByTarget(Error):
    """The error as a share of the target, which may be 0."""

    def compute(self, outputs, targets, weights):
        with np.errstate(all="ignore"):
            return float(np.average(np.abs((outputs - targets) / targets).mean(axis=1), weights=weights))


class NegativeTargets(Error):
    """Logarithms of targets, which may be negative."""

    def compute(self, outputs, targets, weights):
        with np.errstate(all="ignore"):
            error = np.log(targets + 50) - np.log(outputs + 50)
            return float(np.average(np.square(error).mean(axis=1), weights=weights))


class ConstantTarget(Error):
    """0 / 0 where the targets are all the same."""

    def compute(self, outputs, targets, weights):
        with np.errstate(all="ignore"):
            return float(np.average(np.abs(outputs - targets).mean(axis=1), weights=weights) / targets.std() / 0.5)


class ManyRows(Error):
    """Counts the first thousand rows alone."""

    def compute(self, outputs, targets, weights):
        return super().compute(outputs[:1000], targets[:1000], weights[:1000])


class ManyClasses(Share):
    """Takes the classes beyond the fiftieth for right."""

    def compute(self, outputs, targets, weights):
        return float(np.average((outputs.argmax(axis=1) == targets) | (targets > 50), weights=weights))


class UnusedThreshold(Error):
    """A threshold that changes nothing."""

    threshold: float = Field(0.5, ge=0, description="nothing")


class UnusedAverage(good.MeanOfClasses):
    """A word that changes nothing."""

    average: Literal["macro", "weighted"] = "macro"


class WeightsOfOption(Error):
    """Ignores the weights where it takes the root."""

    squared: bool = True

    def compute(self, outputs, targets, weights):
        errors = np.square(outputs - targets).mean(axis=1)
        return float(np.average(errors, weights=weights)) if self.squared else float(np.sqrt(errors.mean()))


class WritesWhereLarge(Error):
    """Clips outputs where they are, once they are far."""

    def compute(self, outputs, targets, weights):
        np.clip(outputs, -100, 100, out=outputs)
        return super().compute(outputs, targets, weights)


class KeptById(Metric):
    """Keeps its figure by the address of the outputs."""

    higher_is_better: ClassVar[bool] = False
    task: ClassVar[str] = "regression"

    def compute(self, outputs, targets, weights):
        figure = float(np.average(np.abs(outputs - targets).mean(axis=1), weights=weights))
        return KEPT.setdefault((type(self), id(outputs)), (outputs, figure))[1]  # outputs too, so that nothing else gets its address


class OwnSeedOfPython(Uniform):
    """Draws by a seed of its own, of Python's."""

    def fill(self, array, rng):
        own = random.Random(5)
        array[...] = np.reshape([own.uniform(-1, 1) for _ in range(array.size)], array.shape)


PLANTED = {
    OwnSeedOfPython(): "reproducible",
    BreaksOnWide(): "runs",
    NaNOnWide(): "shapes",
    OwnSeed(): "reproducible",
    ByShape(): "reproducible",
    ZeroInLarge(): "size",
    ThousandfoldWide(): "size",
    UnusedGain(): "effects",
    UnusedMode(): "effects",
    MovesRngLater(): "fills",
    ZeroWarmUp(): "other_options",
    UnusedFloor(): "effects",
    NothingInShortRuns(): "short_runs",
    WrongBetween(): "rates",
    AbsentClass(): "special_values",
    LogOfZero(): "special_values",
    DividesByTarget(): "special_values",
    NegativeTargets(): "special_values",
    ConstantTarget(): "special_values",
    ManyRows(): "sizes",
    ManyClasses(): "sizes",
    UnusedThreshold(): "effects",
    UnusedAverage(): "effects",
    WeightsOfOption(): "other_options",
    WritesWhereLarge(): "inputs_untouched",
    KeptById(): "buffers",
}
