"""Soft targets: the probability of each class in a column of its own, named by `data.classes`."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest

import mlpkit
from mlpkit.preprocessing.labelled import encode_labelled
from mlpkit.preprocessing.prepare import prepare
from mlpkit.spec import Spec

RNG = np.random.default_rng(31)
CLASSES = ["cat", "dog", "fox"]
X = RNG.standard_normal((24, 2))
P = RNG.dirichlet(np.ones(3), 24)
SOFTMAX = ("softmax", "categorical_crossentropy")
SIGMOID = ("sigmoid", "binary_crossentropy")


def spec(ends=SOFTMAX, **data):
    network = {"layers": [{"units": 3, "activation": "tanh"}, {"activation": ends[0]}]}
    training = {"epochs": 2, "batch_size": 8}
    return {"dtype": "float64", "network": network, "loss": ends[1], "training": training, "data": {"classes": CLASSES, **data}}


def prepared(y, ends=SOFTMAX, options=None, **data):
    return prepare(Spec.model_validate(spec(ends, **data)), X, y, **(options or {}))


def columns(names, values=P):
    return dict(zip(names, values.T, strict=True))


# -- columns and classes

FORMS = {
    "an array": P,
    "lists": P.tolist(),
    "an array of objects": P.astype(object),
    "any names": columns(["p_a", "p_b", "p_c"]),
    "names of the classes": columns(CLASSES),
    "names of the classes in another order": columns(["fox", "cat", "dog"], P[:, [2, 0, 1]]),
    "pandas": pd.DataFrame(P[:, [1, 0, 2]], columns=["dog", "cat", "fox"]),
    "polars": pl.DataFrame(columns(["dog", "fox", "cat"], P[:, [1, 2, 0]])),
}


@pytest.mark.parametrize("y", FORMS.values(), ids=FORMS)
def test_columns_are_matched_by_the_labels_or_by_position(y):
    found = prepared(y)
    assert found.target.classes.tolist() == CLASSES
    assert (found.target.task, found.target.form, found.target.outputs) == ("classification", "classes", 3)
    np.testing.assert_allclose(found.train.targets, P, rtol=1e-14)
    np.testing.assert_array_equal(found.train_values, P.argmax(axis=1))


LABELS = {
    "integers": ([3, -1], columns(["-1", "3"], P[:, :2])),
    "floats": ([1.0, 0.5], columns([0.5, 1.0], P[:, :2])),
    "whole floats as integers": ([2.0, 0.5], columns(["0.5", "2"], P[:, :2])),
    "booleans": ([True, False], columns([False, True], P[:, :2])),
    "booleans as in JSON": ([True, False], columns(["false", "true"], P[:, :2])),
    "accents in another form": (["e\u0301", "b"], columns(["b", "\u00e9"], P[:, :2])),
}


@pytest.mark.parametrize(("classes", "y"), LABELS.values(), ids=LABELS)
def test_labels_of_every_type_match_names(classes, y):
    y = {name: values / P[:, :2].sum(axis=1) for name, values in y.items()}
    found = prepared(y, classes=classes)
    assert found.target.classes.tolist() == classes
    np.testing.assert_allclose(found.train.targets[:, 1], next(iter(y.values())), rtol=1e-12)


@pytest.mark.parametrize("names", [("p_no", "p_yes"), ("no", "yes"), None])
@pytest.mark.parametrize("positive", ["no", "yes", None])
def test_the_positive_class_keeps_its_column(names, positive):
    y = np.column_stack([P[:, 0], 1 - P[:, 0]])
    found = prepared(y if names is None else columns(names, y), SIGMOID, classes=["no", "yes"], positive=positive)
    assert found.target.classes.tolist() == (["yes", "no"] if positive == "no" else ["no", "yes"])
    np.testing.assert_allclose(found.train.targets[:, 0], y[:, 0] if positive == "no" else y[:, 1], rtol=1e-14)
    assert found.target.form == "binary"


ENDS = {
    "cross-entropy": (SOFTMAX, P),
    "focal": (("softmax", "categorical_focal_crossentropy"), P),
    "ordered classes": (("continuation_ratio", "ordinal"), P),
    "the divergence": (("softmax", "kl_divergence"), P),
    "squares": (("softmax", "mse"), P),
}


@pytest.mark.parametrize(("ends", "y"), ENDS.values(), ids=ENDS)
def test_losses_of_distributions_take_them(ends, y):
    model = mlpkit.train(spec(ends), X, y)
    assert model.classes.tolist() == CLASSES
    assert set(model.predict(X)) <= set(CLASSES)
    assert set(model.evaluate(X, y)) == {"loss", "accuracy", "log_loss"}


def test_rounded_rows_are_divided_by_their_sum():
    rounded = np.array([[0.33, 0.33, 0.33], [0.34, 0.34, 0.33], [1, 0, 0], [0.5, 0.25, 0.25]])
    found = prepare(Spec.model_validate(spec()), X[:4], rounded).train.targets
    np.testing.assert_allclose(found, rounded / rounded.sum(axis=1, keepdims=True), rtol=1e-15)
    np.testing.assert_array_equal(found[2], [1, 0, 0])


def test_booleans_and_integers_are_one_hot_rows():
    one_hot = np.eye(3)[P.argmax(axis=1)]
    for y in (one_hot.astype(bool), one_hot.astype(int), pd.DataFrame(one_hot.astype(bool), columns=CLASSES)):
        np.testing.assert_array_equal(prepared(y).train.targets, one_hot)


def test_the_first_of_equally_probable_classes_counts():
    y = np.array([[0.25, 0.375, 0.375], [0.5, 0.0, 0.5]] * 12)
    assert prepared(y).train_values.tolist() == [1, 0] * 12
    two = np.full((24, 2), 0.5)
    assert not prepared(two, SIGMOID, classes=["a", "b"]).train_values.any()


def test_the_predicted_column_is_called_class():
    assert prepared(columns(["p_a", "p_b", "p_c"])).target.names == ("class",)
    assert prepared(P).target.names == ("y",), "as for labels in an array"


# -- splits, weights, missing targets


def test_splits_are_stratified_by_the_most_probable_class():
    labels = np.array(CLASSES)[P.argmax(axis=1)]
    split = {"split": {"validation": 0.25}}
    soft, hard = prepared(P, **split), prepared(labels, **split)
    np.testing.assert_array_equal(soft.train.inputs, hard.train.inputs)
    np.testing.assert_array_equal(soft.values, hard.values)
    assert soft.validation.targets.shape == (len(soft.values), 3)


def test_class_weights_are_averaged_by_the_shares():
    factors = np.array([1.0, 2.0, 7.0])
    weighted = prepared(P, class_weight={"dog": 2.0, "fox": 7.0}).train.weights
    expected = P @ factors
    np.testing.assert_allclose(weighted, expected / expected.mean(), rtol=1e-12)


def test_balanced_weights_count_shares():
    own = RNG.uniform(0.5, 2.0, 24)
    found = prepared(P, options={"weights": own}, class_weight="balanced").train.weights
    totals = own @ P
    expected = own * (P @ (totals.sum() / (3 * totals)))
    np.testing.assert_allclose(found, expected / expected.mean(), rtol=1e-12)


def test_a_missing_probability_is_a_missing_target():
    y = P.copy()
    y[3, 1] = np.nan
    with pytest.raises(mlpkit.DataError, match="has a missing value: row 3"):
        prepared(y)
    found = prepared(y, missing_target="drop")
    assert found.untargeted == 1
    np.testing.assert_allclose(found.train.targets, np.delete(P, 3, axis=0), rtol=1e-14)
    texts = {name: [None if np.isnan(v) else str(v) for v in values] for name, values in columns(CLASSES, y).items()}
    texts["dog"][3] = "nan"
    for target_type in ("auto", "class", "text"):
        found = prepared(texts, missing_target="drop", target_type=target_type)
        np.testing.assert_allclose(found.train.targets, np.delete(P, 3, axis=0), rtol=1e-14)


def test_validation_rows_may_have_one_column_of_labels():
    labels = np.array(CLASSES)[P.argmax(axis=1)]
    found = prepared(P, options={"validation": (X, labels)})
    np.testing.assert_array_equal(found.values, P.argmax(axis=1))
    with pytest.warns(mlpkit.LeftOutWarning, match="1 validation row left out"):
        prepared(P, options={"validation": (X[:3], ["cat", "cow", "dog"])})


# -- evaluation


def test_a_model_of_soft_targets_evaluates_labels_and_probabilities():
    model = mlpkit.train(spec(), X, columns(["p_a", "p_b", "p_c"]))
    p = model.predict_proba(X)
    assert model.evaluate(X, P)["loss"] == pytest.approx(-(P * np.log(p)).sum(axis=1).mean(), rel=1e-12)
    labels = np.array(CLASSES)[P.argmax(axis=1)]
    hard = model.evaluate(X, labels)
    assert hard["loss"] == pytest.approx(-np.log(p[np.arange(24), P.argmax(axis=1)]).mean(), rel=1e-12)
    soft = model.evaluate(X, columns(["fox", "dog", "cat"], P[:, ::-1]))
    assert soft["loss"] == pytest.approx(model.evaluate(X, P)["loss"], rel=1e-12)
    assert soft["accuracy"] == hard["accuracy"] == np.mean(model.predict(X) == labels)
    assert model.report(X, P).classes.rows.tolist() == model.report(X, labels).classes.rows.tolist()


def test_the_columns_of_the_spec_are_found_by_name_in_any_order():
    names = ["p_cat", "p_dog", "p_fox"]
    table = {"a": X[:, 0], "b": X[:, 1], **columns(names)}
    model = mlpkit.train(spec(target=names), table)
    expected = model.evaluate(table)
    assert model.evaluate(table, columns(names[::-1], P[:, ::-1])) == expected
    shuffled = {name: table[name] for name in reversed(table)}
    assert model.evaluate(shuffled) == expected
    gold = {"a": X[:, 0], "b": X[:, 1], "class": np.array(CLASSES)[P.argmax(axis=1)]}
    assert model.evaluate(gold)["accuracy"] == expected["accuracy"]


def test_rows_without_the_columns_of_the_spec_are_refused():
    names = ["p_cat", "p_dog", "p_fox"]
    table = {"a": X[:, 0], "b": X[:, 1], **columns(names)}
    model = mlpkit.train(spec(target=names), table)
    gold = {"a": X[:, 0], "b": X[:, 1], "gold": ["cat"] * 24}
    with pytest.raises(mlpkit.DataError, match=r"no columns 'p_cat', 'p_dog', 'p_fox'(.|\n)*column of labels must be named 'class'"):
        model.evaluate(gold)
    with pytest.raises(mlpkit.DataError, match="there are no columns"):
        mlpkit.train(spec(target=names), {**gold, "class": ["cat", "dog"] * 12})


def test_an_input_called_class_is_never_the_target():
    names = ["p_cat", "p_dog", "p_fox"]
    table = {"class": ["first", "second"] * 12, "b": X[:, 1], **columns(names)}
    model = mlpkit.train(spec(target=names, inputs=["class", "b"]), table)
    with pytest.raises(mlpkit.DataError, match="no columns 'p_cat', 'p_dog', 'p_fox'"):
        model.evaluate({"class": ["first", "second"] * 12, "b": X[:, 1]})


def test_a_model_of_labels_evaluates_probabilities_in_the_order_of_its_classes():
    labels = np.array(CLASSES)[P.argmax(axis=1)]
    model = mlpkit.train(spec(classes=None), X, labels)
    assert model.evaluate(X, np.eye(3)[P.argmax(axis=1)]) == pytest.approx(model.evaluate(X, labels), rel=1e-12)
    by_name = model.evaluate(X, columns(["fox", "dog", "cat"], P[:, ::-1]))
    assert by_name == model.evaluate(X, P)


def test_a_loss_of_one_class_evaluates_labels_alone():
    labels = np.array(CLASSES)[P.argmax(axis=1)]
    model = mlpkit.train(spec(("softmax", "categorical_hinge"), classes=None), X, labels)
    with pytest.raises(mlpkit.DataError, match=r"categorical_hinge does not accept several columns of probabilities(.|\n)*give one column"):
        model.evaluate(X, P)


def test_a_column_of_labels_goes_before_probabilities_if_both_are_given():
    labels = np.array(["cat", "dog"])[(P[:, 0] < 0.5).astype(int)]
    model = mlpkit.train(spec(SIGMOID, classes=None), X, {"kind": labels})
    assert model.evaluate(X, {"kind": labels, "other": P[:, 0]}) == model.evaluate(X, labels)


def test_blocks_of_a_table_are_probabilities():
    table = {"x": X, "p": P}
    model = mlpkit.train(spec(target="p"), table)
    assert model.target_encoder.names == ("p",)
    assert model.evaluate(table) == model.evaluate({"x": X}, P)
    assert model.evaluate({"x": X, "p": np.array(CLASSES)[P.argmax(axis=1)]})["accuracy"] == model.evaluate(table)["accuracy"]


def test_arrays_of_a_file_that_training_does_not_need_are_not_read(tmp_path):
    names = ["p_cat", "p_dog", "p_fox"]
    np.savez(tmp_path / "votes.npz", **{"x": X, "class": np.array(CLASSES)}, **columns(names))
    model = mlpkit.train(spec(target=names, inputs=["x"]), tmp_path / "votes.npz")
    np.savez(tmp_path / "gold.npz", **{"x": X, "class": np.array(CLASSES)[P.argmax(axis=1)]})
    assert model.evaluate(tmp_path / "gold.npz")["accuracy"] == model.evaluate(X, P)["accuracy"]


def test_encoded_rows_for_evaluation_are_checked_too():
    found = prepared(P)
    with pytest.raises(mlpkit.DataError, match="sum to 3 in row 0, not to 1"):
        encode_labelled(Spec.model_validate(spec()), found.inputs, found.target, X, np.ones((24, 3)))


# -- refused


def changed(row, values):
    y = P.copy()
    y[row] = values
    return y


BAD_VALUES = {
    "a negative number": (changed(2, [1.5, -0.5, 0]), "column 'y1' has -0.5 in row 2, but probabilities are at least 0"),
    "counts of votes": (changed(4, [3, 1, 1]), r"sum to 5 in row 4, not to 1(.|\n)*divide each row by its sum"),
    "a row of zeros": (changed(0, [0, 0, 0]), "sum to 0 in row 0"),
    "almost 1": (changed(1, [0.5, 0.25, 0.23]), "probabilities 'y0', 'y1', 'y2' sum to 0.98 in row 1"),
    "infinity": (changed(5, [np.inf, 0, 0]), "'y0' has inf in row 5, which is not finite"),
    "huge numbers": (changed(5, [1e308, 1e308, 0]), "sum to inf in row 5"),
    "a text": ({**columns(CLASSES), "dog": ["0.5"] * 23 + ["half"]}, r"'dog' holds numbers, but row 23 has 'half'"),
    "texts": ({**columns(CLASSES), "dog": ["cat"] * 24}, "'dog' holds texts"),
    "some names are labels": (columns(["cat", "dog", "cow"]), "'cat' has the name of a class, but 'cow' has not"),
}


@pytest.mark.parametrize(("y", "message"), BAD_VALUES.values(), ids=BAD_VALUES)
def test_wrong_probabilities_are_refused(y, message):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for part in ({}, {"split": {"validation": 0.25}}):
            with pytest.raises(mlpkit.DataError, match=message) as caught:
                prepared(y, **part)
            assert caught.value.help


WRONG = {
    "weights of targets": (
        SIGMOID,
        np.full((24, 2), 0.5),
        {"classes": ["a", "b"], "target_weights": {"y0": 2.0}},
        r"data\.target_weights: the target is a class",
    ),
    "too few columns": (SOFTMAX, P[:, :2], {}, r"data\.classes: it lists 3 classes, but the target has 2 columns of probabilities"),
    "too many columns": (SOFTMAX, np.eye(4), {}, r"data\.classes: it lists 3 classes, but the target has 4 columns"),
    "labels of several types": (SOFTMAX, P, {"classes": ["a", 1, True]}, r"data\.classes: the labels have several types"),
    "a label beyond int64": (SOFTMAX, P, {"classes": [1, 2, 2**70]}, r"data\.classes: the labels cannot be stored"),
    "a label that ends with NUL": (SOFTMAX, P, {"classes": ["a", "b", "c\0"]}, r"data\.classes: the labels cannot be stored"),
    "a positive class of three": (SOFTMAX, P, {"positive": "cat"}, r"data\.positive: .* has 3 classes"),
    "a weight of no class": (SOFTMAX, P, {"class_weight": {"cow": 2.0}}, r"data\.class_weight: there is no class 'cow'"),
    "a loss of one class": (
        ("softmax", "categorical_hinge"),
        P,
        {},
        r"data\.classes: categorical_hinge does not accept(.|\n)*categorical_crossentropy",
    ),
    "a loss of two classes": (
        ("sigmoid", "binary_focal_crossentropy"),
        np.full((24, 2), 0.5),
        {"classes": ["a", "b"]},
        r"data\.classes: binary_focal_crossentropy does not accept(.|\n)*remove it, if each column is a label of its own",
    ),
    "a regression": (("linear", "mse"), P, {}, r"data\.classes: the target is not one class per row"),
    "numbers": (("softmax", "mse"), P, {"target_type": "number"}, r"data\.classes: the target is not one class per row"),
    "numbers for a loss of classes": (SOFTMAX, P, {"target_type": "number"}, r"data\.target_type: it is 'number'"),
    "three sigmoid units": (("sigmoid", "mse"), P, {}, "has 3 classes, which need softmax"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_options_are_refused_at_their_place(case):
    ends, y, data, message = WRONG[case]
    x = RNG.standard_normal((len(y), 2))
    for part in ({}, {"split": {"validation": 0.25}}):
        with pytest.raises(mlpkit.SpecError, match=message):
            mlpkit.train(spec(ends, **data, **part), x, y)


def test_three_classes_need_softmax():
    with pytest.raises(mlpkit.DataError, match="binary_crossentropy needs two classes, but the target 'y' has 3"):
        mlpkit.train(spec(SIGMOID), X, P)


def test_listed_labels_that_are_too_large_are_refused_for_labels_too():
    with pytest.raises(mlpkit.SpecError, match=r"data\.classes: the labels cannot be stored"):
        mlpkit.train(spec(classes=[1, 2, 2**70]), X, [1, 2] * 12)


def test_other_errors_name_the_classes_as_a_way_out():
    with pytest.raises(
        mlpkit.DataError, match=r"takes one column of classes(.|\n)*probabilities of classes, list the classes in data\.classes"
    ):
        mlpkit.train(spec(classes=None), X, P)
    with pytest.raises(mlpkit.SpecError, match=r"several columns(.|\n)*list the classes in data\.classes"):
        mlpkit.train(spec(classes=None, target_type="class"), X, P)
    model = mlpkit.train(spec(), X, P)
    with pytest.raises(mlpkit.DataError, match="the model has 3 classes, but the target has 2 columns"):
        model.evaluate(X, P[:, :2])


def test_several_labels_are_as_before_without_classes():
    model = mlpkit.train(spec(SIGMOID, classes=None), X, (P > 0.3).astype(int))
    assert model.target_encoder.task == "multilabel"
