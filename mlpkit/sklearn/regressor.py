"""MLPKitRegressor: a regressor for scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin

from mlpkit.sklearn.estimator import Estimator
from mlpkit.sklearn.parameters import Goal
from mlpkit.sklearn.rows import checked_targets


class MLPKitRegressor(RegressorMixin, Estimator):  # type: ignore[misc]  # scikit-learn has no types
    """Multi-layer perceptron that predicts one or several numbers.

    The rows are arrays, or tables of pandas, polars or Arrow as they are, with texts, categories and missing values: numbers are
    standardized, texts are one-hot encoded, missing values are imputed and marked, all fitted on the training rows. Targets are scaled too.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int
        Units of the hidden layers; ``()`` is a linear model.
    activation : str or dict
        Activation of the hidden layers, such as "relu", "tanh", "logistic" and "silu".
    loss : str or dict
        Loss; "auto" is "mean_squared_error".
    optimizer : str or dict
        Optimizer, such as "adam", "sgd", or "lbfgs" of the package mlpkit-scipy; an object has the name as its type, and options.
    learning_rate : float or dict, optional
        Learning rate, or a schedule such as ``{"type": "cosine", "initial": 0.01}``; default: that of the optimizer.
    batch_size : int, "auto" or None
        Rows of a step; "auto": 256, or all rows if they are fewer; None: all rows.
    max_iter : int
        Epochs; of a full-batch optimizer such as "lbfgs", calls of it.
    dropout : float or dict
        Share of the outputs of hidden layers dropped in training.
    normalization : str or dict, optional
        "batch", "layer" or "rms".
    early_stopping : bool
        Hold out `validation_fraction` of the rows, or use the rows of ``fit(validation=...)``; stop if their loss has not improved for
        `n_iter_no_change` epochs, and keep the best weights.
    validation_fraction : float
        Share of the rows, for early stopping.
    n_iter_no_change : int
        Epochs without improvement, for early stopping.
    warm_start : bool
        `fit` trains the model further, with its preprocessing and the state of its optimizer.
    random_state : int, RandomState or None
        Seed of the initial weights, shuffling, dropout and the split.
    dtype : {"auto", "float32", "float64"}
        Number type; "auto": float32 if all numbers of the rows are, else float64.
    spec : dict, optional
        Part of a spec of mlpkit, which is merged last and so takes precedence over all other parameters: objects key by key, lists and
        other values as a whole. It may name a preset: ``{"preset": "good-numbers-2"}`` trains an ensemble.

    Attributes
    ----------
    model_ : mlpkit.Model
        The trained model: ``model_.save("model.h5")`` writes it with its preprocessing.
    n_features_in_ : int
    feature_names_in_ : array of str
        Names of the columns, if all of them are texts.
    n_iter_ : int
        Number of epochs.
    loss_curve_ : list of float
        Training loss of each epoch; `loss_` is the last one.

    Examples
    --------
    >>> from mlpkit.sklearn import MLPKitRegressor
    >>> MLPKitRegressor(hidden_layer_sizes=(64, 64), random_state=0).fit(x, y).predict(x)    # doctest: +SKIP
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, validation: Any = None) -> MLPKitRegressor:
        """Train on rows and their targets.

        Parameters
        ----------
        X : array or table, shape (rows, columns)
            NaN and None are missing values. A sparse matrix is an error: use its ``toarray()``.
        y : array, shape (rows,) or (rows, targets)
        sample_weight : array, shape (rows,), optional
            Weights of at least 0; a row of weight 0 is ignored.
        validation : (X, y) or (X, y, sample_weight), optional
            Validation rows; their loss is in ``model_.history``.

        Raises
        ------
        ValueError, TypeError
            The rows or the targets cannot be used, or a parameter is not valid (`mlpkit.DataError`, `mlpkit.SpecError`).
        """
        return self._fit(X, y, sample_weight, validation)

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPKitRegressor:
        """Train one epoch on rows, and keep the state of the optimizer for the next call.

        The preprocessing is fitted on the rows of the first call. Parameters are those of `fit`.
        """
        return self._partial_fit(X, y, sample_weight)

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Return the predicted numbers, shape (rows,), or (rows, targets) for several targets."""
        rows = self._rows_to_predict(X)
        return np.asarray(self.model_.predict(rows))

    def _goal(self) -> Goal:
        return Goal("mean_squared_error", "linear", {"target_type": "number"})

    def _checked_targets(self, y: Any, *, reset: bool, classes: Any = None) -> NDArray[Any]:
        return checked_targets(self, y, dtype=np.float64)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
