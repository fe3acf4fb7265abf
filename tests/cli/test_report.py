"""The report by class: `Model.report` and `mlpkit evaluate`."""

import json

import numpy as np
import pytest

import mlpkit
from mlpkit.plugin import REGISTRIES


def trained(y, **options):
    x = np.random.default_rng(0).standard_normal((len(y), 3))
    layers = [{"units": 4, "activation": "tanh"}, {"activation": "softmax"}]
    spec = {"network": {"layers": layers}, "loss": "categorical_crossentropy", "training": {"epochs": 2}, **options}
    return mlpkit.train(spec, x, y), x


def test_the_report_is_that_of_the_predictions():
    y = np.array(["ant", "bee", "cat"])[np.random.default_rng(1).integers(0, 3, 60)]
    model, x = trained(y)
    report, predicted = model.report(x, y), model.predict(x)
    names = ["ant", "bee", "cat"]
    matrix = [[int(((y == a) & (predicted == b)).sum()) for b in names] for a in names]
    assert report.figures == model.evaluate(x, y)
    assert report.classes.to_dict()["confusion_matrix"] == matrix == report.classes.confusion_matrix.tolist()
    assert report.classes.to_dict()["classes"][0]["class"] == "ant"
    assert report.classes.rows.tolist() == [(y == name).sum() for name in names]
    for name in ("precision", "recall", "f1"):
        metric = REGISTRIES["metrics"].get(name)(average="macro")
        assert getattr(report.classes, name).mean() == pytest.approx(model.evaluate(x, y, metrics=[metric])[name], rel=1e-12)
    assert "target / predicted  ant  bee  cat" in str(report)


def test_sample_weights_count():
    y = np.resize([0, 1], 40)
    model, x = trained(y)
    weights = np.resize([0.5, 2.0, 0.0], 40)
    report = model.report(x, y, weights=weights)
    used = weights > 0  # the others are left out
    shares = [weights[used & (y == label)].sum() / weights.sum() for label in (0, 1)]
    np.testing.assert_allclose(report.classes.rows, np.multiply(shares, used.sum()), rtol=1e-6)
    np.testing.assert_allclose(report.classes.confusion_matrix.sum(axis=1), report.classes.rows, rtol=1e-12)
    assert report.figures == model.evaluate(x, y, weights=weights)


def test_numbers_have_no_classes():
    x = np.arange(20.0)[:, None]
    model = mlpkit.train({"network": {"layers": [{}]}, "loss": "mse", "training": {"epochs": 1}}, x, x[:, 0])
    report = model.report(x, x[:, 0])
    assert report.classes is None
    assert "loss" in str(report)


def test_many_classes_are_shown_in_part(folder, run):
    y = np.resize(np.arange(50), 200)
    x = np.random.default_rng(0).standard_normal((200, 3))
    layers = [{"activation": "softmax"}]
    spec = {"network": {"layers": layers}, "loss": "categorical_crossentropy", "training": {"epochs": 1}}
    mlpkit.train({**spec, "data": {"target": "y"}}, {**dict(zip("abc", x.T, strict=True)), "y": y}).save("m.h5")
    np.savetxt("t.csv", np.column_stack([x, y]), delimiter=",", header="a,b,c,y", comments="", fmt=["%.17g"] * 3 + ["%d"])
    done = run("evaluate", "m.h5", "t.csv")
    assert not done.err
    out = done.out.splitlines()
    assert out[-1] == "the first 20 of 50 classes"
    assert len(out) == 3 + 1 + 21 + 1
    report = json.loads(run("evaluate", "m.h5", "t.csv", "--json").out)["report"]
    assert len(report["classes"]) == len(report["confusion_matrix"]) == 50
    assert all(isinstance(count, int) for row in report["confusion_matrix"] for count in row)


def test_a_label_cannot_write_to_the_terminal():
    y = np.resize(np.array(["plain", "\x1b[31mred"]), 20)
    model, x = trained(y)
    assert "\x1b" not in str(model.report(x, y))
