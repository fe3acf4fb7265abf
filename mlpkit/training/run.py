"""Run: training epoch by epoch and step by step, which can be stopped before any step and resumed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from copy import deepcopy
from threading import get_ident

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.dataset import Dataset
from mlpkit.data.disk.dataset import StoredDataset, StoredInputs
from mlpkit.engine.network import Network
from mlpkit.engine.weighted_targets import WeightedTargets
from mlpkit.errors import MLPKitError
from mlpkit.numerics.numpy_errstate import quiet_context
from mlpkit.plugin import Array, Loss, Minimizer
from mlpkit.plugin.engine import Engine
from mlpkit.plugin.error_attribution import attributing_errors
from mlpkit.spec import Spec
from mlpkit.training.averaged_network import AveragedNetwork
from mlpkit.training.batch_plan import BatchPlan
from mlpkit.training.divergence import broken, divergence
from mlpkit.training.early_stopping import Best
from mlpkit.training.epoch import Epoch
from mlpkit.training.evaluation import Answers, mean_loss
from mlpkit.training.fading import fade
from mlpkit.training.interrupts import Interrupts
from mlpkit.training.objective import Objective, Stopped
from mlpkit.training.random_generators import generator_state, random_stream
from mlpkit.training.ranks import present
from mlpkit.training.run_clock import RunClock
from mlpkit.training.state import Place, keeps_averages
from mlpkit.training.step_kernel import use_kernel
from mlpkit.training.update import Update

NOTHING = nullcontext()
Measure = Callable[[Answers, Network], Mapping[str, float]]
Record = Callable[[Epoch], None]


class Run:
    """Training run: optimizer state, step, order of the rows, generators, best weights.

    Parameters
    ----------
    network : Network
        Network to train from its present weights.
    spec : Spec
        Spec whose loss, optimizer, training options and seed are used.
    train, validation : Dataset or StoredDataset
    measure : callable or None
        Function from the network's outputs on the validation rows (or else the training rows) to named metrics.
    stop : callable or None
        Called before each step; the run ends if it returns True.
    done : int
        Number of epochs of earlier runs, from which epoch numbers and random generators continue.
    record : callable, optional
        Called with each finished epoch, before an interrupt is raised.
    loss : Loss or WeightedTargets, optional
        Default: the loss of the spec.
    engine : Engine, optional
        It computes the passes of training and evaluation, where it can.

    Attributes
    ----------
    epoch, step : int
        Numbers of finished epochs, and of steps including those of the unfinished epoch.
    thread : int or None
        Thread that is running an epoch.
    whole : bool
        True if the run is between two steps. After an exception in the middle of a step it is False, and there is no state.
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
        loss: Loss | WeightedTargets | None = None,
        engine: Engine | None = None,
    ) -> None:
        self.network, self.spec = network, spec
        self.objective_loss = spec.loss if loss is None else loss
        self.train, self.validation, self.measure, self.stop, self.record = train, validation, measure, stop, record
        self.interrupts = Interrupts()
        self.rows = len(train.inputs)
        self.done = done
        self.epoch = 0
        self.step = 0
        self.loss = 0.0  # sum over the rows of the unfinished epoch
        self.whole = True
        self.thread: int | None = None
        self.converged = False  # the full-batch optimizer reports that no improvement is left
        self.plan = plan = BatchPlan.of(spec, self.rows)
        self.shuffle_rng = random_stream(spec.seed, "shuffle", done)
        self.dropout_rng = random_stream(spec.seed, "dropout", done)
        self.quiet = quiet_context()
        self.update = Update(network, spec)
        use_kernel(self.update, spec, plan.steps * spec.training.epochs)
        self.averaged = AveragedNetwork(network, self.update, train.inputs) if keeps_averages(spec) else None
        self.evaluated_network = (self.averaged.network if self.averaged else network).using(engine)
        self.best = Best(network, self.averaged.network if self.averaged else network, spec, validation is not None)
        self.evaluated = not (validation is None and measure is None and not self.best.stopping)
        self.thread_share = plan.thread_share(network, self.evaluated)
        self.threads: int | None = None  # set when the run begins
        self.order: NDArray[np.uint64] | None = None  # state of the shuffle generator before the unfinished epoch
        self.ranks = ranks = present()
        self.batches = plan.batches(train, ranks)
        self.steps_per_epoch = plan.steps
        self.clock = None if spec.training.time_budget is None else RunClock(spec.training.time_budget)
        self.workspaces = plan.workspaces(network, self.objective_loss, self.dropout_rng, ranks, engine)
        self.problem: Objective | None = None
        if isinstance(spec.optimizer, Minimizer):
            self.problem = Objective(network, self.batches, self.workspaces, self.update.penalty, stop)

    @property
    def finished(self) -> bool:
        """True if all epochs are done, patience or the time is exhausted, or a full-batch optimizer has converged."""
        if self.epoch >= self.spec.training.epochs or self.best.monitor.exhausted:
            return True
        ended = self.converged or (self.clock is not None and self.clock.over)
        return ended and self.step == self.epoch * self.steps_per_epoch  # and the epoch is finished

    @property
    def place(self) -> Place:
        """Progress of the run."""
        return Place(self.done + self.epoch, self.step - self.epoch * self.steps_per_epoch)

    # -- training

    def next_epoch(self) -> Epoch | None:
        """Train one epoch or the rest of it; return None if the run is finished or stopped."""
        if self.finished:
            return None
        if self.threads is None:
            self.use_threads(self.thread_share.begin())
        if self.clock is not None and self.step == self.epoch * self.steps_per_epoch:
            self.update.elapsed = self.clock.decide()
        fade(self.spec, self.epoch, self.update, self.workspaces.values())
        try:
            self.thread = get_ident()
            self.interrupts.begin()
            with attributing_errors(), self.thread_share.products() if self.thread_share.split else NOTHING:
                self.interrupts.let()
                try:
                    started, rate = time.perf_counter(), self.update.rate(self.epoch * self.steps_per_epoch, self.steps_per_epoch)
                    epoch = self._finished_epoch(started, rate) if self.quiet.run(self._take_steps) else None
                finally:
                    self.interrupts.held = True  # until the number of BLAS threads is restored
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
        """Return the record of an epoch whose steps are done, with its validation."""
        self.predicting_network()  # fills the averages
        validation_loss, metrics = self._evaluate(self.evaluated_network) if self.evaluated else (None, {})
        if self.ranks is not None:
            validation_loss, metrics = self.ranks.first((validation_loss, metrics))
        if self.clock is not None:
            metrics = {**metrics, "elapsed": self.update.elapsed}
        if self.update.penalty:
            metrics = {**metrics, "penalty": self.update.penalty.value()}
        seconds = time.perf_counter() - started
        if self.clock is not None:
            self.clock.decide()
        epoch = Epoch(self.done + self.epoch + 1, self.loss / self.plan.rows, validation_loss, metrics, rate, seconds)
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
        """Begin a change that must be completed, for which Ctrl-C is delayed."""
        self.interrupts.held = True
        self.whole = False

    def _end_change(self) -> None:
        self.whole = True
        self.interrupts.let()

    def _take_steps(self) -> bool:
        """Take the remaining steps of the epoch, one per batch; return False if stopped."""
        if self.problem is not None:
            return self._minimize(self.problem)
        if self.batches.shuffled:
            self.order = generator_state(self.shuffle_rng)
            self.batches.shuffle(self.shuffle_rng)
        drop = self.spec.training.drop_last
        for inputs, targets, weights in self.batches.after(self.step - self.epoch * self.steps_per_epoch):
            if drop and len(inputs) < self.plan.size:  # an iterator that is left early would lose an interrupt while it is closed
                continue
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
        if (
            not math.isfinite(vector.dot(vector)) and not np.isfinite(vector).all()
        ):  # caused by the last step, after which no loss is computed
            raise self._diverged(self.train.inputs[: self.plan.size], math.nan)
        return True

    def _minimize(self, problem: Objective) -> bool:
        """Run an epoch of a full-batch optimizer; return False, without any change, if stopped."""
        if self.step > self.epoch:  # only validation remains
            return True
        try:
            found = self.update.minimize(problem, self.step + 1)
        except Stopped:
            return False
        if not math.isfinite(problem.loss):
            raise self._diverged(self.train.inputs[: self.plan.size], problem.loss)
        if not np.isfinite(found.w).all():
            raise broken(self.spec.optimizer, "leaves NaN or infinity in the parameters")
        self._begin_change()
        self.update.adopt(found)
        self.loss, self.step, self.converged = problem.loss * self.plan.rows, self.step + 1, found.converged
        self._end_change()
        return True

    def _evaluate(self, network: Network) -> tuple[float | None, Mapping[str, float]]:
        data = self.train if self.validation is None else self.validation
        loss, answers = mean_loss(network, self.objective_loss, data, self.ranks)
        if not math.isfinite(loss):
            raise self._diverged(data.inputs, loss)
        metrics = {} if self.measure is None else self.measure(answers, network)
        stopping = self.spec.training.early_stopping
        if stopping and stopping.monitor == "training_loss" and "training_loss" not in metrics:
            rows = None if self.validation is None else self.train
            on_training_rows = loss if rows is None else mean_loss(network, self.objective_loss, rows, self.ranks)[0]
            metrics = {**metrics, "training_loss": on_training_rows}
        return (None if self.validation is None else loss), metrics

    def _diverged(self, inputs: Array | StoredInputs, loss: float) -> MLPKitError:
        self.whole = False
        rate = self.update.rate(max(self.step - 1, 0), self.steps_per_epoch)
        number, last = self.done + self.epoch + 1, self.done + self.spec.training.epochs
        error = divergence(self.network, self.spec, inputs, loss, f"in epoch {number} of {last}", rate)
        kept = f"; the model has the weights of epoch {self.best.number}, the best finished one" if self.best.number else ""
        return type(error)(error.message, help=error.help + kept)

    def close(self) -> None:
        """Set the network's weights for prediction, and release threads. Further calls have no effect.

        With early stopping, and after an error in the middle of a step, these are the weights of the best finished epoch; else the averaged
        weights if the optimizer averages.
        """
        self.thread_share.close()
        if self.best.stopping or not self.whole:
            self.best.restore()
        elif self.averaged is not None:
            self.network.parameters.vector[...] = self.predicting_network().parameters.vector

    def predicting_network(self) -> Network:
        """Return the network with the present weights for prediction: itself, or another one if the optimizer averages."""
        if self.averaged is None:
            return self.network
        try:
            return self.averaged.after(self.step)
        except MLPKitError:  # a plugin fails on the averaged weights
            self.whole = False
            raise

    def best_network(self) -> Network:
        """Return the network with the best weights: a copy with those of the best epoch, if there is early stopping."""
        if not self.best.stopping:
            return self.predicting_network()
        network = deepcopy(self.network)
        network.parameters.vector[...] = self.best.kept
        return network
