"""Make metrics.npz: what scikit-learn and SciPy compute, or the written formula where they lack a metric.

Run `python tests/reference/make_metrics.py` with scikit-learn installed; the tests read only the file.
"""

import warnings
from itertools import combinations
from pathlib import Path

import numpy as np
from scipy import stats
from sklearn import metrics as sk

AVERAGES = ("macro", "micro", "weighted")


def predicted(p):
    return p.argmax(axis=1)


def averaged(function, average="auto"):
    """A score of counts: of the second of two classes by default, else an average."""

    def score(p, t, w):
        binary = average == "auto" and p.shape[1] == 2
        undefined = np.nan if binary and len(set(t)) == 1 else 0.0
        how = "binary" if binary else average.replace("auto", "macro")
        return function(t, predicted(p), average=how, zero_division=undefined, sample_weight=w)

    return score


def specificity(t, y, average, zero_division, sample_weight):
    every = [1] if average == "binary" else sorted({*t, *y})
    tn = np.array([sample_weight[(t != each) & (y != each)].sum() for each in every])
    fp = np.array([sample_weight[(t != each) & (y == each)].sum() for each in every])
    if average == "micro":
        return tn.sum() / (tn + fp).sum() if (tn + fp).any() else zero_division
    by_class = np.array([a / (a + b) if a + b else zero_division for a, b in zip(tn, fp, strict=True)])
    weighted = average == "weighted"
    return np.average(by_class, weights=[sample_weight[t == each].sum() for each in every] if weighted else None)


def jaccard(t, y, zero_division, **options):
    if np.isnan(zero_division) and not (t.any() or y.any()):
        return np.nan
    return sk.jaccard_score(t, y, zero_division=0, **options)


def repeated(function):
    """A score of rows that are repeated as often as their weight says, as some functions take no weights."""

    def score(p, t, w):
        if (w != np.round(w)).any():
            return None
        return function(np.repeat(p, w.astype(int), axis=0), np.repeat(t, w.astype(int), axis=0))

    return score


def one_against_all(function):
    def score(p, t, w):
        if p.shape[1] == 2:
            one_class = len(set(t)) == 1 and (function is sk.roc_auc_score or t[0] == 0)
            return np.nan if one_class else function(t == 1, p[:, 1], sample_weight=w)
        if len(set(t)) == 1 and function is sk.roc_auc_score:
            return np.nan
        return np.mean([function(t == each, p[:, each], sample_weight=w) for each in sorted(set(t))])

    return score


def one_against_one(p, t):
    if len(set(t)) == 1:
        return np.nan
    if set(t) == set(range(p.shape[1])) and p.shape[1] > 2:
        return sk.roc_auc_score(t, p, multi_class="ovo")
    pairs = [np.isin(t, pair) for pair in combinations(sorted(set(t)), 2)]
    return np.mean([sk.roc_auc_score(t[rows] == each, p[rows, each]) for rows in pairs for each in sorted(set(t[rows]))])


def calibration(bins):
    def score(p, t, w):
        total = 0.0
        for low in range(bins):
            inside = (p.max(axis=1) > low / bins) & (p.max(axis=1) <= (low + 1) / bins)
            if inside.any():
                difference = np.average(predicted(p)[inside] == t[inside], weights=w[inside]) - np.average(
                    p[inside].max(1), weights=w[inside]
                )
                total += w[inside].sum() / w.sum() * abs(difference)
        return total

    return score


def kappa(costs):
    return lambda p, t, w: sk.cohen_kappa_score(t, predicted(p), labels=range(p.shape[1]), weights=costs, sample_weight=w)


def brier(p, t, w):
    return (
        np.average((p[:, 1] - t) ** 2, weights=w)
        if len(set(t)) == 1 and p.shape[1] == 2
        else sk.brier_score_loss(t, p[:, 1] if p.shape[1] == 2 else p, labels=range(p.shape[1]), sample_weight=w)
    )


COUNTED = {
    "precision": sk.precision_score,
    "recall": sk.recall_score,
    "specificity": specificity,
    "f1": sk.f1_score,
    "fbeta": lambda *a, **k: sk.fbeta_score(*a, beta=2.0, **k),
    "jaccard": jaccard,
}
CLASSIFICATION = {
    "accuracy": lambda p, t, w: sk.accuracy_score(t, predicted(p), sample_weight=w),
    "zero_one_loss": lambda p, t, w: sk.zero_one_loss(t, predicted(p), sample_weight=w),
    "log_loss": lambda p, t, w: sk.log_loss(t, p, labels=range(p.shape[1]), sample_weight=w) if (p > 0).all() else None,
    "balanced_accuracy": lambda p, t, w: sk.balanced_accuracy_score(t, predicted(p), sample_weight=w),
    **{name: averaged(function) for name, function in COUNTED.items()},
    **{f"{name} average={how}": averaged(function, how) for name, function in COUNTED.items() for how in AVERAGES},
    "fbeta beta=0.5": averaged(lambda *a, **k: sk.fbeta_score(*a, beta=0.5, **k)),
    "matthews": lambda p, t, w: np.nan if len(set(t)) == 1 else sk.matthews_corrcoef(t, predicted(p), sample_weight=w),
    "cohen_kappa": kappa(None),
    "cohen_kappa weights=linear": kappa("linear"),
    "cohen_kappa weights=quadratic": kappa("quadratic"),
    "roc_auc": one_against_all(sk.roc_auc_score),
    "roc_auc multi_class=ovo": repeated(one_against_one),
    "average_precision": one_against_all(sk.average_precision_score),
    "brier": brier,
    "expected_calibration_error": calibration(15),
    "expected_calibration_error bins=4": calibration(4),
}


def top_k(k):
    def score(p, t, w):
        tied = any(len(set(row)) < len(row) for row in p.tolist())  # scikit-learn orders ties in another way
        return None if tied or p.shape[1] <= k else sk.top_k_accuracy_score(t, p, k=k, labels=range(p.shape[1]), sample_weight=w)

    return score


CLASSIFICATION |= {"top_k_accuracy": top_k(2), "top_k_accuracy k=3": top_k(3)}


def by_target(function):
    """The mean over targets that vary, from a function of one target."""

    def score(y, t, w):
        found = [function(y[:, each], t[:, each], w) for each in range(t.shape[1]) if np.ptp(t[:, each])]
        return np.mean(found) if found else np.nan

    return score


def of_each(function):
    """The mean over all targets."""
    return lambda y, t, w: np.mean([function(t[:, each], y[:, each], w) for each in range(t.shape[1])])


def correlation(function):
    score = repeated(lambda y, t: by_target(lambda a, b, _: function(a, b).statistic if np.ptp(a) else 0.0)(y, t, None))
    return score


def logarithmic(function):
    return lambda y, t, w: function(t, y, sample_weight=w) if (y >= 0).all() and (t >= 0).all() else None


def deviance(power):
    def score(y, t, w):
        return (
            None
            if (y <= 0).any() or (t <= 0).any()
            else of_each(lambda a, b, v: sk.mean_tweedie_deviance(a, b, power=power, sample_weight=v))(y, t, w)
        )

    return score


REGRESSION = {
    "mse": lambda y, t, w: sk.mean_squared_error(t, y, sample_weight=w),
    "rmse": lambda y, t, w: sk.root_mean_squared_error(t, y, sample_weight=w),
    "mae": lambda y, t, w: sk.mean_absolute_error(t, y, sample_weight=w),
    "r2": by_target(lambda y, t, w: sk.r2_score(t, y, sample_weight=w)),
    "median_absolute_error": lambda y, t, w: sk.median_absolute_error(t, y, sample_weight=w),
    "mape": lambda y, t, w: sk.mean_absolute_percentage_error(t, y, sample_weight=w),
    "smape": lambda y, t, w: np.average(
        [[2 * abs(a - b) / (abs(a) + abs(b)) if a or b else 0.0 for a, b in zip(*row, strict=True)] for row in zip(y, t, strict=True)],
        axis=0,
        weights=w,
    ).mean(),
    "msle": logarithmic(sk.mean_squared_log_error),
    "rmsle": logarithmic(sk.root_mean_squared_log_error),
    "max_error": of_each(lambda t, y, w: sk.max_error(t, y)),
    "pinball": lambda y, t, w: sk.mean_pinball_loss(t, y, sample_weight=w),
    "pinball quantile=0.9": lambda y, t, w: sk.mean_pinball_loss(t, y, alpha=0.9, sample_weight=w),
    "mean_poisson_deviance": deviance(1),
    "mean_gamma_deviance": deviance(2),
    "mean_tweedie_deviance": deviance(1.5),
    "mean_tweedie_deviance power=1.2": deviance(1.2),
    "explained_variance": by_target(lambda y, t, w: sk.explained_variance_score(t, y, sample_weight=w)),
    "pearson": correlation(stats.pearsonr),
    "spearman": correlation(stats.spearmanr),
}


def labels(function, average):
    return lambda p, t, w: function(t, p > 0.5, average=average, zero_division=0.0, sample_weight=w)


def mean_over_labels(function):
    def score(p, t, w):
        fits = [each for each in range(t.shape[1]) if t[:, each].any() and (function is not sk.roc_auc_score or not t[:, each].all())]
        return np.mean([function(t[:, each], p[:, each], sample_weight=w) for each in fits]) if fits else np.nan

    return score


OF_LABELS = {"precision": sk.precision_score, "recall": sk.recall_score, "f1": sk.f1_score, "jaccard": sk.jaccard_score}
MULTILABEL = {
    "subset_accuracy": lambda p, t, w: sk.accuracy_score(t, p > 0.5, sample_weight=w),
    "hamming_loss": lambda p, t, w: sk.hamming_loss(t, p > 0.5, sample_weight=w),
    **{f"multilabel_{name} average={how}": labels(function, how) for name, function in OF_LABELS.items() for how in (*AVERAGES, "samples")},
    "multilabel_roc_auc": mean_over_labels(sk.roc_auc_score),
    "multilabel_average_precision": mean_over_labels(sk.average_precision_score),
    "label_ranking_average_precision": lambda p, t, w: sk.label_ranking_average_precision_score(t, p, sample_weight=w),
}
TASKS = {"classification": CLASSIFICATION, "regression": REGRESSION, "multilabel": MULTILABEL}


def weighted(rng, name, outputs, targets):
    """The case with three sets of weights: of 1, random ones, and whole ones, some of which are 0."""
    rows = len(targets)
    whole = rng.integers(0, 4, rows).astype(np.float64)
    yield name, outputs, targets, np.array([np.ones(rows), rng.uniform(0.1, 3.0, rows), whole if whole.any() else whole + 1.0])


def classification(rng):
    for classes in (2, 3, 6):
        t = np.minimum(rng.geometric(0.4, 50) - 1, classes - 1)
        p = rng.dirichlet(np.full(classes, 0.6), 50) + 0.3 * np.eye(classes)[t]
        p /= p.sum(axis=1, keepdims=True)
        yield from weighted(rng, f"{classes} classes", p, t)
        tied = (np.floor(8 * p) + 1) / (np.floor(8 * p) + 1).sum(axis=1, keepdims=True)
        yield from weighted(rng, f"{classes} classes with ties", tied, t)
        for each in range(min(classes, 2)):
            yield from weighted(rng, f"{classes} classes, {each} alone", p[t == each], t[t == each])
            rows = t != each
            yield from weighted(rng, f"{classes} classes without {each}", p[rows], t[rows])
        same = np.tile(np.eye(classes)[0], (50, 1))
        yield from weighted(rng, f"{classes} classes, one of them predicted", same, t)
        yield from weighted(rng, f"{classes} classes, one of them true and predicted", same, np.zeros(50, int))


def regression(rng):
    t = rng.standard_normal((50, 2)) * [1, 40]
    y = t + rng.standard_normal((50, 2)) * [0.5, 20]
    yield from weighted(rng, "numbers", y, t)
    yield from weighted(rng, "positive numbers", np.abs(y) + 0.1, np.abs(t) + 0.1)
    yield from weighted(rng, "an even number", y[:10, :1], t[:10, :1])
    yield from weighted(rng, "ties", np.round(y / 10), np.round(t / 10))
    yield from weighted(rng, "one constant target", y, t * [1, 0])
    yield from weighted(rng, "constant targets", y, np.full_like(t, 0.1))
    yield from weighted(rng, "constant outputs", np.full_like(y, 3.0), t)
    yield from weighted(rng, "one row", y[:1], t[:1])


def multilabel(rng):
    t = (rng.random((50, 4)) < [0.2, 0.5, 0.8, 0.4]).astype(np.int64)
    p = np.clip(0.25 + 0.5 * t + 0.35 * rng.standard_normal((50, 4)), 0, 1)
    yield from weighted(rng, "labels", p, t)
    yield from weighted(rng, "labels with ties", np.round(p, 1), t)
    yield from weighted(rng, "an absent label", p, t * [0, 1, 1, 1])
    yield from weighted(rng, "a label of all rows", p, np.maximum(t, [0, 1, 0, 0]))
    yield from weighted(rng, "no label", p, np.zeros_like(t))


def main():
    rng = np.random.default_rng(5)
    found = {}
    for task, cases in {"classification": classification, "regression": regression, "multilabel": multilabel}.items():
        for name, outputs, targets, sets in cases(rng):
            answers = [[function(outputs[w > 0], targets[w > 0], w[w > 0]) for function in TASKS[task].values()] for w in sets]
            key = f"{task}/{name}"
            # infinity: there is no answer to compare with
            found[f"{key}/answers"] = np.array([[np.inf if each is None else each for each in row] for row in answers], np.float64)
            found[f"{key}/outputs"], found[f"{key}/targets"], found[f"{key}/weights"] = (
                outputs,
                targets.astype(outputs.dtype if task == "regression" else np.int8),
                sets,
            )
    for task, functions in TASKS.items():
        found[f"{task}/names"] = np.array(list(functions))
    path = Path(__file__).parent / "metrics.npz"
    np.savez_compressed(path, **found)
    print(path.stat().st_size, "bytes")


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        main()
