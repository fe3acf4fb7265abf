"""Order and weights of classes: `data.classes`, `data.positive` and `data.class_weight`."""

import json

import numpy as np
import pytest

import mlpkit
from mlpkit.preprocessing.prepare import prepare
from mlpkit.spec import Spec

RNG = np.random.default_rng(6)
X = RNG.standard_normal((24, 2))
LABELS = {
    "texts": ["cat"] * 14 + ["dog"] * 6 + ["eel"] * 4,
    "integers": [3] * 14 + [5] * 6 + [-1] * 4,
    "floats": [0.5] * 14 + [1.5] * 6 + [2.5] * 4,
}
SOFTMAX = ("softmax", "categorical_crossentropy")
SIGMOID = ("sigmoid", "binary_crossentropy")


def spec(ends=SOFTMAX, **data):
    network = {"layers": [{"units": 3, "activation": "tanh"}, {"activation": ends[0]}]}
    training = {"epochs": 3, "batch_size": 8}
    typed = {"target_type": "class"}
    return {"dtype": "float64", "network": network, "loss": ends[1], "training": training, "data": {**typed, **data}}


def weights_of(data, y, **options):
    return prepare(Spec.model_validate(spec(**data)), X, y, **options).train.weights


# -- class weights


@pytest.mark.parametrize("kind", LABELS)
def test_balanced_weights_are_those_of_scikit_learn(kind):
    """Rows / (classes x rows of the class): sklearn.utils.class_weight.compute_class_weight."""
    y = LABELS[kind]
    factors = {y[0]: 24 / (3 * 14), y[14]: 24 / (3 * 6), y[20]: 24 / (3 * 4)}
    np.testing.assert_allclose(weights_of({"class_weight": "balanced"}, y), [factors[label] for label in y], rtol=1e-14)


def test_balanced_weights_count_sample_weights():
    own = RNG.uniform(0.5, 2.0, 24)
    found = weights_of({"class_weight": "balanced"}, LABELS["texts"], weights=own)
    for rows in (slice(0, 14), slice(14, 20), slice(20, 24)):
        assert found[rows].sum() == pytest.approx(8.0)
        np.testing.assert_allclose(found[rows] / own[rows], found[rows][0] / own[rows][0])


@pytest.mark.parametrize(
    ("kind", "weights"),
    [("texts", {"cat": 1.0, "eel": 5.0}), ("integers", {3: 1.0, "-1": 5}), ("floats", {"0.5": 1.0, 2.5: 5.0})],
)
def test_given_weights_have_a_mean_of_1_over_the_rows(kind, weights):
    expected = np.array([1.0] * 20 + [5.0] * 4)
    np.testing.assert_allclose(weights_of({"class_weight": weights}, LABELS[kind]), expected / expected.mean(), rtol=1e-14)


@pytest.mark.parametrize("label", [float("inf"), float("nan")])
@pytest.mark.parametrize("key", ["class_weight", "classes", "positive"])
def test_labels_that_are_no_numbers_are_refused(label, key):
    value = {"class_weight": {label: 1.0}, "classes": [label, 1.0], "positive": label}[key]
    with pytest.raises(mlpkit.MLPKitError):
        mlpkit.train(spec(SIGMOID, **{key: value}), X, [0.5, 1.5] * 12)


def test_large_whole_numbers_are_named_without_a_point():
    y = [12345678.0, 2.0**40] * 12
    found = prepare(Spec.model_validate(spec(SIGMOID, class_weight={"12345678": 3.0})), X, y).train.weights
    assert found[0] == pytest.approx(3 * found[1])


def test_true_and_false_are_named_as_in_json():
    y = np.array([True, False] * 12)
    for weights in ({"true": 3.0}, {True: 3.0}, {"True": 3.0}):
        found = prepare(Spec.model_validate(spec(SIGMOID, class_weight=weights)), X, y).train.weights
        assert found[0] == pytest.approx(3 * found[1])


def test_a_run_with_class_weights_is_that_with_these_sample_weights():
    """Without preprocessing, which is fitted with sample weights but not with those of classes."""
    y, factors = LABELS["texts"], {"cat": 1.0, "dog": 2.0, "eel": 7.0}
    raw = {"preprocessing": "none"}
    weighted = mlpkit.train({**spec(class_weight=factors), **raw}, X, y)
    plain = mlpkit.train({**spec(), **raw}, X, y, weights=[factors[label] for label in y])
    np.testing.assert_array_equal(weighted.network.parameters.vector, plain.network.parameters.vector)
    with_preprocessing = mlpkit.train(spec(class_weight=factors), X, y)
    without_weights = mlpkit.train(spec(), X, y)
    assert with_preprocessing.input_encoder.to_state() == without_weights.input_encoder.to_state()


def test_validation_rows_have_no_class_weights():
    prepared = prepare(Spec.model_validate(spec(class_weight="balanced")), X, LABELS["texts"], validation=(X, LABELS["texts"]))
    assert prepared.train.weights is not None
    assert prepared.validation.weights is None


def test_a_run_with_class_weights_resumes_to_the_same_bits(tmp_path):
    options = spec(class_weight="balanced", positive=None)
    whole, model = mlpkit.train(options, X, LABELS["texts"]), mlpkit.Model(options, inputs=2, outputs=3)
    for epoch in mlpkit.epochs(model, X, LABELS["texts"]):
        if epoch.number == 2:
            break
    model.save(tmp_path / "part.h5", training_state=True)
    resumed = mlpkit.train(options, X, LABELS["texts"], resume=tmp_path / "part.h5")
    np.testing.assert_array_equal(resumed.network.parameters.vector, whole.network.parameters.vector)
    with pytest.raises(mlpkit.SpecError, match="class_weight"):
        mlpkit.train(spec(class_weight={"cat": 2.0}), X, LABELS["texts"], resume=tmp_path / "part.h5")


WRONG = {
    "an unknown class": (SOFTMAX, {"class_weight": {"cow": 1.0}}, r"data\.class_weight: there is no class 'cow' .*\n.*cat, dog, eel"),
    "a weight of 0": (SOFTMAX, {"class_weight": {"cat": 0}}, r"data\.class_weight: the weight of the class 'cat' should be a number"),
    "a text as weight": (SOFTMAX, {"class_weight": {"cat": "2"}}, r"data\.class_weight: the weight of the class 'cat'"),
    "another word": (SOFTMAX, {"class_weight": "even"}, r"data\.class_weight: should be 'balanced', or an object"),
    "a weight twice": (SOFTMAX, {"class_weight": {1: 2.0, "1": 3.0}}, r"data\.class_weight: the weight of the class '1' is given twice"),
    "a class in braces": (SOFTMAX, {"class_weight": {"{cat}": "{2}"}}, r"class '\{cat\}' should be a number greater than 0, not '\{2\}'"),
    "an infinite class": (SOFTMAX, {"class_weight": {float("inf"): 1.0}}, r"data\.class_weight: there is no class 'inf'"),
    "a weight above all floats": (SOFTMAX, {"class_weight": {"cat": 10**400}}, r"data\.class_weight: the weight of the class 'cat'"),
    "no weights": (SOFTMAX, {"class_weight": {}}, r"data\.class_weight: should be 'balanced', or an object"),
    "a positive class that is none": (SOFTMAX, {"positive": "cow"}, r"data\.positive: there is no class 'cow'"),
    "a positive class of three": (SOFTMAX, {"positive": "cat"}, r"data\.positive: .* has 3 classes, but a positive class needs two"),
    "classes of another type": (SOFTMAX, {"classes": [1, 2, 3]}, r"data\.classes: the labels of 'y' are texts, but 1 is not"),
    "one class": (SOFTMAX, {"classes": ["cat"]}, r"data\.classes"),
    "a class twice": (SOFTMAX, {"classes": ["cat", "dog", "eel", "cat"]}, r"data\.classes: the class 'cat' is listed twice"),
    "the empty class twice": (SOFTMAX, {"classes": ["", "cat", ""]}, r"data\.classes: the class '' is listed twice"),
    "a class twice, far apart": (
        SOFTMAX,
        {"classes": [*map(str, range(150)), "7", "cat"]},
        r"data\.classes: the class '7' is listed twice",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_options_are_refused_at_their_place(case):
    ends, data, message = WRONG[case]
    with pytest.raises(mlpkit.SpecError, match=message):
        mlpkit.train(spec(ends, target="y", **data), {"a": X[:, 0], "y": LABELS["texts"]})


@pytest.mark.parametrize("key", ["class_weight", "positive", "classes"])
def test_a_regression_has_no_classes(key):
    value = {"class_weight": "balanced", "positive": "a", "classes": ["a", "b"]}[key]
    whole = {"network": {"layers": [{"units": 1}]}, "loss": "mse", "data": {key: value}, "training": {"epochs": 1}}
    with pytest.raises(mlpkit.SpecError, match=rf"data\.{key}: the target is not one class per row"):
        mlpkit.train(whole, X, X[:, 0])


# -- order


@pytest.mark.parametrize("kind", LABELS)
def test_classes_have_the_given_order_and_may_be_missing_in_the_rows(kind, tmp_path):
    y = LABELS[kind]
    more = {"texts": "fox", "integers": 99, "floats": 9.5}[kind]
    order = [y[20], more, y[0], y[14]]
    model = mlpkit.train(spec(classes=order), X, y)
    assert model.classes.tolist() == order
    assert model.predict_proba(X).shape == (24, 4)
    model.save(tmp_path / "model.h5")
    loaded = mlpkit.load(tmp_path / "model.h5")
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    assert set(loaded.predict(X).tolist()) <= set(order)
    assert model.evaluate(X, y, metrics="accuracy")["accuracy"] == np.mean(model.predict(X) == np.array(y))
    assert np.isfinite(model.evaluate(X[:1], [more])["loss"]), "a row of the class that training lacks"
    assert mlpkit.inspect(tmp_path / "model.h5")["spec_schema"] == 5


def test_a_run_may_have_rows_of_one_listed_class():
    model = mlpkit.train(spec(classes=["cat", "dog"]), X, ["cat"] * 24)
    assert model.classes.tolist() == ["cat", "dog"]

    split = {"split": {"validation": 0.25}}
    assert mlpkit.train(spec(classes=["cat", "dog"], **split), X, ["cat"] * 24).classes.tolist() == ["cat", "dog"]


@pytest.mark.parametrize("count", [100, 101, 201])
def test_any_number_of_classes_may_be_listed(count):
    classes = [*LABELS["texts"][:1], "dog", "eel", *map(str, range(count - 3))]
    assert len(mlpkit.train(spec(classes=classes), X, LABELS["texts"]).classes) == count


def test_large_whole_labels_are_named_without_a_point():
    y = [4e6] * 14 + [5e6] * 10
    assert weights_of({"class_weight": {"4000000": 3.0}}, y)[0] > 1.0


def test_a_class_that_is_not_listed_is_refused():
    with pytest.raises(mlpkit.DataError, match=r"has the class .eel., which data\.classes does not list"):
        mlpkit.train(spec(classes=["cat", "dog"]), X, LABELS["texts"])


@pytest.mark.parametrize(("labels", "positive"), [(["no", "yes"], "no"), ([1, 2], 1), ([True, False], False), ([True, False], "false")])
def test_the_positive_class_is_the_second(labels, positive):
    y = np.array(labels * 12)
    model = mlpkit.train(spec(SIGMOID, positive=positive), X, y)
    expected = {"false": False}.get(positive, positive) if isinstance(positive, str) and labels == [True, False] else positive
    assert model.classes[1] == expected
    probabilities = model.predict_proba(X)[:, 1]
    np.testing.assert_array_equal(model.predict(X) == expected, probabilities > 0.5)
    other = mlpkit.train(spec(SIGMOID, positive=model.classes[0].item()), X, y)
    assert other.classes.tolist() == model.classes.tolist()[::-1]


def test_the_command_line_sets_them(tmp_path, monkeypatch, capfd):
    from mlpkit.cli import main

    monkeypatch.chdir(tmp_path)
    lines = ["a,b,y", *(f"{a:.3f},{b:.3f},{'yes' if a > 1 else 'no'}" for a, b in X)]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "spec.json").write_text(json.dumps({**spec(SIGMOID), "data": {"path": "t.csv", "target": "y"}}))
    assert main(["train", "spec.json", "-q", "-s", "data.class_weight=balanced", "-s", "data.positive=no"]) == 0
    assert mlpkit.load("model.h5").classes.tolist() == ["yes", "no"]
    assert main(["evaluate", "model.h5", "t.csv"]) == 0
    assert main(["train", "spec.json", "-q", "-f", "-s", 'data.class_weight={"yes": 4, "no": 1}']) == 0
    capfd.readouterr()
    assert main(["train", "spec.json", "-q", "-f", "-s", 'data.class_weight={"maybe": 4}']) != 0
    assert "there is no class 'maybe'" in capfd.readouterr().err
