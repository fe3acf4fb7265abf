"""The checks of all kinds: the name, the options, copies, and that the same call gives the same numbers."""

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
from mlpkit.plugin.registry import NAME
from mlpkit.plugin.since import marked
from mlpkit.testing.check_run import CheckFunction
from mlpkit.testing.failure_messages import NotApplicable, expect, expect_same_bits
from mlpkit.testing.optimizers import takes_schedules
from mlpkit.testing.outputs import answer, wide_answer
from mlpkit.testing.variants import variants

TIMES = 120  # that the same call is made


def name(plugin: Plugin) -> None:
    """Its name is valid, and means it."""
    registry = REGISTRIES[plugin.kind]
    info = registry.info(type(plugin))
    expect(bool(NAME.match(info.name)), f"its name is {info.name!r}", f"let it match {NAME.pattern}")
    means = registry.get(info.full_name)
    expect(means is type(plugin), f"{info.full_name!r} means {means.__module__}:{means.__qualname__}", "give it another name")


def documented(plugin: Plugin) -> None:
    """The class has a docstring, whose first line a list of plugins shows."""
    lines = (type(plugin).__doc__ or "").strip().splitlines()
    expect(bool(lines), f"{type(plugin).__name__} has no docstring", "say in one line what it computes")


def options(plugin: Plugin) -> None:
    """The options go through JSON: what a spec and a model file store gives the same object again."""
    advice = "use options that JSON has: numbers, strings, booleans, tuples of them, or plugins"
    try:
        entry = json.loads(json.dumps(to_entry(plugin), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise AssertionError(f"its options cannot be written as JSON: {error}; {advice}") from error
    contract = next(contract for contract in CONTRACTS if contract.kind == plugin.kind)
    try:
        again = resolve(contract, entry)
    except PydanticCustomError as error:
        detail = (error.context or {}).get("error", error)
        raise AssertionError(f"{entry}, which is stored, is not read again: {detail}; {advice}") from error
    expect(type(again) is type(plugin) and again == plugin, f"{entry} is read as {again!r} and not as {plugin!r}", advice)
    expect(to_entry(again) == to_entry(plugin), f"{to_entry(plugin)} becomes {to_entry(again)}", advice)
    try:
        type(plugin).model_json_schema()
    except PydanticJsonSchemaWarning as warning:
        raise AssertionError(
            f"its JSON Schema is incomplete: {warning}; write float(...) around a default that NumPy computes"
        ) from warning
    if isinstance(plugin, Optimizer):
        takes_schedules(plugin)


def frozen(plugin: Plugin) -> None:
    """An object never changes: its options cannot be set, and none is a list, a dictionary or an array."""
    advice = "leave the model_config of the contract as it is"
    for field in [*type(plugin).model_fields, "not_an_option"]:
        value = getattr(plugin, field, 0)
        try:
            setattr(plugin, field, value)
        except (ValueError, AttributeError, TypeError):
            continue
        expect(False, f"{field} of an object can be set", advice)
    for field, option in _options(plugin).items():
        try:
            hash(option)
        except TypeError:
            expect(False, f"the option {field!r} is a {type(option).__name__}, which can be changed", "use a tuple")


def pickles(plugin: Plugin) -> None:
    """Pickled and unpickled it is equal and computes the same, as processes that work side by side need."""
    if "<locals>" in type(plugin).__qualname__:
        raise NotApplicable("its class is defined inside a function, which cannot be pickled: put it in a file")
    _expect_same(plugin, pickle.loads(pickle.dumps(plugin)), "unpickled")


def copies(plugin: Plugin) -> None:
    """A deep copy is equal and computes the same."""
    _expect_same(plugin, copy.deepcopy(plugin), "copied")


def _options(plugin: Plugin) -> dict[str, Any]:
    """Its options alone, whatever else was put into the object."""
    return {field: getattr(plugin, field) for field in type(plugin).model_fields}


def _expect_same(plugin: Plugin, other: Plugin, how: str) -> None:
    advice = "keep nothing in an object but its options"
    expect(type(other) is type(plugin) and _options(other) == _options(plugin), f"{how}, {plugin!r} is {other!r}", advice)
    for found, expected in zip(answer(other), answer(plugin), strict=True):
        expect_same_bits(found, expected, f"results of the object and of one that was {how}", advice)


def deterministic(plugin: Plugin) -> None:
    """The same call gives the same bits, however often it is made and whatever other objects computed in between."""
    advice = "use no randomness or clock, and keep nothing between calls"
    first, wide = answer(plugin), wide_answer(plugin)
    for _ in range(TIMES):
        _expect_bits(answer(plugin), first, "results of the same call twice", advice)
    for variant in variants(plugin)[:3]:
        with suppress(Exception):  # of which other checks tell
            wide_answer(variant)
    what = "results before and after an object with other options has computed"
    _expect_bits(answer(plugin), first, what, advice)
    _expect_bits(wide_answer(plugin), wide, what, advice)
    added = sorted(set(vars(plugin)) - {*type(plugin).model_fields, *_cached(type(plugin))})
    expect(not added, f"the object has kept {', '.join(added)}", "keep nothing in an object but its options")


def later_options(plugin: Plugin) -> None:
    """An option that is marked with `Since` has a default, and computes with it what the plugin computes without it."""
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
    """Hold what a plugin computes with the default of an option to what it computes when the option is not given."""
    without = {field: value for field, value in _options(plugin).items() if field != name}
    try:
        left_out = type(plugin).model_validate(without)
        given = type(plugin).model_validate({**without, name: getattr(left_out, name)})
    except ValueError:  # it is refused beside the other options
        return
    what = f"results with {name} = {getattr(left_out, name)!r}, its default, and without it"
    _expect_bits(wide_answer(given), wide_answer(left_out), what, "let it do the same: model files leave it out")


def _cached(cls: type) -> set[str]:
    """The names of what is computed once from the options."""
    return {name for base in cls.__mro__ for name, value in vars(base).items() if isinstance(value, functools.cached_property)}


def _expect_bits(found: list[Array], expected: list[Array], what: str, advice: str) -> None:
    expect(len(found) == len(expected), f"{what} are not of the same number", advice)
    for one, other in zip(found, expected, strict=True):
        expect_same_bits(one, other, what, advice)


CHECKS: dict[str, CheckFunction] = {check.__name__: check for check in (name, documented, options, frozen)}
AFTER_RUNS: dict[str, CheckFunction] = {check.__name__: check for check in (pickles, copies, deterministic, later_options)}
