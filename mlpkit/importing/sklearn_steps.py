"""Steps of a fitted pipeline of scikit-learn, as functions of features. No code of scikit-learn is needed: attributes are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.errors import DataError
from mlpkit.importing.columns import category_texts
from mlpkit.importing.features import Feature, Level, Linear, Missing, Raw, as_linear, filled, missing, scaled, selected
from mlpkit.text.shown import shortened

Vector = NDArray[np.float64]
KNOWN = (
    "StandardScaler, MinMaxScaler, MaxAbsScaler, RobustScaler, SimpleImputer, MissingIndicator, OneHotEncoder, OrdinalEncoder, "
    "selection of features, ColumnTransformer, FeatureUnion, Pipeline and 'passthrough'"
)


def kind_of(step: Any) -> str:
    """Return the name of a class of scikit-learn, and an empty text for a class of others, which may do anything."""
    return type(step).__name__ if type(step).__module__.partition(".")[0] == "sklearn" else ""


def error(path: str, step: Any, problem: str, help: str) -> DataError:
    """Return the error for a step that has no counterpart."""
    return DataError(f"the step {shortened(path)!r}, {type(step).__name__}, {problem}", help=help)


def apply(path: str, step: Any, features: Sequence[Feature]) -> list[Feature]:
    """Return what a step makes of features.

    Parameters
    ----------
    path : str
        Name of the step, for errors.
    step : object
        A fitted transformer, "passthrough" or None.
    features : sequence of Feature

    Raises
    ------
    DataError
        The step is not fitted, or mlpkit has no counterpart for it.
    """
    if step is None or (isinstance(step, str) and step == "passthrough"):
        return list(features)
    kind = kind_of(step)
    if kind in _CONTAINERS:
        return _CONTAINERS[kind](path, step, features)
    if kind not in _STEPS and not (kind and callable(getattr(step, "get_support", None))):
        raise error(path, step, "has no counterpart", f"known are {KNOWN}; apply the step to the columns before, and leave it out here")
    if (found := getattr(step, "n_features_in_", None)) is None:
        raise error(path, step, "is not fitted", "call fit first")
    if found != len(features):
        raise error(path, step, f"was fitted on {found} columns, but gets {len(features)}", "fit the pipeline as a whole")
    try:
        return list(_STEPS.get(kind, _select)(path, step, features))
    except DataError as problem:
        if problem.message.startswith("the step "):
            raise
        raise DataError(f"the step {shortened(path)!r}, {kind}: {problem.message}", help=problem.help) from problem


def center_and_scale(path: str, step: Any) -> tuple[Vector, Vector]:
    """Return subtrahend and divisor of a scaler, one of each per column. Raise DataError for another step."""
    kind = kind_of(step)
    if kind == "MinMaxScaler" and not step.clip:
        return -step.min_ / step.scale_, 1 / step.scale_
    if kind in ("StandardScaler", "RobustScaler", "MaxAbsScaler"):
        center = {"StandardScaler": "mean_", "RobustScaler": "center_"}.get(kind)
        used = center is not None and getattr(step, "with_mean" if center == "mean_" else "with_centering")
        found = getattr(step, str(center)) if used else None
        scale = getattr(step, "scale_", None)
        ones = np.ones(step.n_features_in_)
        return 0 * ones if found is None else np.asarray(found), ones if scale is None else np.asarray(scale)
    problem = "limits its values" if kind == "MinMaxScaler" else "is no scaling by a center and a scale"
    raise error(path, step, problem, "use clip=False" if kind == "MinMaxScaler" else "use a StandardScaler")


def _scale(path: str, step: Any, features: Sequence[Feature]) -> list[Feature]:
    center, scale = center_and_scale(path, step)
    return [scaled(each, *by) for each, *by in zip(features, center.tolist(), scale.tolist(), strict=True)]


def _impute(path: str, step: Any, features: Sequence[Feature]) -> list[Feature]:
    _check_marks(path, step)
    kept = [not is_missing(value) for value in step.statistics_.tolist()]
    found = [filled(each, value) for each, value, keep in zip(features, step.statistics_.tolist(), kept, strict=True) if keep]
    return [*found, *(_indicate(path, step.indicator_, features) if step.add_indicator else [])]


def _indicate(path: str, step: Any, features: Sequence[Feature]) -> list[Feature]:
    _check_marks(path, step)
    return [missing(features[index]) for index in step.features_.tolist()]


def _check_marks(path: str, step: Any) -> None:
    if not is_missing(step.missing_values):
        problem = f"takes {step.missing_values!r} for a missing value"
        raise error(path, step, problem, "replace it by NaN in the columns, and set missing_values to NaN")


def is_missing(value: Any) -> bool:
    """Return True for None, NaN and pandas' NA."""
    return value is None or type(value).__name__ in ("NAType", "NaTType") or bool(value != value)


def _levels(path: str, step: Any, feature: Feature, values: Sequence[Any]) -> list[Linear]:
    """Return for each category of a column the sum of indicators that is 1 for it."""
    if isinstance(feature, Linear) and all(isinstance(term, Missing) for term in feature.terms) and set(values) <= {0, 1}:
        return [feature if value == 1 else scaled(feature, 1.0, -1.0) for value in values]
    if not isinstance(feature, Raw):
        raise error(path, step, "encodes categories of what another step has computed", "encode the column itself")
    found = category_texts(feature.column, [None if is_missing(value) else value for value in values])
    filling = category_texts(feature.column, [feature.fill])[0] if feature.filled else None
    sums = []
    for text in found:
        levels = [Level(feature.column, text)] + [Level(feature.column, None)] * (feature.filled and text == filling)
        sums.append(Linear(dict.fromkeys(levels, 1.0)))
    return sums


def _one_hot(path: str, step: Any, features: Sequence[Feature]) -> list[Feature]:
    dropped = [None] * len(features) if step.drop_idx_ is None else step.drop_idx_.tolist()
    rare = getattr(step, "infrequent_categories_", None) if getattr(step, "_infrequent_enabled", False) else None
    result: list[Feature] = []
    for index, (feature, values) in enumerate(zip(features, step.categories_, strict=True)):
        sums = _levels(path, step, feature, values.tolist())
        if rare is not None and rare[index] is not None:
            if step.drop is not None:
                raise error(path, step, "drops a category and joins infrequent ones", "use drop=None")
            seldom = [any(_same(value, other) for other in rare[index].tolist()) for value in values.tolist()]
            sums = _joined(sums, seldom, unknown=step.handle_unknown in ("infrequent_if_exist", "warn"))
        result += selected(sums, [place != dropped[index] for place in range(len(sums))])
    return result


def _same(value: Any, other: Any) -> bool:
    return bool(is_missing(value) and is_missing(other)) or bool(value == other)


def _joined(sums: Sequence[Linear], seldom: Sequence[bool], *, unknown: bool) -> list[Linear]:
    """Return the sums of frequent categories, and at last that of the others, which unknown categories may belong to."""
    frequent = [each for each, rare in zip(sums, seldom, strict=True) if not rare]
    if unknown:  # 1 unless it is a frequent category; the others are there with the factor 0
        terms = {term: 0.0 if rare else -1.0 for each, rare in zip(sums, seldom, strict=True) for term in each.terms}
        return [*frequent, Linear(terms, 1.0)]
    return [*frequent, Linear({term: 1.0 for each, rare in zip(sums, seldom, strict=True) if rare for term in each.terms})]


def _ordinal(path: str, step: Any, features: Sequence[Feature]) -> list[Feature]:
    if getattr(step, "_infrequent_enabled", False):
        raise error(path, step, "joins infrequent categories", "use neither min_frequency nor max_categories")
    other = 0.0 if step.unknown_value is None else float(step.unknown_value)
    result: list[Feature] = []
    for feature, values in zip(features, step.categories_, strict=True):
        codes = [float(step.encoded_missing_value) if is_missing(value) else float(at) for at, value in enumerate(values.tolist())]
        if any(code != code for code in [*codes, other]):
            raise error(path, step, "encodes missing or unknown categories as NaN", "give encoded_missing_value and unknown_value numbers")
        terms: dict[Any, float] = {}
        for code, each in zip(codes, _levels(path, step, feature, values.tolist()), strict=True):
            terms |= dict.fromkeys(each.terms, code - other)
        result.append(Linear(terms, other))
    return result


def _select(path: str, step: Any, features: Sequence[Feature]) -> list[Feature]:
    return selected(features, step.get_support().tolist())


def _function(path: str, step: Any, features: Sequence[Feature]) -> list[Feature]:
    if step.func is not None:
        raise error(path, step, "calls a function", "apply it to the columns before, and leave the step out")
    return list(features)


def _pipeline(path: str, step: Any, features: Sequence[Feature]) -> list[Feature]:
    found = list(features)
    for name, each in step.steps:
        found = apply(f"{path}.{name}" if path else name, each, found)
    return found


def _columns(path: str, step: Any, features: Sequence[Feature]) -> list[Feature]:
    if not hasattr(step, "transformers_"):
        raise error(path, step, "is not fitted", "call fit first")
    names = getattr(step, "feature_names_in_", None)
    positions = {} if names is None else {str(name): index for index, name in enumerate(names)}
    found: list[Feature] = []
    for name, each, chosen in step.transformers_:
        if isinstance(each, str) and each == "drop":
            continue
        own = [features[index] for index in _indices(chosen, positions, len(features))]
        if own:
            found += _weighted(step, name, apply(f"{path}.{name}" if path else name, each, own))
    return found


def _indices(chosen: Any, positions: Mapping[str, int], count: int) -> list[int]:
    """Return the indices of the columns of a ColumnTransformer's part: names, indices, a slice or a mask."""
    if isinstance(chosen, slice):
        start = positions[chosen.start] if isinstance(chosen.start, str) else chosen.start
        stop = positions[chosen.stop] + 1 if isinstance(chosen.stop, str) else chosen.stop
        return list(range(count)[start : stop : chosen.step])
    listed = [chosen] if isinstance(chosen, (str, int, np.integer)) else list(chosen)
    if len(listed) == count and all(isinstance(each, (bool, np.bool_)) for each in listed):
        return [index for index, keep in enumerate(listed) if keep]
    return [positions[str(each)] if isinstance(each, str) else range(count)[int(each)] for each in listed]


def _union(path: str, step: Any, features: Sequence[Feature]) -> list[Feature]:
    found: list[Feature] = []
    for name, each in step.transformer_list:
        if not (isinstance(each, str) and each == "drop"):
            found += _weighted(step, name, apply(f"{path}.{name}" if path else name, each, features))
    return found


def _weighted(step: Any, name: str, features: list[Feature]) -> list[Feature]:
    """Return the features of a part times its weight, if it has one."""
    weight = (step.transformer_weights or {}).get(name)
    if weight is None:
        return features
    sums = [as_linear(each) for each in features]
    return [Linear({term: factor * weight for term, factor in each.terms.items()}, each.constant * weight) for each in sums]


Step = Callable[[str, Any, Sequence[Feature]], list[Feature]]
_CONTAINERS: dict[str, Step] = {"Pipeline": _pipeline, "ColumnTransformer": _columns, "FeatureUnion": _union}
_STEPS: dict[str, Step] = {
    **dict.fromkeys(("StandardScaler", "MinMaxScaler", "MaxAbsScaler", "RobustScaler"), _scale),
    "SimpleImputer": _impute,
    "MissingIndicator": _indicate,
    "OneHotEncoder": _one_hot,
    "OrdinalEncoder": _ordinal,
    "FunctionTransformer": _function,
}
