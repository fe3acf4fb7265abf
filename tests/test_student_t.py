"""Student's t distribution, compared with SciPy's."""

from __future__ import annotations

import math

import pytest
from scipy.stats import t as student

from mlpkit.numerics.student_t import critical, two_sided


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 5, 9, 10, 49, 200])
def test_as_scipy(freedom):
    for value in (0.0, 0.1, -1.0, 2.0, 5.0, 50.0):
        assert two_sided(value, freedom) == pytest.approx(2 * student.sf(abs(value), freedom), abs=1e-14)
    for level in (0.5, 0.95, 0.999):
        assert critical(level, freedom) == pytest.approx(student.ppf((1 + level) / 2, freedom), rel=1e-12)
    assert two_sided(math.inf, freedom) == 0
