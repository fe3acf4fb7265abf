"""Model from a fitted MLP of scikit-learn, with the pipeline before it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from mlpkit.data.table import value_names
from mlpkit.errors import DataError
from mlpkit.importing.assembly import LayerWeights, assemble
from mlpkit.importing.columns import Input, NumberInput, encoder_of
from mlpkit.importing.features import Feature, Raw, first_layer
from mlpkit.importing.sklearn_steps import apply, center_and_scale, error, kind_of
from mlpkit.importing.targets import Target
from mlpkit.model.model import Model

ACTIVATIONS = {"identity": "linear", "logistic": "sigmoid", "tanh": "tanh", "relu": "relu", "softmax": "softmax", "exp": "exponential"}
SOLVERS = {"sgd": "sgd", "adam": "adam", "lbfgs": "adam"}


class Fitted(NamedTuple):
    """Network of a fitted estimator, with what it gets and what becomes of its outputs."""

    network: Any
    features: list[Feature]
    center: Any = None
    scale: Any = None


def from_sklearn(
    estimator: Any,
    *,
    target: str | Sequence[str] | None = None,
    dtype: str | None = None,
    spec: Mapping[str, Any] | None = None,
) -> Model:
    """Return the model of a fitted network of scikit-learn, alone or at the end of a pipeline.

    It predicts the same from the same raw columns, in float64 to a few units in the last place, without scikit-learn. Numbers are scaled
    by StandardScaler, MinMaxScaler, MaxAbsScaler or RobustScaler, missing values filled by SimpleImputer, categories encoded by
    OneHotEncoder or OrdinalEncoder, and columns chosen by ColumnTransformer, FeatureUnion or a selection of features, in any order.
    Infrequent categories and `handle_unknown` are as in scikit-learn; where that raises an error for an unknown category, mlpkit warns and
    encodes it as zeros.

    Parameters
    ----------
    estimator : MLPClassifier, MLPRegressor, Pipeline, TransformedTargetRegressor, or a search that has the best of them
        The target of a TransformedTargetRegressor is scaled by one of the scalers.
    target : str or sequence of str, optional
        Name of each predicted column.
    dtype : "float32" or "float64", optional
        Default: float64.
    spec : dict, optional
        Keys of the spec for training further; see `mlpkit.from_arrays`.

    Returns
    -------
    Model
        Its input columns are those of the training data: by name if those were a table, else in their order.

    Raises
    ------
    DataError
        The estimator is not fitted, is no such network, or has a step that has no counterpart; the message names the step.
    SpecError, PluginError
        The spec is not valid.
    """
    estimator = getattr(estimator, "best_estimator_", estimator)
    first = next((part for part in _parts(estimator) if getattr(part, "n_features_in_", None) is not None), None)
    if first is None and kind_of(estimator):
        raise DataError(f"the {type(estimator).__name__} is not fitted", help="call fit first")
    names = getattr(first, "feature_names_in_", None)
    columns = value_names("x", getattr(first, "n_features_in_", 0)) if names is None else [str(name) for name in names]
    fitted = _network(estimator, [Raw(name) for name in columns], "")
    network = fitted.network
    weights, biases = [np.asarray(each) for each in network.coefs_], [np.asarray(each) for each in network.intercepts_]
    inputs, weights[0], biases[0] = first_layer(fitted.features, columns, weights[0], biases[0], whole=names is None)
    inputs = inputs if names is not None else _block(inputs, len(columns))
    output, loss = _output(fitted, spec)
    activations = [*[ACTIVATIONS[network.activation]] * (len(weights) - 1), output]
    layers = [LayerWeights(*each) for each in zip(weights, biases, activations, strict=True)]
    labelled = kind_of(network) == "MLPClassifier"
    classes = network.classes_ if labelled and not (network.out_activation_ == "logistic" and network.n_outputs_ > 1) else None
    means = Target(classes, target, fitted.center, fitted.scale)
    optimizer = {"type": SOLVERS[network.solver], "learning_rate": network.learning_rate_init}
    encoder = encoder_of(inputs, names is not None)
    return assemble(layers, encoder, means, spec, dtype=dtype or "float64", optimizer=optimizer, **loss)


def _output(fitted: Fitted, spec: Mapping[str, Any] | None) -> tuple[str, dict[str, str]]:
    """Return the last activation, and the loss if it defines the predictions: exp(outputs) for counts."""
    name = fitted.network.out_activation_
    if name == "exp" and fitted.center is None and "loss" not in (spec or {}):
        return "linear", {"loss": "poisson"}
    return ACTIVATIONS[name], {}


def _parts(estimator: Any) -> Iterator[Any]:
    """Yield an estimator and its steps, in order: the first that is fitted knows the columns."""
    yield estimator
    if kind_of(estimator) == "Pipeline":
        for _, step in estimator.steps:
            yield from _parts(step)
    elif kind_of(estimator) == "TransformedTargetRegressor":
        yield from _parts(getattr(estimator, "regressor_", None))


def _network(estimator: Any, features: list[Feature], path: str) -> Fitted:
    """Return the network at the end of an estimator. Raise DataError if there is none."""
    kind = kind_of(estimator)
    if kind == "Pipeline":
        *steps, (name, last) = estimator.steps
        for own, step in steps:
            features = apply(f"{path}.{own}" if path else own, step, features)
        return _network(last, features, f"{path}.{name}" if path else name)
    if kind == "TransformedTargetRegressor":
        found = _network(estimator.regressor_, features, f"{path}.regressor" if path else "regressor")
        return found._replace(**_target_scaling(path, estimator.transformer_))
    if kind not in ("MLPClassifier", "MLPRegressor"):
        help = "pass a fitted MLPClassifier or MLPRegressor, or a pipeline that ends with one"
        raise DataError(
            f"{f'the step {path!r}' if path else 'the estimator'} is of type {type(estimator).__name__}, which is no MLP", help=help
        )
    if not hasattr(estimator, "coefs_"):
        raise DataError(f"the {kind} is not fitted", help="call fit first")
    if len(features) != estimator.n_features_in_:
        problem = f"was fitted on {estimator.n_features_in_} columns, but gets {len(features)}"
        raise error(path or kind, estimator, problem, "fit the pipeline as a whole")
    return Fitted(estimator, features)


def _target_scaling(path: str, transformer: Any) -> dict[str, Any]:
    """Return center and scale of the target. Raise DataError if it is transformed in another way."""
    name = f"{path}.transformer" if path else "transformer"
    if kind_of(transformer) == "FunctionTransformer":
        if transformer.inverse_func is not None:
            raise error(
                name, transformer, "calls a function on predictions", "use StandardScaler, or train without it on the transformed target"
            )
        return {}
    center, scale = center_and_scale(name, transformer)
    return {"center": center, "scale": scale}


def _block(inputs: list[Input], count: int) -> list[Input]:
    """Return the columns of an array as one, if all of them are numbers without missing values: they have no names."""
    if len(inputs) < count or not all(isinstance(each, NumberInput) and each.fill is None for each in inputs):
        return inputs
    numbers = [each for each in inputs if isinstance(each, NumberInput)]
    return [NumberInput("x", np.concatenate([each.center for each in numbers]), np.concatenate([each.scale for each in numbers]))]
