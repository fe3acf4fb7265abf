"""Comparison of models on the same rows."""

import numpy as np
import pytest
from scipy.stats import binomtest

import mlpkit
from mlpkit.report.comparison_page import comparison_page
from tests.report.kinds import KINDS, trained
from tests.report.test_page import checked


def models_of(kind):
    """A model of a kind, and the same with other weights."""
    model, table = trained(kind, 80, seed=3)
    spec, made = KINDS[kind]
    other = (
        mlpkit.train({**spec, "seed": 1, "training": {**spec["training"], "epochs": 30}}, made(150, 0))
        if kind == "three classes"
        else model
    )
    return model, other, table


@pytest.fixture(autouse=True)
def few_replicates(monkeypatch):
    monkeypatch.setattr("mlpkit.report.comparison.REPLICATES", 60)


@pytest.fixture(scope="module")
def two():
    with pytest.warns(mlpkit.ConstantColumnWarning):
        return models_of("three classes")


def test_scores_are_those_of_evaluate(two):
    model, other, table = two
    found = mlpkit.compare([model, other], table)
    assert (found.names, found.rows) == (("model 0", "model 1"), 80)
    names = [name for name in found.scores[0] if name != "loss"]
    for each, scores in zip((model, other), found.scores, strict=True):
        expected = each.evaluate(table, metrics=names)
        assert scores == pytest.approx({name: expected[name] for name in scores}, rel=1e-5)
    for name in names:
        assert found.differences[0][name].value == pytest.approx(found.scores[1][name] - found.scores[0][name])
    assert names[:2] == ["accuracy", "matthews"]
    assert found.to_dict()["models"][1]["differences"]["accuracy"]["verdict"] == (found.verdict(1, "accuracy") or None)


def test_a_verdict_needs_a_small_p_and_knows_the_direction(two):
    model, other, table = two
    found = mlpkit.compare({"first": model, "second": other}, table, metrics=["accuracy", "log_loss"])
    back = mlpkit.compare({"second": other, "first": model}, table, metrics=["accuracy", "log_loss"])
    opposite = {"better": "worse", "worse": "better", "": ""}
    for name in ("accuracy", "log_loss"):
        assert back.verdict(1, name) == opposite[found.verdict(1, name)]
        assert (found.verdict(1, name) != "") == (found.differences[0][name].p < 0.05)
    assert found.verdict(1, "log_loss") == "better"
    same = mlpkit.compare([model, model], table)
    assert {same.verdict(1, name) for name in same.scores[0]} == {""}
    assert all(each.p == 1 for each in same.differences[0].values())


@pytest.mark.slow
def test_of_equal_models_5_of_100_differ():
    """The sizes of the test: models that err on other rows equally often."""
    from mlpkit.report.bootstrap import replicates
    from tests.report.test_bootstrap import ACCURACY, guesses

    rng, found = np.random.default_rng(0), 0
    for _ in range(300):
        first, second = (guesses(rng.random(200) < 0.8) for _ in range(2))
        found += replicates([first, second], ACCURACY, count=400).difference(0, 1, "accuracy").p < 0.05
    assert binomtest(found, 300, 0.05).pvalue > 0.01


def test_the_loss_is_compared_only_if_it_is_the_same(two):
    model, other, table = two
    number, rows = trained("a number", 40, seed=3)
    counts, _ = trained("counts")
    assert "loss" in mlpkit.compare([model, other], table).scores[0]
    assert "loss" not in mlpkit.compare([number, counts], rows).scores[0]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["an ensemble", "several numbers", "labels", "quantiles"])
def test_every_kind_can_be_compared(kind):
    model, table = trained(kind, 40, seed=3)
    found = mlpkit.compare([model, model, model], table)
    assert len(found.differences) == 2
    checked(comparison_page(found, {"a": model, "b": model, "c": model}))


def test_classes_may_be_in_another_order():
    x = np.random.default_rng(0).standard_normal((30, 2))
    weights, y = [np.eye(2)], np.where(x[:, 0] > x[:, 1], "a", "b")
    first = mlpkit.from_arrays(weights, None, "softmax", classes=["a", "b"])
    second = mlpkit.from_arrays([weights[0][:, ::-1]], None, "softmax", classes=["b", "a"])
    found = mlpkit.compare([first, second], x, y, metrics="accuracy")
    assert [scores["accuracy"] for scores in found.scores] == [1, 1]


def test_the_page_has_scores_and_curves(two, tmp_path):
    model, other, table = two
    found = mlpkit.compare({"<b>first": model, "second": other}, table)
    page = checked(comparison_page(found, {"<b>first": model, "second": other}))
    assert page.sections == ["scores", "history", "models"]
    assert "<b>first" in "".join(page.text)


def test_files_are_named_by_their_names(two, tmp_path):
    model, _, table = two
    (tmp_path / "x").mkdir()
    for name in ("a.h5", "b.h5", "x/a.h5"):
        model.save(tmp_path / name)
    assert mlpkit.compare([tmp_path / "a.h5", tmp_path / "b.h5"], table, metrics="accuracy").names == ("a.h5", "b.h5")
    assert mlpkit.compare([tmp_path / "a.h5", tmp_path / "x/a.h5"], table, metrics="accuracy").names == (
        str(tmp_path / "a.h5"),
        str(tmp_path / "x/a.h5"),
    )
    assert mlpkit.compare([tmp_path / "a.h5", tmp_path / "a.h5"], table, metrics="accuracy").names == (
        str(tmp_path / "a.h5"),
        f"{tmp_path / 'a.h5'} (1)",
    )


def test_impossible_comparisons_are_errors(two):
    model, _, table = two
    number, rows = trained("a number", 80, seed=3)
    several, _ = trained("several numbers")
    with pytest.raises(mlpkit.DataError, match="fewer than two"):
        mlpkit.compare([model], table)
    with pytest.raises(mlpkit.DataError, match="predict different targets"):
        mlpkit.compare([model, number], {**table, **rows})
    with pytest.raises(mlpkit.DataError, match="predict different targets"):
        mlpkit.compare([number, several], {**rows, "weight": rows["price"]})
    with pytest.raises(mlpkit.DataError, match="model 0: the rows have no target 'kind'"):
        mlpkit.compare([model, model], {name: column for name, column in table.items() if name != "kind"})
    with pytest.raises(mlpkit.DataError, match="model 0: there is no column 'size'"):
        mlpkit.compare([model, model], {name: column for name, column in table.items() if name != "size"})
    with pytest.raises(mlpkit.SpecError, match="do not fit the task"):
        mlpkit.compare([model, model], table, metrics="rmse")
