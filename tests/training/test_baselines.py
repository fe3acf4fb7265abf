"""Baselines: constant and linear scores, compared with scikit-learn's, and the counts that bound their cost."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, f1_score, hamming_loss, log_loss, mean_absolute_error, root_mean_squared_error

import mlpkit
from mlpkit.data.disk.dataset import StoredInputs
from mlpkit.numerics import linear_models
from mlpkit.numerics.linear_models import CLOSE, logistic
from mlpkit.plugin import REGISTRIES
from mlpkit.preprocessing.prepare import prepare
from mlpkit.spec import as_spec
from mlpkit.training import baselines as module
from mlpkit.training.baselines import fitted_rows, sample, score_baselines

RNG = np.random.default_rng(7)
X = RNG.standard_normal((300, 4)) * [1.0, 5.0, 0.2, 1.0] + [0.0, 3.0, 0.0, -1.0]
Z = X / [1.0, 5.0, 0.2, 1.0] @ RNG.standard_normal((4, 4)) + RNG.gumbel(size=(300, 4)) + [0.5, 0.0, 0.0, 0.0]
WEIGHTS = RNG.integers(1, 6, 300).astype(float)
EXACT = {"rel": 1e-9}  # closed forms in float64

# Where `logistic` ends, s = g' A^-1 g <= CLOSE x rows for the gradient g and a bound A of the Hessian H. The distance of the
# pre-activations from those of the minimum is about |z - z*|^2 <= 4 d' A d <= 4 k^2 s, where k is the largest ratio of A to H: the mean
# loss of the training rows is off by less than k s / rows, and that of other rows, whose slope is at most 1, by 2 k sqrt(CLOSE).
# Of these rows, whose probabilities are between 0.001 and 0.999, k is below 250 and mostly below 10.
ON_TRAINING_ROWS, ON_OTHERS = {"abs": 250 * CLOSE}, {"abs": 20 * CLOSE**0.5}


def spec_of(loss="categorical_crossentropy", last="softmax", metrics=(), data=None, **other):
    """A spec in float64 whose inputs are standardized, and whose last 100 rows are for validation."""
    network = {"layers": [{"units": 3, "activation": "tanh"}, {"activation": last}]}
    spec = {"data": data or {}, "network": network, "loss": loss, "metrics": list(metrics), "dtype": "float64", "training": {"epochs": 1}}
    return as_spec(spec | other)


def found(spec, y, weights=None, validated=True):
    """The baselines, and the encoded training and validation inputs."""
    count = 200 if validated else 300
    given = None if weights is None else weights[:count]
    held_out = (X[200:], y[200:]) if weights is None else (X[200:], y[200:], weights[200:])
    prepared = prepare(spec, X[:count], y[:count], weights=given, validation=held_out if validated else None)
    return score_baselines(spec, prepared), prepared.train.inputs, (prepared.validation or prepared.train).inputs


def weight(spec, weights):
    """Have the metrics weighted too."""
    return spec if weights is None else spec.model_copy(update={"training": spec.training.model_copy(update={"weighted_metrics": True})})


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize(
    ("classes", "loss", "last"),
    [(2, "bce", "sigmoid"), (2, "cross_entropy", "softmax"), (4, "cross_entropy", "softmax"), (4, "mse", "softmax")],
)
def test_classes_are_those_of_scikit_learn(classes, loss, last, weights):
    y = Z[:, :classes].argmax(axis=1)
    spec = weight(spec_of(loss, last, ["accuracy", "log_loss"], {"target_type": "class"}), weights)
    baselines, train, other = found(spec, y, weights)
    scale = None if weights is None else weights[:200] / weights[:200].mean()
    measured = None if weights is None else weights[200:]
    assert (baselines.part, baselines.rows, baselines.of, baselines.constant) == ("validation", 100, 100, "majority")
    dummy = DummyClassifier(strategy="prior").fit(train, y[:200], scale).predict_proba(other)
    linear = LogisticRegression(tol=1e-12, max_iter=10_000).fit(train, y[:200], scale).predict_proba(other)
    for name, expected, tolerance in (("constant", dummy, EXACT), ("linear", linear, ON_OTHERS)):
        scores = baselines.scores[name]
        assert scores["accuracy"] == pytest.approx(accuracy_score(y[200:], expected.argmax(axis=1), sample_weight=measured), **EXACT)
        assert scores["log_loss"] == pytest.approx(log_loss(y[200:], expected, sample_weight=measured), **tolerance)


@pytest.mark.parametrize("classes", [2, 4])
def test_the_objective_is_as_small_as_that_of_scikit_learn(classes):
    x, y = X / [1.0, 5.0, 0.2, 1.0], Z[:, :classes].argmax(axis=1)
    shares = np.eye(classes)[y]
    model = logistic(x, shares[:, 1:]) if classes == 2 else logistic(x, shares, link="softmax")
    theirs = LogisticRegression(tol=1e-12, max_iter=10_000).fit(x, y)

    def objective(weight, bias):
        z = x @ weight + bias
        z = np.hstack([np.zeros_like(z), z]) if classes == 2 else z
        return (np.logaddexp.reduce(z, axis=1) - z[np.arange(300), y]).sum() + (weight**2).sum() / 2

    assert objective(*model) / 300 == pytest.approx(objective(theirs.coef_.T, theirs.intercept_) / 300, **ON_TRAINING_ROWS)


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize("targets", [1, 3])
@pytest.mark.parametrize(("loss", "constant"), [("mse", "mean"), ("mae", "median"), ("gaussian_nll", "mean")])
def test_numbers_are_those_of_scikit_learn(loss, constant, targets, weights):
    y = 100 + 7 * Z[:, :targets] ** 2
    baselines, train, other = found(weight(spec_of(loss, "linear", ["rmse", "mae"]), weights), y, weights)
    scale = None if weights is None else weights[:200] / weights[:200].mean()
    measured = None if weights is None else weights[200:]
    assert baselines.constant == constant
    if constant == "mean" or weights is None:
        dummy = DummyRegressor(strategy=constant).fit(train, y[:200], scale)
    else:  # scikit-learn takes the lower of two medians; a row of weight k counts as k rows
        dummy = DummyRegressor(strategy=constant).fit(None, np.repeat(y[:200], weights[:200].astype(int), axis=0))
    for name, model in (("constant", dummy), ("linear", Ridge().fit(train, y[:200], scale))):
        predicted = model.predict(other)
        scores = baselines.scores[name]
        assert scores["rmse"] == pytest.approx(root_mean_squared_error(y[200:], predicted, sample_weight=measured), **EXACT)
        assert scores["mae"] == pytest.approx(mean_absolute_error(y[200:], predicted, sample_weight=measured), **EXACT)


def test_labels_are_those_of_scikit_learn():
    y = (Z[:, :3] > [0.0, 1.0, -1.0]).astype(int)
    baselines, train, other = found(spec_of("bce", "sigmoid", ["subset_accuracy", "hamming_loss"]), y)
    dummy = np.tile(y[:200].mean(axis=0) > 0.5, (100, 1))
    linear = np.column_stack([LogisticRegression(tol=1e-12).fit(train, column).predict(other) for column in y[:200].T])
    assert baselines.constant == "majority"
    for name, expected in (("constant", dummy), ("linear", linear)):
        assert baselines.scores[name]["hamming_loss"] == pytest.approx(hamming_loss(y[200:], expected), **EXACT)
        assert baselines.scores[name]["subset_accuracy"] == pytest.approx((y[200:] == expected).all(axis=1).mean(), **EXACT)


def test_soft_targets_are_distributions():
    shares = np.exp(Z[:, :3]) / np.exp(Z[:, :3]).sum(axis=1, keepdims=True)
    baselines, train, other = found(spec_of(metrics=["accuracy", "log_loss"], data={"classes": ["a", "b", "c"]}), shares)
    right = shares[200:].argmax(axis=1)
    assert baselines.scores["constant"]["accuracy"] == pytest.approx((right == shares[:200].mean(axis=0).argmax()).mean())
    rows, classes = np.tile(train, (3, 1)), np.repeat(np.arange(3), 200)  # a row of each class, with its share as weight
    linear = LogisticRegression(tol=1e-12, max_iter=10_000).fit(rows, classes, shares[:200].T.reshape(-1))
    assert baselines.scores["linear"]["log_loss"] == pytest.approx(log_loss(right, linear.predict_proba(other)), **ON_OTHERS)


TARGETS = {
    "categorical_hinge": 3, "categorical_crossentropy": 3, "categorical_focal_crossentropy": 3, "ordinal": 3,
    "binary_crossentropy": 2, "binary_focal_crossentropy": 2, "hinge": 2, "squared_hinge": 2,
}  # fmt: skip
WITHOUT_PRIOR = {"mean_squared_logarithmic_error"}  # of the losses of numbers: the baseline is the mean


@pytest.mark.parametrize("name", REGISTRIES["losses"].builtins)
def test_every_loss_has_a_constant_and_a_linear_baseline(name):
    loss = REGISTRIES["losses"].get(name)()
    y = np.abs(Z[:, :2]) + 0.1
    if name in TARGETS:
        y = Z[:, : TARGETS[name]].argmax(axis=1)
    elif name == "kl_divergence":
        y /= y.sum(axis=1, keepdims=True)
    spec = spec_of(name, "softplus" if name in WITHOUT_PRIOR else loss.joint_with or "linear")
    baselines, _, _ = found(spec, y)
    assert set(baselines.scores) == {"constant", "linear"}
    main = {scores: next(iter(baselines.scores[scores].items())) for scores in baselines.scores}
    assert all(np.isfinite(value) for _, value in main.values())
    assert {metric for metric, _ in main.values()} == {"accuracy" if name in TARGETS else "loss" if name == "cosine_similarity" else "rmse"}
    known = name in TARGETS or module._of_least_loss(spec, prepare(spec, X, y)) is not None
    assert known == (name not in WITHOUT_PRIOR)


def test_the_loss_of_no_constant_of_a_whole_row_loss_is_less():
    y = np.abs(Z[:, :2]) + 0.1
    baselines, _, _ = found(spec_of("cosine_similarity", "linear"), y, validated=False)
    directions = [np.array([np.cos(angle), np.sin(angle)]) for angle in np.linspace(0, np.pi / 2, 1000)]
    least = min(1 - (y @ direction / np.linalg.norm(y, axis=1)).mean() for direction in directions)
    assert baselines.scores["constant"]["loss"] <= least
    assert baselines.scores["constant"]["loss"] == pytest.approx(least, abs=1e-5)  # steps of 0.0016, squared


def test_a_straight_line_stays_in_the_range_that_the_loss_accepts():
    y = np.exp(3 * Z[:, :1])
    baselines, _, _ = found(spec_of("gamma", "linear", ["mean_gamma_deviance"]), y)
    assert np.isfinite(baselines.scores["linear"]["mean_gamma_deviance"])


def test_a_straight_line_has_the_limits_of_the_network():
    y = Z[:, :1]
    spec = spec_of("mse", "linear", ["rmse"], preprocessing={"clip_predictions": True})
    baselines, train, other = found(spec, y)
    predicted = np.clip(Ridge().fit(train, y[:200]).predict(other), y[:200].min(), y[:200].max()).reshape(-1, 1)
    assert baselines.scores["linear"]["rmse"] == pytest.approx(root_mean_squared_error(y[200:], predicted), **EXACT)


@pytest.mark.parametrize("size", [1e-300, 1e150, 1e308])
def test_targets_of_any_size_cause_no_warning(size):
    y = np.tanh(Z[:, :1]) * size
    baselines, _, _ = found(spec_of("mae", "linear", ["mae"], preprocessing={"target": "none"}), y)
    assert set(baselines.scores) == {"constant", "linear"}


def test_the_weights_of_classes_change_no_majority():
    y = np.where(Z[:, 0] > 1.5, "rare", "usual")
    plain, balanced = (found(spec_of("bce", "sigmoid", ["accuracy"], data), y)[0] for data in ({}, {"class_weight": "balanced"}))
    assert balanced.scores["constant"] == plain.scores["constant"]
    assert plain.scores["constant"]["accuracy"] == (y[200:] == "usual").mean()
    assert balanced.scores["linear"] != plain.scores["linear"]


def test_the_linear_model_decides_as_the_network_does():
    y = (Z[:, 0] > 1.2).astype(int)
    spec = spec_of("bce", "sigmoid", ["f1"], {"target_type": "class"}, decision={"threshold": "f1"})
    baselines, train, other = found(spec, y)
    p = LogisticRegression(tol=1e-12).fit(train, y[:200]).predict_proba(other)[:, 1]
    best = max(f1_score(y[200:], p > threshold) for threshold in np.concatenate([[0.0], p]))
    assert baselines.scores["linear"]["f1"] == pytest.approx(best)


def test_of_an_unfitted_last_layer_the_constant_is_the_mean():
    y = np.clip(Z[:, :1], 0.0, None)
    baselines, _, _ = found(spec_of("mae", "relu", ["mae"]), y)
    assert baselines.constant == "mean"
    assert baselines.scores["constant"]["mae"] == pytest.approx(np.abs(y[200:] - y[:200].mean()).mean())


# -- in Python


def test_the_public_function_takes_what_train_takes():
    y = Z[:, :3].argmax(axis=1)
    spec = spec_of(metrics=["accuracy"], data={"split": {"validation": 0.25}})
    public = mlpkit.baselines(spec, X, y, weights=WEIGHTS)
    starts = []
    model = mlpkit.train(spec, X, y, weights=WEIGHTS, on_start=starts.append)
    with_model = score_baselines(model.spec, starts[0].data, [model.network], model.target_encoder)
    assert isinstance(public, mlpkit.Baselines)
    assert {**public.scores, "model": with_model.scores["model"]} == with_model.scores
    assert with_model.scores["model"]["accuracy"] == pytest.approx(model.history[-1].metrics["accuracy"])
    with pytest.raises(mlpkit.SpecError, match="do not fit the task"):
        mlpkit.baselines(spec_of(metrics=["rmse"]), X, y)


# -- cost


def test_the_cost_is_bounded_by_counts():
    for rows in (10, 10**4, 10**7):
        for columns in (1, 30, 300, 1000, 10**5):
            for outputs in (1, 10, 1000):
                for task in ("regression", "classification"):
                    taken, reason = fitted_rows(rows, columns, outputs, task)
                    steps = 1 if task == "regression" else 2 * linear_models.STEPS
                    assert taken * columns * (columns + steps * outputs) <= module.WORK
                    assert bool(reason) == (taken == 0)
                    assert taken in (0, rows) or 2 * columns <= taken <= module.MOST_FITTED
    assert fitted_rows(10**6, 30, 3, "classification") == (10**4, "")
    assert "2,000 encoded inputs with 1 output are too many" in fitted_rows(100, 2000, 1, "regression")[1]


def test_a_fit_takes_a_bounded_number_of_steps(monkeypatch):
    steps = []
    monkeypatch.setattr(linear_models, "_probabilities", lambda z, link: steps.append(link) or np.copyto(z, 1 / (1 + np.exp(-z))))
    separable = np.linspace(-1, 1, 50)[:, None] * 1e3
    logistic(separable, (separable > 0).astype(float))
    assert 1 < len(steps) <= linear_models.STEPS


def test_samples_are_the_same_each_time_and_leave_random_numbers_alone():
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    first, second = (sample(np.empty((1000, 1)), 100) for _ in range(2))
    assert first.tolist() == second.tolist() == sorted(set(first.tolist()))
    assert len(first) == 100
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


def stored(folder, y):
    np.save(folder / "rows.npy", np.column_stack([X, y]))
    data = {"target": "x4", "in_memory": False, "target_type": "class"}
    return spec_of(metrics=["accuracy", "log_loss"], data=data), folder / "rows.npy"


def test_rows_on_disk_have_the_scores_of_rows_in_memory(tmp_path):
    y = Z.argmax(axis=1)
    spec, path = stored(tmp_path, y)
    assert isinstance(prepare(spec, path).train.inputs, StoredInputs)
    on_disk, in_memory = mlpkit.baselines(spec, path), found(spec_of(metrics=["accuracy", "log_loss"]), y, validated=False)[0]
    assert on_disk.scores["constant"] == in_memory.scores["constant"]
    assert on_disk.scores["linear"]["log_loss"] == pytest.approx(in_memory.scores["linear"]["log_loss"], rel=1e-9)


def test_of_rows_on_disk_a_sample_is_read(tmp_path, monkeypatch):
    spec, path = stored(tmp_path, Z.argmax(axis=1))
    prepared, read, get = prepare(spec, path), [], StoredInputs.__getitem__
    monkeypatch.setattr(module, "MOST_FITTED", 50)
    monkeypatch.setattr(module, "MOST_MEASURED", 40)
    monkeypatch.setattr(module, "SPANS", 10)
    monkeypatch.setattr(StoredInputs, "__getitem__", lambda self, rows: read.append(rows) or get(self, rows))
    baselines = score_baselines(spec, prepared)
    assert (baselines.rows, baselines.of, baselines.fitted_rows) == (40, 300, 50)
    assert sum(rows.stop - rows.start for rows in read) == 90
    assert len(read) == 20
