"""Model: a spec, its network, the fitted preprocessing and the history, with predictions from raw rows.

During training it refers to its run, so that it can be saved at any time in a form that can be resumed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from mlpkit.engine.network import Network
from mlpkit.errors import SpecError
from mlpkit.model.runs import Runs
from mlpkit.model.serialization import Stored, StoredMember
from mlpkit.model.trainable import Trainable, embeddings_of
from mlpkit.model.weights import get_weights, set_weights
from mlpkit.plugin import plugin_name
from mlpkit.plugin.engine import engine_named
from mlpkit.spec import Spec, as_spec
from mlpkit.training.history import History

if TYPE_CHECKING:  # imported where they are used, because loading and predicting need none of them
    from mlpkit.charts.drawing import Drawing
    from mlpkit.preprocessing.prepare import Prepared


class Model(Trainable):
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

    def __new__(cls, spec: Spec | dict[str, Any] | str | Path | None = None, *_: Any, **__: Any) -> Model:
        """Return an `Ensemble` if the spec has one."""
        return object.__new__(_class_of(as_spec(spec)) if cls is Model and spec is not None else cls)

    def __init__(self, spec: Spec | dict[str, Any] | str | Path, inputs: int, outputs: int | None = None) -> None:
        from mlpkit.training.random_generators import random_stream

        spec = as_spec(spec)
        units = spec.network.layers[-1].units if outputs is None else outputs
        if units is None:
            raise SpecError("the number of units of the last layer is not known", help="pass outputs=, or set the units in the spec")
        spec = spec.with_widths(inputs, units)
        network = Network(spec.network, spec.dtype)
        network.initialize(random_stream(spec.seed, "weights"))
        self._hold(Stored(spec, (StoredMember(network, History()),), None, None, {}))

    def _hold(self, parts: Stored, verify: Callable[[], None] | None = None, complete: Callable[[], Spec] | None = None) -> None:
        (member,) = parts.members
        super().__init__(parts.spec, member.network, (parts.input_encoder, parts.target_encoder), verify, complete)
        self._history, self.metadata = member.history, parts.metadata
        self._runs = Runs(member.state, parts.ranges or {})

    @property
    def members(self) -> tuple[Model, ...]:
        """Members of an ensemble, each a model with one network; the model itself if it is none."""
        return (self,)

    def __repr__(self) -> str:
        widths = " -> ".join(str(width) for width in (self._spec.network.inputs, *(layer.units for layer in self._spec.network.layers)))
        return f"<mlpkit.Model {self._spec.name!r}: {widths}, {len(self._network.parameters):,} parameters, {len(self.history):,} epochs>"

    def __str__(self) -> str:
        return self.summary()

    def summary(self) -> str:
        """Return a text with a line for each layer (width, activation, options, number of parameters), the loss and the last epoch."""
        from mlpkit.model.summary import summary

        return summary(self.spec, self.network, self.history)

    def plot(self) -> Drawing:
        """Return a drawing of the learning curves, which a notebook shows, and whose `save` writes an SVG file.

        It has the losses of training and validation by epoch, with the best epoch. ``mlpkit.plot_boundary`` draws predictions.

        Raises
        ------
        DataError
            The model has no history.
        """
        from mlpkit.model.learning_curve import plot

        return plot(self)

    @property
    def engine(self) -> str | None:
        """Name of the engine that computes the predictions; None for NumPy. It can be set; copies and pickles of the model have none.

        It stands neither in the spec nor in the file. Training has an engine of its own, `training.engine`.
        """
        used = self.members[0]._network.engine
        return None if used is None else plugin_name(used)

    @engine.setter
    def engine(self, name: str | None) -> None:
        self._runs.check_idle()
        chosen = engine_named(name)
        for member in self.members:
            member._network = member._network.using(chosen)

    # -- weights

    def get_weights(self) -> dict[str, NDArray[Any]]:
        """Return copies of the weights by name, such as "layers.0.weight", shape (inputs, units), and "layers.0.bias", shape (units,)."""
        return get_weights(self._predicting[0])

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

    def to_torch(self) -> Any:
        """Return the network as an ``nn.Sequential`` of PyTorch, with copies of its weights, in evaluation mode.

        It computes the outputs of the network from encoded inputs, not from raw columns: an array of shape (rows, inputs) in the dtype of
        the spec, which `encode` returns, with the columns of ``model.input_encoder.feature_names``: scaled numbers, indicators of missing
        values, categories. Outputs are those of the last activation: probabilities, or numbers that are not scaled back
        (``outputs * model.target_encoder.scale + model.target_encoder.center``). Dropout is there for training; initializers, penalties
        and the loss are not.

        Raises
        ------
        DataError
            PyTorch is not installed, or a part of the network has no counterpart: embeddings, residual connections, some activations.

        Examples
        --------
        >>> module = model.to_torch()                             # doctest: +SKIP
        >>> module(torch.from_numpy(model.encode("rows.csv")))    # doctest: +SKIP
        """
        from mlpkit.model.torch_module import to_torch

        return to_torch(self.network)

    # -- training

    @classmethod
    def for_data(cls, spec: Spec, prepared: Prepared) -> Model:
        """Return an untrained model for prepared data; raise SpecError if its metrics or early stopping do not fit."""
        from mlpkit.training.preflight import check_measured

        check_measured(spec, prepared)
        widths = prepared.inputs.width, prepared.target.outputs
        model = cls(spec.with_widths(*widths, embeddings_of(spec, prepared)), *widths)
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
        model = object.__new__(_class_of(parts.spec))
        model._hold(parts, verify, complete)
        return model


def _class_of(spec: Spec) -> type[Model]:
    """Return the class of models of a spec."""
    if spec.ensemble is None:
        return Model
    from mlpkit.model.ensemble import Ensemble

    return Ensemble
