"""A step allocates blocks that fit in the cache, and nothing in proportion to the parameters."""

import tracemalloc

import numpy as np
import pytest

from mlpkit.plugin import Minimizer

from ..builtins import builtins

RULES = {name: rule for name, rule in builtins("optimizers").items() if not isinstance(rule, Minimizer)}


@pytest.mark.parametrize("name", RULES)
def test_a_step_allocates_less_than_a_fifth_of_an_array(name):
    rule = RULES[name]
    shape = (64, 8192) if rule.scope == "tensor" else (2**19,)
    w, grad = np.ones(shape), np.random.default_rng(0).standard_normal(shape)
    state = [*(np.zeros(shape) for _ in rule.state), *(np.zeros(()) for _ in rule.scalars)]
    rule.step(w, grad.copy(), *state, lr=1e-3, t=1)
    tracemalloc.start()
    try:
        rule.step(w, grad, *state, lr=1e-3, t=2)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < w.nbytes / 5
