"""Model: what a user holds. A spec, its network, the fitted preprocessing and the history; raw rows in, answers out."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlpkit import modelfile
from mlpkit.code_file import register
from mlpkit.data import as_table, read_source
from mlpkit.errors import DataError, SpecError
from mlpkit.evaluation import check_metrics, choose_metrics, measure
from mlpkit.network import Network
from mlpkit.plugin import Array, Metric, Plugin
from mlpkit.preparation import Prepared, encode_labelled, prepare
from mlpkit.spec import Spec
from mlpkit.storage import Stored, from_contents, to_contents
from mlpkit.training import Epoch, check_early_stopping, mean_loss, random_stream
from mlpkit.training import epochs as run_epochs

if TYPE_CHECKING:
    from mlpkit.data import Table

Stop = Callable[[], bool]


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
    history : list of Epoch
    metadata : dict
        Anything of the user's own that JSON can hold; saved with the model.
    """

    def __init__(self, spec: Spec | dict[str, Any] | str | Path, inputs: int, outputs: int | None = None) -> None:
        spec = as_spec(spec)
        units = spec.network.layers[-1].units if outputs is None else outputs
        if units is None:
            raise SpecError("the width of the last layer is not known", help="give outputs=, or write its units in the spec")
        spec = spec.with_widths(inputs, units)
        network = Network(spec.network, spec.dtype)
        network.initialize(random_stream(spec.seed, "weights"))
        self._hold(Stored(spec, network, None, None, [], {}))

    def _hold(self, parts: Stored) -> None:
        self.spec, self.network = parts.spec, parts.network
        self.input_encoder, self.target_encoder = parts.input_encoder, parts.target_encoder
        self.history, self.metadata = parts.history, parts.metadata

    def __repr__(self) -> str:
        widths = " -> ".join(str(width) for width in (self.spec.network.inputs, *(layer.units for layer in self.spec.network.layers)))
        return f"<mlpkit.Model {self.spec.name!r}: {widths}, {len(self.network.parameters):,} parameters, {len(self.history):,} epochs>"

    @property
    def classes(self) -> NDArray[Any] | None:
        """The classes, in the order of `predict_proba`'s columns; None for a regression."""
        return None if self.target_encoder is None else self.target_encoder.classes

    # -- training

    @classmethod
    def for_data(cls, spec: Spec, prepared: Prepared) -> Model:
        """An untrained model that fits prepared data; SpecError when its metrics or its early stopping do not."""
        check_metrics(spec.metrics, prepared.target.task)
        check_early_stopping(spec, prepared.validation)
        model = cls(spec, prepared.inputs.width, prepared.target.outputs)
        model.input_encoder, model.target_encoder = prepared.inputs, prepared.target
        return model

    def epochs(self, prepared: Prepared, stop: Stop | None = None) -> Generator[Epoch, None, None]:
        """Train on prepared data from the weights it has; yields each epoch and keeps it in `history`."""
        check_metrics(self.spec.metrics, prepared.target.task)
        self._adopt(prepared)
        measure = self._measure(prepared) if self.spec.metrics else None
        return self._keep(run_epochs(self.network, self.spec, prepared.train, prepared.validation, measure, stop, len(self.history)))

    def _adopt(self, prepared: Prepared) -> None:
        """Take over the preprocessing of prepared data, if the network has their widths; SpecError otherwise."""
        self.spec.with_widths(prepared.inputs.width, prepared.target.outputs)
        self.input_encoder, self.target_encoder = prepared.inputs, prepared.target

    def _keep(self, epochs: Generator[Epoch, None, None]) -> Generator[Epoch, None, None]:
        with closing(epochs):  # so that a `break` restores the best weights at once
            for epoch in epochs:
                self.history.append(epoch)
                yield epoch

    def _measure(self, prepared: Prepared) -> Callable[[Array], dict[str, float]]:
        values, weights = prepared.measured
        return lambda outputs: measure(self.spec.metrics, prepared.target, outputs, values, weights)

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
        outputs = self.network.predict(self._encode(rows))
        return outputs if self.target_encoder is None else self.target_encoder.decode(outputs)

    def predict_proba(self, rows: Any) -> NDArray[np.float64]:
        """The probability of each class, shape (rows, classes), in the order of `classes`.

        Raises
        ------
        DataError
            As `predict`, and when the target is not a class.
        """
        if self.target_encoder is None:
            raise DataError("the model has not been trained, so its classes are not known", help="predict gives the network's outputs")
        if self.target_encoder.task == "regression":
            raise DataError("this model predicts numbers, not classes, so there are no probabilities", help="use predict")
        return self.target_encoder.scores(self.network.predict(self._encode(rows)))

    def evaluate(
        self, rows: Any, y: Any = None, *, metrics: str | Metric | Sequence[str | Metric] = (), weights: Any = None
    ) -> dict[str, float]:
        """The loss and metrics on rows with known targets.

        Parameters
        ----------
        rows : as for `predict`
            When `y` is left out, the target column is in it.
        y : array, optional
            Targets, shape (rows,) or (rows, targets).
        metrics : str, Metric, or sequence of them
            The spec's when empty; and when that has none, the usual ones for the task.
        weights : array, shape (rows,), optional
            What each row counts.

        Returns
        -------
        dict of str to float
            "loss" and each metric by name.
        """
        if self.input_encoder is None or self.target_encoder is None:
            raise DataError("the model has not been trained, so its preprocessing is not known", help="train it first")
        labelled = encode_labelled(self.spec, self.input_encoder, self.target_encoder, rows, y, weights)
        chosen = choose_metrics(metrics or self.spec.metrics, self.target_encoder.task)
        loss, outputs = mean_loss(self.network, self.spec, labelled.data)
        return {"loss": loss, **measure(chosen, self.target_encoder, outputs, labelled.values, labelled.data.weights)}

    def _encode(self, rows: Any) -> Array:
        if self.input_encoder is None:
            return self._plain_array(rows)
        return self.input_encoder.encode(self._table(rows), self.spec.dtype)

    def _plain_array(self, rows: Any) -> Array:
        """Rows for a network that has no preprocessing yet."""
        width = self.spec.network.inputs
        try:
            array = np.asarray(rows, self.spec.dtype)
        except (TypeError, ValueError) as error:
            message = f"the model has not been trained, so it takes an array of numbers alone: {error}"
            raise DataError(message, help="train it first to predict from tables and files") from error
        if array.ndim != 2 or array.shape[1] != width:
            raise DataError(f"the rows have shape {array.shape}, but the network takes (rows, {width})", help="give one row per example")
        return array

    def _table(self, rows: Any) -> Table:
        if isinstance(rows, (str, Path)):
            return read_source(self.spec, rows, None if self.input_encoder is None else self.input_encoder.order)
        return as_table(rows)

    # -- the file

    def save(self, path: str | Path) -> None:
        """Write the model into one HDF5 file: the old file stays until the new one is complete.

        Raises
        ------
        ModelFileError
            The file cannot be written.
        """
        parts = Stored(self.spec, self.network, self.input_encoder, self.target_encoder, self.history, self.metadata)
        modelfile.write(path, to_contents(parts))


def as_spec(spec: Spec | dict[str, Any] | str | Path) -> Spec:
    """A spec from whatever stands for one: itself, its dictionary, the path of its file."""
    if isinstance(spec, Spec):
        return spec
    return Spec.read(spec) if isinstance(spec, (str, Path)) else Spec.model_validate(spec)


def train(
    spec: Spec | dict[str, Any] | str | Path, rows: Any = None, y: Any = None, *, validation: Any = None, weights: Any = None
) -> Model:
    """Train a model as a spec says.

    Parameters
    ----------
    spec : Spec, dict, str or Path
        A spec, its dictionary, or the path of its JSON file.
    rows : array, table, str or Path, optional
        The data; those that the spec names when left out.
    y : array, optional
        Targets, shape (rows,) or (rows, targets); the spec's target columns when left out.
    validation : (array, array), table, str or Path, optional
        Validation rows, with their targets.
    weights : array, shape (rows,), optional
        What each row counts.

    Returns
    -------
    Model

    Raises
    ------
    SpecError, PluginError, DataError, TrainingError
    """
    spec = as_spec(spec)
    prepared = prepare(spec, rows, y, validation=validation, weights=weights)
    model = Model.for_data(spec, prepared)
    for _ in model.epochs(prepared):
        pass
    return model


def epochs(model: Model, rows: Any = None, y: Any = None, *, validation: Any = None, weights: Any = None) -> Generator[Epoch, None, None]:
    """Train a model epoch by epoch, in the caller's own loop.

    Parameters are those of `train`. The model goes on from the weights it has; its preprocessing is fitted at the
    first call and kept at later ones. With early stopping the best weights are restored when the loop ends.

    Yields
    ------
    Epoch
    """
    encoders = None
    if model.input_encoder is not None and model.target_encoder is not None:
        encoders = model.input_encoder, model.target_encoder
    prepared = prepare(model.spec, rows, y, validation=validation, weights=weights, encoders=encoders)
    return model.epochs(prepared)


def load(path: str | Path, *, plugins: Sequence[type[Plugin]] = ()) -> Model:
    """The model in a file, checked before it is believed.

    Parameters
    ----------
    path : str or Path
    plugins : sequence of type
        Plugin classes of your own that the model was trained with.

    Raises
    ------
    ModelFileError
        The file is no model, or is damaged or unsafe.
    MissingPlugin, AmbiguousPlugin, BrokenPlugin
        A plugin that the model was trained with cannot be used; the error says which distribution to install.
    """
    register(*plugins)
    model = Model.__new__(Model)  # without drawing weights that the file replaces
    model._hold(from_contents(modelfile.read(path), path))
    return model
