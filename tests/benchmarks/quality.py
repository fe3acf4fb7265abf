"""The worked examples against scikit-learn's MLP: `python -m tests.benchmarks.quality`.

For each example and each of 10 seeds: a fifth of the rows is held out, both train on the rest and are scored on it.
Same split, layers, activations, optimizer, learning rate, batch size and epochs; both see standardised numbers, median
imputation with indicators, one-hot categories and a standardised regression target. mlpkit is shown three times: with the spec that
`mlpkit init` writes for the training rows, with the example's spec as it is (dropout, schedule, early stopping on a
share of the training rows) and stripped of what scikit-learn does not have.
"""

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import mlpkit
from mlpkit.cli.draft import draft
from mlpkit.data.frames import as_table

MODELS = Path(__file__).parents[2] / "models"
EXAMPLES = ("iris", "penguins", "digits", "diabetes")
SEEDS = range(10)
ACTIVATIONS = {"tanh": "tanh", "relu": "relu", "sigmoid": "logistic", "linear": "identity"}


def read(name):
    spec = json.loads((MODELS / name / "spec.json").read_text())
    return spec, pd.read_csv(MODELS / name / spec["data"]["path"])


def plain(spec):
    """The spec with nothing in it that scikit-learn does not have."""
    layers = [{key: value for key, value in layer.items() if key != "dropout"} for layer in spec["network"]["layers"]]
    training = {key: value for key, value in spec["training"].items() if key != "early_stopping"}
    optimizer = {**spec["optimizer"], "learning_rate": constant_rate(spec)}
    data = {key: value for key, value in spec["data"].items() if key != "split"}
    return {**spec, "data": data, "network": {"layers": layers}, "training": training, "optimizer": optimizer}


def constant_rate(spec):
    rate = spec["optimizer"]["learning_rate"]
    return rate["initial"] if isinstance(rate, dict) else rate


def sklearn_model(spec, table, seed):
    """scikit-learn's pipeline for the same spec."""
    target = spec["data"]["target"]
    named = spec.get("preprocessing", {}).get("columns", {})
    inputs = [name for name in table.columns if name != target]
    text = [name for name in inputs if named.get(name) == "one_hot" or not pd.api.types.is_numeric_dtype(table[name])]
    numbers = [name for name in inputs if name not in text]
    columns = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler()), numbers),
            ("text", OneHotEncoder(handle_unknown="ignore"), text),
        ]
    )
    layers = spec["network"]["layers"][:-1]
    options = {
        "hidden_layer_sizes": [layer["units"] for layer in layers],
        "activation": ACTIVATIONS[layers[0]["activation"]],
        "solver": spec["optimizer"]["type"],
        "learning_rate_init": constant_rate(spec),
        "batch_size": spec["training"]["batch_size"],
        "max_iter": spec["training"]["epochs"],
        "alpha": 0.0,
        "tol": 0.0,
        "n_iter_no_change": spec["training"]["epochs"],
        "random_state": seed,
    }
    if spec["loss"] == "mean_squared_error":
        return TransformedTargetRegressor(make_pipeline(columns, MLPRegressor(**options)), transformer=StandardScaler())
    return make_pipeline(columns, MLPClassifier(**options))


def proposed(spec, training):
    """The spec of `mlpkit init` for the training rows of an example."""
    found = draft(as_table(training), spec["data"]["target"], "rows.csv", "model").spec
    return {**found, "data": {key: value for key, value in found["data"].items() if key != "path"}}


def scores(spec, table, seed):
    """Test score of mlpkit with the spec of `init`, with that of the example, and without extras, and of scikit-learn."""
    target, regression = spec["data"]["target"], spec["loss"] == "mean_squared_error"
    train, test = train_test_split(table, test_size=0.2, random_state=seed, stratify=None if regression else table[target])
    metric = "r2" if regression else "accuracy"
    variants = (proposed(spec, train), spec, plain(spec))
    found = [mlpkit.train({**variant, "seed": seed}, train).evaluate(test, metrics=[metric])[metric] for variant in variants]
    peer = sklearn_model(spec, table, seed).fit(train.drop(columns=target), train[target])
    return [*found, peer.score(test.drop(columns=target), test[target])]


def main():
    warnings.simplefilter("ignore", ConvergenceWarning)
    print("| example | rows | score | mlpkit, the spec of init | mlpkit, the example's spec | mlpkit, without extras | scikit-learn |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name in EXAMPLES:
        spec, table = read(name)
        results = np.array([scores(spec, table, seed) for seed in SEEDS])
        cells = [f"{mean:.3f} ± {spread:.3f}" for mean, spread in zip(results.mean(0), results.std(0, ddof=1), strict=True)]
        metric = "R²" if spec["loss"] == "mean_squared_error" else "accuracy"
        print(f"| {name} | {len(table)} | {metric} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
