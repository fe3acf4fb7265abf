"""Models of every kind for reports, with their rows."""

import warnings

import numpy as np

import mlpkit

ROWS = 150
LAYERS = [{"units": 6, "activation": "tanh"}]
TRAINING = {"epochs": 4, "batch_size": 32}


def raw_table(rows=ROWS, seed=0):
    """Columns of every kind."""
    rng = np.random.default_rng(seed)
    return {
        "size": np.where(rng.random(rows) < 0.1, np.nan, rng.standard_normal(rows)),
        "colour": np.array(["red", "green", None, "blue"], object)[rng.integers(0, 4, rows)],
        "day": np.datetime64("2024-01-01") + rng.integers(0, 700, rows),
        "pixels": rng.standard_normal((rows, 3)),
        "town": np.array([f"t{number}" for number in range(9)], object)[rng.integers(0, 9, rows)],
        "steps": rng.standard_normal(rows),
        "smoker": rng.random(rows) < 0.4,
        "same": np.ones(rows),
        "member": np.array(["yes", "No", None], object)[rng.integers(0, 3, rows)],
        "paid": np.array([f"${value:.2f}" for value in rng.random(rows)], object),
    }


def _signal(table):
    return np.nan_to_num(table["size"]) + (table["colour"] == "red") + table["smoker"] - table["steps"]


def _spec(last, loss, target, **options):
    columns = {"day": "date", "steps": "bins", "member": "boolean", "town": {"type": "embed", "fewest": 1}}
    network = {"embeddings": [{"type": "category", "units": 2}], "layers": [*LAYERS, last]}
    data = {"target": target, "units": {"paid": "$"}, "split": {"validation": 0.2}, **options.pop("data", {})}
    spec = {"name": "kind", "data": data, "preprocessing": {"columns": columns}, "network": network, "loss": loss}
    return {**spec, "training": {**TRAINING, **options.pop("training", {})}, **options}


def _classes(count):
    def made(rows, seed):
        table = raw_table(rows, seed)
        noise = np.random.default_rng(seed + 1).standard_normal(rows)
        cuts = np.quantile(_signal(raw_table()) * 1.2, np.linspace(0, 1, count + 1)[1:-1])
        return {**table, "kind": np.array(["low", "mid", "high", "top"], object)[np.searchsorted(cuts, _signal(table) + noise)]}

    return made


def _numbers(*names):
    def made(rows, seed):
        table = raw_table(rows, seed)
        rng = np.random.default_rng(seed + 1)
        return {**table, **{name: np.exp((_signal(table) + rng.standard_normal(rows)) / 3) for name in names}}

    return made


def _labels(rows, seed):
    table = raw_table(rows, seed)
    return {**table, "a": (_signal(table) > 0).astype(int), "b": table["smoker"].astype(int)}


def _soft(rows, seed):
    table = raw_table(rows, seed)
    p = 1 / (1 + np.exp(-_signal(table)))
    return {**table, "p_no": 1 - p, "p_yes": p}


SOFTMAX, EARLY = {"activation": "softmax"}, {"early_stopping": {"patience": 2}, "keep_residuals": True}
KINDS = {
    "two classes": (
        _spec({"activation": "sigmoid"}, "binary_crossentropy", "kind", decision={"threshold": 0.3}, training=EARLY),
        _classes(2),
    ),
    "three classes": (_spec(SOFTMAX, "cross_entropy", "kind", metrics=["accuracy", "matthews"]), _classes(3)),
    "an ensemble": (_spec(SOFTMAX, "cross_entropy", "kind", ensemble={"members": 3}, training={"keep_residuals": True}), _classes(3)),
    "folds": (
        _spec(SOFTMAX, "cross_entropy", "kind", ensemble={"members": 3, "folds": "rotate"}, data={"split": None}, training=EARLY),
        _classes(3),
    ),
    "ordered classes": (
        _spec({"activation": "continuation_ratio"}, "ordinal", "kind", data={"classes": ["low", "mid", "high", "top"]}),
        _classes(4),
    ),
    "a number": (_spec({}, "mse", "price", training=EARLY), _numbers("price")),
    "several numbers": (_spec({}, "mse", ["price", "weight"]), _numbers("price", "weight")),
    "quantiles": (_spec({}, {"type": "quantile", "quantiles": [0.1, 0.5, 0.9]}, "price"), _numbers("price")),
    "a deviation": (_spec({}, "gaussian_nll", "price", ensemble={"members": 2}), _numbers("price")),
    "counts": (_spec({}, "poisson", "price"), _numbers("price")),
    "labels": (_spec({"activation": "sigmoid"}, "binary_crossentropy", ["a", "b"]), _labels),
    "shares": (
        _spec(SOFTMAX, "cross_entropy", ["p_no", "p_yes"], data={"classes": ["no", "yes"]}),
        _soft,
    ),
}
_made = {}


def trained(kind, rows=ROWS, seed=0):
    """A model of a kind, which is trained once, and new rows."""
    spec, table = KINDS[kind]
    if kind not in _made:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", mlpkit.ConstantColumnWarning)
            warnings.simplefilter("ignore", mlpkit.DataWarning)
            _made[kind] = mlpkit.train(spec, table(ROWS, 0))
    return _made[kind], table(rows, seed)
