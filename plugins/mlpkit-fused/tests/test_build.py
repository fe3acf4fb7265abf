"""The package where its modules in C are missing or broken."""

import os
import sys

import numpy as np
import pytest
from mlpkit_fused.compiled import unavailable
from mlpkit_fused.kernels import FusedKernels

from mlpkit.optimizers import Adam
from mlpkit.plugin import REGISTRIES
from mlpkit.plugin.kernels import StepParts


def adam():
    w, mean, square = np.zeros((3, 5), "f")
    return StepParts(Adam(), w, (mean, square), (), (), None, (), None, None, 0.0)


def test_the_entry_point_is_the_class():
    assert REGISTRIES["kernels"].get("mlpkit-fused:fused") is FusedKernels


@pytest.mark.parametrize("module", ["_kernels", "_engine"])
def test_ci_has_the_modules(module):
    if os.environ.get("CI") == "true":  # there .ci/run has a compiler
        assert unavailable(module) == ""


def test_the_status_says_whether_steps_can_be_taken():
    assert (FusedKernels().step(adam()) is None) == (FusedKernels().status() != "")


def test_without_the_module_numpy_takes_the_steps(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlpkit_fused._kernels", None)
    assert FusedKernels().status().startswith("built without a C compiler: install one, then pip install --force-reinstall")
    assert FusedKernels().step(adam()) is None


@pytest.mark.parametrize("content", [b"", b"no library"])
def test_a_broken_module_is_named(content, monkeypatch, tmp_path):
    (tmp_path / "_broken.abi3.so").write_bytes(content)
    monkeypatch.setattr("mlpkit_fused.__path__", [str(tmp_path)])
    assert unavailable("_broken").startswith("its code in C cannot be loaded: ")
