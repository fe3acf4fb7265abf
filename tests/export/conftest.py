"""Models of every kind, with rows as they come later."""

from __future__ import annotations

import pytest

from ..modelfile.models import make_cases


@pytest.fixture(scope="session")
def cases(tmp_path_factory):
    """By name: the file of a model, its rows as JSON, and the same rows as mlpkit takes them."""
    return make_cases(tmp_path_factory.mktemp("models"))
