"""Parameters of which the quick suite takes a sample, and the slow tests the rest."""

import pytest


def one_in(count, cases):
    """Return cases as parameters, of which all but one in `count` are slow. A tuple is a case of several arguments."""
    parts = [case if isinstance(case, tuple) else (case,) for case in cases]
    return [pytest.param(*part, marks=() if number % count == 0 else pytest.mark.slow) for number, part in enumerate(parts)]
