"""Model: a spec, its network, the fitted preprocessing and the history, with predictions from raw rows.

During training it refers to its run, so that it can be saved at any time in a form that can be resumed.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from numpy.typing import NDArray

from mlpkit.engine.network import Network
from mlpkit.errors import ModelFileError, SpecError
from mlpkit.model.intervals import IntervalPredictor
from mlpkit.model.runs import Runs, elsewhere
from mlpkit.model.serialization import Stored, to_contents
from mlpkit.model.weights import get_weights, set_from_data, set_prior, set_weights
from mlpkit.modelfile import writer
from mlpkit.spec import Spec, as_spec
from mlpkit.training.history import History

if TYPE_CHECKING:  # imported where they are used, because loading and predicting need none of them
    from mlpkit.preprocessing.prepare import Prepared
    from mlpkit.spec.embeddings import AnyEmbedding
    from mlpkit.training.epoch import Epoch
    from mlpkit.training.session import Stop
    from mlpkit.training.state import TrainingState

WITHOUT_COMPAT = (
    "omit compat: mlpkit 0.3 reads every model without newer features; for mlpkit 0.1 or 0.2, load such a file with "
    'mlpkit 0.4 and save it there with compat="1.1"'
)


class Model(IntervalPredictor):
    """Network with its spec, initialized from the seed of the spec.

    Parameters
    ----------
    spec : Spec, dict, str or Path
        A spec, its dictionary, or the path of its JSON file.
    inputs : int
        Number of encoded inputs.
    outputs : int, optional
        Number of units of the last layer, if the spec does not set it.

    Attributes
    ----------
    spec : Spec
        Spec with the units of every layer.
    network : Network
        `network.parameters.vector` holds all parameters, `network.parameters.views` named views into it.
    input_encoder, target_encoder : InputEncoder, TargetEncoder or None
        Preprocessing fitted on the training rows; None before training.
    history : History, a sequence of Epoch
    metadata : dict
        User data that JSON can represent; saved with the model.
    """

    def __init__(self, spec: Spec | dict[str, Any] | str | Path, inputs: int, outputs: int | None = None) -> None:
        from mlpkit.training.random_generators import random_stream

        spec = as_spec(spec)
        units = spec.network.layers[-1].units if outputs is None else outputs
        if units is None:
            raise SpecError("the number of units of the last layer is not known", help="pass outputs=, or set the units in the spec")
        spec = spec.with_widths(inputs, units)
        network = Network(spec.network, spec.dtype)
        network.initialize(random_stream(spec.seed, "weights"))
        self._hold(Stored(spec, network, None, None, History(), {}))

    def _hold(self, parts: Stored, verify: Callable[[], None] | None = None, complete: Callable[[], Spec] | None = None) -> None:
        super().__init__(parts.spec, parts.network, (parts.input_encoder, parts.target_encoder), verify, complete)
        self.history, self.metadata = parts.history, parts.metadata
        self._runs = Runs(parts.state, parts.ranges or {})

    def __repr__(self) -> str:
        widths = " -> ".join(str(width) for width in (self._spec.network.inputs, *(layer.units for layer in self._spec.network.layers)))
        return f"<mlpkit.Model {self._spec.name!r}: {widths}, {len(self._network.parameters):,} parameters, {len(self.history):,} epochs>"

    def __str__(self) -> str:
        return self.summary()

    def summary(self) -> str:
        """Return a text with a line for each layer (width, activation, options, number of parameters), the loss and the last epoch."""
        from mlpkit.model.summary import summary

        return summary(self.spec, self.network, self.history)

    # -- weights

    def get_weights(self) -> dict[str, NDArray[Any]]:
        """Return copies of the weights by name, such as "layers.0.weight", shape (inputs, units), and "layers.0.bias", shape (units,)."""
        return get_weights(self._predicting)

    def set_weights(self, weights: Mapping[str, Any]) -> None:
        """Set weights by name; others stay. Trained biases, scales and averages of batch normalization are weights too.

        The weights of inputs that are constant in the training rows stay 0.

        Parameters
        ----------
        weights : mapping of str to array
            Arrays with the shapes that `get_weights` returns.

        Raises
        ------
        DataError
            A name or a shape is wrong, or a value is not finite; no weight is changed then.
        TrainingError
            The model is being trained.
        """
        self._runs.check_idle()
        self._network = self.network.writable()
        set_weights(self._network, weights)
        if self.input_encoder is not None:
            self._network.clear_inputs(self.input_encoder.zeros)

    # -- training

    @classmethod
    def for_data(cls, spec: Spec, prepared: Prepared) -> Model:
        """Return an untrained model for prepared data; raise SpecError if its metrics or early stopping do not fit."""
        from mlpkit.training.preflight import check_measured

        check_measured(spec, prepared)
        widths = prepared.inputs.width, prepared.target.outputs
        model = cls(spec.with_widths(*widths, _embeddings(spec, prepared)), *widths)
        model._adopt(prepared)
        return model

    @classmethod
    def from_parts(cls, parts: Stored, verify: Callable[[], None] | None = None, complete: Callable[[], Spec] | None = None) -> Model:
        """Return a model from the content of a file, without initializing weights.

        Parameters
        ----------
        parts : Stored
        verify : callable, optional
            Called before the network is used.
        complete : callable, optional
            Function that returns the spec with the plugins that predictions do not need.
        """
        model = cls.__new__(cls)
        model._hold(parts, verify, complete)
        return model

    def epochs(
        self,
        prepared: Prepared,
        stop: Stop | None = None,
        *,
        resume: bool = False,
        keep_optimizer: bool = True,
        checkpoints: str | Path | None = None,
        replace: bool = False,
    ) -> Generator[Epoch, None, None]:
        """Train on prepared data; yield each epoch, append it to `history`, and write checkpoints if requested.

        Parameters
        ----------
        prepared : Prepared
        stop : callable, optional
            Called before each step. The run ends if it returns True.
        resume, keep_optimizer, checkpoints
            The same as for `mlpkit.epochs`.
        replace : bool
            True to remove checkpoints of an earlier run in the folder; otherwise they cause an error.

        Raises
        ------
        DataError
            The rows differ from those of the run to resume.
        TrainingError
            There is no run to resume, or the model is already being trained.
        ModelFileError
            The folder of checkpoints cannot be used.
        """
        from mlpkit.training.checkpoints import Checkpoints, checkpoint_folder
        from mlpkit.training.preflight import check_trainable
        from mlpkit.training.resume_checks import resumable
        from mlpkit.training.session import Session

        self._runs.check_idle()
        self.spec = self.spec.with_batch_size(len(prepared.train.inputs))
        check_trainable(self.spec, prepared)
        warm_start = self._runs.warm(self.spec, self.network) if keep_optimizer else None
        begin = resumable(self.training_state, prepared) if resume else warm_start
        self._network = self.network.writable()
        self._adopt(prepared)
        folder, save = checkpoint_folder(self.spec, checkpoints), partial(self.save, training_state=True)
        own = None if folder is None else lambda place: Checkpoints(self.spec, folder, place, save, replace=replace)
        return self._runs.epochs(Session(self.network, self.spec, prepared, self.history, begin, stop, own), self)

    @property
    def _predicting(self) -> Network:
        """Network with the weights for predictions: between two epochs of a run, the averaged ones if the optimizer averages."""
        session = self._runs.session
        return self.network if session is None or session.run.thread is not None else session.run.predicting_network()

    @property
    def training_state(self) -> TrainingState | None:
        """State of the present run, or of the run stored in the model's file; None if there is none."""
        return self._runs.state

    def _adopt(self, prepared: Prepared) -> None:
        """Use the preprocessing of prepared data; raise SpecError if the widths of the network do not fit.

        Weights of inputs that are always 0 are 0 and stay so, so that all readers of the file make the same predictions.
        """
        self.spec.with_widths(prepared.inputs.width, prepared.target.outputs, _embeddings(self.spec, prepared))
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
        if self.target_encoder is None:
            return
        if self.spec.decision is not None:
            from mlpkit.training.decision import decided

            self.target_encoder = decided(self.spec, self.network, prepared, self.target_encoder)
        if self.spec.training.keep_residuals:
            from mlpkit.training.calibration import calibrated

            self.target_encoder = calibrated(self.spec, self.network, prepared, self.target_encoder)

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
        moment, session, network = self._runs.moment(), self._runs.session, self._predicting
        state = self._runs.to_save(training_state, self.spec.training.keep_state)
        if state is not None and session is not None:
            network = session.run.best_network()
        ranges = self._runs.ranges if session is None else session.preactivation_ranges(network)
        parts = Stored(self.spec, network, self.input_encoder, self.target_encoder, self.history, self.metadata, state, ranges)
        data = writer.to_bytes(to_contents(parts))
        if self._runs.moment() != moment:
            raise elsewhere()
        writer.write_bytes(path, data, replace=replace)


def _embeddings(spec: Spec, prepared: Prepared) -> tuple[AnyEmbedding, ...]:
    """Return the embeddings of a spec with the inputs of prepared data."""
    if not spec.network.embeddings:
        return ()
    from mlpkit.preprocessing.embedded_inputs import with_inputs

    return with_inputs(spec.network.embeddings, prepared.inputs)
