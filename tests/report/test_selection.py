"""Sections of a report on a search and a cross-validation, from the metadata of the model."""

from __future__ import annotations

import pytest

import mlpkit
from tests.report.kinds import trained
from tests.report.test_page import checked

SEARCH = {
    "score": {"accuracy": 0.9},
    "higher_is_better": True,
    "trial": 2,
    "values": {"network.layers[0].units": 16},
    "trials": 4,
    "pruned": 1,
    "epochs": 30,
    "kept": {
        "trial": [0, 1, 2, 3],
        "state": ["complete", "pruned", "complete", "failed"],
        "accuracy": [0.8, 0.3, 0.9, None],
        "epochs": [10, 5, 10, 5],
        "network.layers[0].units": [4, 8, 16, 32],
    },
}
FOLDS = {"scores": {"accuracy": {"mean": 0.875, "deviation": 0.0625}}, "folds": [], "runs": 5}


@pytest.fixture(scope="module")
def model():
    return trained("two classes", 60, seed=3)[0]


def page_of(model, **metadata):
    model.metadata.clear()
    model.metadata.update(metadata)
    return checked(mlpkit.html_report(model))


def test_a_search_has_its_trials(model):
    page = page_of(model, search=SEARCH)
    assert page.sections == ["scores", "history", "search", "layers", "facts"]
    text = "".join(page.text)
    assert "This is the best of 4 trials of network.layers[0].units, 1 of which were ended early: trial 2, with accuracy 0.9" in text
    assert "Best trialstrialaccuracynetwork.layers[0].units20.91600.84" in text.replace("\n", "")
    assert {"best so far", "trained to the end", "ended early"} <= set(page.text)


def test_a_cross_validation_has_its_means(model):
    page = page_of(model, cross_validation=FOLDS)
    assert page.sections == ["scores", "history", "folds", "layers", "facts"]
    assert "Means over 5 foldsscoremeandeviationaccuracy0.8750.0625" in "".join(page.text).replace("\n", "")


def replaced(path, value):
    *keys, last = path
    found = copied = {**SEARCH, "kept": {**SEARCH["kept"]}}
    for key in keys:
        found = found[key]
    found[last] = value
    return copied


STRANGE = {
    "a text": "<script>alert(1)</script>",
    "no columns": replaced(["kept"], {}),
    "other lengths": replaced(["kept", "state"], ["complete"]),
    "no numbers": replaced(["kept", "trial"], ["a", "b", "c", "d"]),
    "too large a number": replaced(["trial"], 2**60),
    "two scores": replaced(["score"], {"a": 1.0, "b": 2.0}),
    "no score": replaced(["score"], {}),
}


@pytest.mark.parametrize("value", STRANGE.values(), ids=STRANGE)
def test_metadata_of_another_form_have_no_section(value, model):
    assert page_of(model, search=value, cross_validation=value).sections == ["scores", "history", "layers", "facts"]


def test_strange_values_are_shown_as_texts(model):
    strange = replaced(["kept", "network.layers[0].units"], ["<b>", {"a": [1]}, 1e300, None])
    strange["kept"]["accuracy"] = ["x", None, 2**62, 0.5]
    assert "search" in page_of(model, search=strange).sections
