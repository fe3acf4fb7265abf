"""Record of a model's training: the present run, and the state left by the last one."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from threading import get_ident
from typing import TYPE_CHECKING, Any

from mlpkit.errors import MLPKitError, TrainingError

if TYPE_CHECKING:  # imported where they are used, because loading and predicting need none of them
    from mlpkit.engine.network import Network
    from mlpkit.provenance.preactivation_ranges import Ranges
    from mlpkit.spec import Spec
    from mlpkit.training.epoch import Epoch
    from mlpkit.training.session import Session
    from mlpkit.training.state import TrainingState
    from mlpkit.training.warm_start import WarmStart


@dataclass
class Runs:
    """Record of a model's training.

    Attributes
    ----------
    left : TrainingState or None
        State of the last run, if it can be resumed.
    ranges : dict
        Ranges of the pre-activations of the model's third-party activations.
    session : Session or None
        Present run.
    warm_start : WarmStart or None
        State of the optimizer from the last run, for the next one.
    begun : int
        Number of runs so far.
    finished : bool
        True if the last run of this process came to its end.
    """

    left: TrainingState | None
    ranges: Ranges
    session: Session | None = None
    warm_start: WarmStart | None = field(default=None)
    begun: int = 0
    finished: bool = False

    def __getstate__(self) -> dict[str, Any]:
        """Return the state for copying, without the present run."""
        return {**self.__dict__, "session": None}

    @property
    def state(self) -> TrainingState | None:
        """State of the present run, or of the last one if it can be resumed."""
        return self.left if self.session is None else self.session.state()

    def check_idle(self) -> None:
        """Raise TrainingError during a run."""
        if self.session is not None:
            help = "finish the other loop, or close() its iterator, before starting another one"
            raise TrainingError("the model is already being trained by another loop over its epochs", help=help)

    def warm(self, spec: Spec, network: Network) -> WarmStart | None:
        """Return the state of the optimizer from an earlier run, in memory or from the model's file."""
        from mlpkit.training.warm_start import WarmStart

        if self.warm_start is None and self.left is not None:
            return WarmStart.of_state(self.left, spec, network)
        return self.warm_start

    def epochs(self, session: Session, model: Any) -> Generator[Epoch, None, None]:
        """Return an iterator over the epochs of a run, which starts at the first epoch, unless another run has started by then."""
        return self._epochs(session, model, self.begun)

    def _epochs(self, session: Session, model: Any, begun: int) -> Generator[Epoch, None, None]:
        """Yield the epochs of a run, and keep its state, however it ends. Errors get the model as an attribute after the first epoch.

        At the end, the network has the weights that early stopping restores.
        """
        self.check_idle()
        if self.begun != begun:
            help = "call mlpkit.epochs again, which continues from the present weights"
            raise TrainingError("the model has been trained since this loop was created", help=help)
        try:
            self.begun, self.session, self.left, self.finished = begun + 1, session, None, False
            try:
                session.go_on()
                while (epoch := session.run.next_epoch()) is not None:
                    session.after_epoch()
                    yield epoch
                session.after_training()
            except KeyboardInterrupt:
                session.keeps = True
                raise
            finally:
                try:
                    session.settle()
                except KeyboardInterrupt:
                    session.settle()
                    raise
            self.finished = session.run.finished
            if self.finished:
                model.finish(session.prepared)
        except MLPKitError as error:
            error.model = model if model.history else None
            raise
        finally:
            try:
                session.settle()
            finally:
                self.session, self.left, self.warm_start = None, session.left, session.warm_start
            self.ranges = session.preactivation_ranges(session.run.network) if session.ranges is None else session.ranges

    def moment(self) -> tuple[int, int] | None:
        """Return epoch and step of the present run, None without one; raise TrainingError while another thread trains."""
        if self.session is None:
            return None
        if self.session.run.thread not in (None, get_ident()):
            raise elsewhere()
        return self.session.run.epoch, self.session.run.step

    def to_save(self, wanted: bool | None, keep: bool) -> TrainingState | None:
        """Return the training state to save.

        Parameters
        ----------
        wanted : bool or None
            The argument of `Model.save`.
        keep : bool
            True if the spec requests the state of a finished run.

        Raises
        ------
        TrainingError
            A state was requested, and there is none.
        """
        if wanted is None:
            return self.left if self.session is None and keep else None
        state = self.state if wanted else None
        if wanted and state is None:
            raise not_resumable()
        return state


def not_resumable() -> TrainingError:
    """Return the error for saving the state of a run that there is not."""
    help = (
        "save inside the loop over mlpkit.epochs, set training.checkpoint in the spec, or set "
        "training.keep_state to true, which keeps the state of a finished run"
    )
    return TrainingError("there is no run that could be resumed", help=help)


def elsewhere() -> TrainingError:
    """Return the error for saving while another thread trains."""
    help = "save between two epochs in the training loop, or set training.checkpoint in the spec"
    return TrainingError("the model is being trained in another thread, and its parameters would change while they are saved", help=help)
