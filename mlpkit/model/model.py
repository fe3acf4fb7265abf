"""Model: what a user holds. A spec, its network, the fitted preprocessing and the history; raw rows in, answers out.

While it is trained it knows its run, so that a file from which the run can go on is written at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from mlpkit.engine.network import Network
from mlpkit.errors import ModelFileError, SpecError
from mlpkit.model.predictor import Predictor
from mlpkit.model.run_record import Runs, elsewhere
from mlpkit.model.serialization import Stored, to_contents
from mlpkit.modelfile import writer
from mlpkit.spec import Spec, as_spec
from mlpkit.training.history import History

if TYPE_CHECKING:  # imported where they are used: to load a model and predict needs none of them
    from mlpkit.preprocessing.prepare import Prepared
    from mlpkit.training.epoch import Epoch
    from mlpkit.training.session import Stop
    from mlpkit.training.state import TrainingState

WITHOUT_COMPAT = (
    "leave compat out: mlpkit 0.3 reads every model that uses nothing newer; for mlpkit 0.1 or 0.2, load such a file with "
    'mlpkit 0.4 and save it there with compat="1.1"'
)


class Model(Predictor):
    """A network with its spec, untrained at first, initialised from the spec's seed.

    Parameters
    ----------
    spec : Spec, dict, str or Path
        A spec, its dictionary, or the path of its JSON file.
    inputs : int
        The width of the encoded inputs.
    outputs : int, optional
        The width of the last layer, when the spec leaves it to the data.

    Attributes
    ----------
    spec : Spec
        With every width written out.
    network : Network
        `network.parameters.vector` is the one array of all parameters, `network.parameters.views` names its parts.
    input_encoder, target_encoder : InputEncoder, TargetEncoder or None
        The preprocessing, fitted on the training rows; None before any training.
    history : History, a sequence of Epoch
    metadata : dict
        Anything of the user's own that JSON can hold; saved with the model.
    """

    def __init__(self, spec: Spec | dict[str, Any] | str | Path, inputs: int, outputs: int | None = None) -> None:
        from mlpkit.training.random_generators import random_stream

        spec = as_spec(spec)
        units = spec.network.layers[-1].units if outputs is None else outputs
        if units is None:
            raise SpecError("the width of the last layer is not known", help="give outputs=, or write its units in the spec")
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

    # -- training

    @classmethod
    def for_data(cls, spec: Spec, prepared: Prepared) -> Model:
        """An untrained model that fits prepared data; SpecError when its metrics or its early stopping do not."""
        from mlpkit.training.preflight import check_measured

        check_measured(spec, prepared)
        model = cls(spec, prepared.inputs.width, prepared.target.outputs)
        model._adopt(prepared)
        return model

    @classmethod
    def from_parts(cls, parts: Stored, verify: Callable[[], None] | None = None, complete: Callable[[], Spec] | None = None) -> Model:
        """A model of what a file holds, without drawing weights that it replaces.

        Parameters
        ----------
        parts : Stored
        verify : callable, optional
            Called before the network is used.
        complete : callable, optional
            Gives the spec with the plugins that a prediction does not need.
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
        """Train on prepared data; yields each epoch and keeps it in `history`, and writes checkpoints if the spec asks for them.

        Parameters
        ----------
        prepared : Prepared
        stop : callable, optional
            Asked before each step; when it says True the run ends there.
        resume, keep_optimizer, checkpoints
            As for `mlpkit.epochs`.
        replace : bool
            Whether checkpoints of an earlier run in that folder are removed; else they are an error.

        Raises
        ------
        DataError
            The rows are not those that the run began with.
        TrainingError
            There is no run to go on with, or the model is being trained already.
        ModelFileError
            The folder of checkpoints cannot be used.
        """
        from mlpkit.training.checkpoints import Checkpoints, checkpoint_folder
        from mlpkit.training.preflight import check_trainable
        from mlpkit.training.resume import resumable
        from mlpkit.training.session import Session

        self._runs.check_idle()
        check_trainable(self.spec, prepared)
        warm_start = self._runs.warm(self.spec, self.network) if keep_optimizer else None
        begin = resumable(self.training_state, prepared) if resume else warm_start
        self._network = self.network.trainable()
        self._adopt(prepared)
        folder, save = checkpoint_folder(self.spec, checkpoints), partial(self.save, training_state=True)
        own = None if folder is None else lambda place: Checkpoints(self.spec, folder, place, save, replace=replace)
        return self._runs.epochs(Session(self.network, self.spec, prepared, self.history, begin, stop, own), self)

    @property
    def training_state(self) -> TrainingState | None:
        """Return where the run stands that is not finished, or that the model's file tells of; None when there is none."""
        return self._runs.state

    def _adopt(self, prepared: Prepared) -> None:
        """Take over the preprocessing of prepared data, if the network has their widths; SpecError otherwise.

        What is always 0 has no weight from the beginning, so that every reader of the model's file predicts the same.
        """
        self.spec.with_widths(prepared.inputs.width, prepared.target.outputs)
        if prepared.inputs is not self.input_encoder and prepared.inputs.zeros:
            self._network.layers[0].weight[prepared.inputs.zeros] = 0.0
        self.input_encoder, self.target_encoder = prepared.inputs, prepared.target

    # -- the file

    def save(
        self, path: str | Path | BinaryIO, *, training_state: bool | None = None, replace: bool = True, compat: str | None = None
    ) -> None:
        """Write the model into one HDF5 file: the old file stays until the new one is complete.

        Parameters
        ----------
        path : str, Path or a binary file object
            In a file object it is written at its position.
        training_state : bool, optional
            Write as well where the run stands, so that it can go on: in the loop over `mlpkit.epochs`, between two
            epochs, or after the loop was left before its end. The model in it is the one that predicts best. When left out:
            only with `training.keep_state` in the spec, after a run that is finished.
        replace : bool
            Whether a file that is there is replaced; else it is an error.
        compat : None
            No longer taken: a model that uses nothing newer is readable by mlpkit 0.3 anyway.

        Raises
        ------
        ModelFileError
            The file cannot be written; `FileTaken` when it is there and is not to be replaced.
        TrainingError
            There is no run that could go on.
        """
        if compat is not None:
            raise ModelFileError("save() no longer takes compat, and writes no earlier version on request", help=WITHOUT_COMPAT)
        moment, session, network = self._runs.moment(), self._runs.session, self.network
        state = self._runs.to_save(training_state, self.spec.training.keep_state)
        if state is not None and session is not None:
            network = session.run.best_network()
        ranges = self._runs.ranges if session is None else session.preactivation_ranges(network)
        parts = Stored(self.spec, network, self.input_encoder, self.target_encoder, self.history, self.metadata, state, ranges)
        data = writer.to_bytes(to_contents(parts))
        if self._runs.moment() != moment:
            raise elsewhere()
        writer.write_bytes(path, data, replace=replace)
