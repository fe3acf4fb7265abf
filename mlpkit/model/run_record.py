"""Runs: what a model knows of its training, the run that goes on and what the last one has left."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from threading import get_ident
from typing import TYPE_CHECKING, Any

from mlpkit.errors import MLPKitError, TrainingError

if TYPE_CHECKING:  # imported where they are used: to load a model and predict needs none of them
    from mlpkit.engine.network import Network
    from mlpkit.provenance.preactivation_ranges import Ranges
    from mlpkit.spec import Spec
    from mlpkit.training.epoch import Epoch
    from mlpkit.training.session import Session
    from mlpkit.training.state import TrainingState
    from mlpkit.training.warm_start import WarmStart


@dataclass
class Runs:
    """The record of a model's training.

    Attributes
    ----------
    left : TrainingState or None
        Where the last run stands if it can go on.
    ranges : dict
        The scores that the model's own activations have met.
    session : Session or None
        The run that goes on.
    warm_start : WarmStart or None
        What the last run has left to the next one.
    begun : int
        The runs so far.
    """

    left: TrainingState | None
    ranges: Ranges
    session: Session | None = None
    warm_start: WarmStart | None = field(default=None)
    begun: int = 0

    def __getstate__(self) -> dict[str, Any]:
        """A copy is not in the middle of a run."""
        return {**self.__dict__, "session": None}

    @property
    def state(self) -> TrainingState | None:
        """Return where the run stands that goes on, or the last one that can go on."""
        return self.left if self.session is None else self.session.state()

    def check_idle(self) -> None:
        """Raise TrainingError while a run goes on."""
        if self.session is not None:
            help = "let the other loop end, or close() its iterator, before you begin another one"
            raise TrainingError("the model is being trained already, by another loop over its epochs", help=help)

    def warm(self, spec: Spec, network: Network) -> WarmStart | None:
        """Return what an earlier run has left to a new one, in memory or in the model's file."""
        from mlpkit.training.warm_start import WarmStart

        if self.warm_start is None and self.left is not None:
            return WarmStart.of_state(self.left, spec, network)
        return self.warm_start

    def epochs(self, session: Session, model: Any) -> Generator[Epoch, None, None]:
        """Return the epochs of a run, which begins with the first of them, if no other has begun since this call."""
        return self._epochs(session, model, self.begun)

    def _epochs(self, session: Session, model: Any, begun: int) -> Generator[Epoch, None, None]:
        """Yield the epochs of a run, and keep what it leaves, whatever ends it. An error has the model, if an epoch was finished.

        At the end the network has the weights that early stopping restores.
        """
        self.check_idle()
        if self.begun != begun:
            help = "call mlpkit.epochs anew, which goes on from where the model is"
            raise TrainingError("the model has been trained since this loop was made", help=help)
        try:
            self.begun, self.session, self.left = begun + 1, session, None
            try:
                session.go_on()
                while (epoch := session.run.next_epoch()) is not None:
                    session.after_epoch()
                    yield epoch
                session.after_training()
            except KeyboardInterrupt:
                session.interrupted = True
                raise
            finally:
                try:
                    session.settle()
                except KeyboardInterrupt:
                    session.settle()
                    raise
        except MLPKitError as error:
            error.model = model if model.history else None
            raise
        finally:
            session.settle()
            self.session, self.left, self.warm_start = None, session.left, session.warm_start
            self.ranges = session.preactivation_ranges(session.run.network) if session.ranges is None else session.ranges

    def moment(self) -> tuple[int, int] | None:
        """Return where the run stands, None without one; TrainingError when another thread is at work on it."""
        if self.session is None:
            return None
        if self.session.run.thread not in (None, get_ident()):
            raise elsewhere()
        return self.session.run.epoch, self.session.run.step

    def to_save(self, wanted: bool | None, keep: bool) -> TrainingState | None:
        """Return the state that a file is to have.

        Parameters
        ----------
        wanted : bool or None
            As `Model.save` has it.
        keep : bool
            Whether the spec asks for that of a finished run.

        Raises
        ------
        TrainingError
            It is wanted, and there is none.
        """
        if wanted is None:
            return self.left if self.session is None and keep else None
        state = self.state if wanted else None
        if wanted and state is None:
            help = (
                "save it inside of the loop over mlpkit.epochs, let training.checkpoint in the spec write files, or set "
                "training.keep_state to true, which keeps the state of a finished run"
            )
            raise TrainingError("there is no run that could go on", help=help)
        return state


def elsewhere() -> TrainingError:
    """Return the error of a save while another thread trains."""
    help = "save it between two epochs, in the loop that trains it, or let training.checkpoint in the spec write files"
    return TrainingError("the model is being trained in another thread: its numbers change while they are saved", help=help)
