"""Decision thresholds: their choice on the validation rows, and their use in predictions, metrics, files and commands."""

import json

import numpy as np
import pytest

import mlpkit
from mlpkit.preprocessing.decision_threshold import best_threshold, centered

RNG = np.random.default_rng(21)
X = RNG.standard_normal((400, 3))
Y = np.where(X[:, 0] + 0.7 * RNG.standard_normal(400) > 1.2, "yes", "no")
ENDS = {"sigmoid": ("sigmoid", "binary_crossentropy"), "softmax": ("softmax", "categorical_crossentropy"), "indicators": ("softmax", "mse")}


def spec(threshold=None, ends="sigmoid", **rest):
    last, loss = ENDS[ends]
    whole = {
        "network": {"layers": [{"activation": last}]},
        "loss": loss,
        "optimizer": {"type": "adam", "learning_rate": 0.03},
        "training": {"epochs": 15},
        "data": {"split": {"validation": 0.5}},
        "metrics": ["accuracy"],
    }
    decision = {} if threshold is None else {"decision": {"threshold": threshold}}
    return {**whole, **decision, **rest}


def score(criterion, probability, positive, weights, threshold):
    chosen = probability > threshold
    hits, misses = weights[chosen & positive].sum(), weights[~chosen & positive].sum()
    alarms, rest = weights[chosen & ~positive].sum(), weights[~chosen & ~positive].sum()
    return 2 * hits / (2 * hits + misses + alarms) if criterion == "f1" else (hits / (hits + misses) + rest / (rest + alarms)) / 2


@pytest.mark.parametrize("criterion", ["f1", "balanced_accuracy"])
@pytest.mark.parametrize("seed", range(20))
def test_no_other_threshold_is_better(criterion, seed):
    rng = np.random.default_rng(seed)
    rows = int(rng.integers(2, 60))
    probability = rng.beta(1, 4, rows) if seed % 3 else rng.integers(0, 5, rows) / 4.0  # with ties, 0 and 1
    positive = rng.uniform(size=rows) < 0.3
    positive[:2] = True, False
    weights = rng.uniform(0.1, 3.0, rows) if seed % 2 else np.ones(rows)
    found = best_threshold(probability, positive, weights if seed % 2 else None, criterion)
    assert 0 < found < 1
    tried = np.unique(np.concatenate([np.linspace(0.001, 0.999, 999), probability[(probability > 0) & (probability < 1)], [0.5]]))
    best = max(score(criterion, probability, positive, weights, threshold) for threshold in tried)
    assert score(criterion, probability, positive, weights, found) == pytest.approx(best, rel=1e-12)


def test_metrics_that_count_decisions_use_the_threshold():
    model = mlpkit.train(spec(0.2), X, Y)
    predicted, positive = model.predict(X) == "yes", Y == "yes"
    names = ["f1", "precision", "recall", "zero_one_loss", "balanced_accuracy", "log_loss", "roc_auc"]
    found = model.evaluate(X, Y, metrics=names)
    hits = (predicted & positive).sum()
    assert found["precision"] == pytest.approx(hits / predicted.sum(), rel=1e-12)
    assert found["recall"] == pytest.approx(hits / positive.sum(), rel=1e-12)
    assert found["f1"] == pytest.approx(score("f1", predicted * 1.0, positive, np.ones(400), 0.5), rel=1e-12)
    assert found["zero_one_loss"] == pytest.approx((predicted != positive).mean(), rel=1e-12)
    plain = mlpkit.train(spec(), X, Y).evaluate(X, Y, metrics=names)
    assert (found["log_loss"], found["roc_auc"]) == (plain["log_loss"], plain["roc_auc"])
    assert model.report(X, Y).classes.confusion_matrix[1, 1] == hits


def test_one_half_stays_where_it_is_as_good():
    probability, positive = np.array([0.1, 0.2, 0.8, 0.9]), np.array([False, False, True, True])
    assert best_threshold(probability, positive, None, "f1") == 0.5


def test_centered_probabilities_keep_order_and_decisions():
    p = np.sort(np.concatenate([RNG.uniform(size=2000), [0.0, 1.0, 0.3, np.nextafter(0.3, 1)]]))
    for threshold in (0.3, 0.01, 0.97):
        found = centered(np.stack([1 - p, p], axis=1), threshold)
        np.testing.assert_array_equal(found.argmax(axis=1) == 1, p > threshold)
        assert (np.diff(found[:, 1]) >= 0).all()
        np.testing.assert_allclose(found.sum(axis=1), 1.0)


@pytest.mark.parametrize("ends", ENDS)
@pytest.mark.parametrize("threshold", ["f1", "balanced_accuracy", 0.2])
def test_a_model_predicts_with_its_threshold(ends, threshold, tmp_path):
    model = mlpkit.train(spec(threshold, ends), X, Y)
    own = model.target_encoder.threshold
    probability = model.predict_proba(X)[:, 1]
    np.testing.assert_array_equal(model.predict(X) == "yes", probability > own)
    assert model.evaluate(X, Y)["accuracy"] == np.mean(model.predict(X) == Y)
    np.testing.assert_array_equal(model.predict(X, threshold=0.5) == "yes", probability > 0.5)
    np.testing.assert_array_equal(model.predict(X, threshold=np.float32(0.5)) == "yes", probability > 0.5)
    np.testing.assert_array_equal(mlpkit.train(spec(None, ends), X, Y).predict_proba(X), model.predict_proba(X))
    model.save(tmp_path / "model.h5")
    loaded = mlpkit.load(tmp_path / "model.h5")
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    np.testing.assert_array_equal([loaded.predict(X[row])[0] for row in np.arange(400)[:, None][:40]], model.predict(X[:40]))
    assert loaded.target_encoder.threshold == own
    assert mlpkit.inspect(tmp_path / "model.h5")["spec_schema"] == 5
    rows = loaded.target_encoder.threshold_rows
    assert rows is None if threshold == 0.2 else (rows[0] == 200 and rows[1] >= 20)


def test_the_threshold_is_chosen_on_the_validation_rows_with_the_best_weights():
    stopping = {"epochs": 30, "early_stopping": {"patience": 3}}
    model = mlpkit.train(spec("f1", training=stopping), X[:200], Y[:200], validation=(X[200:], Y[200:]))
    probability, positive = model.predict_proba(X[200:])[:, 1], Y[200:] == "yes"
    assert model.target_encoder.threshold == best_threshold(probability, positive, None, "f1")


def test_a_given_threshold_holds_from_the_first_epoch_on(tmp_path):
    model = mlpkit.Model(spec(0.2), inputs=3, outputs=1)
    for number, _ in enumerate(mlpkit.epochs(model, X[:200], Y[:200], validation=(X[200:], Y[200:]))):
        np.testing.assert_array_equal(model.predict(X) == "yes", model.predict_proba(X)[:, 1] > 0.2)
        if number == 2:
            break
    model.save(tmp_path / "model.h5")
    assert mlpkit.load(tmp_path / "model.h5").target_encoder.threshold == 0.2


def test_too_few_positive_rows_leave_one_half():
    rare = np.array(["no"] * 380 + ["yes"] * 20)
    with pytest.warns(mlpkit.DataWarning, match="only 10 validation rows of the class 'yes': too few to choose a threshold by f1"):
        model = mlpkit.train(spec("f1"), X, rare)
    assert (model.target_encoder.threshold, model.target_encoder.threshold_rows) == (0.5, (200, 10))


def test_a_run_that_stops_early_has_no_threshold_and_one_that_resumes_has(tmp_path):
    model = mlpkit.Model(spec("f1"), inputs=3, outputs=1)
    steps = []
    whole = mlpkit.train(spec("f1"), X, Y)
    part = mlpkit.train(spec("f1"), X, Y, stop=lambda: steps.append(0) or len(steps) > 20)
    assert part.target_encoder.threshold == 0.5
    part.save(tmp_path / "part.h5", training_state=True)
    resumed = mlpkit.train(spec("f1"), X, Y, resume=tmp_path / "part.h5")
    assert resumed.target_encoder.threshold == whole.target_encoder.threshold
    assert model.target_encoder is None


WRONG = {
    "three classes": (spec("f1", "softmax"), np.array(["a", "b", "c", "a"] * 100), r"decision: the target does not have two classes"),
    "no validation rows": (spec("f1", data={}), Y, r"decision\.threshold: f1 chooses .* there are none"),
}


@pytest.mark.parametrize("case", WRONG)
def test_data_that_do_not_fit_are_refused_before_training(case):
    whole, y, message = WRONG[case]
    with pytest.raises(mlpkit.SpecError, match=message):
        mlpkit.train(whole, X, y)


@pytest.mark.parametrize("value", [0, 1.0, -0.1, "recall", True, None])
def test_other_thresholds_are_refused(value):
    with pytest.raises(mlpkit.SpecError, match=r"decision\.threshold"):
        mlpkit.Spec.model_validate({**spec(), "decision": {"threshold": value}})


@pytest.mark.parametrize("value", [0, 1, "f1", True])
def test_other_thresholds_of_predict_are_refused(value):
    model = mlpkit.train(spec(), X, Y)
    with pytest.raises(mlpkit.DataError, match="the threshold is"):
        model.predict(X, threshold=value)
    number = mlpkit.train({"network": {"layers": [{"units": 1}]}, "loss": "mse", "training": {"epochs": 1}}, X, X[:, 0])
    with pytest.raises(mlpkit.DataError, match="only a model of two classes has a decision threshold"):
        number.predict(X, threshold=0.3)


def test_the_commands_show_and_change_it(tmp_path, monkeypatch, capfd):
    from mlpkit.cli import main

    monkeypatch.chdir(tmp_path)
    lines = ["a,b,c,y", *(f"{a},{b},{c},{y}" for (a, b, c), y in zip(X.tolist(), Y, strict=True))]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    data = {"path": "t.csv", "target": "y", "split": {"validation": 0.5}}
    (tmp_path / "spec.json").write_text(json.dumps(spec("f1", data=data)))
    assert main(["train", "spec.json", "-q"]) == 0
    model = mlpkit.load("model.h5")
    capfd.readouterr()
    assert main(["info", "model.h5"]) == 0
    rows = model.target_encoder.threshold_rows
    shown = (
        f"yes if its probability is above {model.target_encoder.threshold:.4g}, chosen by f1 on 200 validation rows, {rows[1]} of them yes"
    )
    assert shown in capfd.readouterr().out
    for options, threshold in ([], None), (["--threshold", "0.9"], 0.9):
        assert main(["predict", "model.h5", "t.csv", *options]) == 0
        assert capfd.readouterr().out.split()[1:] == model.predict("t.csv", threshold=threshold).tolist()
    for options in (["--threshold", "1.5"], ["--threshold", "0.5", "--proba"]):
        assert main(["predict", "model.h5", "t.csv", *options]) == 2
        assert "--threshold" in capfd.readouterr().err
