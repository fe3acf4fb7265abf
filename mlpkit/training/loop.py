"""The training loop: a generator that yields one `Epoch` after another.

So early stopping is a `break`, logging is the caller's loop, and a progress bar wraps the iterator. All that a run
needs beside the network is in `Run`: what must be kept to stop and go on.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Mapping
from typing import Literal

import numpy as np

from mlpkit.data import Dataset
from mlpkit.data.batches import Batches
from mlpkit.errors import SpecError, TrainingError
from mlpkit.network import Network
from mlpkit.plugin import Array
from mlpkit.spec import Spec
from mlpkit.spec.parts import plugin_name
from mlpkit.training.best import Best
from mlpkit.training.epoch import Epoch
from mlpkit.training.update import Update
from mlpkit.workspace import Workspace, is_joint

Measure = Callable[[Array], Mapping[str, float]]


def random_stream(seed: int, purpose: Literal["weights", "shuffle", "dropout"], done: int = 0) -> np.random.Generator:
    """One of the independent generators of a seed, so that none shifts another; new ones after `done` epochs."""
    index = ("weights", "shuffle", "dropout").index(purpose)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(index, done) if done else (index,)))


def epochs(
    network: Network,
    spec: Spec,
    train: Dataset,
    validation: Dataset | None = None,
    measure: Measure | None = None,
    stop: Callable[[], bool] | None = None,
    done: int = 0,
) -> Generator[Epoch, None, None]:
    """Train a network, from the weights it has.

    With early stopping the best weights are restored when the loop ends, whatever ended it: patience, the last epoch,
    a `break` (as soon as the generator is closed), an exception.

    Parameters
    ----------
    network : Network
    spec : Spec
        Its loss, optimizer, training and seed are used.
    train, validation : Dataset
    measure : callable, optional
        From the network's outputs on the validation rows (the training rows without any) to named metrics.
    stop : callable, optional
        Asked before each step; when it says True the run ends there.
    done : int
        Epochs that the network was trained for before: numbers and random streams go on from there.

    Yields
    ------
    Epoch

    Raises
    ------
    SpecError
        Early stopping watches a validation loss, but there are no validation rows.
    TrainingError
        The loss became NaN or infinite.
    """
    check_early_stopping(spec, validation)
    return _epochs(Run(network, spec, train, validation, measure, stop, done))


def check_early_stopping(spec: Spec, validation: Dataset | None) -> None:
    """Raise SpecError when early stopping watches a validation loss, but there are no validation rows."""
    stopping = spec.training.early_stopping
    if stopping is not None and stopping.monitor == "validation_loss" and validation is None:
        raise SpecError.at(
            "training.early_stopping",
            "early stopping watches the validation loss, but there are no validation rows",
            "add data.split.validation, such as 0.2, or set the monitor to 'training_loss'",
        )


def _epochs(run: Run) -> Generator[Epoch, None, None]:
    try:
        while (epoch := run.next_epoch()) is not None:
            yield epoch
    finally:
        run.restore_best()


class Run:
    """A training run between two epochs: optimizer state, step, order of the rows, generators, best weights."""

    def __init__(
        self,
        network: Network,
        spec: Spec,
        train: Dataset,
        validation: Dataset | None,
        measure: Measure | None,
        stop: Callable[[], bool] | None,
        done: int,
    ) -> None:
        self.network, self.spec = network, spec
        self.train, self.validation, self.measure, self.stop = train, validation, measure, stop
        self.rows = len(train.inputs)
        self.done = done
        self.epoch = 0
        self.step = 0
        self.batch_size = min(spec.training.batch_size or self.rows, self.rows)
        self.steps_per_epoch = -(-self.rows // self.batch_size)
        self.shuffle_rng = random_stream(spec.seed, "shuffle", done)
        self.batches = Batches(train, self.batch_size, spec.training.shuffle)
        self.workspaces = self._workspaces()
        self.update = Update(network, spec)
        self.best = Best(network.parameters.vector, spec) if spec.training.early_stopping else None

    def _workspaces(self) -> dict[int, Workspace]:
        """A workspace for a whole batch and one for the rest at the end of an epoch, with one gradient."""
        rng = random_stream(self.spec.seed, "dropout", self.done)
        whole = Workspace(self.network, self.spec.loss, self.batch_size, rng=rng)
        rest = self.rows % self.batch_size
        last = {rest: Workspace(self.network, self.spec.loss, rest, whole.gradient, rng)} if rest else {}
        return {self.batch_size: whole, **last}

    def next_epoch(self) -> Epoch | None:
        """Train one epoch; None when the run is over."""
        if self.epoch == self.spec.training.epochs or (self.best is not None and self.best.monitor.exhausted):
            return None
        started = time.perf_counter()
        rate = self.update.rate(self.step, self.steps_per_epoch)
        loss = self._pass_over_rows()
        if loss is None:
            return None
        self.epoch += 1
        validation_loss, metrics = self._evaluate()
        epoch = Epoch(self.done + self.epoch, loss, validation_loss, metrics, rate, time.perf_counter() - started)
        if self.best is not None:
            self.best.watch(epoch)
        return epoch

    def _pass_over_rows(self) -> float | None:
        """One step per batch; the mean loss, or None when asked to stop."""
        self.batches.shuffle(self.shuffle_rng)
        total = 0.0
        with np.errstate(all="ignore"):  # what overflows is found by the loss, and named
            for inputs, targets, weights in self.batches:
                if self.stop is not None and self.stop():
                    return None
                workspace = self.workspaces[len(inputs)]
                loss = workspace.loss_and_gradient(inputs, targets, weights)
                if not math.isfinite(loss):
                    raise self._diverged(inputs, loss)
                total += loss
                self.step += 1
                self.update.apply(workspace.gradient.trained, self.step, self.steps_per_epoch)
            vector = self.network.parameters.vector
            if not math.isfinite(vector.dot(vector)) and not np.isfinite(vector).all():  # by the last step, which no loss has seen
                raise self._diverged(inputs, math.nan)
        return total / self.rows

    def _evaluate(self) -> tuple[float | None, Mapping[str, float]]:
        if self.validation is None and self.measure is None and self.best is None:
            return None, {}
        data = self.train if self.validation is None else self.validation
        loss, outputs = mean_loss(self.network, self.spec, data)
        if not math.isfinite(loss):
            raise self._diverged(data.inputs, loss)
        metrics = {} if self.measure is None else self.measure(outputs)
        if self.spec.training.early_stopping and self.spec.training.early_stopping.monitor == "training_loss":
            on_training_rows = loss if self.validation is None else mean_loss(self.network, self.spec, self.train)[0]
            metrics = {**metrics, "training_loss": on_training_rows}
        return (None if self.validation is None else loss), metrics

    def _diverged(self, inputs: Array, loss: float) -> TrainingError:
        rate = self.update.rate(max(self.step - 1, 0), self.steps_per_epoch)
        number, last = self.done + self.epoch + 1, self.done + self.spec.training.epochs
        return TrainingError(
            f"the loss became {loss} in epoch {number} of {last}; {first_non_finite(self.network, inputs)}",
            help=f"lower the learning rate (it was {rate:g}), standardize the inputs and the target, or use fewer or narrower layers",
        )

    def restore_best(self) -> None:
        """Give the network the best weights seen, when early stopping watched them."""
        if self.best is not None:
            self.best.restore()


def mean_loss(network: Network, spec: Spec, data: Dataset) -> tuple[float, Array]:
    """The weighted mean loss on a data set, and the network's outputs, shape (rows, units)."""
    loss = spec.loss
    with np.errstate(all="ignore"):
        scores, outputs = network.scores(data.inputs)
        losses, grad = np.empty(len(scores), scores.dtype), np.empty_like(scores)
        if is_joint(loss, network):
            loss.joint(scores, data.targets, losses, grad)
        else:
            loss.value_and_grad(outputs, data.targets, losses, grad)
        return float(np.average(losses, weights=data.weights)), outputs


def first_non_finite(network: Network, inputs: Array) -> str:
    """Where NaN or infinity first stands on the way of a batch through the network, in words."""
    x = inputs
    with np.errstate(all="ignore"):
        for index, layer in enumerate(network.layers):
            name = f"layer {index} ({plugin_name(layer.activation)}, {layer.weight.shape[1]} units)"
            views = [layer.weight, *([] if layer.bias is None else [layer.bias]), *layer.normalization.values()]
            if not all(np.isfinite(view).all() for view in views):
                return f"the weights of {name} are no longer finite"
            x = network.layer_outputs(index, x)
            if not np.isfinite(x).all():
                return f"the outputs of {name} are no longer finite"
    return "every layer is finite, so it is the loss itself that overflows"
