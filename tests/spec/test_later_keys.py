"""A key of the spec, an option of a built-in and a later built-in cost the lines that declare them: tried on a copy of mlpkit."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import mlpkit

PACKAGE = Path(mlpkit.__file__).parent
ADDED = {  # by file: a line that is there, and what is added below it
    "spec/training.py": (
        "    epochs: Count = Field(100,",
        "    warmth: Annotated[Number, Since(5)] = 0.0\n",
    ),
    "activations/rectifiers.py": (
        "    negative_slope: float = Field(0.01, ge=0, lt=1",
        "    bend: Annotated[float, Since(5)] = 0.0\n",
    ),
}
PROGRAM = """
import json, sys
import numpy as np
import mlpkit
from mlpkit.cli import main

x = np.linspace(-1, 1, 24).reshape(12, 2)
spec = {"network": {"layers": [{"units": 3, "activation": "leaky_relu"}, {"units": 1}]}, "loss": "mse", "training": {"epochs": 2}}

def saved(name, training=(), **options):
    changed = {**spec, "training": {**spec["training"], **dict(training)}}
    changed["network"] = {"layers": [{"units": 3, "activation": {"type": "leaky_relu", **options}}, {"units": 1}]}
    model = mlpkit.train(changed, x, x[:, 0])
    model.save(name)
    assert mlpkit.load(name).spec == model.spec
    assert mlpkit.inspect(name)["spec"] == model.spec.to_dict()
    return model

plain = saved("plain.h5")
saved("warm.h5", training={"warmth": 0.5})
saved("bent.h5", bend=0.25)
full = plain.spec.to_dict()
assert (full["training"]["warmth"], full["network"]["layers"][0]["activation"]["bend"]) == (0.0, 0.0)
assert mlpkit.Spec.model_validate({**spec, "training": {"epochs": 2, "warmth": 0.0}}) == mlpkit.Spec.model_validate(spec)
for name in ("plain.h5", "old.h5"):
    found = mlpkit.inspect(name)["spec"]
    assert (found["training"]["warmth"], found["network"]["layers"][0]["activation"]["bend"]) == (0.0, 0.0)
    assert mlpkit.load(name).spec.to_dict() == found
model = mlpkit.Model(spec, inputs=2)
next(mlpkit.epochs(model, x, x[:, 0])), model.save("part.h5", training_state=True)
try:
    mlpkit.train({**spec, "training": {"epochs": 2, "warmth": 0.5}}, x, x[:, 0], resume="part.h5")
except mlpkit.SpecError as error:
    assert "'warmth' is 0.5, but the run to resume has 0.0" in str(error), error
else:
    raise AssertionError("resumed with another spec")
"""


def copy_of_mlpkit(folder):
    """A copy of the package with the added lines, and nothing else changed."""
    shutil.copytree(PACKAGE, folder / "mlpkit", ignore=shutil.ignore_patterns("__pycache__"))
    for name, (anchor, added) in ADDED.items():
        path = folder / "mlpkit" / name
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        [at] = [number for number, line in enumerate(lines) if line.startswith(anchor.rstrip("\n"))]
        imports = ["from typing import Annotated\n", "from mlpkit.plugin.since import Since\n"]
        start = next(number for number, line in enumerate(lines) if line.startswith("from __future__")) + 1
        path.write_text("".join([*lines[:start], *imports, *lines[start : at + 1], added, *lines[at + 1 :]]), encoding="utf-8")


def run(program, folder):
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run([sys.executable, *program], capture_output=True, text=True, check=False, cwd=folder, env=environment)


@pytest.mark.slow
def test_a_later_key_costs_the_lines_that_declare_it(tmp_path):
    x = np.linspace(-1, 1, 24).reshape(12, 2)
    spec = {"network": {"layers": [{"units": 3, "activation": "leaky_relu"}, {"units": 1}]}, "loss": "mse", "training": {"epochs": 2}}
    model = mlpkit.train(spec, x, x[:, 0])
    model.save(tmp_path / "old.h5")
    copy_of_mlpkit(tmp_path)
    done = run(["-c", PROGRAM], tmp_path)
    assert done.returncode == 0, done.stderr

    assert (tmp_path / "plain.h5").read_bytes() == (tmp_path / "old.h5").read_bytes()  # who does not use it does not see it
    assert [mlpkit.inspect(tmp_path / name)["spec_schema"] for name in ("plain.h5", "warm.h5", "bent.h5")] == [3, 5, 5]
    with pytest.raises(mlpkit.ModelFileError, match="unknown key 'warmth'"):
        mlpkit.load(tmp_path / "warm.h5")
    with pytest.raises(mlpkit.ModelFileError, match="unknown option 'bend' of leaky_relu"):
        mlpkit.load(tmp_path / "bent.h5")

    (tmp_path / "spec.json").write_text(json.dumps(spec))
    for command in (["check", "spec.json", "--fill"], ["info", "plain.h5", "--spec"]):
        done = run(["-m", "mlpkit", *command], tmp_path)
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        assert (found["training"]["warmth"], found["network"]["layers"][0]["activation"]["bend"]) == (0.0, 0.0)
