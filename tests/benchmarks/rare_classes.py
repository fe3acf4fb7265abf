"""Decisions on the spec that `mlpkit init` writes for a rare class: `python -m tests.benchmarks.rare_classes`.

Each table has a share of 2 to 20 % of positive rows, and held-out rows with the same share. The spec is drafted and trained on the other
rows, for each of 4 seeds. Figures are means over the tables with 20 or more positive validation rows, and over those with fewer.
"""

import warnings

import numpy as np
import pandas as pd
from sklearn import datasets
from sklearn.metrics import average_precision_score, balanced_accuracy_score, f1_score, log_loss

import mlpkit
from mlpkit.cli.draft import draft
from mlpkit.data.frames import as_table
from mlpkit.preprocessing import decision_threshold
from mlpkit.training import decision

FEWEST = decision_threshold.FEWEST
CHANGES = {
    "0.5": {"decision": None},
    "f1": {"decision": {"threshold": "f1"}},
    "balanced_accuracy": {"decision": {"threshold": "balanced_accuracy"}},
    "geometric mean of 0.5 and the share": {"decision": "mean"},
    "0.5, class_weight": {"decision": None, "data": {"class_weight": "balanced"}},
    "0.5, early stopping by average precision": {"decision": None, "training": {"early_stopping": {"monitor": "average_precision"}}},
    "f1, 40 % for validation": {"decision": {"threshold": "f1"}, "data": {"split": {"validation": 0.4}}},
}
SEEDS = range(4)
# rows to train on, share of the other class, distance of the classes
MADE = ((500, 0.98, 1.0), (1000, 0.98, 1.0), (2500, 0.98, 1.0), (8000, 0.98, 1.0), (2500, 0.98, 0.5), (8000, 0.98, 0.5))
MADE += ((1000, 0.9, 1.0), (4000, 0.9, 0.7), (1000, 0.8, 0.7))


def tables(seed):
    """Names, inputs, True for positive rows, and rows to hold out."""
    for rows, share, distance in MADE:
        options = {"n_informative": 6, "weights": [share], "class_sep": distance, "flip_y": 0.2 * (1 - share), "random_state": seed}
        x, y = datasets.make_classification(rows + 10_000, 12, **options)
        yield f"{rows} rows, {share}, {distance}", x, y == 1, 10_000
    x, y = datasets.load_breast_cancer(return_X_y=True)
    for count in (35, 70):
        yield f"breast cancer, {count}", *with_positive(x, y == 0, count, seed), 0.4
    x, y = datasets.load_digits(return_X_y=True)
    for digit in (3, 8):
        yield f"digit {digit}", x, y == digit, 0.4
        yield f"digit {digit}, 42", *with_positive(x, y == digit, 42, seed), 0.4


def with_positive(x, positive, count, seed):
    """The rows with only so many positive ones."""
    chosen = np.random.default_rng(seed).permutation(np.flatnonzero(positive))[:count]
    kept = np.sort(np.concatenate([np.flatnonzero(~positive), chosen]))
    return x[kept], positive[kept]


def held_out(positive, part, seed):
    """True for the rows that are held out, of each class the same share."""
    found = np.zeros(len(positive), bool)
    share = part if part < 1 else part / len(positive)
    for value in (False, True):
        rows = np.random.default_rng(seed).permutation(np.flatnonzero(positive == value))
        found[rows[: round(share * len(rows))]] = True
    return found


def changed(spec, change, share):
    made = {**spec, **{key: {**spec[key], **value} for key, value in change.items() if key in {"data", "training"}}}
    made["data"] = {key: value for key, value in made["data"].items() if key != "path"}
    chosen = change["decision"]
    made["decision"] = {"threshold": (share / 2) ** 0.5} if chosen == "mean" else chosen
    if "early_stopping" in change.get("training", {}):
        made["training"]["early_stopping"] = {**spec["training"]["early_stopping"], **change["training"]["early_stopping"]}
    return made


def figures(model, x, positive):
    p, predicted = model.predict_proba(x)[:, 1], model.predict(x) == "yes"
    scores = f1_score(positive, predicted, zero_division=0), balanced_accuracy_score(positive, predicted)
    return log_loss(positive, p), average_precision_score(positive, p), *scores


def main():
    decision.FEWEST = 1  # a threshold is chosen by any number of rows
    found = {}
    for seed in SEEDS:
        for _, x, positive, part in tables(seed):
            out = held_out(positive, part, seed)
            names = [f"x{column}" for column in range(x.shape[1])]
            frame = pd.DataFrame(x, columns=names).assign(y=np.where(positive, "yes", "no"))
            training = frame[~out]
            spec, share = draft(as_table(training), "y", "table.csv", "model").spec, positive[~out].mean()
            enough = round(0.2 * positive[~out].sum()) >= FEWEST
            spec["data"]["positive"] = "yes"  # also for 20 %
            spec["metrics"] = ["average_precision"]
            for name, change in CHANGES.items():
                model = mlpkit.train(changed(spec, change, share), training)
                found.setdefault((enough, name), []).append(figures(model, frame[out].drop(columns="y"), positive[out]))
    print("| positive validation rows | decision | log loss | average precision | F1 | balanced accuracy |")
    print("| --- | --- | ---: | ---: | ---: | ---: |")
    for enough in (True, False):
        for name in CHANGES:
            means = " | ".join(f"{value:.3f}" for value in np.mean(found[enough, name], axis=0))
            print(f"| {'20 or more' if enough else 'fewer'} | {name} | {means} |", flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
