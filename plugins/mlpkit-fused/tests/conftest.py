import os

import pytest
from mlpkit_fused.compiled import unavailable

# without a compiler, tests of the modules in C are not collected; .ci/run has one, where they fail without the modules
CI = os.environ.get("CI") == "true"
collect_ignore_glob = [f"test{module}_*.py" for module in ("_kernels", "_engine") if unavailable(module) and not CI]


@pytest.fixture
def each_level():
    """Return a function that yields the name of each level of the processor, whose code `_engine` uses meanwhile."""
    from mlpkit_fused import _engine

    def levels():
        for number, name in enumerate(_engine.levels):
            _engine.use_level(number)
            yield name

    before = _engine.level()
    yield levels
    _engine.use_level(before)
