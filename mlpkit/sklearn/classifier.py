"""MLPKitClassifier: a classifier for scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import type_of_target

from mlpkit.sklearn.estimator import Estimator
from mlpkit.sklearn.parameters import Goal
from mlpkit.sklearn.rows import checked_targets


class MLPKitClassifier(ClassifierMixin, Estimator):  # type: ignore[misc]  # scikit-learn has no types
    """Multi-layer perceptron that predicts one of two or more classes, or several labels.

    The rows are arrays, or tables of pandas, polars or Arrow as they are, with texts, categories and missing values: numbers are
    standardized, texts are one-hot encoded, missing values are imputed and marked, all fitted on the training rows.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int
        Units of the hidden layers; ``()`` is a linear model.
    activation : str or dict
        Activation of the hidden layers, such as "relu", "tanh", "logistic" and "silu".
    loss : str or dict
        Loss; "auto" is "binary_crossentropy" for two classes or several labels, else "categorical_crossentropy".
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
    class_weight : dict, "balanced" or None
        Weight of each class by its label, times the sample weights in training; others weigh 1. "balanced": all classes weigh the same.
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
        other values as a whole. It may name a preset: ``{"preset": "good-classes-2"}`` trains an ensemble.

    Attributes
    ----------
    classes_ : array, shape (classes,)
        Labels, sorted; of several labels per row their numbers.
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
    >>> from mlpkit.sklearn import MLPKitClassifier
    >>> MLPKitClassifier(hidden_layer_sizes=(64, 64), random_state=0).fit(x, y).predict_proba(x)    # doctest: +SKIP
    """

    classes_: NDArray[Any]
    _labels: bool  # several labels per row

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
        class_weight: Any = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        warm_start: bool = False,
        random_state: Any = None,
        dtype: Literal["auto", "float32", "float64"] = "auto",
        spec: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(
            hidden_layer_sizes,
            activation,
            loss=loss,
            optimizer=optimizer,
            learning_rate=learning_rate,
            batch_size=batch_size,
            max_iter=max_iter,
            dropout=dropout,
            normalization=normalization,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            warm_start=warm_start,
            random_state=random_state,
            dtype=dtype,
            spec=spec,
        )
        self.class_weight = class_weight

    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, validation: Any = None) -> MLPKitClassifier:
        """Train on rows and their targets.

        Parameters
        ----------
        X : array or table, shape (rows, columns)
            NaN and None are missing values. A sparse matrix is an error: use its ``toarray()``.
        y : array, shape (rows,) or (rows, labels)
            Classes; or 0 and 1 for each of several labels.
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

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> MLPKitClassifier:
        """Train one epoch on rows, and keep the state of the optimizer for the next call.

        The preprocessing is fitted on the rows of the first call. Other parameters are those of `fit`.

        Parameters
        ----------
        classes : array, shape (classes,), optional
            All classes, also those that the rows of the first call lack. It is needed only then.
        """
        return self._partial_fit(X, y, sample_weight, classes)

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most probable class of each row, shape (rows,), or 0 and 1 for several labels, shape (rows, labels)."""
        rows = self._rows_to_predict(X)
        predicted = self.model_.predict(rows)
        return np.asarray(predicted if self._labels else predicted.astype(self.classes_.dtype))

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the probability of each class, shape (rows, classes), in the order of `classes_`; or of each label."""
        rows = self._rows_to_predict(X)
        probabilities: NDArray[np.float64] = self.model_.predict_proba(rows)
        return probabilities if self._labels else probabilities[:, self._order]

    def predict_log_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the logarithms of the probabilities."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self.predict_proba(X)))

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Return what `predict` decides by.

        For two classes these are the log-odds of the second one, shape (rows,), above 0 where it is predicted; for several labels those of
        each label, shape (rows, labels); for more classes the logarithms of the probabilities, shape (rows, classes), of which the largest
        is predicted.
        """
        p = np.maximum(self.predict_proba(X), np.finfo(np.float64).tiny)
        if self._labels:
            return np.asarray(np.log(p) - np.log(np.maximum(1 - p, np.finfo(np.float64).tiny)))
        if len(self.classes_) > 2:
            return np.asarray(np.log(p))
        return np.asarray(np.log(p[:, 1]) - np.log(p[:, 0]) - self._threshold())

    def _threshold(self) -> float:
        """Return the log-odds of the second class above which it is predicted."""
        target = self.model_.target_encoder
        threshold = 0.5 if target is None else target.threshold
        odds = float(np.log(threshold) - np.log1p(-threshold))
        return odds if self._order[0] == 0 else -odds

    @property
    def _order(self) -> NDArray[np.intp]:
        """Number of each of the classes in the model."""
        classes = self.model_.classes
        return np.argsort(self.classes_ if classes is None else classes)

    def _train(self, *arguments: Any, **options: Any) -> MLPKitClassifier:
        super()._train(*arguments, **options)
        if self.model_.classes is not None:  # spec may list more
            self.classes_ = np.sort(self.model_.classes).astype(self.classes_.dtype)
        return self

    def _goal(self) -> Goal:
        if self._labels:
            return Goal("binary_crossentropy", "sigmoid")
        data = {"target_type": "class", "classes": self.classes_.tolist()}
        if len(self.classes_) == 2:
            return Goal("binary_crossentropy", "sigmoid", data)
        return Goal("categorical_crossentropy", "softmax", data)

    def _checked_targets(self, y: Any, *, reset: bool, classes: Any = None) -> NDArray[Any]:
        targets = _natural(checked_targets(self, y, dtype=None))
        labels = _has_labels(targets, type(self).__name__)
        if not reset and labels != self._labels:
            raise ValueError(f"y has the shape {targets.shape}, but the model was trained with another form of targets")
        if reset:
            self._labels = labels
            found = np.arange(targets.shape[1]) if labels else np.unique(targets if classes is None else _natural(np.asarray(classes)))
            if len(found) < 2:
                raise ValueError(f"{type(self).__name__} needs at least two classes, but y has one class: {found.tolist()}")
            self.classes_ = found
        return targets.astype(np.int64) if labels else targets

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def _natural(labels: NDArray[Any]) -> NDArray[Any]:
    """Return labels of objects that are numbers or booleans as an array of their type; texts stay objects."""
    if labels.dtype != object:
        return labels
    found = np.asarray(labels.tolist())
    return found if found.dtype.kind in "biuf" else labels


def _has_labels(targets: NDArray[Any], name: str) -> bool:
    """Return True for several labels per row, False for classes. Raise ValueError for targets of another form."""
    form = type_of_target(targets, input_name="y", raise_unknown=True)
    if form in ("binary", "multiclass"):
        return False
    if form == "multilabel-indicator":
        return True
    help = {
        "continuous": "numbers with a fraction are no classes: use MLPKitRegressor",
        "multiclass-multioutput": "use sklearn.multioutput.MultiOutputClassifier, with a classifier for each column",
    }.get(form, "give one class per row, or 0 and 1 for each of several labels")
    raise ValueError(f"Unknown label type: {form}. {name} takes classes; {help}.")
