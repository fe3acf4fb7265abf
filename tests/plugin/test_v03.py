"""Plugins that were written for 0.3: the packages of plugins/ as they were then, and what the contracts do not have any more."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

import mlpkit

V03 = Path(__file__).parent / "v03"


def install(package, site):
    """Put a package where Python finds it with its entry points, as an installer does."""
    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    module = project["name"].replace("-", "_")
    shutil.copytree(package / module, site / module)
    info = site / f"{module}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    groups = project["entry-points"].items()
    lines = [line for group, points in groups for line in (f"[{group}]", *(f"{name} = {target}" for name, target in points.items()))]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")


@pytest.mark.slow
def test_the_packages_of_0_3_train_save_load_and_resume(tmp_path):
    site = tmp_path / "site"
    for package in sorted(V03.glob("mlpkit-*")):
        install(package, site)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])}
    command = [sys.executable, str(V03 / "use.py"), str(tmp_path), str(site)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    expected = json.loads((V03 / "losses.json").read_text())
    found = json.loads(done.stdout)
    assert found.keys() == expected.keys()
    for name, losses in expected.items():
        np.testing.assert_allclose(found[name], losses, rtol=1e-9, err_msg=name)


# -- any_order


def define(how):
    """A class as 0.3 asked for it."""
    if how == "annotated":

        class Square(mlpkit.Activation):
            any_order: ClassVar[bool] = True

            def forward(self, z, out):
                np.square(z, out)

            def backward(self, z, out, grad):
                grad *= 2 * z
    else:

        class Square(mlpkit.Elementwise):
            any_order = how == "true"

            def function(self, z):
                return z * z

            def derivative(self, z, y):
                return 2 * z

    return Square


@pytest.mark.parametrize("how", ["annotated", "true", "false"])
def test_any_order_is_accepted_and_ignored_with_a_warning_that_says_what_to_do(how):
    with pytest.warns(DeprecationWarning, match="Square declares any_order, which has no effect any more: delete the line") as caught:
        cls = define(how)
    assert [warning.filename for warning in caught] == [__file__]
    assert not cls.model_fields

    class Derived(cls):  # what is inherited was told of
        pass

    x = np.linspace(-1, 1, 30)[:, None]
    layers = [{"units": 4, "activation": Derived}, {"units": 1}]
    spec = {"network": {"layers": layers}, "loss": "mse", "training": {"epochs": 5}}
    assert mlpkit.train(spec, x, x[:, 0] ** 2).history[-1].loss < 2


def test_the_kit_asks_nothing_of_the_order_in_memory():
    from mlpkit.testing import check_plugin

    with pytest.warns(DeprecationWarning, match="any_order"):
        cls = define("annotated")
    report = check_plugin(cls)
    assert "memory_order" not in {check.name for check in report.checks}
