"""Run: one training run, epoch by epoch and step by step, that can be stopped before any step and go on from there."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from copy import deepcopy
from threading import get_ident

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.batches import batches_of
from mlpkit.data.dataset import Dataset
from mlpkit.data.disk.dataset import StoredDataset, StoredInputs
from mlpkit.engine.network import BLOCK, Network
from mlpkit.engine.workspace import Workspace
from mlpkit.errors import MLPKitError, warn
from mlpkit.numerics.numpy_errstate import quiet_context
from mlpkit.plugin import Array, Minimizer, averages
from mlpkit.plugin.error_attribution import blaming
from mlpkit.spec import Spec
from mlpkit.spec.normalization import BatchNormalization
from mlpkit.text.shown import counted
from mlpkit.threads import LARGE, Share, may_be_split
from mlpkit.training.batch_statistics import measure_batch_statistics
from mlpkit.training.divergence import broken, divergence
from mlpkit.training.early_stopping import Best
from mlpkit.training.epoch import Epoch
from mlpkit.training.evaluation import Answers, mean_loss
from mlpkit.training.interrupts import Interrupts
from mlpkit.training.objective import ROWS, Stopped, TrainingProblem
from mlpkit.training.random_generators import generator_state, random_stream
from mlpkit.training.state import Place
from mlpkit.training.update import Update

NOTHING = nullcontext()
Measure = Callable[[Answers], Mapping[str, float]]
Record = Callable[[Epoch], None]


class Run:
    """A training run: optimizer state, step, order of the rows, generators, best weights.

    Parameters
    ----------
    network : Network
        It is trained from the weights it has.
    spec : Spec
        Its loss, optimizer, training and seed are used.
    train, validation : Dataset or StoredDataset
    measure : callable or None
        From the network's outputs on the validation rows (the training rows if there are none) to named metrics.
    stop : callable or None
        Called before each step; the run ends there if it returns True.
    done : int
        Epochs that the network was trained for before: numbers and random generators go on from there.
    record : callable, optional
        Called with each finished epoch, before any interrupt is let through.

    Attributes
    ----------
    epoch, step : int
        Finished epochs, and steps of them and of the unfinished one.
    thread : int or None
        That is at work on an epoch.
    whole : bool
        Whether it stands between two steps. After an exception in the middle of one it does not, and has no state.
    """

    def __init__(
        self,
        network: Network,
        spec: Spec,
        train: Dataset | StoredDataset,
        validation: Dataset | StoredDataset | None,
        measure: Measure | None,
        stop: Callable[[], bool] | None,
        done: int,
        record: Record | None = None,
    ) -> None:
        self.network, self.spec = network, spec
        self.train, self.validation, self.measure, self.stop, self.record = train, validation, measure, stop, record
        self.interrupts = Interrupts()
        self.rows = len(train.inputs)
        self.done = done
        self.epoch = 0
        self.step = 0
        self.loss = 0.0  # summed over the rows of the unfinished epoch
        self.whole = True
        self.thread: int | None = None
        self.converged = False  # the optimizer of the whole problem says that nothing is left to gain
        minimizes = isinstance(spec.optimizer, Minimizer)
        self.batch_size = min(ROWS if minimizes else spec.training.batch_size or self.rows, self.rows)
        self.shuffle_rng = random_stream(spec.seed, "shuffle", done)
        self.dropout_rng = random_stream(spec.seed, "dropout", done)
        self.quiet = quiet_context()
        self.averaged = deepcopy(network) if averages(spec.optimizer) else None
        self.given: Array | None = None  # the averaged weights, once the network has them
        self.best = Best(network, self.averaged or network, spec, validation is not None)
        self.evaluated = not (validation is None and measure is None and not self.best.stopping)
        shapes = [layer.weight.shape for layer in network.layers]
        large = max(self.batch_size * inputs * units for inputs, units in shapes) >= LARGE
        self.share = Share(large, may_be_split(max(self.batch_size, BLOCK if self.evaluated else 1), shapes))
        self.threads: int | None = None  # decided when the run begins
        self.order: NDArray[np.uint64] | None = None  # the generator that shuffled the unfinished epoch, before it did
        shuffle = spec.training.shuffle and not minimizes
        join = any(isinstance(layer.normalization, BatchNormalization) for layer in spec.network.layers)
        self.batches = batches_of(train, self.batch_size, shuffle, join)
        self.steps_per_epoch = 1 if minimizes else len(self.batches)
        self.workspaces = self._workspaces()
        self.update = Update(network, spec)
        self.problem = TrainingProblem(network, self.batches, self.workspaces, stop) if minimizes else None

    def _workspaces(self) -> dict[int, Workspace]:
        """A workspace for a whole batch and one for the last batch of an epoch, with one gradient."""
        whole = Workspace(self.network, self.spec.loss, self.batch_size, rng=self.dropout_rng)
        last = self.rows - (len(self.batches) - 1) * self.batch_size
        if last == self.batch_size:
            return {last: whole}
        return {self.batch_size: whole, last: Workspace(self.network, self.spec.loss, last, whole.gradient, self.dropout_rng)}

    @property
    def finished(self) -> bool:
        """Return whether all epochs are done, early stopping has seen enough, or nothing is left to gain."""
        converged = self.converged and self.step == self.epoch  # and that epoch is done
        return converged or self.epoch >= self.spec.training.epochs or self.best.monitor.exhausted

    @property
    def place(self) -> Place:
        """Return how far it has come."""
        return Place(self.done + self.epoch, self.step - self.epoch * self.steps_per_epoch)

    # -- training

    def next_epoch(self) -> Epoch | None:
        """Train one epoch, or what is left of it; None when the run is over, or was asked to stop."""
        if self.finished:
            return None
        if self.threads is None:
            self.use_threads(self.share.begin())
        try:
            self.thread = get_ident()
            self.interrupts.begin()
            with blaming(), self.share.products() if self.share.split else NOTHING:
                self.interrupts.let()
                try:
                    started, rate = time.perf_counter(), self.update.rate(self.epoch * self.steps_per_epoch, self.steps_per_epoch)
                    epoch = self._finished_epoch(started, rate) if self.quiet.run(self._take_steps) else None
                finally:
                    self.interrupts.held = True  # until the BLAS has its number of threads back
            self.interrupts.let()
            return epoch
        finally:
            self.interrupts.end()
            self.thread = None

    def use_threads(self, count: int) -> None:
        self.threads = self.update.threads = count
        for workspace in self.workspaces.values():
            workspace.set_threads(count)

    def _finished_epoch(self, started: float, rate: float) -> Epoch:
        """Return the record of an epoch whose steps are done, with what is measured after them."""
        validation_loss, metrics = self._evaluate()
        seconds = time.perf_counter() - started
        epoch = Epoch(self.done + self.epoch + 1, self.loss / self.rows, validation_loss, metrics, rate, seconds)
        self._begin_change()
        self.best.watch(epoch)
        if self.update.history is not None:
            self.update.history.append(epoch)
        if self.record is not None:
            self.record(epoch)
        self.epoch, self.loss, self.order = self.epoch + 1, 0.0, None
        self._end_change()
        return epoch

    def _begin_change(self) -> None:
        """Begin what must not be left half done: Ctrl-C waits for its end."""
        self.interrupts.held = True
        self.whole = False

    def _end_change(self) -> None:
        self.whole = True
        self.interrupts.let()

    def _take_steps(self) -> bool:
        """One step per batch that the epoch has left; False when asked to stop."""
        if self.problem is not None:
            return self._minimize(self.problem)
        if self.batches.shuffled:
            self.order = generator_state(self.shuffle_rng)
            self.batches.shuffle(self.shuffle_rng)
        for inputs, targets, weights in self.batches.after(self.step - self.epoch * self.steps_per_epoch):
            if self.stop is not None and self.stop():
                return False
            self._begin_change()
            workspace = self.workspaces[len(inputs)]
            loss = workspace.loss_and_gradient(inputs, targets, weights)
            if not math.isfinite(loss):
                raise self._diverged(inputs, loss)
            self.loss += loss
            self.step += 1
            self.update.apply(workspace.gradient.trained, self.step, self.steps_per_epoch)
            self._end_change()
        vector = self.network.parameters.vector
        if not math.isfinite(vector.dot(vector)) and not np.isfinite(vector).all():  # by the last step, which no loss has seen
            raise self._diverged(self.train.inputs[: self.batch_size], math.nan)
        return True

    def _minimize(self, problem: TrainingProblem) -> bool:
        """The epoch of an optimizer that needs the whole problem; False when asked to stop: then it has not begun."""
        if self.step > self.epoch:  # only the validation of the epoch is missing
            return True
        try:
            found = self.update.minimize(problem, self.step + 1)
        except Stopped:
            return False
        if not math.isfinite(problem.loss):
            raise self._diverged(self.train.inputs[: self.batch_size], problem.loss)
        if not np.isfinite(found.w).all():
            raise broken(self.spec.optimizer, "leaves NaN or infinity in the parameters")
        self._begin_change()
        self.update.adopt(found)
        self.loss, self.step, self.converged = problem.loss * self.rows, self.step + 1, found.converged
        self._end_change()
        return True

    def _evaluate(self) -> tuple[float | None, Mapping[str, float]]:
        if not self.evaluated:
            return None, {}
        data = self.train if self.validation is None else self.validation
        network = self.predicting_network()
        loss, answers = mean_loss(network, self.spec, data)
        if not math.isfinite(loss):
            raise self._diverged(data.inputs, loss)
        metrics = {} if self.measure is None else self.measure(answers)
        if self.spec.training.early_stopping and self.spec.training.early_stopping.monitor == "training_loss":
            on_training_rows = loss if self.validation is None else mean_loss(network, self.spec, self.train)[0]
            metrics = {**metrics, "training_loss": on_training_rows}
        return (None if self.validation is None else loss), metrics

    def _diverged(self, inputs: Array | StoredInputs, loss: float) -> MLPKitError:
        self.whole = False
        rate = self.update.rate(max(self.step - 1, 0), self.steps_per_epoch)
        number, last = self.done + self.epoch + 1, self.done + self.spec.training.epochs
        error = divergence(self.network, self.spec, inputs, loss, f"in epoch {number} of {last}", rate)
        kept = f"; the model has the weights of epoch {self.best.number}, the best that was finished" if self.best.number else ""
        return type(error)(error.message, help=error.help + kept)

    def close(self) -> None:
        """Give the network the weights to predict with, and the threads to other runs. A second call changes nothing.

        With early stopping, and after a run that broke in the middle of a step, these are the weights of the best finished
        epoch; else, where the optimizer averages, the average. The statistics of batch normalization are then those of the
        trained weights, and are measured anew.
        """
        self.share.close()
        if self.best.stopping or not self.whole:
            self.best.restore()
        elif self.averaged is not None:
            self.given = self.predicting_network().parameters.vector if self.given is None else self.given
            self.network.parameters.vector[...] = self.given
        if self.averaged is not None:
            measure_batch_statistics(self.network, self.train.inputs)

    def predicting_network(self) -> Network:
        """Return the network with the weights to predict with now: itself, or where the optimizer averages another one."""
        if self.averaged is None:
            return self.network
        self.averaged.parameters.vector[...] = self.network.parameters.vector
        if not self.update.average(self.averaged.parameters.trained):
            self.averaged.parameters.vector[...] = self.network.parameters.vector
        return self.averaged

    def best_network(self) -> Network:
        """Return the network that predicts best: with early stopping a copy, with the weights of the best epoch."""
        if not self.best.stopping:
            return self.predicting_network()
        network = deepcopy(self.network)
        network.parameters.vector[...] = self.best.kept
        return network

    def go_on_with_threads(self, threads: int | None) -> None:
        """Take the number of threads with which the run began, unless somebody has set another one."""
        if threads is None:
            return
        count = self.share.begin(threads)
        self.use_threads(count)
        if count != threads:
            message = f"the run began with {counted(threads, 'thread')} and goes on with {count}"
            warn(UserWarning(f"{message}: the last bits may differ from those of an unbroken run"))
