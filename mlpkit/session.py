"""Session: a model's run on its data, with the history that it writes, the metrics that it measures and its checkpoints."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import closing
from functools import cached_property
from pathlib import Path

from mlpkit.checkpoints import Checkpoints
from mlpkit.evaluation import measure, warn_undefined
from mlpkit.fingerprint import Fingerprint, fingerprint
from mlpkit.network import Network
from mlpkit.plugin.base import RAISED
from mlpkit.preparation import Prepared
from mlpkit.score_ranges import Ranges, score_ranges
from mlpkit.spec import Spec
from mlpkit.training import Answers, Epoch, History, Place, Run, TrainingState

Stop = Callable[[], bool]


class Session:
    """A run on prepared data.

    Parameters
    ----------
    network : Network
    spec : Spec
    prepared : Prepared
    history : History
        Of what was trained before; each epoch is added to it.
    begin : TrainingState or None
        Where the run goes on; None for a new one.
    stop : callable or None
        Asked before each step.
    save : callable
        Writes a checkpoint of the moment to a path.

    Raises
    ------
    ModelFileError
        The folder of checkpoints cannot be used.

    Attributes
    ----------
    left : TrainingState or None
        Where the run stood when it ended; None when it was finished, or broke in the middle of a step.
    """

    def __init__(
        self,
        network: Network,
        spec: Spec,
        prepared: Prepared,
        history: History,
        begin: TrainingState | None,
        stop: Stop | None,
        save: Callable[[Path], None],
    ) -> None:
        self.spec, self.prepared, self.history, self.begin, self.stop = spec, prepared, history, begin, stop
        self.left: TrainingState | None = None
        self.restored, self.told = begin is None, False
        options, place = spec.training.checkpoint, Place(len(history), 0) if begin is None else begin.place
        self.checkpoints = None if options is None else Checkpoints(spec, place, save)
        before_step = stop if options is None or options.minutes is None else self._before_step
        metrics = self._measure if spec.metrics else None
        self.run = Run(network, spec, prepared.train, prepared.validation, metrics, before_step, len(history))

    def epochs(self) -> Generator[Epoch, None, None]:
        """Train; yields each epoch. When it ends, whatever ended it, the network has the weights that early stopping restores."""
        with closing(self.run):
            try:
                yield from self._epochs()
            finally:
                self.left = None if self.run.finished or sys.is_finalizing() else self.state()  # at its end Python imports no more

    def _epochs(self) -> Generator[Epoch, None, None]:
        if self.begin is not None:
            self.run.restore(self.begin)
            self.restored = True
        while (epoch := self.run.next_epoch()) is not None:
            self.history.append(epoch)
            if self.checkpoints is not None:
                self.checkpoints.after_epoch(self.run.place, self.history)
            yield epoch
        if self.checkpoints is not None and self.run.finished:
            self.checkpoints.write(self.run.place, self.history)

    def _before_step(self) -> bool:
        if self.stop is not None and self.stop():
            return True
        if self.checkpoints is not None:
            self.checkpoints.before_step(self.run.place, self.history)
        return False

    def _measure(self, answers: Answers) -> dict[str, float]:
        values, weights = self.prepared.measured
        activation = self.spec.network.layers[-1].activation
        figures = self.prepared.target.scores(answers.outputs, activation, answers.scores)
        measured = measure(self.spec.metrics, figures, values, weights)
        if not self.told:  # of what no epoch can measure, once
            self.told = True
            warn_undefined(measured, figures, "training" if self.prepared.validation is None else "validation")
        return measured

    def score_ranges(self, network: Network) -> Ranges:
        """The scores that a network's own activations meet on the training rows; none when a plugin fails."""
        if sys.is_finalizing():  # at its end Python imports no more
            return {}
        try:
            return score_ranges(network, self.prepared.train.inputs)
        except RAISED:  # what ended the run has been said
            return {}

    def state(self) -> TrainingState | None:
        """Where the run stands; None when it broke in the middle of a step, or before an epoch was in the history."""
        if not self.restored:  # it was interrupted while it was brought to where it goes on: it stands there still
            return self.begin
        whole = self.run.whole and len(self.history) == self.run.place.epochs
        return self.run.state(self._fingerprint) if whole else None

    @cached_property
    def _fingerprint(self) -> Fingerprint:
        return fingerprint(self.prepared)
