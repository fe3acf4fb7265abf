"""Plugins with one thing wrong each: the check that is named for it finds it, and says it."""

import re
import tempfile

import pytest

from mlpkit.testing.check_run import run_check
from mlpkit.testing.conformance import examine
from mlpkit.testing.suite import checks_of

from ..sampling import one_in
from .mutants import MUTANTS, options
from .mutants.optimizers import Restless
from .mutants.others import RefusesAll
from .planted import PLANTED, process


@pytest.fixture(autouse=True)
def own_folder(monkeypatch, tmp_path):
    """For what mutants write, and no thread that an earlier test has left."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    process.LeavesThreads.waiting.clear()


SLOW = ("saved_model",)  # asks a new process, which test_conformance.py does


def failed(report):
    return {check.name: check.reason for check in report.checks if check.status == "failed"}


def failing(plugin):
    return failed(examine(plugin, without=SLOW))


def found_by(plugin, name):
    """Test faults that only one check finds."""
    check = run_check(name, checks_of(plugin)[name], plugin)
    assert check.status == "failed", f"{name}: {check.status} {check.reason}"
    return check.reason


def identity(plugin):
    return f"{plugin.kind}-{type(plugin).__name__}"


@pytest.mark.parametrize("plugin", one_in(3, MUTANTS), ids=identity)
def test_a_mutant_is_found_by_the_checks_of_its_name(plugin):
    for name, words in MUTANTS[plugin].items():
        assert re.search(words, found := found_by(plugin, name)), found


@pytest.mark.parametrize("plugin", one_in(6, PLANTED), ids=identity)
def test_a_fault_that_shows_in_some_places_alone_is_found(plugin):
    assert found_by(plugin, PLANTED[plugin])


@pytest.mark.slow
@pytest.mark.parametrize("plugin", [*MUTANTS, *PLANTED], ids=identity)
def test_the_whole_kit_finds_it_and_tells_each_reason_once(plugin):
    found = failing(plugin)
    assert found
    assert {"runs", *([PLANTED[plugin]] if plugin in PLANTED else MUTANTS[plugin])} & set(found), found
    assert len(set(found.values())) == len(found)


@pytest.mark.parametrize("plugin", [options.Random(), Restless()], ids=lambda plugin: type(plugin).__name__)
def test_randomness_is_found_by_its_check_among_others(plugin):
    assert "results of the same call twice differ" in found_by(plugin, "deterministic")


def test_options_that_can_change():
    assert "beta of an object can be changed" in found_by(options.Unfrozen(), "frozen")
    assert "the option 'weights' is a list, which can be changed; use a tuple" in found_by(options.MUTABLE, "frozen")


def test_options_that_are_not_json():
    assert "use options that JSON can represent" in found_by(options.NotJson(), "options")
    found = found_by(options.ForgetsAnOption(), "options")
    assert "is read as ForgetsAnOption(beta=2.0) instead of ForgetsAnOption(beta=1.0)" in found


def test_options_that_came_later():
    assert "and has no default; give it the one that does what earlier versions did" in found_by(
        options.LaterWithoutDefault(power=1.0), "later_options"
    )
    assert "marked with Since(4), a schema of mlpkit's spec; write the version of your distribution" in found_by(
        options.LaterByNumber(), "later_options"
    )
    found = found_by(options.LaterThatAsksWhetherItIsGiven(), "later_options")
    assert "results with power = 1.0, its default, and without it differ" in found
    assert run_check("later_options", checks_of(options.Later())["later_options"], options.Later()).status == "passed"


def test_the_name_of_a_built_in():
    report = examine(options.LOSES_ITS_NAME(), without=SLOW)
    assert report.plugin == ":relu"
    assert "'relu' is the name of a built-in" in failed(report)["name"]


def test_an_error_or_warning_of_a_plugin_is_reported_once_and_ends_its_checks():
    exits, warns = examine(options.Exits(), without=SLOW), examine(options.Warns(), without=SLOW)
    assert list(failed(exits)) == list(failed(warns)) == ["runs"]
    assert re.search(r"^SystemExit: no licence \(options.py, line \d+\)$", failed(exits)["runs"])
    assert re.search(r"^DeprecationWarning: swish is old \(options.py, line \d+\)$", failed(warns)["runs"])
    assert {check.name for check in exits.checks if check.status == "passed"} == {"name", "documented", "options", "frozen", "side_effects"}
    assert {check.reason for check in exits.checks if check.status == "skipped"} == {"user code raises an error: see runs"}


def test_an_initializer_that_refuses_every_shape():
    assert "fill raises ValueError for the shapes" in found_by(RefusesAll(), "runs")
