"""Estimator: what the classifier and the regressor have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from mlpkit.errors import DataError
from mlpkit.model.model import Model
from mlpkit.model.train import epochs, train
from mlpkit.sklearn.parameters import Goal, spec_of
from mlpkit.sklearn.rows import checked_rows, checked_weights, dtype_of, names_of, target_names
from mlpkit.spec import Spec

E = TypeVar("E", bound="Estimator")


class Estimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Base class of the estimators: a model of mlpkit with the interface of scikit-learn. The parameters are those of the subclasses."""

    model_: Model
    n_features_in_: int
    _columns: list[str] | None
    _target_names: list[str]

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100,),
        activation: Any = "relu",
        *,
        loss: Any = "auto",
        optimizer: Any = "adam",
        learning_rate: Any = None,
        batch_size: int | Literal["auto"] | None = 64,
        max_iter: int = 100,
        dropout: Any = 0.0,
        normalization: Any = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        warm_start: bool = False,
        random_state: Any = None,
        dtype: Literal["auto", "float32", "float64"] = "auto",
        spec: dict[str, Any] | None = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.loss = loss
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.dropout = dropout
        self.normalization = normalization
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.warm_start = warm_start
        self.random_state = random_state
        self.dtype = dtype
        self.spec = spec

    @abstractmethod
    def _goal(self) -> Goal:
        """Return what is predicted, for targets that `_checked_targets` has seen."""

    @abstractmethod
    def _checked_targets(self, y: Any, *, reset: bool, classes: Any = None) -> NDArray[Any]:
        """Return checked targets; with `reset`, their form becomes that of the estimator."""

    def _fit(self: E, X: Any, y: Any, sample_weight: Any, validation: Any) -> E:
        """Train a new model, or the present one with ``warm_start=True``."""
        goes_on = bool(self.warm_start) and hasattr(self, "model_")
        rows, targets = self._checked(X, y, reset=not goes_on)
        held_out = None if validation is None else self._held_out(validation)
        spec = self._spec(rows, held_out is not None)
        return self._train(spec, rows, targets, sample_weight, held_out, goes_on=goes_on)

    def _partial_fit(self: E, X: Any, y: Any, sample_weight: Any, classes: Any = None) -> E:
        """Train one epoch more, with the preprocessing of the first call."""
        if self.early_stopping:
            raise ValueError("partial_fit has no validation rows: set early_stopping=False, or use fit")
        goes_on = hasattr(self, "model_")
        rows, targets = self._checked(X, y, reset=not goes_on, classes=classes)
        spec = self._spec(rows, True)
        if spec.ensemble is not None:
            raise ValueError("partial_fit does not train an ensemble: remove 'ensemble' from spec, or use fit")
        return self._train(_of_one_epoch(spec), rows, targets, sample_weight, None, goes_on=goes_on)

    def _checked(self, X: Any, y: Any, *, reset: bool, classes: Any = None) -> tuple[Any, Any]:
        """Return checked rows and targets; with `reset`, their form and names become those of the estimator."""
        rows = self._rows(X, reset=reset)
        if y is not None:
            check_consistent_length(X, y)
        targets = self._checked_targets(y, reset=reset, classes=classes)
        if reset:
            self._target_names = target_names(y, rows)
        return rows, targets if not self._target_names else dict(zip(self._target_names, targets.reshape(len(targets), -1).T, strict=True))

    def _rows(self, X: Any, *, reset: bool) -> Any:
        rows = checked_rows(self, X, reset=reset)
        if reset:
            self._columns = names_of(rows)
        return rows

    def _held_out(self, validation: Any) -> tuple[Any, ...]:
        """Return validation rows with their targets, and their weights if there are any."""
        if not isinstance(validation, (tuple, list)) or len(validation) not in (2, 3):
            raise ValueError("validation must be (X, y) or (X, y, sample_weight)")
        return *self._checked(*validation[:2], reset=False), *validation[2:]

    def _spec(self, rows: Any, held_out: bool) -> Spec:
        parameters = self.get_params(deep=False)
        goal = self._goal()
        if self._target_names:
            goal = replace(goal, data={**goal.data, "target": self._target_names})
        return spec_of(parameters, goal, seed=self._seed(), dtype=dtype_of(rows), held_out=held_out)

    def _seed(self) -> int:
        """Return the seed of the spec: the parameter, if it is an integer."""
        state = self.random_state
        if isinstance(state, Integral) and not isinstance(state, bool):
            return int(state)
        return int(check_random_state(state).randint(np.iinfo(np.int32).max))

    def _train(self: E, spec: Spec, rows: Any, y: Any, weights: Any, validation: Any, *, goes_on: bool) -> E:
        weights = checked_weights(weights)
        if not goes_on:
            self.model_ = train(spec, rows, y, validation=validation, weights=weights)
        else:
            self.model_.spec = _continued(self.model_, spec)
            for _ in epochs(self.model_, rows, y, validation=validation, weights=weights):
                pass
        return self

    @property
    def n_iter_(self) -> int:
        """Number of epochs, of all calls of `fit` and `partial_fit` that trained the model."""
        return len(self._fitted().history)

    @property
    def loss_curve_(self) -> list[float]:
        """Training loss of each epoch."""
        return [epoch.loss for epoch in self._fitted().history]

    @property
    def loss_(self) -> float:
        """Training loss of the last epoch."""
        return self.loss_curve_[-1]

    def _fitted(self) -> Model:
        try:
            return self.model_
        except AttributeError:
            raise AttributeError(f"this {type(self).__name__} is not fitted yet: call fit first") from None

    def _rows_to_predict(self, X: Any) -> Any:
        check_is_fitted(self)
        return self._rows(X, reset=False)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = tags.input_tags.categorical = True
        return tags


def _continued(model: Model, spec: Spec) -> Spec:
    """Return the spec of a model that is trained further, with the widths, the number type and the preprocessing of the model.

    Raises
    ------
    DataError
        The spec has another network.
    """
    own = model.spec
    network = spec.network.model_copy(update={"inputs": None, "embeddings": ()})
    earlier = own.network.model_copy(update={"inputs": None, "embeddings": ()})
    layers = (*network.layers[:-1], network.layers[-1].model_copy(update={"units": earlier.layers[-1].units}))
    if network.model_copy(update={"layers": layers}) != earlier or spec.ensemble != own.ensemble:
        message = "the parameters define another network than that of the model, which is trained further"
        raise DataError(message, help="fit a new estimator, or set warm_start=False")
    return spec.model_copy(update={"network": own.network, "dtype": own.dtype, "preprocessing": own.preprocessing})


def _of_one_epoch(spec: Spec) -> Spec:
    """Return a spec for one epoch without validation rows, and so without what needs them."""
    data = spec.data.model_copy(update={"split": None, "validation": None})
    changes = {"epochs": 1, "early_stopping": None, "keep_residuals": False}
    decision = spec.decision if spec.decision is not None and isinstance(spec.decision.threshold, float) else None
    return spec.model_copy(update={"data": data, "decision": decision, "training": spec.training.model_copy(update=changes)})
