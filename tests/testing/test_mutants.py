"""Plugins with one thing wrong each: the check that is named for it finds it, says it, and no other does."""

import re

import pytest

from mlpkit.testing.conformance import examine

from .mutants import MUTANTS, options
from .mutants.optimizers import Restless
from .mutants.others import RefusesAll

SLOW = ("saved_model",)  # asks a new process, which test_conformance.py does


def failed(report):
    return {check.name: check.reason for check in report.checks if check.status == "failed"}


def failing(plugin):
    return failed(examine(plugin, without=SLOW))


@pytest.mark.parametrize("plugin", MUTANTS, ids=lambda plugin: type(plugin).__name__)
def test_a_mutant_is_found_by_the_check_of_its_name_alone(plugin):
    found = failing(plugin)
    assert set(found) == set(MUTANTS[plugin]), found
    for name, words in MUTANTS[plugin].items():
        assert re.search(words, found[name]), found[name]


@pytest.mark.parametrize("plugin", [options.Random(), Restless()], ids=lambda plugin: type(plugin).__name__)
def test_what_is_random_is_found_by_its_check_among_others(plugin):
    assert "results of the same call twice differ" in failing(plugin)["deterministic"]


def test_options_that_can_change():
    assert "beta of an object can be set" in failing(options.Unfrozen())["frozen"]
    assert "the option 'weights' is a list, which can be changed; use a tuple" in failing(options.MUTABLE)["frozen"]


def test_options_that_are_not_json():
    assert "use options that JSON has" in failing(options.NotJson())["options"]
    found = failing(options.ForgetsAnOption())
    assert "is read as ForgetsAnOption(beta=2.0) and not as ForgetsAnOption(beta=1.0)" in found["options"]


def test_the_name_of_a_built_in():
    report = examine(options.LOSES_ITS_NAME(), without=SLOW)
    assert report.plugin == "relu"
    assert "'relu' is the name of a built-in" in failed(report)["name"]


def test_whatever_a_plugin_raises_or_warns_is_a_failed_check():
    exits, warns = examine(options.Exits(), without=SLOW), examine(options.Warns(), without=SLOW)
    assert re.search(r"^SystemExit: no licence \(options.py, line \d+\)$", failed(exits)["gradient"])
    assert re.search(r"^DeprecationWarning: swish is old \(options.py, line \d+\)$", failed(warns)["gradient"])
    assert {check.name for check in exits.checks if check.status == "passed"} == {"name", "documented", "options", "frozen"}


def test_an_initializer_that_refuses_every_shape():
    found = failing(RefusesAll())
    assert "fill raises ValueError for the shapes" in found["fills"]
