"""Trainable: the part of a model that trains it and saves it, also in the middle of a run.

During training it refers to its run, so that it can be saved at any time in a form that can be resumed.
"""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from mlpkit.engine.network import Network
from mlpkit.errors import ModelFileError
from mlpkit.model.evaluator import Evaluator
from mlpkit.model.runs import Runs, elsewhere
from mlpkit.model.serialization import Stored, StoredMember, to_contents
from mlpkit.model.weights import set_from_data, set_prior
from mlpkit.modelfile import writer
from mlpkit.spec import Spec
from mlpkit.training.history import History

if TYPE_CHECKING:  # imported where they are used, because loading and predicting need none of them
    from mlpkit.model.ensemble_runs import EnsembleState
    from mlpkit.preprocessing.prepare import Prepared
    from mlpkit.spec.embeddings import AnyEmbedding
    from mlpkit.training.epoch import Epoch
    from mlpkit.training.session import MakeCheckpoints, Stop
    from mlpkit.training.state import TrainingState

WITHOUT_COMPAT = (
    "omit compat: mlpkit 0.3 reads every model without newer features; for mlpkit 0.1 or 0.2, load such a file with "
    'mlpkit 0.4 and save it there with compat="1.1"'
)


class Trainable(Evaluator):
    """Predictor with a history and the record of its training.

    Attributes
    ----------
    metadata : dict
    """

    _network: Network
    _history: History
    _runs: Runs
    metadata: dict[str, Any]

    @property
    def history(self) -> History:
        """Epochs of the model; of an ensemble the means over the members, whose own epochs are in ``model.members[0].history``."""
        return self._history

    def epochs(
        self,
        prepared: Prepared,
        stop: Stop | None = None,
        *,
        resume: bool = False,
        keep_optimizer: bool = True,
        checkpoints: str | Path | MakeCheckpoints | None = None,
        replace: bool = False,
        keep_state: bool = False,
        processes: bool = False,
    ) -> Generator[Epoch, None, None]:
        """Train on prepared data; yield each epoch, append it to `history`, and write checkpoints if requested.

        Parameters
        ----------
        prepared : Prepared
        stop : callable, optional
            Called before each step. The run ends if it returns True.
        resume, keep_optimizer, checkpoints
            The same as for `mlpkit.epochs`.
            Checkpoints may also be a function from the progress at the beginning to an object that writes them.
        replace : bool
            True to remove checkpoints of an earlier run in the folder; otherwise they cause an error.
        keep_state : bool
            True to keep the state of a finished run, as with `training.keep_state`.
        processes : bool
            True to allow worker processes for the members of an ensemble. Their weights and histories are then those of their last
            checkpoints until they are finished.

        Raises
        ------
        DataError
            The rows differ from those of the run to resume.
        TrainingError
            There is no run to resume, or the model is already being trained.
        ModelFileError
            The folder of checkpoints cannot be used.
        """
        from mlpkit.training.preflight import check_trainable
        from mlpkit.training.resume_checks import resumable
        from mlpkit.training.session import Session

        self._runs.check_idle()
        self.spec = self.spec.with_batch_size(len(prepared.train.inputs))
        check_trainable(self.spec, prepared)
        warm_start = self._runs.warm(self.spec, self.network) if keep_optimizer else None
        begin = resumable(self._runs.state, prepared) if resume else warm_start
        self._adopt(prepared)
        own = checkpoints if callable(checkpoints) else self._checkpoints(checkpoints, replace)
        session = Session(self.network, self.spec, prepared, self.history, begin, stop, own)
        session.keeps = session.keeps or keep_state
        return self._runs.epochs(session, self)

    def _checkpoints(self, folder: str | Path | None, replace: bool) -> MakeCheckpoints | None:
        """Return a function that begins to write checkpoints to a folder, or to that of the spec; None if there are to be none."""
        from mlpkit.training.checkpoints import Checkpoints, checkpoint_folder

        found, save = checkpoint_folder(self.spec, folder), partial(self.save, training_state=True)
        return None if found is None else lambda place: Checkpoints(self.spec, found, place, save, replace=replace)

    def check_resumable(self, prepared: Prepared) -> None:
        """Raise the error of `resumable` if the present run cannot be resumed on prepared data."""
        from mlpkit.training.resume_checks import resumable

        resumable(self._runs.state, prepared)

    def resume_with(self, spec: Spec) -> None:
        """Use another spec to resume the run. Errors and warnings are those of `check_spec`."""
        from mlpkit.training.resume_checks import check_spec

        if self._runs.state is not None:
            self.spec = check_spec(self._runs.state, self.spec, spec, self.history)

    @property
    def _predicting(self) -> tuple[Network, ...]:
        """Network with the weights for predictions: between two epochs of a run, the averaged ones if the optimizer averages."""
        session = self._runs.session
        return (self.network if session is None or session.run.thread is not None else session.run.predicting_network(),)

    @property
    def training_state(self) -> TrainingState | EnsembleState | None:
        """State of the present run, or of the run stored in the model's file; None if there is none."""
        return self._runs.state

    def _adopt(self, prepared: Prepared) -> None:
        """Use the preprocessing of prepared data; raise SpecError if the widths of the network do not fit.

        Weights of inputs that are always 0 are 0 and stay so, so that all readers of the file make the same predictions.
        """
        self.spec.with_widths(prepared.inputs.width, prepared.target.outputs, embeddings_of(self.spec, prepared))
        self._network = self.network.writable()
        self._network.constant_inputs = prepared.inputs.zeros
        self._network.clear_inputs(prepared.inputs.zeros)
        if self.target_encoder is None:
            set_from_data(self.spec, self._network, prepared)
            set_prior(self.spec, self._network, prepared.train)
        self.input_encoder, self.target_encoder = prepared.inputs, prepared.target

    def finish(self, prepared: Prepared) -> None:
        """Choose the decision threshold and keep the residuals, as the spec says, on the validation rows with the present weights.

        Warns if there are too few rows of the second class; the threshold stays 0.5 then.
        """
        if self.target_encoder is None or not (self.spec.decision is not None or self.spec.training.keep_residuals):
            return
        from mlpkit.training.calibration import Trained, calibrated
        from mlpkit.training.decision import decided
        from mlpkit.training.held_out import held_out

        rows = held_out(self.spec, self._all_networks, prepared, self.target_encoder)
        if self.spec.decision is not None:
            self.target_encoder = decided(self.spec.decision, self.target_encoder, rows)
        if self.spec.training.keep_residuals:
            trained = Trained(self._all_networks, [history.columns()["validation_loss"] for history in self._all_histories])
            self.target_encoder = calibrated(self.spec, trained, prepared, self.target_encoder, rows)

    @property
    def _all_networks(self) -> tuple[Network, ...]:
        return (self.network,)

    @property
    def _all_histories(self) -> tuple[History, ...]:
        return (self.history,)

    # -- the file

    def save(
        self, path: str | Path | BinaryIO, *, training_state: bool | None = None, replace: bool = True, compat: str | None = None
    ) -> None:
        """Write the model to an HDF5 file, which is replaced only when the new one is complete.

        Parameters
        ----------
        path : str, Path or a binary file object
            File objects are written at their current position.
        training_state : bool, optional
            Also save the state of the run, so that it can be resumed: in the loop over `mlpkit.epochs` between two epochs, or
            after leaving the loop early. The saved model has the best weights. By default, only after a finished run with
            `training.keep_state` in the spec.
        replace : bool
            True to replace an existing file; otherwise it causes an error.
        compat : None
            No longer supported; models without newer features are readable by mlpkit 0.3.

        Raises
        ------
        ModelFileError
            The file cannot be written; `FileTaken` if it exists and must not be replaced.
        TrainingError
            There is no run that could be resumed.
        """
        if compat is not None:
            raise ModelFileError("save() no longer supports compat, and cannot write earlier versions", help=WITHOUT_COMPAT)
        moment = self._runs.moment()
        data = writer.to_bytes(to_contents(self._stored(training_state)))
        if self._runs.moment() != moment:
            raise elsewhere()
        writer.write_bytes(path, data, replace=replace)

    def _stored(self, training_state: bool | None) -> Stored:
        """Return the parts to save. A state of a run is saved with the best weights."""
        state, session, network = self._runs.to_save(training_state, self.spec.training.keep_state), self._runs.session, self._predicting[0]
        if state is not None and session is not None:
            network = session.run.best_network()
        ranges = self._runs.ranges if session is None else session.preactivation_ranges(network)
        member = StoredMember(network, self.history, state)
        return Stored(self.spec, (member,), self.input_encoder, self.target_encoder, self.metadata, ranges)

    def _take(self, parts: Stored, *, finished: bool) -> None:
        """Take over weights, history and state of the same model from another process."""
        (member,) = parts.members
        self._network.parameters.vector[...] = member.network.parameters.vector
        self._history, self._runs.left, self._runs.finished, self._runs.ranges = member.history, member.state, finished, parts.ranges or {}


def embeddings_of(spec: Spec, prepared: Prepared) -> tuple[AnyEmbedding, ...]:
    """Return the embeddings of a spec with the inputs of prepared data."""
    if not spec.network.embeddings:
        return ()
    from mlpkit.preprocessing.embedded_inputs import with_inputs

    return with_inputs(spec.network.embeddings, prepared.inputs)
