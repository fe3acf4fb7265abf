"""Coverage and width of intervals and sets: `python -m tests.benchmarks.intervals`.

Each table is split 80/20 five times. A size of `mlpkit init` is trained, and five LightGBMs, each of which holds out a fifth of the rows.
On the test rows, at levels of 80, 90 and 95 %, these methods are measured around both:

- "mlpkit": what `predict_interval` and `predict_set` do. For LightGBM the same is computed here from its members.
- "CV+" for numbers (Barber et al. 2021, 1905.02928), cross-conformal p-values for classes (Vovk 2015, 1208.0806).
- "split": the errors out of fold around the average, as they are.

Sets may be empty here (`allow_empty`), so that their share is that of the level; the sizes are those of sets that are not. Fits are
appended to a file, so that a long run can go on where it was stopped.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

import mlpkit
from mlpkit.cli.draft import draft
from mlpkit.cli.overrides import Setting
from mlpkit.data.folds import rotating_folds
from mlpkit.data.frames import as_table
from mlpkit.preprocessing.prepare import prepare
from mlpkit.spec.presets import expanded
from mlpkit.training.averaging_ratio import ratio_of
from tests.benchmarks.tables import FURTHER, TABLES, TARGET, categorical, has_classes, lightgbm, markdown, read, splits, table_of

LEVELS, PEER = (0.8, 0.9, 0.95), "LightGBM"
METHODS = ("mlpkit", "CV+", "split")
Matrix = np.ndarray


class Members(NamedTuple):
    """Predictions of all members for training rows and test rows: numbers (members, rows), or probabilities (members, rows, classes).

    `held_out` is True for the training rows that a member has held out, and `targets` are numbers or indices of classes.
    """

    train: Matrix
    test: Matrix
    held_out: Matrix
    targets: Matrix

    @property
    def errors(self) -> Matrix:
        """Error of each held-out row by its member, in the order of `of`."""
        if self.train.ndim == 2:
            return np.abs(self.targets - self.train)[self.held_out]
        right = np.take_along_axis(self.train, np.broadcast_to(self.targets[None, :, None], (*self.train.shape[:2], 1)), axis=2)
        return (1 - right[..., 0])[self.held_out]

    @property
    def of(self) -> Matrix:
        """Member of each error."""
        return np.nonzero(self.held_out)[0]


# -- methods


def place(count: int, level: float) -> int:
    return math.ceil((count + 1) * level * (1 - 1e-12)) - 1


def interval(found: Members, method: str, level: float) -> tuple[Matrix, Matrix]:
    """Lower and upper ends for the test rows."""
    errors, of = found.errors, found.of
    index = place(len(errors), level)
    if method == "CV+":
        lower, upper = (np.sort(found.test[of] + sign * errors[:, None], axis=0) for sign in (-1, 1))
        return lower[len(errors) - 1 - index], upper[index]
    half = np.sort(errors)[index]
    if method == "mlpkit":
        half = half * ratio_of((found.targets - found.train)[..., None], found.held_out)[0]
    return found.test.mean(axis=0) - half, found.test.mean(axis=0) + half


def chosen_classes(found: Members, method: str, level: float) -> Matrix:
    """Sets for the test rows, which may be empty."""
    errors, of = found.errors, found.of
    index = place(len(errors), level)
    if method == "CV+":
        each = [np.searchsorted(np.sort(errors[of == member]), 1 - found.test[member]) for member in range(len(found.test))]
        return sum(each) <= index
    middle = np.median if method == "mlpkit" else np.mean
    return 1 - middle(found.test, axis=0) <= np.sort(errors)[index]


# -- models


def codes(values: Any, classes: Any) -> Matrix:
    return pd.Categorical(pd.Series(values).astype(str), [str(label) for label in classes]).codes.astype(np.intp)


def of_mlpkit(name: str, train: pd.DataFrame, test: pd.DataFrame, seed: int) -> tuple[Members, Any]:
    """Members of a size of `mlpkit init`, with changes of its spec as in `tables`, and the model."""
    size, *changes = name.split("+")
    spec = {**draft(as_table(train), TARGET, "rows.csv", "model", quality=size).spec, "seed": seed}
    for setting in map(Setting.parse, [*changes, "training.keep_residuals=true"]):
        spec = setting.apply(expanded(spec))
    spec["data"] = {key: value for key, value in spec["data"].items() if key != "path"}
    model = mlpkit.train(spec, train)
    folds = prepare(model.spec, train).folds
    held_out = np.array([np.isin(np.arange(len(train)), fold.validation) for fold in folds])
    rows, targets = train.drop(columns=TARGET), train[TARGET].to_numpy()
    if model.classes is None:
        each = [[member.predict(part) for member in model.members] for part in (rows, test)]
        return Members(np.array(each[0]), np.array(each[1]), held_out, targets), model
    each = [[member.predict_proba(part) for member in model.members] for part in (rows, test)]
    return Members(np.array(each[0]), np.array(each[1]), held_out, codes(targets, model.classes)), model


def of_lightgbm(train: pd.DataFrame, test: pd.DataFrame, seed: int) -> tuple[Members, list[Any] | None]:
    """Five LightGBMs with defaults, each of which holds out other rows, and the classes."""
    both = categorical(pd.concat([train.drop(columns=TARGET), test]))
    rows, further = both.iloc[: len(train)], both.iloc[len(train) :]
    classes = sorted(train[TARGET].unique()) if has_classes(train) else None
    targets = train[TARGET].to_numpy() if classes is None else codes(train[TARGET], classes)
    folds, _ = rotating_folds(5, seed, np.zeros(len(train), np.intp) if classes is None else targets)
    models = [lightgbm(classes is not None, seed, []).fit(rows.iloc[fold.training], targets[fold.training]) for fold in folds]
    each = [[model.predict(part) if classes is None else model.predict_proba(part) for model in models] for part in (rows, further)]
    held_out = np.array([np.isin(np.arange(len(train)), fold.validation) for fold in folds])
    return Members(np.array(each[0]), np.array(each[1]), held_out, targets), classes


# -- figures


def figures(found: Members, model: Any, classes: Any, test: pd.DataFrame) -> list[dict[str, Any]]:
    """For each method and level the covered rows, and the median width or the mean size of sets. `model` is mlpkit's, or None."""
    rows, lines = test.drop(columns=TARGET), []
    for method in METHODS:
        for level in LEVELS:
            if classes is None:
                own = method == "mlpkit" and model is not None
                lower, upper = model.predict_interval(rows, level) if own else interval(found, method, level)
                targets = test[TARGET].to_numpy()
                inside, size = (lower <= targets) & (targets <= upper), float(np.median(upper - lower))
                facts = {"covered": int(inside.sum()), "size": size}
            else:
                exact = chosen_classes(found, method, level)
                if method == "mlpkit" and model is not None:
                    exact = model.predict_set(rows, level, allow_empty=True)
                whole, right = exact.copy(), (np.arange(len(rows)), codes(test[TARGET], classes))
                whole[np.arange(len(rows)), found.test.mean(axis=0).argmax(axis=1)] = True
                facts = {"covered": int(exact[right].sum()), "whole": int(whole[right].sum()), "size": float(whole.sum(axis=1).mean())}
            lines.append({"method": method, "level": level, "rows": len(rows), **facts})
    return lines


def measure(name: str, tables: list[str], count: int, results: Path) -> None:
    """Fit what the file of results lacks, and append it."""
    known = {(line["table"], line["split"], line["model"]) for line in read(results).to_dict("records")} if results.exists() else set()
    for table in tables:
        for number, train, test in splits(table_of(table), count):
            for model in (name, PEER):
                if (table, number, model) in known:
                    continue
                rows = test.drop(columns=TARGET)
                if model == PEER:
                    found, classes = of_lightgbm(train, rows, number)
                    lines = figures(found, None, classes, test)
                else:
                    found, trained = of_mlpkit(name, train, rows, number)
                    lines = figures(found, trained, trained.classes, test)
                with results.open("a", encoding="utf-8") as file:
                    file.writelines(json.dumps({"table": table, "split": number, "model": model, **line}) + "\n" for line in lines)


def covered(rows: pd.DataFrame, level: float, column: str = "covered") -> tuple[float, float]:
    """The share of all rows, and its standard error: the larger of that over the splits, and that of as many independent rows."""
    shares, count = rows[column] / rows.rows, rows.rows.sum()
    independent = math.sqrt(level * (1 - level) / count)
    return rows[column].sum() / count, max(shares.sem(), independent) if len(rows) > 1 else independent


def report(found: pd.DataFrame, name: str, tables: list[str]) -> str:
    """Markdown: coverage of each table and of all rows, for each model and method; then sizes relative to LightGBM."""
    lines = [["model", "method", "level", *tables, "all rows", "most standard errors", "without empty sets"]]
    for model in (name, PEER):
        for method in METHODS:
            for level in LEVELS:
                own = found[(found.model == model) & (found.method == method) & (found.level == level)]
                each = [covered(own[own.table == table], level) for table in tables]
                off = max(abs(share - level) / error for share, error in each)
                whole = own.assign(whole=own.whole.fillna(own.covered)) if "whole" in own else own.assign(whole=own.covered)
                shares = [f"{100 * share:.1f} ±{100 * error:.1f}" for share, error in each]
                totals = [f"{100 * covered(rows, level, column)[0]:.1f}" for rows, column in ((own, "covered"), (whole, "whole"))]
                lines.append([model, method, f"{100 * level:g} %", *shares, totals[0], f"{off:.1f}", totals[1]])
    sizes = [["size relative to LightGBM's", "level", *tables, "median of numbers", "median of classes"]]
    for method in METHODS:
        for level in LEVELS:
            own = found[(found.method == method) & (found.level == level)].groupby(["model", "table"])["size"].median()
            ratios = {table: own[name, table] / own[PEER, table] for table in tables}
            groups = [[ratio for table, ratio in ratios.items() if has_classes(table_of(table)) == of] for of in (False, True)]
            medians = [f"{np.median(group):.2f}" if group else "" for group in groups]
            sizes.append([method, f"{100 * level:g} %", *[f"{ratio:.2f}" for ratio in ratios.values()], *medians])
    return "\n\n".join(markdown(part) for part in (lines, sizes))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.intervals", description="Coverage and width of intervals and sets.")
    parser.add_argument("model", nargs="?", default="good", help="a size of init with members, such as good+training.epochs=64")
    parser.add_argument("--tables", nargs="+", default=list(TABLES), choices=[*TABLES, *FURTHER])
    parser.add_argument("--splits", type=int, default=5, help="number of splits")
    parser.add_argument("--results", type=Path, default=Path("intervals.jsonl"), help="file to which figures are appended")
    options = parser.parse_args()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        measure(options.model, options.tables, options.splits, options.results)
        found = read(options.results)
        found = found[found.model.isin([options.model, PEER]) & found.table.isin(options.tables) & (found.split < options.splits)]
        print(report(found, options.model, options.tables))


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
