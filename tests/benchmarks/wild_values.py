"""Scalings of numbers on the spec that `mlpkit init` writes, with and without wild values: `python -m tests.benchmarks.wild_values`.

For each table and each of 10 seeds: a fifth of the rows is held out, and the spec is drafted and trained on the rest. The error is the
log loss, or the RMSE in deviations of the target. It is measured on the held-out rows as they are, and with 1 % of the values of each
number ten ranges above its largest one.

`python -m tests.benchmarks.wild_values peers` compares the growth of the RMSE with that of LightGBM: in one column at a time, 1 % of the
held-out rows get a value ten ranges above the largest.
"""

import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn import datasets
from sklearn.metrics import log_loss

import mlpkit
from mlpkit.cli.draft import draft
from mlpkit.data.frames import as_table
from tests.benchmarks.tables import PEERS, TARGET, mlpkit_fit, splits, table_of

SCALINGS = {
    "standardize": "standardize",
    "with clip": {"type": "standardize", "clip": "smooth"},
    "robust with clip": {"type": "robust", "clip": "smooth"},
    "quantile": "quantile",
    "bins with clip": {"type": "bins", "clip": "smooth"},
}
PENGUINS = Path(__file__).parents[2] / "models" / "penguins" / "penguins.csv"
SEEDS = range(10)


def tables():
    for name, load in (("wine", datasets.load_wine), ("breast_cancer", datasets.load_breast_cancer), ("digits", datasets.load_digits)):
        data = load(as_frame=True)
        yield name, data.data.assign(y=[f"class {label}" for label in data.target])
    data = datasets.load_diabetes(as_frame=True)
    yield "diabetes", data.data.assign(y=data.target)
    yield "penguins", pd.read_csv(PENGUINS).rename(columns={"species": "y"})


def error(model, rows, deviation):
    """Log loss, or RMSE in deviations of the target."""
    inputs, target = rows.drop(columns="y"), rows["y"]
    if model.classes is None:
        return float(np.sqrt(np.mean((model.predict(inputs) - target.to_numpy()) ** 2))) / deviation
    return log_loss(target, model.predict_proba(inputs), labels=list(model.classes))


def with_wild_values(rows, training):
    rng, found = np.random.default_rng(1), rows.copy()
    for name in found.columns.drop("y"):
        if pd.api.types.is_numeric_dtype(found[name]):
            found[name] = found[name].astype(float)
            low, high = training[name].min(), training[name].max()
            found.loc[found.index[rng.random(len(found)) < 0.01], name] = high + 10 * (high - low)
    return found


def errors(table, scaling, seed):
    """The errors without and with wild values."""
    order = np.random.default_rng(seed).permutation(len(table))
    held_out, training = table.iloc[order[: len(table) // 5]], table.iloc[order[len(table) // 5 :]]
    spec = draft(as_table(training), "y", "table.csv", "model").spec
    preprocessing = {**spec.get("preprocessing", {}), "numbers": scaling}
    data = {key: value for key, value in spec["data"].items() if key != "path"}
    model = mlpkit.train({**spec, "seed": seed, "data": data, "preprocessing": preprocessing}, training)
    deviation = table["y"].std() if model.classes is None else 1.0
    return [error(model, rows, deviation) for rows in (held_out, with_wild_values(held_out, training))]


def growth(fit, name, count):
    """Mean over splits and columns of the RMSE with wild values in a column, divided by that without, minus 1."""
    found = []
    for seed, training, held_out in splits(table_of(name), count):
        columns = [column for column in training if column != TARGET and pd.api.types.is_numeric_dtype(training[column])]
        rng = np.random.default_rng(seed)
        changed = [held_out]
        for column in columns:
            wild = held_out.astype({column: float})
            low, high = training[column].min(), training[column].max()
            wild.loc[rng.permutation(len(wild))[: -(-len(wild) // 100)], column] = high + 10 * (high - low)
            changed.append(wild)
        predictions, _ = fit(training, pd.concat(changed, ignore_index=True), seed)
        off = predictions().values.reshape(len(changed), -1) - held_out[TARGET].to_numpy()
        plain, *others = np.sqrt(np.mean(off**2, axis=1))
        found.append(np.mean(others) / plain - 1)
    return np.mean(found)


def peers(models=("good", "fast", "LightGBM"), tables=("airfoil", "concrete", "diabetes"), count=5):
    print(f"| table | {' | '.join(models)} |\n| --- |{' ---: |' * len(models)}")
    for name in tables:
        found = [growth(PEERS.get(model) or mlpkit_fit(model), name, count) for model in models]
        print(f"| {name} | {' | '.join(f'{100 * value:+.1f} %' for value in found)} |", flush=True)


def main():
    print(f"| table | {' | '.join(SCALINGS)} |\n| --- |{' ---: |' * len(SCALINGS)}")
    for name, table in tables():
        found = {label: np.mean([errors(table, scaling, seed) for seed in SEEDS], axis=0) for label, scaling in SCALINGS.items()}
        print(f"| {name} | {' | '.join(f'{plain:.3f}; {wild:.2f}' for plain, wild in found.values())} |", flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    peers() if sys.argv[1:] == ["peers"] else main()
