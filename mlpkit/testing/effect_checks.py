"""Checks of the effects of options and of side effects on the process."""

from __future__ import annotations

from contextlib import suppress

import numpy as np

from mlpkit.plugin import Array, Plugin
from mlpkit.plugin.base import RAISED
from mlpkit.testing.cases import case_of
from mlpkit.testing.check_run import CHANGES, LEAVE_IT
from mlpkit.testing.engine import trained
from mlpkit.testing.failure_messages import expect
from mlpkit.testing.outputs import answer, wide_answer
from mlpkit.testing.side_effects import descriptors
from mlpkit.testing.variants import NOT_VARIED, others, usual, variants


def effects(plugin: Plugin) -> None:
    """Check that each option changes a result, unless the class variable `without_effect` lists it."""
    spared = plugin.without_effect
    wrong = [name for name in spared if name not in type(plugin).model_fields]
    expect(not wrong, f"without_effect names {', '.join(map(repr, wrong))}", "list options of the class, in a tuple")
    own = wide_answer(plugin)
    for name in type(plugin).model_fields:
        if name == NOT_VARIED or name in spared:
            continue
        tried = list(others(plugin, name))
        if not tried or any(_differ(own, variant) for variant in tried) or _differs_beside_others(plugin, name):
            continue
        values = ", ".join(dict.fromkeys(repr(getattr(variant, name)) for variant in tried[:6]))
        found = f"no result changes with {name} = {values} instead of {getattr(plugin, name)!r}"
        expect(False, found, f"use the option, remove it, or declare that it changes no result: without_effect = ({name!r},)")


def _differ(own: list[Array], variant: Plugin) -> bool:
    """Return True if a variant computes other values or fails; another check reports the failure."""
    try:
        found = wide_answer(variant)
    except Exception:
        return True
    return len(found) != len(own) or any(not np.array_equal(one, other, equal_nan=True) for one, other in zip(found, own, strict=True))


def _differs_beside_others(plugin: Plugin, name: str) -> bool:
    """Return True if an option has an effect with another value of a second option, such as a flag that enables it."""
    for other, found in usual(plugin).items():
        for variant in found if other != name else ():
            try:
                own = wide_answer(variant)
            except Exception:
                continue
            if any(_differ(own, each) for each in others(variant, name)):
                return True
    return False


def side_effects(plugin: Plugin) -> None:
    """Check that a plugin prints nothing, writes no files and restores process state, with other options and in training too."""
    with descriptors() as written:
        with suppress(*RAISED):  # reported by `runs`
            answer(plugin)
            wide_answer(plugin)
            trained(case_of(plugin).training(epochs=4))
        for variant in variants(plugin):
            with suppress(*RAISED):
                answer(variant)
                wide_answer(variant)
    expect(not written, f"{CHANGES}: it {' and '.join(written)}", LEAVE_IT)
