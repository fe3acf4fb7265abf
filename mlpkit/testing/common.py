"""Checks of all kinds: name, options, copies, and reproducible results."""

from __future__ import annotations

import copy
import functools
import json
import pickle
from contextlib import suppress
from typing import Any

from pydantic.json_schema import PydanticJsonSchemaWarning
from pydantic_core import PydanticCustomError

from mlpkit.plugin import CONTRACTS, REGISTRIES, Array, Optimizer, Plugin, to_entry
from mlpkit.plugin.base import resolve
from mlpkit.plugin.json_schema import names_alone
from mlpkit.plugin.registry import NAME
from mlpkit.plugin.since import marked
from mlpkit.testing.check_run import CheckFunction
from mlpkit.testing.failure_messages import NotApplicable, expect, expect_same_bits
from mlpkit.testing.optimizers import takes_schedules
from mlpkit.testing.outputs import answer, wide_answer
from mlpkit.testing.variants import variants

TIMES = 120  # number of repeated calls


def name(plugin: Plugin) -> None:
    """Check that the name is valid and refers to this class."""
    registry = REGISTRIES[plugin.kind]
    info = registry.info(type(plugin))
    expect(bool(NAME.match(info.name)), f"its name is {info.name!r}", f"let it match {NAME.pattern}")
    means = registry.get(info.full_name)
    expect(means is type(plugin), f"{info.full_name!r} is the name of {means.__module__}:{means.__qualname__}", "give it another name")


def documented(plugin: Plugin) -> None:
    """Check that the class has a docstring, whose first line is shown in lists of plugins."""
    lines = (type(plugin).__doc__ or "").strip().splitlines()
    expect(bool(lines), f"{type(plugin).__name__} has no docstring", "describe in one line what it computes")


def options(plugin: Plugin) -> None:
    """Check that options survive JSON: the stored entry gives an equal object."""
    advice = "use options that JSON can represent: numbers, strings, booleans, tuples of them, or plugins"
    try:
        entry = json.loads(json.dumps(to_entry(plugin), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise AssertionError(f"its options cannot be written as JSON: {error}; {advice}") from error
    contract = next(contract for contract in CONTRACTS if contract.kind == plugin.kind)
    try:
        again = resolve(contract, entry)
    except PydanticCustomError as error:
        detail = (error.context or {}).get("error", error)
        raise AssertionError(f"the stored entry {entry} cannot be read: {detail}; {advice}") from error
    expect(type(again) is type(plugin) and again == plugin, f"{entry} is read as {again!r} instead of {plugin!r}", advice)
    expect(to_entry(again) == to_entry(plugin), f"{to_entry(plugin)} becomes {to_entry(again)}", advice)
    try:
        with names_alone(REGISTRIES):
            type(plugin).model_json_schema()
    except PydanticJsonSchemaWarning as warning:
        raise AssertionError(
            f"its JSON Schema is incomplete: {warning}; write float(...) around a default that NumPy computes"
        ) from warning
    if isinstance(plugin, Optimizer):
        takes_schedules(plugin)


def frozen(plugin: Plugin) -> None:
    """Check that an object is immutable: options cannot be set, and none is a list, a dictionary or an array."""
    advice = "leave the model_config of the contract as it is"
    for field in [*type(plugin).model_fields, "not_an_option"]:
        value = getattr(plugin, field, 0)
        try:
            setattr(plugin, field, value)
        except (ValueError, AttributeError, TypeError):
            continue
        expect(False, f"{field} of an object can be changed", advice)
    for field, option in _options(plugin).items():
        try:
            hash(option)
        except TypeError:
            expect(False, f"the option {field!r} is a {type(option).__name__}, which can be changed", "use a tuple")


def pickles(plugin: Plugin) -> None:
    """Check that a pickled and unpickled object is equal and computes the same, as multiprocessing requires."""
    if "<locals>" in type(plugin).__qualname__:
        raise NotApplicable("its class is defined inside a function and cannot be pickled: put it in a file")
    _expect_same(plugin, pickle.loads(pickle.dumps(plugin)), "unpickled")


def copies(plugin: Plugin) -> None:
    """Check that a deep copy is equal and computes the same."""
    _expect_same(plugin, copy.deepcopy(plugin), "copied")


def _options(plugin: Plugin) -> dict[str, Any]:
    """Return the options, without other attributes of the object."""
    return {field: getattr(plugin, field) for field in type(plugin).model_fields}


def _expect_same(plugin: Plugin, other: Plugin, how: str) -> None:
    advice = "store nothing in an object but its options"
    expect(type(other) is type(plugin) and _options(other) == _options(plugin), f"{how}, {plugin!r} is {other!r}", advice)
    for found, expected in zip(answer(other), answer(plugin), strict=True):
        expect_same_bits(found, expected, f"results of the object and of one that was {how}", advice)


def deterministic(plugin: Plugin) -> None:
    """Check that repeated calls give identical bits, whatever other objects computed in between."""
    advice = "use no randomness or clock, and keep nothing between calls"
    first, wide = answer(plugin), wide_answer(plugin)
    for _ in range(TIMES):
        _expect_bits(answer(plugin), first, "results of the same call twice", advice)
    for variant in variants(plugin)[:3]:
        with suppress(Exception):  # reported by other checks
            wide_answer(variant)
    what = "results before and after an object with other options has computed"
    _expect_bits(answer(plugin), first, what, advice)
    _expect_bits(wide_answer(plugin), wide, what, advice)
    added = sorted(set(vars(plugin)) - {*type(plugin).model_fields, *_cached(type(plugin))})
    expect(not added, f"the object has stored {', '.join(added)}", "store nothing in an object but its options")


def later_options(plugin: Plugin) -> None:
    """Check that each option marked with `Since` has a default that gives the same results as leaving it out."""
    cls = type(plugin)
    for name, mark in marked(cls).items():
        wrong = f"the option {name!r} is marked with Since({mark.version!r})"
        ours = any(name in getattr(base, "model_fields", ()) for base in cls.__mro__ if base.__module__.startswith("mlpkit."))
        advice = 'write the version of your distribution as a text: Since("0.2")'
        expect(ours or isinstance(mark.version, str), f"{wrong}, a schema of mlpkit's spec", advice)
        if mark.of_values:
            continue
        required = cls.model_fields[name].is_required()
        expect(not required, f"{wrong} and has no default", "give it the one that does what earlier versions did")
        for each in [plugin, *variants(plugin)]:
            _expect_same_without(each, name)


def _expect_same_without(plugin: Plugin, name: str) -> None:
    """Compare the results with the default of an option given and left out."""
    without = {field: value for field, value in _options(plugin).items() if field != name}
    try:
        left_out = type(plugin).model_validate(without)
        given = type(plugin).model_validate({**without, name: getattr(left_out, name)})
    except ValueError:  # rejected with these other options
        return
    what = f"results with {name} = {getattr(left_out, name)!r}, its default, and without it"
    _expect_bits(wide_answer(given), wide_answer(left_out), what, "make both the same: model files leave the default out")


def _cached(cls: type) -> set[str]:
    """Return the names of cached properties."""
    return {name for base in cls.__mro__ for name, value in vars(base).items() if isinstance(value, functools.cached_property)}


def _expect_bits(found: list[Array], expected: list[Array], what: str, advice: str) -> None:
    expect(len(found) == len(expected), f"{what} differ in number", advice)
    for one, other in zip(found, expected, strict=True):
        expect_same_bits(one, other, what, advice)


CHECKS: dict[str, CheckFunction] = {check.__name__: check for check in (name, documented, options, frozen)}
AFTER_RUNS: dict[str, CheckFunction] = {check.__name__: check for check in (pickles, copies, deterministic, later_options)}
