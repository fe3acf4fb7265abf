"""Model: what a user holds. A spec, its network, the fitted preprocessing and the history; raw rows in, answers out.

While it is trained it knows its run, so that a file from which the run can go on is written at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlpkit import modelfile
from mlpkit.encoding import encoded_rows
from mlpkit.errors import DataError, ModelFileError, SpecError, TrainingError
from mlpkit.modelfile.compat import CURRENT
from mlpkit.network import Network
from mlpkit.spec import Spec, as_spec
from mlpkit.storage import Stored, to_contents
from mlpkit.training.history import History

if TYPE_CHECKING:  # imported where they are used: to load a model and predict needs none of them
    from mlpkit.plugin import Activation, Array, Metric
    from mlpkit.preparation import Prepared
    from mlpkit.session import Session, Stop
    from mlpkit.training import Epoch, TrainingState


class Model:
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
        from mlpkit.training import random_stream

        spec = as_spec(spec)
        units = spec.network.layers[-1].units if outputs is None else outputs
        if units is None:
            raise SpecError("the width of the last layer is not known", help="give outputs=, or write its units in the spec")
        spec = spec.with_widths(inputs, units)
        network = Network(spec.network, spec.dtype)
        network.initialize(random_stream(spec.seed, "weights"))
        self._hold(Stored(spec, network, None, None, History(), {}))

    def _hold(self, parts: Stored, verify: Callable[[], None] | None = None) -> None:
        self.spec, self._network, self._verify = parts.spec, parts.network, verify
        self.input_encoder, self.target_encoder = parts.input_encoder, parts.target_encoder
        self.history, self.metadata = parts.history, parts.metadata
        self._state, self._ranges = parts.state, parts.ranges or {}
        self._session: Session | None = None

    def __getstate__(self) -> dict[str, Any]:
        """A copy has the weights of the moment, and is not in the middle of a run."""
        return {**self.__dict__, "_network": self.network, "_verify": None, "_session": None}

    def __repr__(self) -> str:
        widths = " -> ".join(str(width) for width in (self.spec.network.inputs, *(layer.units for layer in self.spec.network.layers)))
        return f"<mlpkit.Model {self.spec.name!r}: {widths}, {len(self._network.parameters):,} parameters, {len(self.history):,} epochs>"

    @property
    def network(self) -> Network:
        """The network; of a model that was loaded with ``verify="lazy"`` it is verified when it is asked for first."""
        if self._verify is not None:
            self._verify()
            self._verify = None
        return self._network

    @property
    def classes(self) -> NDArray[Any] | None:
        """The classes, in the order of `predict_proba`'s columns; None for a regression."""
        return None if self.target_encoder is None else self.target_encoder.classes

    # -- training

    @classmethod
    def for_data(cls, spec: Spec, prepared: Prepared) -> Model:
        """An untrained model that fits prepared data; SpecError when its metrics or its early stopping do not."""
        from mlpkit.storable import check_measured

        check_measured(spec, prepared)
        model = cls(spec, prepared.inputs.width, prepared.target.outputs)
        model._adopt(prepared)
        return model

    @classmethod
    def from_parts(cls, parts: Stored, verify: Callable[[], None] | None = None) -> Model:
        """A model of what a file holds, without drawing weights that it replaces; `verify` is called before the network is used."""
        model = cls.__new__(cls)
        model._hold(parts, verify)
        return model

    def epochs(self, prepared: Prepared, stop: Stop | None = None, *, resume: bool = False) -> Generator[Epoch, None, None]:
        """Train on prepared data; yields each epoch and keeps it in `history`, and writes the spec's checkpoints.

        Parameters
        ----------
        prepared : Prepared
        stop : callable, optional
            Asked before each step; when it says True the run ends there.
        resume : bool
            Go on with the run that `training_state` tells of; else a new one begins from the weights that the model has.

        Raises
        ------
        DataError
            The rows are not those that the run began with.
        TrainingError
            There is no run to go on with.
        ModelFileError
            The folder of checkpoints has some of another run, or cannot be made.
        """
        from mlpkit.resuming import resumable
        from mlpkit.session import Session
        from mlpkit.storable import check_trainable

        check_trainable(self.spec, prepared)
        begin = resumable(self.training_state, prepared) if resume else None
        self._network = self.network.trainable()
        self._adopt(prepared)
        save = partial(self.save, training_state=True)
        return self._keep(Session(self.network, self.spec, prepared, self.history, begin, stop, save))

    def _keep(self, session: Session) -> Generator[Epoch, None, None]:
        self._session, self._state = session, None
        try:
            yield from session.epochs()
        finally:
            self._session, self._state = None, session.left
            self._ranges = session.score_ranges(self._network)

    @property
    def training_state(self) -> TrainingState | None:
        """Where the run stands that is not finished, or that the model's file tells of; None when there is none."""
        return self._state if self._session is None else self._session.state()

    def _adopt(self, prepared: Prepared) -> None:
        """Take over the preprocessing of prepared data, if the network has their widths; SpecError otherwise.

        What is always 0 has no weight from the beginning, so that every reader of the model's file predicts the same.
        """
        self.spec.with_widths(prepared.inputs.width, prepared.target.outputs)
        if prepared.inputs is not self.input_encoder and prepared.inputs.zeros:
            self._network.layers[0].weight[prepared.inputs.zeros] = 0.0
        self.input_encoder, self.target_encoder = prepared.inputs, prepared.target

    # -- prediction

    def predict(self, rows: Any) -> NDArray[Any]:
        """Predict.

        Parameters
        ----------
        rows : array, table, str or Path
            Raw rows as the model was trained on: an array of shape (rows, inputs), a table with named columns (a
            dictionary of columns, pandas, polars, Arrow), a list of dictionaries, or the path of a file.

        Returns
        -------
        array
            As the target was given: class labels or numbers, shape (rows,), or (rows, targets) for several targets.

        Raises
        ------
        DataError
            A column is missing or holds what it cannot.
        """
        encoded, target = self._encode(rows), self.target_encoder
        if target is None:
            return self.network.predict(encoded)
        return target.decode(self.network.predict(encoded)) if target.task == "regression" else target.decode(*self._answers(encoded))

    def _answers(self, encoded: Array) -> tuple[Array, Activation, Array]:
        """What the network puts out, its last activation, and the scores before it."""
        z, outputs = self.network.scores(encoded)
        return outputs, self.spec.network.layers[-1].activation, z

    def predict_proba(self, rows: Any) -> NDArray[np.float64]:
        """The probability of each class, shape (rows, classes), in the order of `classes`; each row sums to 1 in float64.

        Raises
        ------
        DataError
            As `predict`, and when the target is not a class.
        """
        if self.target_encoder is None:
            raise DataError("the model has not been trained, so its classes are not known", help="predict gives the network's outputs")
        if self.target_encoder.task == "regression":
            raise DataError("this model predicts numbers, not classes, so there are no probabilities", help="use predict")
        return self.target_encoder.scores(*self._answers(self._encode(rows)))

    def evaluate(
        self,
        rows: Any,
        y: Any = None,
        *,
        metrics: str | Metric | Sequence[str | Metric] = (),
        weights: Any = None,
        weighted: bool | None = None,
    ) -> dict[str, float]:
        """The loss and metrics on rows with known targets; rows without one are left out, with a warning that counts them.

        Parameters
        ----------
        rows : as for `predict`
            When `y` is left out, the target column is in it.
        y : array, optional
            Targets, shape (rows,) or (rows, targets).
        metrics : str, Metric, or sequence of them
            The spec's when empty; and when that has none, the usual ones for the task.
        weights : array, shape (rows,), optional
            What each row counts. A row of weight 0 is not there, nor is one to which the spec's column of weights, where the
            rows have it, gives 0.
        weighted : bool, optional
            Whether loss and metrics are weighted, by `weights` or else by the spec's column of weights. When left out, they are if
            `weights` are given.

        Returns
        -------
        dict of str to float
            "loss" and each metric by name; NaN, with a warning, for a metric that has no value on these rows.
        """
        from mlpkit.evaluation import evaluate
        from mlpkit.preparation import encode_labelled

        if self.input_encoder is None or self.target_encoder is None:
            raise DataError("the model has not been trained, so its preprocessing is not known", help="train it first")
        weighted = weights is not None if weighted is None else weighted
        labelled = encode_labelled(self.spec, self.input_encoder, self.target_encoder, rows, y, weights, weighted=weighted)
        return evaluate(self.spec, self.network, self.target_encoder, labelled, metrics)

    def _encode(self, rows: Any) -> Array:
        return encoded_rows(self.spec, self.input_encoder, rows)

    # -- the file

    def save(self, path: str | Path, *, training_state: bool = False, compat: str = CURRENT) -> None:
        """Write the model into one HDF5 file: the old file stays until the new one is complete.

        Parameters
        ----------
        path : str or Path
        training_state : bool
            Write as well where the run stands, so that it can go on: in the loop over `mlpkit.epochs`, between two
            epochs, or after the loop was left before its end. The model in it is the one that predicts best.
        compat : str
            The container version to write: "1.2", "1.1" or "1.0" for those who have an earlier mlpkit, without what it has no
            place for: "1.0" has none for the probe, and for where a run stands.

        Raises
        ------
        ModelFileError
            The file cannot be written.
        TrainingError
            There is no run that could go on.
        """
        state, network = None, self.network
        if training_state and (compat == "1.0" or (compat != CURRENT and not self.spec.data.in_memory)):
            help = f"leave compat out, or the training state: a file of version {CURRENT} can be resumed"
            raise ModelFileError(f"container version {compat} has no place for the training state", help=help)
        if training_state:
            state = self.training_state
            if state is None:
                help = "save it inside of the loop over mlpkit.epochs, or let training.checkpoint in the spec write files"
                raise TrainingError("there is no run that could go on", help=help)
            network = network if self._session is None else self._session.run.best_network()
        ranges = self._ranges if self._session is None else self._session.score_ranges(network)
        parts = Stored(self.spec, network, self.input_encoder, self.target_encoder, self.history, self.metadata, state, ranges)
        modelfile.write(path, to_contents(parts), compat)
