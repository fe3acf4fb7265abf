"""The checks of what a plugin does besides its answers: what its options change, and what it changes in the process."""

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
    """Each option changes what the plugin computes; which need not, the class variable `without_effect` names."""
    spared = plugin.without_effect
    wrong = [name for name in spared if name not in type(plugin).model_fields]
    expect(not wrong, f"without_effect names {', '.join(map(repr, wrong))}", "name options of the class, in a tuple")
    own = wide_answer(plugin)
    for name in type(plugin).model_fields:
        if name == NOT_VARIED or name in spared:
            continue
        tried = list(others(plugin, name))
        if not tried or any(_differ(own, variant) for variant in tried) or _differs_beside_others(plugin, name):
            continue
        values = ", ".join(dict.fromkeys(repr(getattr(variant, name)) for variant in tried[:6]))
        found = f"nothing that it computes is another with {name} = {values} in place of {getattr(plugin, name)!r}"
        expect(False, found, f"use the option, take it out, or say in the class that it changes no number: without_effect = ({name!r},)")


def _differ(own: list[Array], variant: Plugin) -> bool:
    """Return whether a variant computes something else; it does where it fails, of which another check tells."""
    try:
        found = wide_answer(variant)
    except Exception:
        return True
    return len(found) != len(own) or any(not np.array_equal(one, other, equal_nan=True) for one, other in zip(found, own, strict=True))


def _differs_beside_others(plugin: Plugin, name: str) -> bool:
    """Return whether an option counts beside other values of another one, as one does that a flag switches on."""
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
    """It prints nothing, writes no files, and leaves the process as it was: with other options, and in a training, too."""
    with descriptors() as written:
        with suppress(*RAISED):  # of which `runs` tells
            answer(plugin)
            wide_answer(plugin)
            trained(case_of(plugin).training(epochs=4))
        for variant in variants(plugin):
            with suppress(*RAISED):
                answer(variant)
                wide_answer(variant)
    expect(not written, f"{CHANGES}: it {' and '.join(written)}", LEAVE_IT)
