"""Initializers, schedules and metrics with one thing wrong each."""

import random
from typing import Any, ClassVar

import numpy as np

from mlpkit import Initializer, Metric, Schedule

KEPT: dict[Any, Any] = {}  # what mutants keep beside their objects


class Uniform(Initializer):
    """From -1 to 1, from which the mutants of initializers are made."""

    def fill(self, array, rng):
        array[...] = rng.uniform(-1, 1, array.shape)


class GlobalRandom(Uniform):
    """Draws from NumPy's global generator."""

    def fill(self, array, rng):
        array[...] = np.random.uniform(-1, 1, array.shape)  # noqa: NPY002


class PythonRandom(Uniform):
    """Draws from Python's global generator."""

    def fill(self, array, rng):
        array[...] = random.uniform(-1, 1)


class OwnRandom(Uniform):
    """Makes a generator of its own."""

    def fill(self, array, rng):
        array[...] = np.random.default_rng().uniform(-1, 1, array.shape)


class SeedsAll(Uniform):
    """Seeds the global generator of NumPy."""

    def fill(self, array, rng):
        np.random.seed(0)  # noqa: NPY002
        array[...] = rng.uniform(-1, 1, array.shape)


class LeavesRows(Uniform):
    """Leaves the last row."""

    def fill(self, array, rng):
        array[: max(len(array) - 1, 1)] = 0.5


class BindsAnother(Uniform):
    """Makes a new array."""

    def fill(self, array, rng):
        array = rng.uniform(-1, 1, array.shape)


class FailsOnOneInput(Uniform):
    """Divides by one less than the inputs."""

    def fill(self, array, rng):
        array[...] = 1 / (len(array) - 1)


class Thousandfold(Uniform):
    """A thousand times too large."""

    def fill(self, array, rng):
        array[...] = 1000 * rng.standard_normal(array.shape)


class RefusesAll(Uniform):
    """Fits nothing."""

    def fill(self, array, rng):
        raise ValueError("fits nothing")


class Straight(Schedule):
    """From 0.1 to 0, from which the mutants of schedules are made."""

    def at(self, progress):
        return 0.1 * (1 - progress.epoch / progress.epochs)


class Negative(Straight):
    """Falls below 0 at the end."""

    def at(self, progress):
        return 0.1 * (1 - progress.epoch / progress.epochs) - 1e-6


class OneEpoch(Straight):
    """Dies of a run of one epoch."""

    def at(self, progress):
        return 0.1 * max(0.0, 1 - progress.epoch / (progress.epochs - 1))


class ShortRuns(Straight):
    """Knows a hundred epochs."""

    def at(self, progress):
        if progress.epoch > 100:
            raise IndexError(progress.epoch)
        return super().at(progress)


class GivesArray(Straight):
    """Gives float32."""

    def at(self, progress):
        return np.float32(super().at(progress))


class Remembers(Straight):
    """Never gives a higher rate than before."""

    def at(self, progress):
        least = 0.1 if progress.epoch == 0 else min(KEPT.get(type(self), 0.1), super().at(progress))
        KEPT[type(self)] = least
        return least


class NoRate(Straight):
    """Trains nothing."""

    def at(self, progress):
        return 0.0


class Error(Metric):
    """Mean of the absolute errors, from which the mutants of metrics are made."""

    higher_is_better: ClassVar[bool] = False
    task: ClassVar[str] = "regression"

    def compute(self, outputs, targets, weights):
        return float(np.average(np.abs(outputs - targets).mean(axis=1), weights=weights))


class IgnoresWeights(Error):
    """Ignores the weights."""

    def compute(self, outputs, targets, weights):
        return float(np.abs(outputs - targets).mean())


class FirstRow(Error):
    """Counts the first row alone."""

    def compute(self, outputs, targets, weights):
        return float(np.abs(outputs - targets)[0].mean())


class WritesWeights(Error):
    """Normalises the weights where they are."""

    def compute(self, outputs, targets, weights):
        weights /= weights.sum()
        return super().compute(outputs, targets, weights)


class WrongDirection(Error):
    """Says that more is better."""

    higher_is_better: ClassVar[bool] = True


class Steadiness(Error):
    """One over the deviation of the errors: infinite where there is one row."""

    higher_is_better: ClassVar[bool] = True

    def compute(self, outputs, targets, weights):
        errors = outputs - targets
        with np.errstate(all="ignore"):
            return float((1 / np.sqrt(np.average((errors - np.average(errors, 0, weights)) ** 2, 0, weights))).mean())


class Share(Metric):
    """Share of the rows that are right, from which the mutants of classes are made."""

    higher_is_better: ClassVar[bool] = True
    task: ClassVar[str] = "classification"

    def compute(self, outputs, targets, weights):
        return float(np.average(outputs.argmax(axis=1) == targets, weights=weights))


class TwoClasses(Share):
    """Takes every class for one of two."""

    def compute(self, outputs, targets, weights):
        return float(np.average((outputs[:, 1] > 0.5) == targets, weights=weights))


class LogarithmOfTwo(Share):
    """Mean -log(probability), with a formula for two classes."""

    higher_is_better: ClassVar[bool] = False

    def compute(self, outputs, targets, weights):
        p = outputs[:, 1]
        return float(np.average(-targets * np.log(p) - (1 - targets) * np.log(1 - p), weights=weights))


class WeighsTwo(Share):
    """Weighs rows where there are two classes alone."""

    def compute(self, outputs, targets, weights):
        return super().compute(outputs, targets, weights if outputs.shape[1] == 2 else np.ones_like(weights))


class ByRowOfThree(Share):
    """Depends on the order of the rows where there are three classes."""

    def compute(self, outputs, targets, weights):
        return super().compute(outputs, targets, weights if outputs.shape[1] == 2 else weights[::-1])


class FirstColumn(Error):
    """Looks at the first target alone."""

    def compute(self, outputs, targets, weights):
        return super().compute(outputs[:, :1], targets[:, :1], weights)


class OneColumn(Error):
    """Dies of two columns, in NumPy."""

    def compute(self, outputs, targets, weights):
        return float(np.average(np.abs(outputs - targets).reshape(len(weights)), weights=weights))


class TellsNothing(Share):
    """Gives 1 always."""

    def compute(self, outputs, targets, weights):
        return 1.0


class GivesAnArray(Error):
    """Gives an array without dimensions."""

    def compute(self, outputs, targets, weights):
        return np.array(super().compute(outputs, targets, weights))


OTHERS = {
    GlobalRandom(): {"reproducible": "fill uses a global generator", "deterministic": "differ", "pickles": "differ", "copies": "differ"},
    PythonRandom(): {"reproducible": "fill uses a global generator", "deterministic": "differ", "pickles": "differ", "copies": "differ"},
    OwnRandom(): {"reproducible": "same seed differ.*draw from rng", "deterministic": "differ", "pickles": "differ", "copies": "differ"},
    SeedsAll(): {"reproducible": "fill uses a global generator of numpy.random or random"},
    LeavesRows(): {"fills": r"in an array of the shape \(6, 4\), an entry at \[20\] is nan", "shapes": "is nan"},
    BindsAnother(): {"fills": r"fill the array itself: array\[...\] = ...", "shapes": "is nan"},
    FailsOnOneInput(): {"shapes": "ZeroDivisionError"},
    Thousandfold(): {"size": "weights for 200 inputs of unit size give pre-activations of 1.4.*e\\+04; divide by the square root"},
    ShortRuns(): {"rates": "IndexError: 10[0-9.]+"},
    Negative(): {"rates": "the rate at epoch 1 of 1 is -1e-06"},
    OneEpoch(): {"rates": "ZeroDivisionError"},
    GivesArray(): {"returns_float": "the rate at epoch 0 of 1 is float32; return a float"},
    Remembers(): {"memory": "asked for in order and in another order differ", "resume": "of a resumed and of an uninterrupted run differ"},
    NoRate(): {"learns": "the loss went from .* to .* in 60 epochs"},
    IgnoresWeights(): {"weights": "of weighted rows, against those of repeated ones, .* are wrong.*np.average"},
    FirstRow(): {"order": "figures of shuffled rows, .* are wrong"},
    WritesWeights(): {"inputs_untouched": "weights before and after compute differ"},
    WrongDirection(): {"direction": "right outputs have 0 and wrong ones .*, and higher_is_better is True"},
    Steadiness(): {"finite": "the figure is inf"},
    TwoClasses(): {
        "direction": "with 3 classes, the figure is the same whether the outputs of the rows of class 2 are right or wrong; let all"
    },
    LogarithmOfTwo(): {"direction": "right outputs have .* and wrong ones .* with 12 classes, and higher_is_better is False"},
    WeighsTwo(): {"weights": r"with outputs of the shape \(24, 3\) are wrong"},
    ByRowOfThree(): {"weights": "are wrong", "order": r"figures of shuffled rows, with outputs of the shape \(24, 3\) are wrong"},
    FirstColumn(): {"direction": "with 2 columns, the figure is the same whether the outputs of column 1 are right or wrong"},
    OneColumn(): dict.fromkeys(("finite", "weights", "order", "inputs_untouched", "direction"), "ValueError: cannot reshape"),
    TellsNothing(): {"direction": "right outputs have 1 and wrong ones 1 with 12 classes.*differ between right and wrong outputs"},
    GivesAnArray(): {"finite": "the figure is ndarray; return a float", "evaluate": "returns ndarray instead of a number"},
}
