"""Fixtures that undo what a test changes: installed distributions, registered classes, NumPy's warnings."""

import os
import sys

if ALONE := "PYTEST_XDIST_WORKER" in os.environ and "OPENBLAS_NUM_THREADS" not in os.environ:
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # the workers use all processors: threads of their BLAS would wait for each other
import numpy as np

if ALONE:
    del os.environ["OPENBLAS_NUM_THREADS"]  # OpenBLAS has read it; for mlpkit, no number of threads is set

import pytest

import mlpkit
from mlpkit.plugin import REGISTRIES, entry_points

STATES = {}  # of the generators of each module of tests, after its import


def pytest_collection_finish(session):
    for module in {item.module for item in session.items}:
        STATES[module] = [(value, value.bit_generator.state) for value in vars(module).values() if isinstance(value, np.random.Generator)]


def rewind(module):
    for generator, state in STATES.get(module, ()):
        generator.bit_generator.state = state


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    rewind(item.module)  # before fixtures that several tests share


@pytest.fixture(autouse=True)
def generators_of_the_module(request):
    """The numbers that a test draws do not depend on the tests before it."""
    rewind(request.module)


@pytest.fixture(autouse=True)
def numpys_error_state():
    """A test, or a faulty plugin in it, that changes how NumPy warns does so for itself alone."""
    with np.errstate():
        yield


@pytest.fixture(autouse=True)
def classes_of_a_test():
    """The classes that a test registers are forgotten at its end: in a spec of another test, their names mean something else."""
    kept = [(registry, dict(registry._own), dict(registry._sources)) for registry in REGISTRIES.values()]
    yield
    for registry, classes, sources in kept:
        registry._own, registry._sources = classes, sources


@pytest.fixture
def install(tmp_path_factory, monkeypatch):
    """Install a distribution with one plugin; gives the name of its module."""
    site = tmp_path_factory.mktemp("site")
    monkeypatch.syspath_prepend(str(site))

    def install(distribution, name, code, target=None, *, group="activations", version="1.2"):
        module = distribution.replace("-", "_")
        (site / f"{module}.py").write_text(code)
        info = site / f"{module}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        declared = f"{module}:Plugin" if target is None else target
        (info / "entry_points.txt").write_text(f"[mlpkit.{group}]\n{name} = {declared}\n")
        mlpkit.refresh_plugins()
        return module

    install.site = site
    yield install
    monkeypatch.undo()
    mlpkit.refresh_plugins()
    for module in [name for name in sys.modules if name.startswith("dist_")]:
        del sys.modules[module]


@pytest.fixture
def alone(monkeypatch):
    """A function that makes nothing but mlpkit be installed, until the end of the test or `back`."""

    def nothing():
        return ()

    nothing.cache_clear = lambda: None

    def leave():
        monkeypatch.setattr(entry_points, "entry_points", nothing)
        mlpkit.refresh_plugins()

    def back():
        monkeypatch.undo()
        mlpkit.refresh_plugins()

    leave.back = back
    yield leave
    back()
