"""Session: a model's run on its data, with history, metrics and checkpoints."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mlpkit.engine.network import Network
from mlpkit.plugin.base import RAISED
from mlpkit.preprocessing.prepare import Prepared
from mlpkit.provenance.preactivation_ranges import Ranges, preactivation_ranges
from mlpkit.spec import Spec
from mlpkit.training.checkpoints import Checkpoints
from mlpkit.training.evaluation import Answers, mean_loss, measure, warn_undefined
from mlpkit.training.fingerprint import Fingerprint, fingerprint
from mlpkit.training.history import History
from mlpkit.training.preflight import engine_of
from mlpkit.training.ranks import present
from mlpkit.training.run import Run
from mlpkit.training.run_state import apply_warm_start, restore, state_of, warm_start_of
from mlpkit.training.same_run import check_same
from mlpkit.training.state import Place, TrainingState
from mlpkit.training.target_weights import weighted_loss
from mlpkit.training.warm_start import WarmStart

Stop = Callable[[], bool]
MakeCheckpoints = Callable[[Place], Checkpoints]


class Session:
    """Run on prepared data.

    Parameters
    ----------
    network : Network
    spec : Spec
    prepared : Prepared
    history : History
        History of earlier training, to which each epoch is appended.
    begin : TrainingState, WarmStart or None
        State to resume from, or state that an earlier run has left for the next one.
    stop : callable or None
        Called before each step.
    checkpoints : callable or None
        Function from the beginning of the run to its checkpoints.

    Raises
    ------
    ModelFileError
        The folder of checkpoints cannot be used.

    Attributes
    ----------
    left : TrainingState or None
        State of the run at its end; None if it was finished (except with `training.keep_state`, or for Ctrl-C at the very end) or failed in
        the middle of a step.
    ranges : dict or None
        Ranges of the pre-activations of third-party activations after a finished run; None for one that was left or failed.
    warm_start : WarmStart or None
        State for the next run; None if this one failed in the middle of a step.
    """

    def __init__(
        self,
        network: Network,
        spec: Spec,
        prepared: Prepared,
        history: History,
        begin: TrainingState | WarmStart | None,
        stop: Stop | None,
        checkpoints: MakeCheckpoints | None,
    ) -> None:
        if (ranks := present()) is not None:
            stop = ranks.agreeing(stop)
            checkpoints = checkpoints if ranks.rank == 0 else None
        self.spec, self.prepared, self.history, self.begin, self.stop = spec, prepared, history, begin, stop
        self.left = begin if isinstance(begin, TrainingState) else None
        self.warm_start = begin if isinstance(begin, WarmStart) else None
        self.restored, self.settled, self.told = begin is None, False, False
        self.keeps = spec.training.keep_state  # the state even at the very end, also for Ctrl-C
        self.ranges: Ranges | None = None
        place = begin.place if isinstance(begin, TrainingState) else Place(len(history), 0)
        self.checkpoints = None if checkpoints is None else checkpoints(place)
        metrics = self._measure if spec.metrics or spec.training.training_metrics else None
        before_step = stop if self.checkpoints is None or self.checkpoints.options.minutes is None else self._before_step
        done = len(history)
        loss = weighted_loss(spec, prepared.target)
        data, engine = (prepared.train, prepared.validation), engine_of(spec)
        self.run = Run(network, spec, *data, metrics, before_step, done, history.append, loss, engine)
        if ranks is not None and self.run.clock is not None:
            self.run.clock.agree = ranks.first

    def go_on(self) -> None:
        """Restore the state of an earlier run, or apply its warm start. Several ranks begin with the parameters of rank 0."""
        ranks, vector = self.run.ranks, self.run.network.parameters.vector
        if ranks is not None:
            check_same(ranks, self.spec, self._fingerprint, self.begin.place if isinstance(self.begin, TrainingState) else self.run.place)
            vector[...] = ranks.first(vector)
        if isinstance(self.begin, TrainingState):
            restore(self.run, self.begin, self.history)
        elif isinstance(self.begin, WarmStart):
            apply_warm_start(self.run, self.begin)
        self.restored = True

    def after_epoch(self) -> None:
        """Write a checkpoint if one is due."""
        if self.checkpoints is not None:
            with self.run.interrupts.holding():
                self.checkpoints.after_epoch(self.run.place, self.history)

    def after_training(self) -> None:
        """Write the last checkpoint of a finished run, and measure the ranges of pre-activations of the best network."""
        if self.checkpoints is not None and self.run.finished:
            with self.run.interrupts.holding():
                self.checkpoints.write(self.run.place, self.history)
        self.ranges = self.preactivation_ranges(self.run.best_network())

    def settle(self) -> None:
        """End the run: keep its state, set the network's weights, release threads and folder. Further calls have no effect."""
        if self.restored and not self.settled and not sys.is_finalizing():  # no imports are possible while Python exits
            self.left = self.state() if self.keeps or not self.run.finished else None
            self.warm_start = warm_start_of(self.run) if self.run.whole else None
            self.settled = True
        try:
            self.run.close()
        finally:
            if self.checkpoints is not None:
                self.checkpoints.close()

    def _before_step(self) -> bool:
        if self.stop is not None and self.stop():
            return True
        if self.checkpoints is not None:
            with self.run.interrupts.holding():
                self.checkpoints.before_step(self.run.place, self.history)
        return False

    def _measure(self, answers: Answers, network: Network) -> dict[str, float]:
        """Return the metrics on the validation rows, or on the training rows without any; and on both if the spec asks for it."""
        if not self.spec.training.training_metrics:
            return self._metrics(answers)
        train, weights = self.prepared.train, self.prepared.train.weights if self.prepared.weighted else None
        loss, on_training_rows = mean_loss(network, self.run.objective_loss, train, self.run.ranks)
        outputs = self._outputs(on_training_rows)
        measured = measure(self.spec.metrics, outputs, self.prepared.train_values, weights)
        return {**self._metrics(answers), "training_loss": loss, **{f"training_{name}": value for name, value in measured.items()}}

    def _metrics(self, answers: Answers) -> dict[str, float]:
        targets, weights = self.prepared.measured
        outputs = self._outputs(answers)
        measured = measure(self.spec.metrics, outputs, targets, weights)
        if not self.told:  # warn once of metrics that no epoch can measure
            self.told = True
            warn_undefined(measured, outputs, "training" if self.prepared.validation is None else "validation")
        return measured

    def _outputs(self, answers: Answers) -> NDArray[np.float64]:
        return self.prepared.target.scores(answers.outputs, self.spec.network.layers[-1].activation, answers.z, self.spec.loss)

    def preactivation_ranges(self, network: Network) -> Ranges:
        """Return the ranges of pre-activations of third-party activations on the training rows; empty if a plugin fails."""
        if sys.is_finalizing():  # no imports are possible while Python exits
            return {}
        try:
            return preactivation_ranges(network, self.prepared.train.inputs)
        except RAISED:  # the error that ended the run has been reported
            return {}

    def state(self) -> TrainingState | None:
        """Return the state of the run; None after an error in the middle of a step."""
        if not self.restored:  # interrupted while restoring; the earlier state is still valid
            return self.left
        return state_of(self.run, self._fingerprint) if self.run.whole else None

    @cached_property
    def _fingerprint(self) -> Fingerprint:
        return self.begin.data if isinstance(self.begin, TrainingState) else fingerprint(self.prepared)
