"""Record of an ensemble's training: its members train one after the other, or in worker processes, with the same results."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from mlpkit.errors import MLPKitError, TrainingError
from mlpkit.model.runs import not_resumable
from mlpkit.threads import one_thread

if TYPE_CHECKING:  # imported where they are used, because loading and predicting need none of them
    from mlpkit.model.ensemble import Ensemble
    from mlpkit.model.model import Model
    from mlpkit.preprocessing.prepare import Prepared
    from mlpkit.training.checkpoints import Checkpoints
    from mlpkit.training.epoch import Epoch
    from mlpkit.training.session import MakeCheckpoints, Stop
    from mlpkit.training.state import Place, TrainingState


class EnsembleState(NamedTuple):
    """State of the run of an ensemble: of each member, or None for one that has not begun."""

    members: tuple[TrainingState | None, ...]

    @property
    def place(self) -> Place:
        """Epochs of all members together, and steps of their unfinished epochs."""
        from mlpkit.training.state import Place

        places = [state.place for state in self.members if state is not None]
        return Place(sum(place.epochs for place in places), sum(place.steps for place in places))

    @property
    def done(self) -> int:
        """Most epochs that a member had before this run."""
        return max((state.done for state in self.members if state is not None), default=0)


class EnsembleRuns:
    """Record of an ensemble's training.

    Parameters
    ----------
    members : tuple of Model
    left : bool
        True if the last run can be resumed, or has kept its state.
    """

    def __init__(self, members: tuple[Model, ...], left: bool) -> None:
        self.members, self.left, self.begun, self.active = members, left, 0, False

    def __getstate__(self) -> dict[str, Any]:
        """Return the state for copying, without the present run."""
        return {**self.__dict__, "active": False}

    @property
    def state(self) -> EnsembleState | None:
        """State of the present run, or of the last one if it can be resumed: not if a member has failed in the middle of a step."""
        states = tuple(member._runs.state for member in self.members)
        broken = any(state is None and member.history for state, member in zip(states, self.members, strict=True))
        return EnsembleState(states) if self.left and not broken else None

    def check_idle(self) -> None:
        """Raise TrainingError during a run."""
        if self.active:
            help = "finish the other loop, or close() its iterator, before starting another one"
            raise TrainingError("the model is already being trained by another loop over its epochs", help=help)

    def moment(self) -> list[tuple[int, int] | None]:
        """Return epoch and step of each member in the present run; raise TrainingError while another thread trains one."""
        return [member._runs.moment() for member in self.members]

    def to_save(self, wanted: bool | None, keep: bool) -> EnsembleState | None:
        """Return the training state to save; parameters and errors are those of `Runs.to_save`."""
        if wanted is None:
            return self.state if keep and not self.active else None
        if wanted and self.state is None:
            raise not_resumable()
        return self.state if wanted else None

    def epochs(
        self,
        model: Ensemble,
        prepared: Prepared,
        stop: Stop | None,
        *,
        resume: bool,
        keep_optimizer: bool,
        checkpoints: MakeCheckpoints | None,
        processes: bool,
    ) -> Generator[Epoch, None, None]:
        """Return an iterator over the epochs of a run, which starts at the first epoch."""
        place = EnsembleState(tuple(member._runs.state for member in self.members)).place
        own = None if checkpoints is None else checkpoints(place)
        train = self._in_workers if processes else partial(self._here, keep_optimizer=keep_optimizer)
        return self._epochs(model, prepared, own, train(model, prepared, stop, own, resume), self.begun)

    def _epochs(
        self, model: Ensemble, prepared: Prepared, own: Checkpoints | None, run: Generator[Epoch, None, None], begun: int
    ) -> Generator[Epoch, None, None]:
        """Yield the epochs of a run, and keep its state, however it ends. Errors get the model as an attribute after the first epoch."""
        self.check_idle()
        if self.begun != begun:
            help = "call mlpkit.epochs again, which continues from the present weights"
            raise TrainingError("the model has been trained since this loop was created", help=help)
        try:
            self.begun, self.active, self.left = begun + 1, True, True
            for member in self.members:
                member._runs.finished = False
            with closing(run):
                yield from run
            if all(member._runs.finished for member in self.members):
                with one_thread():
                    model.finish(prepared)
                self._forget(model)
        except MLPKitError as error:
            error.model = model if any(member.history for member in self.members) else None
            raise
        finally:
            self.active = False
            if own is not None:
                own.close()

    def _forget(self, model: Ensemble) -> None:
        """Leave the states of finished members, unless the spec keeps them."""
        if not model.spec.training.keep_state:
            self.left = False
            for member in self.members:
                member._runs.left = None

    def _here(
        self, model: Ensemble, prepared: Prepared, stop: Stop | None, own: Checkpoints | None, resume: bool, keep_optimizer: bool = True
    ) -> Generator[Epoch, None, None]:
        """Train the members in this process, one after the other."""
        from mlpkit.preprocessing.members import member_data
        from mlpkit.training.epoch import MemberEpoch

        for number, member in enumerate(self.members):
            try:
                run = member.epochs(
                    member_data(prepared, number),
                    stop,
                    resume=resume and member._runs.state is not None,
                    keep_optimizer=keep_optimizer,
                    checkpoints=None if own is None else partial(_member_checkpoints, own, self),
                    keep_state=True,
                )
                with closing(run):
                    for epoch in alone(run):
                        yield MemberEpoch.of(epoch, number)
            except MLPKitError as error:
                raise type(error)(f"member {number}: {error.message}", help=error.help) from error
            if not member._runs.finished:
                return

    def _in_workers(
        self, model: Ensemble, prepared: Prepared, stop: Stop | None, own: Checkpoints | None, resume: bool
    ) -> Generator[Epoch, None, None]:
        """Train the members in worker processes, if there is enough to do for them and they can be started, else here."""
        from mlpkit.model.member_workers import MemberWorkers, worker_count

        count = worker_count(model, prepared)
        if count > 1:
            try:
                workers = MemberWorkers(self.members, prepared, count, resume, own, partial(self._write, own))
            except OSError:  # no process can be started here
                pass
            else:
                yield from workers.epochs(stop)
                return
        yield from self._here(model, prepared, stop, own, resume)

    def _write(self, own: Checkpoints | None) -> None:
        """Write a checkpoint of all members."""
        if own is not None:
            own.write(EnsembleState(tuple(member._runs.state for member in self.members)).place, ())


def alone(run: Generator[Epoch, None, None]) -> Iterator[Epoch]:
    """Yield the epochs of a run that computes with one thread, as in a worker process."""
    while True:
        with one_thread():
            epoch = next(run, None)
        if epoch is None:
            return
        yield epoch


def _member_checkpoints(own: Checkpoints, runs: EnsembleRuns, place: Place) -> Checkpoints:
    """Return the checkpoints of one member, each of which saves all members."""
    from mlpkit.training.member_checkpoints import MemberCheckpoints

    return MemberCheckpoints(own.options, place, partial(runs._write, own))
